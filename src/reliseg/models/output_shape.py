"""Do the height and width of logits fit the image: are they transposed, channels-last, or padded?"""

from typing import TypeAlias

from reliseg.errors import image_size_text, shape_text

Size: TypeAlias = tuple[int, int]
"""Height and width."""


class SeenShapes:
    """The shapes of a model's logits so far, by the size of its images. For any number of threads.

    Images of two sizes whose logits have one shape tell that the model scales every image to a size of its own.
    """

    def __init__(self) -> None:
        self._first: dict[Size, Size] = {}
        self._note: str | None = None

    @property
    def sizes(self) -> tuple[Size, ...]:
        """The sizes of the images, in the order in which they came."""
        return tuple(self._first)

    def problem(self, shape: tuple[int, ...], classes: int, size: Size) -> str | None:
        """Return what `shape_problem` does, but None where images of another size have had logits of this shape."""
        problem = shape_problem(shape, classes, size)
        if problem and any(known == shape[-2:] and other != size for other, known in self._first.items()):
            return None
        return problem

    def add(self, shape: tuple[int, ...], size: Size) -> None:
        """Keep the shape of logits that are accepted, and the first line about other proportions."""
        native = shape[-2], shape[-1]
        self._first.setdefault(size, native)
        self._note = self._note or proportion_note(native, size)

    def notes(self) -> list[str]:
        """Return the line about other proportions, if there is one."""
        return [self._note] if self._note else []

    def forget_note(self) -> None:
        """Forget the line: it was of images that nobody asked for."""
        self._note = None


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
            f"gives logits of {shape_text(shape)} for an image of {image_size_text(size)}: height and width are "
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
        f"gives logits of {image_size_text(shape)} for an image of {image_size_text(size)}, which has other "
        "proportions; "
        f"if the network pads images, crop its logits to the image's part ({image_size_text((rows, columns))}); "
        "if it scales images to a size of its own, all is well"
    )


def _proportional(shape: Size, size: Size) -> bool:
    """Tell if one stride can give this shape from an image of this size, up to one cell of rounding each way."""
    lows = [(cells - 1) / pixels for cells, pixels in zip(shape, size, strict=True)]
    highs = [(cells + 1) / pixels for cells, pixels in zip(shape, size, strict=True)]
    return max(lows) < min(highs)
