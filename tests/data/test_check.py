import numpy as np
import pytest
from PIL import Image

from reliseg.data import DomainCheck, check_domain, extremes


@pytest.fixture
def many(tree, open_data):
    names = [f"{i:02}" for i in range(20)]
    root = tree(*(f"images/{n}.png" for n in names), masks={f"masks/{n}.png": 0 for n in names})
    return open_data("folder", root)


def _mask(dataset, i, pixels):
    Image.fromarray(pixels).save(dataset.root / f"masks/{i:02}.png")


def _check(dataset, **options):
    return list(check_domain(dataset, dataset.domains["all"], **options).problems)


def test_nothing_wrong(many):
    seen = []
    assert _check(many, progress=lambda done, total: seen.append((done, total))) == []
    assert seen == [(i, 20) for i in range(1, 21)]
    assert _check(many, full=True, workers=1) == []


def test_sizes_of_all_and_ids_of_the_first(many):
    _mask(many, 3, np.full((4, 6), 99, np.uint8))
    _mask(many, 15, np.full((4, 6), 99, np.uint8))
    _mask(many, 19, np.zeros((4, 5), np.uint8))
    quick = _check(many)
    assert len(quick) == 2
    assert quick[0].startswith("folder/all: all/03: ")
    assert "masks/03.png: id 99 (24 pixels) is not in the label map" in quick[0]
    assert "masks/19.png: the mask has height 4, width 5, and the image height 4, width 6" in quick[1]
    full = _check(many, full=True)
    assert [line.split(": ")[1] for line in full] == ["all/03", "all/15", "all/19"]


def test_broken_headers(many):
    (many.root / "images/10.png").write_bytes(b"")
    (many.root / "images/11.png").write_bytes(b"nothing")
    (many.root / "masks/12.png").unlink()
    problems = _check(many)
    assert ["empty" in problems[0], "not an image" in problems[1], "cannot be read" in problems[2]] == [True] * 3


def test_full_finds_what_headers_do_not_tell(many):
    path = many.root / "images/12.png"
    noise = np.random.default_rng(0).integers(0, 255, (4, 6, 3)).astype(np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:70])
    assert _check(many) == []
    assert len(_check(many, full=True)) == 1


def test_many_problems_are_counted(many):
    for i in range(20):
        _mask(many, i, np.zeros((3, 3), np.uint8))
    assert len(check_domain(many, many.domains["all"]).failed) == 20
    problems = _check(many)
    assert len(problems) == 4
    assert problems[-1] == "folder/all: ... and 17 more"


def test_without_masks(tree, open_data):
    dataset = open_data("folder", tree("images/1.png"), annotations="none")
    assert _check(dataset) == []


def _suspicious(tree, open_data, ids, **options):
    """What is noted of three masks of these ids."""
    names = [f"{i}" for i in range(3)]
    pixels = np.resize(np.array(ids, np.uint8), (4, 6))
    root = tree(*(f"images/{n}.png" for n in names), masks={f"masks/{n}.png": pixels for n in names})
    dataset = open_data("folder", root, labels="camvid")
    return check_domain(dataset, dataset.domains["all"], **options)


@pytest.mark.parametrize("ids", [range(11), [0, 1, 2], [8, 9, 10, 255]])
def test_masks_of_more_than_a_quarter_of_the_classes_are_no_matter(tree, open_data, ids):
    assert _suspicious(tree, open_data, [*ids]) == DomainCheck()


@pytest.mark.parametrize(("ids", "which"), [([0, 1], "sky, building"), ([0, 255], "sky")])
def test_masks_of_few_classes_are_noted(tree, open_data, ids, which):
    for full in (False, True):
        outcome = _suspicious(tree, open_data, ids, full=full)
        lacking = 11 - len(which.split(", "))
        start = f"folder/all: {lacking} of 11 classes do not occur in the 3 masks looked at, only {which}; "
        assert [line[: len(start)] for line in outcome.notes] == [start]
        assert outcome.problems == ()


def test_a_domain_without_any_class_is_noted_and_refused_in_full(tree, open_data):
    line = "folder/all: no pixel of the 3 masks looked at belongs to a class: all are void or unknown; "
    (note,) = _suspicious(tree, open_data, [255]).notes
    assert note.startswith(line)
    full = _suspicious(tree, open_data, [255], full=True)
    assert (full.problems, full.notes) == ((note,), ())


KINDS = ("images", "masks")


def test_the_smallest_and_the_largest_sample_are_named(tree, open_data):
    sizes = {"a": (4, 6), "b": (2, 3), "c": (6, 4), "d": (2, 3), "e": (6, 4)}
    root = tree(masks={f"{kind}/{s}.png": np.zeros(size, np.uint8) for s, size in sizes.items() for kind in KINDS})
    dataset = open_data("folder", root)
    for full in (False, True):
        checked = check_domain(dataset, dataset.domains["all"], full=full)
        assert [str(s) for s in checked.extremes] == ["all/b (height 2, width 3)", "all/c (height 6, width 4)"]
    assert extremes(checked.extremes[:1]) == [checked.extremes[0]]
    assert extremes([]) == []
