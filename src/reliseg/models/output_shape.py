"""Do the height and width of logits fit the image: are they transposed, channels-last, or padded?"""

from reliseg.errors import shape_text

Size = tuple[int, int]
"""Height and width."""


def shape_problem(shape: tuple[int, ...], classes: int, size: Size) -> str | None:
    """Return the end of an error line if logits of an image of this size have their axes in another order.

    Logits with one class for each channel are refused only if they fit the image when height and width are swapped,
    and do not as they are. Any stride is right, with any rounding of up to one cell.
    """
    if len(shape) != 3:
        return None
    first, second, last = shape
    fits = first == classes and _proportional((second, last), size)
    if fits or classes not in (first, last):
        return None
    if last == classes and _proportional((first, second), size):
        return f"gives logits of {shape_text(shape)}, channels last; give classes x height x width"
    if first == classes and _proportional((last, second), size):
        return (
            f"gives logits of {shape_text(shape)} for an image of {shape_text(size)} pixels: height and width are "
            "swapped; give classes x height x width"
        )
    return None


def proportion_note(shape: Size, size: Size) -> str | None:
    """Return a line about logits of height and width that no stride explains, or None; both causes are possible."""
    if _proportional(shape, size):
        return None
    (height, width), (rows, columns) = size, shape
    if rows * width > columns * height:
        rows = max(1, round(columns * height / width))
    else:
        columns = max(1, round(rows * width / height))
    return (
        f"gives logits of {shape_text(shape)} (height x width) for an image of {shape_text(size)} pixels, "
        "which has other proportions; "
        f"if the network pads images, crop its logits to the image's part ({shape_text((rows, columns))}); "
        "if it scales images to a size of its own, all is well"
    )


def _proportional(shape: Size, size: Size) -> bool:
    """Tell if one stride can give this shape from an image of this size, up to one cell of rounding each way."""
    lows = [(cells - 1) / pixels for cells, pixels in zip(shape, size, strict=True)]
    highs = [(cells + 1) / pixels for cells, pixels in zip(shape, size, strict=True)]
    return max(lows) < min(highs)
