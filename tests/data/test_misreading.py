"""Masks that mean something else than their label map says are named: a table of what may go wrong with ids."""

import io
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from reliseg.data import check_domain
from reliseg.data.misreading import CountedMap, id_counts, other_reading, void_note
from reliseg.errors import count_text
from reliseg.labels import LabelMap, UnlistedIdsError, label_space

RAW = [7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33]
TRAIN = [0, 0, 0, 0, 1, 1, 2, 2, 8, 8, 8, 10, 10, 13, 5, 7, 11, 255]
FRAME = [RAW[i] if i < 19 else 4 for i in TRAIN]
"""The same pixels in raw ids."""

TRAIN_IDS = "all ids are 0 to 18 or 255: these look like train ids, the ids of cityscapes itself"
RAW_IDS = "these look like the raw ids of acdc or cityscapes; use the label_map of that spec"
FROM_ONE = "all ids are 0 to 19: these look like ids from 1, with 0 for void"


@pytest.fixture
def read(tree, open_data):
    """The line on a mask of these ids under a label map."""

    def line(ids: Sequence[int], label_map: dict, labels: str = "cityscapes") -> str:
        dataset = open_data(
            "folder", tree("images/1.png", masks={"masks/1.png": 0}), labels=labels, label_map=label_map
        )
        counted = CountedMap.around(dataset.label_map)
        with suppress(UnlistedIdsError):
            counted(np.array([ids], np.uint16))
        return other_reading(dataset, counted)

    return line


RAW_MAP = {"known": dict(zip(RAW, range(19), strict=True)), "void": [i for i in (*range(34), 255) if i not in RAW]}
IDENTITY: dict = {}
LENIENT = {"unlisted": "void"}
SPREAD = [int(i * 255 / 18) for i in TRAIN if i < 19]

TABLE = {
    "train ids under a map of raw ids": (TRAIN, RAW_MAP, TRAIN_IDS),
    "train ids under a map of raw ids that is lenient": (TRAIN, RAW_MAP | LENIENT, TRAIN_IDS),
    "raw ids under a map of raw ids": (FRAME, RAW_MAP, ""),
    "train ids under the identity": (TRAIN, IDENTITY, ""),
    "raw ids under the identity": (FRAME, IDENTITY, RAW_IDS),
    "raw ids under the identity that is lenient": (FRAME, LENIENT, RAW_IDS),
    "raw ids under the identity, few above 18, lenient": ([*RAW[:8] * 3, 23, 26, 26], LENIENT, RAW_IDS),
    "raw ids that are all train ids too": ([7, 7, 8, 11, 11, 17, 13], IDENTITY, RAW_IDS),
    "raw masks of the hidden test split": ([0, 1, 2, 3, 3, 3], RAW_MAP, ""),
    "train ids that are classes of raw ids too": ([8, 8, 11, 13], IDENTITY, ""),
    "train ids that are classes of another set too": ([2, 2, 4, 5, 10], IDENTITY, ""),
    "ids from 1 under the identity": (
        [0, *(i + 1 for i in TRAIN if i < 19), 19, 19, 19, 19, 19, 19],
        IDENTITY,
        FROM_ONE,
    ),
    "ids times ten": ([10 * i for i in TRAIN if i < 19], LENIENT, "all ids are multiples of 10 (10, 20, 50 and "),
    "ids times 13 that are refused": ([13 * i for i in TRAIN if i < 19], IDENTITY, "all ids are multiples of 13"),
    "ids spread over 0 to 255": (SPREAD, LENIENT, "are spread over 0 to 255: these look like ids times a factor"),
    "ids spread over 0 to 255 that are refused": (SPREAD, IDENTITY, "are spread over 0 to 255"),
    "two ids alone": ([0, 0, 1], RAW_MAP, ""),
    "a void frame": ([255] * 9, RAW_MAP, ""),
    "odd ids": ([41, 42, 43, 44], LENIENT, ""),
}


@pytest.mark.parametrize("name", TABLE)
def test_ids_that_another_map_explains_are_named(read, name):
    ids, label_map, expected = TABLE[name]
    line = read(ids, label_map)
    assert expected in line
    assert bool(expected) == bool(line)
    assert "\n" not in line


