import numpy as np
import pytest
from PIL import Image

from reliseg.errors import ConfigError, DataError


def ids(dataset, domain):
    return [sample.id for sample in dataset.domains[domain].samples]


@pytest.mark.parametrize(
    ("domain", "expected"),
    [
        ({}, ["a/1", "a/2", "b/1", "b/3"]),
        ({"scene": "a"}, ["a/1", "a/2"]),
        ({"scenes": ["a"]}, ["a/1", "a/2"]),
        ({"scenes": ["b", "a"]}, ["a/1", "a/2", "b/1", "b/3"]),
        ({"stem": ["1"]}, ["a/1", "b/1"]),
        ({"samples": ["b/3", "a/1"]}, ["a/1", "b/3"]),
        ({"exclude": ["b/3"]}, ["a/1", "a/2", "b/1"]),
        ({"exclude": []}, ["a/1", "a/2", "b/1", "b/3"]),
        ({"scene": "b", "exclude": "b/3"}, ["b/1"]),
    ],
)
def test_filters(domain, expected, flat, open_data):
    assert ids(open_data("folder", flat, domains={"d": domain}), "d") == expected


def test_a_union_holds_each_sample_once_in_order(flat, open_data):
    domains = {
        "all": {"union": ["later", "b"]},
        "later": {"union": ["a", "b"]},
        "b": {"scene": "b"},
        "a": {"scene": "a"},
    }
    dataset = open_data("folder", flat, domains=domains)
    assert list(dataset.domains) == ["all", "later", "b", "a"]
    assert ids(dataset, "all") == ["a/1", "a/2", "b/1", "b/3"]
    assert dataset.domains["all"].union == ("later", "b")


