"""What is done to images before a network sees them: the user's options over the family's needs over the processor."""

from typing import Any

import pytest

from reliseg.errors import ModelError
from reliseg.models import Augmented, ModelOptions, Pad, Slide
from reliseg.models.hf.families import Family
from reliseg.models.hf.preparation import Needs, mask_order, prepared, size_note
from reliseg.models.hf.processor import Processor
from reliseg.models.hf.target_size import ShortestEdge
from reliseg.models.torch.normalisation import Normalisation

OWN = (64, 64)


def options(**given: Any) -> ModelOptions:
    return ModelOptions(name="hub", kind="hf", where="net", **given)


def processor(size: Any = None, **given: Any) -> Processor:
    return Processor("file", Normalisation(), size, 3, **given)


@pytest.mark.parametrize(
    ("family", "stored", "expected"),
    [
        (Family(), (32, 48), None),
        (Family("own"), (32, 48), OWN),
        (Family("own"), None, OWN),
        (Family("squares"), (96, 96), (96, 96)),
        (Family("squares"), (96, 128), OWN),
        (Family("squares"), ShortestEdge(96), OWN),
    ],
)
def test_images_keep_their_size_unless_the_family_needs_one(family: Family, stored: Any, expected: Any) -> None:
    own = None if family.sizes == "any" else OWN
    assert prepared(processor(stored), options(), Needs(family, own)).size == expected


def test_the_processors_way_of_resizing_is_kept_with_its_size_alone() -> None:
    assert prepared(processor((32, 48)), options(resize="processor"), Needs(Family())).resample == 3
    assert prepared(processor(), options(), Needs(Family("own"), OWN)).resample == 3
    assert prepared(processor((32, 48)), options(resize=(64, 64)), Needs(Family())).resample == 2


def test_a_size_that_depends_on_the_image_is_the_processors() -> None:
    rule = ShortestEdge(96)
    assert prepared(processor(rule), options(resize="processor"), Needs(Family())).size == rule
    with pytest.raises(ModelError, match="takes images of height 64, width 64, and resize keeps their ratio"):
        prepared(processor(rule), options(resize="processor"), Needs(Family("own"), OWN))


@pytest.mark.parametrize(
    ("stored", "resize", "problem"),
    [
        (processor(), "processor", "its image processor sets no size; write resize"),
        (processor(unsupported="do_pad"), "processor", "its image processor sets do_pad; write resize"),
        (processor((32, 32)), "half", "resize is 'half'; write processor or"),
    ],
)
def test_what_cannot_be_asked_of_a_processor(stored: Processor, resize: str, problem: str) -> None:
    with pytest.raises(ModelError, match=problem):
        prepared(stored, options(resize=resize), Needs(Family()))


def test_a_size_that_nobody_asked_for_is_said() -> None:
    assert size_note(Family(), options(), None) == []
    assert size_note(Family("own"), options(resize=OWN), OWN) == []
    assert size_note(Family("own"), options(), OWN) == [
        "takes images of height 64, width 64 alone, so images are brought to height 64, width 64, whatever their "
        "proportions"
    ]
    assert size_note(Family("squares"), options(), OWN)[0].startswith("takes square images alone")


@pytest.mark.parametrize(
    ("sizes", "size", "problem"),
    [
        ("own", (64, 64), None),
        ("own", (96, 96), "takes images of height 64, width 64 alone, and resize is [96, 96]"),
        ("squares", (96, 96), None),
        ("squares", (64, 96), "takes square images alone, and resize is [64, 96]"),
    ],
)
def test_sizes_that_a_family_does_not_take(sizes: Any, size: tuple[int, int], problem: str | None) -> None:
    assert Needs(Family(sizes), OWN).problem(size) == problem


def test_windows_need_a_shorter_side_of_their_size() -> None:
    needs = Needs(Family("own", masks="window"), OWN, "window")
    assert needs.default == ShortestEdge(64)
    assert needs.problem(ShortestEdge(64)) is None
    assert needs.problem((64, 200)) is None
    for size in ((96, 200), ShortestEdge(64, 96), ShortestEdge(80)):
        assert needs.problem(size) == ("takes windows of height 64, width 64, so the shorter side of images must be 64")
    assert "takes windows of height 64" in size_note(needs.family, options(), needs.default)[0]


def test_orders_of_masks_are_the_familys_unless_the_user_says_another() -> None:
    assert mask_order(Family(), options()) is None
    assert mask_order(Family(masks="input"), options()) == "input"
    assert mask_order(Family(masks="window"), options(masks="native")) == "native"


@pytest.mark.parametrize(
    ("family", "given", "problem"),
    [
        (Family(), {"masks": "input"}, "masks applies to networks that classify masks, of kind hf or detectron2"),
        (Family(masks="input"), {"masks": "window"}, "masks: window is for networks that take one size alone"),
        (Family(masks="input"), {"values": "logits"}, "values does not apply to networks that classify masks"),
        (Family(masks="input"), {"align_corners": True}, "upsampling does not apply to networks that classify masks"),
    ],
)
def test_options_that_do_not_fit_the_masks(family: Family, given: dict[str, Any], problem: str) -> None:
    with pytest.raises(ModelError, match=problem):
        mask_order(family, options(**given))


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"slide": Slide((32, 64), (16, 16))}, r"alone, and slide has windows of \[32, 64\]; set crop: \[64, 64\]"),
        ({"tta": Augmented(scales=(0.5, 1.0))}, "leave scales out of tta"),
        ({"pad": Pad(48)}, "pad would enlarge them; leave pad out"),
        ({"slide": "none", "masks": "window"}, "predicts windows, and slide is none; leave slide out"),
    ],
)
def test_no_part_or_view_of_an_image_may_have_a_size_that_the_network_does_not_take(
    given: dict[str, Any], problem: str
) -> None:
    order = given.get("masks")
    with pytest.raises(ModelError, match=problem):
        prepared(processor(), options(**given), Needs(Family("own", masks=order), OWN, order))


@pytest.mark.parametrize(
    "given", [{"slide": Slide((64, 64), (32, 32))}, {"tta": Augmented(flip=True)}, {"pad": Pad(32)}, {"slide": "none"}]
)
def test_what_leaves_the_size_as_it_is_goes_with_it(given: dict[str, Any]) -> None:
    prepared(processor(), options(**given), Needs(Family("own"), OWN))