def test_ids_of_a_label_space_of_ones_own_are_named(read):
    label_map = {"known": {i + 100: i for i in range(11)}, "void": [*range(100), 255]}
    assert "all ids are 0 to 10 or 255: these look like train ids, the ids of camvid itself" in read(
        [0, 1, 2, 3, 4, 9, 10], label_map, "camvid"
    )


def test_ids_are_counted_over_all_rows():
    ids = np.arange(200 * 3, dtype=np.uint16).reshape(200, 3) % 7
    assert id_counts(ids, 9).tolist() == [*np.bincount(ids.ravel()), 0, 0]


def test_a_counted_map_maps_as_the_map_itself():
    label_map = LabelMap.of({0: 3}, void=[9])
    counted = CountedMap.around(label_map)
    ids = np.array([[0, 9, 0]], np.uint8)
    assert counted(ids).tolist() == label_map(ids).tolist()
    assert {int(i): int(counted.counts[i]) for i in np.flatnonzero(counted.counts)} == {0: 2, 9: 1}


@pytest.mark.parametrize(
    ("usual", "void", "line"),
    [
        (None, 600, ""),
        (None, 601, "60 % of the pixels of x are void, and count nowhere"),
        (0.1, 200, ""),
        (0.1, 201, "20 % of the pixels of x are void (10 % are usual), and count nowhere"),
        (0.02, 50, "5.0 % of the pixels of x are void (2.0 % are usual), and count nowhere"),
        (0.5, 600, ""),
        (0.5, 700, "70 % of the pixels of x are void (50 % are usual), and count nowhere"),
        (0.8, 790, ""),
        (0.0, 1, "0.1 % of the pixels of x are void (0.0 % are usual), and count nowhere"),
        (None, 1000, "100 % of the pixels of x are void, and count nowhere"),
    ],
)
def test_much_void_is_over_60_percent_or_over_twice_the_usual(tree, open_data, usual, void, line):
    dataset = open_data("folder", tree("images/1.png", masks={"masks/1.png": 0}))
    assert void_note(replace(dataset, usual_void=usual), void, 1000, "x") == line


def test_no_pixels_are_not_much_void(tree, open_data):
    dataset = open_data("folder", tree("images/1.png", masks={"masks/1.png": 0}))
    assert void_note(dataset, 0, 0, "x") == ""


def frames(tree, ids: Sequence[Sequence[int]]) -> Path:
    """A folder with a mask of each of these ids."""
    masks = {f"masks/{k:02}.png": np.resize(np.array(row, np.uint8), (4, 6)) for k, row in enumerate(ids)}
    return tree(*(f"images/{k:02}.png" for k in range(len(ids))), masks=masks)


def test_check_names_train_ids_and_says_how_much_is_void(tree, open_data):
    dataset = open_data("folder", frames(tree, [TRAIN] * 3), label_map=RAW_MAP)
    for full in (False, True):
        outcome = check_domain(dataset, dataset.domains["all"], full=full)
        first, second = outcome.notes
        assert outcome.problems == ()
        assert first == "folder/all: 75 % of the pixels of the 3 masks looked at are void, and count nowhere"
        assert second.startswith(f"folder/all: in 3 masks, {TRAIN_IDS}; set known: identity in label_map")


def test_check_names_the_masks_of_another_encoding_among_right_ones(tree, open_data):
    dataset = open_data("folder", frames(tree, [FRAME] * 6 + [TRAIN] * 2), label_map=RAW_MAP)
    (note,) = check_domain(dataset, dataset.domains["all"]).notes
    assert note.startswith(f"folder/all: in 2 masks, {TRAIN_IDS}")