def test_the_default_split_holds_where_none_is_given(tree, open_data):
    names = ("train/s/1", "val/s/2")
    root = tree(
        *(f"leftImg8bit/{n}_leftImg8bit.png" for n in names),
        masks={f"gtFine/{n}_gtFine_labelIds.png": 7 for n in names},
    )
    domains = {"plain": {}, "train": {"split": "train"}, "both": {"split": ["train", "val"]}, "val": {"scene": "s"}}
    dataset = open_data("cityscapes", root, domains=domains)
    assert {d: ids(dataset, d) for d in domains} == {
        "plain": ["s/2"], "train": ["s/1"], "both": ["s/1", "s/2"], "val": ["s/2"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("image", "mask", "files", "wrong"),
    [
        ("{stem}.png", "{stem}_mask.png", ("a.png", "a_mask.png"), "a_mask.png would be an image, .* mask of a.png"),
        ("{scene}/{stem}.png", "masks/{stem}.png", ("photos/a.png", "masks/a.png"), "masks/a.png .* mask of photos/a"),
        ("{stem}.png", "{stem}_mask.png", ("a_mask.png", "b_mask.png"), None),
        ("masks/{stem}.png", "masks/{stem}.png", ("masks/a.png", "masks/b.png"), None),
    ],
)
def test_masks_that_the_template_of_images_fits_are_no_images_without_annotation(
    image, mask, files, wrong, tree, open_data
):
    root, options = tree(*files), {"annotations": "none", "image": image, "mask": mask}
    if wrong is None:  # they belong to no image: these are the images
        assert [s.image for s in open_data("folder", root, **options).domains["all"].samples] == list(files)
    else:
        with pytest.raises(DataError, match=f"folder/all: {wrong}.*; give image a template that no mask fits"):
            open_data("folder", root, **options)


def test_annotations_none_reads_no_masks(tree, open_data):
    root = tree("images/1.png", "images/2.png", masks={"masks/1.png": 0, "masks/3.png": 0})
    domain = open_data("folder", root, annotations="none").domains["all"]
    assert [(s.id, s.mask) for s in domain.samples] == [("all/1", None), ("all/2", None)]
    assert not domain.annotated
    mixed = open_data("folder", root, domains={"in": {"samples": ["all/1"]}, "out": {"annotations": "none"}})
    assert mixed.domains["in"].samples[0].mask == "masks/1.png"
    assert mixed.domains["out"].samples[0].mask is None


@pytest.mark.parametrize(
    ("domains", "message"),
    [
        ({"d": {"scens": ["a"]}}, "x/d: unknown key 'scens'; did you mean 'scenes'"),
        ({"d": {"split": "val"}}, "x/d: unknown key 'split'"),
        ({"d": {"scene": "a", "scenes": "a"}}, "scene and scenes are the same"),
        ({"d": {"scene": []}}, "x/d: scene: give a name or a list of names"),
        ({"d": {"scene": {"a": 1}}}, "give a name or a list of names"),
        ({"d": {"stem": True}}, "stem: True is no name; put it in quotes, as the files have it"),
        ({"d": {"stem": [1]}}, "stem: 1 is no name; put it in quotes, as the files have it"),
        ({"d": {"stem": None}}, "give a name or a list of names, not None"),
        ({"d": {"annotations": "some"}}, "annotations is 'required' or 'none'"),
        ({"d": {"union": ["e"]}, "e": {"union": "d"}}, "union contains itself"),
        ({"d": {"union": ["ee"]}, "eee": {}}, "union of unknown domain 'ee'; did you mean 'eee'"),
        ({"d": {"union": ["e"], "scene": "a"}, "e": {}}, "a union has no other keys"),
        ({"d": {"union": ["e", "f"]}, "e": {}, "f": {"annotations": "none"}}, "with and without annotations"),
        ({"d/e": {}}, "domain name 'd/e'"),
        ({}, "x: no domains"),
    ],
)
def test_wrong_domains(domains, message, flat, open_data):
    with pytest.raises(ConfigError, match=message):
        open_data("folder", flat, name="x", domains=domains)


@pytest.mark.parametrize(
    ("domain", "message"),
    [
        ({"scene": "c"}, "x/d: no scene 'c' below .*; known: a, b"),
        ({"scene": ["a", "bb"]}, "no scene 'bb' below .*; did you mean 'b'"),
        ({"scene": "b", "stem": "2"}, "no stem '2' in scene b below .*; known: 1, 3"),
        ({"scene": ["a", "b"], "stem": "3"}, "no scene 'a' in stem 3 below .*; known: b"),
        ({"samples": ["a/1", "a/9"]}, "samples: a/9 not among the 4 samples; did you mean 'a/"),
        ({"scene": "b", "samples": ["a/1"]}, "samples: a/1 not among the 2 samples of scene b"),
        ({"exclude": ["a/9"]}, "exclude: a/9 not among"),
        ({"scene": "a", "exclude": ["a/1", "a/2"]}, "; exclude fewer of them"),
    ],
)
def test_what_is_asked_for_must_exist(domain, message, flat, open_data):
    with pytest.raises(DataError, match=message):
        open_data("folder", flat, name="x", domains={"d": domain})


def test_a_domain_without_images_says_what_was_searched_and_what_is_there(flat, open_data):
    with pytest.raises(
        DataError, match=r"cityscapes/val: no image matches leftImg8bit/.* \(there are the folders images, masks\)"
    ):
        open_data("cityscapes", flat)


def test_many_names_are_cut_short(tree, open_data):
    root = tree(*(f"images/{i:02}.png" for i in range(20)))
    with pytest.raises(DataError, match=r"did you mean 'all/19'\? known: all/00, all/01, all/02 and 17 more"):
        open_data("folder", root, annotations="none", domains={"d": {"samples": ["all/199"]}})


def test_a_star_is_any_value_of_a_field_and_lifts_the_default_of_the_spec(tmp_path, open_data):
    for split, scene in (("train", "a"), ("val", "a"), ("val", "b")):
        for kind, ending in (("leftImg8bit", "leftImg8bit"), ("gtFine", "gtFine_labelIds")):
            path = tmp_path / kind / split / scene / f"{scene}_{split}_{ending}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.zeros((4, 6, 3) if kind == "leftImg8bit" else (4, 6), np.uint8)).save(path)
    domains = {"usual": {}, "any": {"split": "*"}, "a": {"split": "*", "scenes": ["a"]}}
    found = open_data("cityscapes", tmp_path, domains=domains).domains
    assert [s.id for s in found["usual"].samples] == ["a/a_val", "b/b_val"]
    assert [s.id for s in found["any"].samples] == ["a/a_train", "a/a_val", "b/b_val"]
    assert [s.id for s in found["a"].samples] == ["a/a_train", "a/a_val"]
