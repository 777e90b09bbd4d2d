"""Heights and widths of logits: every stride is right, swapped ones are refused, others are told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliseg.models.output_shape import SeenShapes, proportion_note, shape_problem


@given(
    height=st.integers(8, 2200),
    width=st.integers(8, 2200),
    stride=st.floats(1, 64),
    rounding=st.sampled_from(["floor", "ceil", "align"]),
)
def test_every_stride_is_right_with_every_rounding(height: int, width: int, stride: float, rounding: str) -> None:
    rounded = {
        "floor": lambda edge: max(1, int(edge / stride)),
        "ceil": lambda edge: -int(-edge / stride // 1),
        "align": lambda edge: int((edge - 1) / stride) + 1,
    }[rounding]
    shape = (rounded(height), rounded(width))
    assert proportion_note(shape, (height, width)) is None
    assert shape_problem((19, *shape), 19, (height, width)) is None


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((45, 60), (360, 480)),
        ((33, 65), (256, 512)),
        ((33, 65), (257, 513)),
        ((1, 1), (360, 480)),
        ((720, 960), (360, 480)),
    ],
)
def test_usual_shapes_are_right(shape: tuple[int, int], size: tuple[int, int]) -> None:
    assert proportion_note(shape, size) is None


def test_swapped_axes_are_refused() -> None:
    assert shape_problem((19, 60, 45), 19, (360, 480)) == (
        "gives logits of 19 x 60 x 45 for an image of height 360, width 480: height and width are swapped; "
        "give classes x height x width"
    )


@pytest.mark.parametrize("shape", [(45, 60, 19), (19, 25, 19)])
def test_channels_last_is_refused(shape: tuple[int, int, int]) -> None:
    problem = shape_problem(shape, 19, (360, 480))
    assert problem is not None
    assert problem.endswith("channels last; give classes x height x width")


def test_square_images_cannot_tell() -> None:
    assert shape_problem((19, 32, 32), 19, (256, 256)) is None
    assert proportion_note((32, 32), (256, 256)) is None


def test_another_number_of_classes_or_of_axes_is_not_its_matter() -> None:
    assert shape_problem((5, 60, 45), 19, (360, 480)) is None
    assert shape_problem((19, 60), 19, (360, 480)) is None


@pytest.mark.parametrize(
    ("shape", "size", "part"),
    [
        ((32, 32), (192, 256), "height 24, width 32"),
        ((96, 120), (360, 480), "height 90, width 120"),
        ((90, 128), (360, 480), "height 90, width 120"),
        ((128, 128), (360, 480), "height 96, width 128"),
    ],
)
def test_other_proportions_are_told_with_the_part_of_the_image(
    shape: tuple[int, int], size: tuple[int, int], part: str
) -> None:
    note = proportion_note(shape, size)
    assert note is not None
    assert note.startswith(
        f"gives logits of height {shape[0]}, width {shape[1]} for an image of height {size[0]}, width {size[1]}, which"
    )
    assert f"crop its logits to the image's part ({part})" in note


def test_a_shape_that_images_of_another_size_had_is_the_model_s_own() -> None:
    seen = SeenShapes()
    assert seen.problem((19, 60, 45), 19, (360, 480)) is not None
    seen.add((19, 60, 45), (480, 360))
    assert (seen.problem((19, 60, 45), 19, (360, 480)), seen.notes(), seen.sizes) == (None, [], ((480, 360),))


def test_only_the_first_note_is_kept_until_it_is_forgotten() -> None:
    seen = SeenShapes()
    for size in ((192, 256), (96, 256)):
        seen.add((19, 32, 32), size)
    [note] = seen.notes()
    assert "(height 24, width 32)" in note
    seen.forget_note()
    assert seen.notes() == []