@pytest.mark.parametrize(
    ("palette", "labels", "named"),
    [
        ("as the program met the colors", "camvid", True),
        ("of the label space", "camvid", False),
        ("of the label space", "mine.toml", False),
        ("as the program met the colors", "mine.toml", False),
        ("of another data set", "camvid", False),
    ],
)
def test_a_palette_whose_colors_say_other_classes_than_its_indices_is_named(tree, open_data, palette, labels, named):
    root = tree("images/1.png", "images/2.png")
    (root / "mine.toml").write_text(f"classes = {[f'c{i}' for i in range(11)]}\n")
    colors = np.array(label_space("camvid").palette, np.uint8)
    order = np.random.default_rng(1).permutation(11)
    (root / "masks").mkdir()
    for stem in "12":
        mask = Image.fromarray(np.arange(24, dtype=np.uint8).reshape(4, 6) % 11)
        by_index = {"of the label space": colors, "of another data set": 255 - colors}.get(palette, colors[order])
        mask.putpalette(by_index.tobytes())
        mask.save(root / "masks" / f"{stem}.png")
    dataset = open_data("folder", root, labels=str(root / labels) if "." in labels else labels)
    notes = check_domain(dataset, dataset.domains["all"]).notes
    said = "folder/all: in 2 masks, the palette has the colors of camvid at the indices of other classes"
    assert [note.startswith(said) for note in notes] == [True] * named
    as_colors = open_data("folder", root, labels="camvid", label_map={"encoding": "color", "unlisted": "void"})
    assert check_domain(as_colors, as_colors.domains["all"]).problems == ()


def areas(size=(90, 120)):
    """Ids in areas with slanted edges, and a few thin lines."""
    rows, columns = np.indices(size)
    ids = (rows + 2 * columns) // 40 % 4 * 3 + (columns - rows) // 30 % 2 * 5
    ids[columns % 50 == 3] = 1
    return Image.fromarray(ids.astype(np.uint8))


def as_jpeg(mask):
    mask.save(buffer := io.BytesIO(), "JPEG")
    return Image.open(buffer)


BLURRED = {
    "as they were drawn": (lambda m: m, False),
    "resized to the nearest neighbour": (lambda m: m.resize((60, 45), Image.Resampling.NEAREST), False),
    "noise": (lambda m: Image.fromarray(np.random.default_rng(0).integers(0, 19, (90, 120)).astype(np.uint8)), False),
    "smaller, bilinear": (lambda m: m.resize((80, 60), Image.Resampling.BILINEAR), True),
    "larger, bilinear": (lambda m: m.resize((200, 150), Image.Resampling.BILINEAR), True),
    "larger, bicubic": (lambda m: m.resize((200, 150), Image.Resampling.BICUBIC), True),
    "turned": (lambda m: m.rotate(3, Image.Resampling.BILINEAR), True),
    "from a jpeg": (as_jpeg, True),
}


@pytest.mark.parametrize("name", BLURRED)
def test_masks_whose_ids_were_interpolated_are_named(tree, open_data, name):
    change, named = BLURRED[name]
    mask = np.asarray(change(areas()))
    root = tree(masks={"masks/1.png": mask})
    (root / "images").mkdir()
    Image.fromarray(np.zeros((*mask.shape, 3), np.uint8)).save(root / "images/1.png")
    dataset = open_data("folder", root, unlisted="void")
    notes = check_domain(dataset, dataset.domains["all"]).notes
    assert [n.startswith("folder/all: in 1 mask, ids at the edges of areas lie between") for n in notes] == [
        True
    ] * named


def test_check_names_the_encoding_of_masks_that_are_refused(tree, open_data):
    dataset = open_data("folder", frames(tree, [FRAME] * 3))
    outcome = check_domain(dataset, dataset.domains["all"])
    assert len(outcome.problems) == 3
    (note,) = outcome.notes
    assert note.startswith(f"folder/all: in 3 masks, {RAW_IDS}")


@pytest.mark.parametrize("number", [1, 9])
def test_check_looks_at_eight_masks_for_void_and_at_all_in_full(tree, open_data, number):
    dataset = open_data("folder", frames(tree, [[0, 1, 2, 8, 10, *[255] * 19]] * number), labels="cityscapes")
    for full in (False, True):
        seen = number if full else min(8, number)
        notes = check_domain(dataset, dataset.domains["all"], full=full).notes
        assert any(f"of the pixels of the {count_text(seen, 'mask')} looked at are void" in note for note in notes)
        assert all("correct mask, encoding or label_map" in note for note in notes if "void" in note)
