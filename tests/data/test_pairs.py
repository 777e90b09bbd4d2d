import os

import pytest

from reliseg.data import load
from reliseg.errors import DataError


def test_an_image_without_mask_is_named(tree, open_data):
    root = tree(*(f"images/{i}.png" for i in range(6)), masks={"masks/0.png": 0})
    with pytest.raises(
        DataError,
        match=r"folder/all: 5 images without mask \(images/1.png, images/2.png, images/3.png and 2 more; .*: skip",
    ):
        open_data("folder", root)


def test_a_mask_without_image_is_named(tree, open_data):
    root = tree("images/0.png", masks={"masks/0.png": 0, "masks/s/1.png": 0})
    with pytest.raises(DataError, match=r"folder/all: 1 mask without image \(masks/s/1.png; images are images/"):
        open_data("folder", root)


def test_both_at_once(tree, open_data):
    root = tree("images/0.png", masks={"masks/1.png": 0})
    with pytest.raises(DataError, match=r"1 image without mask .* and 1 mask without image"):
        open_data("folder", root)


def test_skip_counts_what_it_leaves_out(tree, open_data):
    root = tree("images/0.png", "images/1.png", masks={"masks/0.png": 0, "masks/2.png": 0})
    dataset = open_data("folder", root, missing="skip", domains={"a": {}, "b": {"union": ["a"]}})
    for domain in dataset.domains.values():
        assert [s.id for s in domain.samples] == ["all/0"]
        assert domain.skipped == ("images/1.png", "masks/2.png")


def test_skip_of_everything_is_an_error(tree, open_data):
    with pytest.raises(DataError, match="no image is left"):
        open_data("folder", tree("images/0.png"), missing="skip")


def test_other_domains_do_not_matter(tree, open_data):
    root = tree("val/a_1.png", "test/b_1.png", masks={"valannot/a_1.png": 0, "testannot/b_2.png": 0})
    assert [s.id for s in open_data("camvid", root, domains={"val": {}}).domains["val"].samples] == ["a/a_1"]
    with pytest.raises(DataError, match="camvid/test"):
        open_data("camvid", root)


def test_what_is_excluded_does_not_matter(tree, open_data):
    root = tree("images/0.png", "images/1.png", masks={"masks/0.png": 0, "masks/2.png": 0})
    dataset = open_data("folder", root, domains={"d": {"exclude": ["all/1", "all/2"]}})
    assert [s.id for s in dataset.domains["d"].samples] == ["all/0"]


def test_two_images_of_one_id(tree, open_data):
    root = tree("images/0.png", "images/0.jpg", masks={"masks/0.png": 0})
    with pytest.raises(DataError, match=r"folder/all: two images with the id all/0: images/0.jpg and images/0.png"):
        open_data("folder", root)


def test_two_images_of_one_id_in_two_domains(tree, open_data):
    root = tree("val/a_1.png", "test/a_1.png", masks={"valannot/a_1.png": 0, "testannot/a_1.png": 0})
    with pytest.raises(DataError, match=r"camvid: two images with the id a/a_1: val/a_1.png and test/a_1.png"):
        open_data("camvid", root)


def test_two_masks_for_one_image(tree, open_data):
    root = tree("rgb/0.png", masks={"one/0.png": 0, "two/0.png": 0})
    templates = {"image": "rgb/{stem}.png", "mask": ["one/{stem}.png", "two/{stem}.png"]}
    with pytest.raises(DataError, match=r"folder/all: two masks for all/0: one/0.png and two/0.png"):
        open_data("folder", root, **templates)
    assert open_data("folder", root, annotations="none", **templates).domains["all"].samples


def test_several_images_may_share_a_mask(tree, open_data, tmp_path):
    (tmp_path / "corrupted.toml").write_text(
        'labels = "camvid"\nimage = "{kind}/{severity}/{stem}.png"\nmask = "masks/{stem}.png"\n'
        'id = "{stem}@{kind}{severity}"\n[domains]\nfog = {kind = "fog"}\nall = {}\n'
    )
    root = tree("fog/1/x.png", "fog/2/x.png", "blur/1/y.png", masks={"masks/x.png": 0, "masks/y.png": 0})
    dataset = open_data("corrupted.toml", root, folder=root, domains={"fog": {"severity": "2"}, "all": {}})
    assert [(s.id, s.mask) for s in dataset.domains["fog"].samples] == [("all/x@fog2", "masks/x.png")]
    assert [s.id for s in dataset.domains["all"].samples] == ["all/x@fog1", "all/x@fog2", "all/y@blur1"]


def test_frames_of_one_name_in_two_scenes_stay_apart(tree, open_data):
    names = ("1/frame0029", "2/frame0029")
    root = tree(
        *(f"leftImg8bit/val/{n}_leftImg8bit.jpg" for n in names),
        masks={f"gtFine/val/{n}_gtFine_labellevel3Ids.png": 0 for n in names},
    )
    samples = open_data("idd", root).domains["val"].samples
    assert [(s.id, s.mask) for s in samples] == [(n, f"gtFine/val/{n}_gtFine_labellevel3Ids.png") for n in names]


def test_a_file_that_does_not_fit_a_derived_field_is_named(tree, open_data):
    root = tree("val/frame.png", masks={"valannot/frame.png": 0})
    with pytest.raises(DataError, match=r"valannot/frame.png: no scene in the stem 'frame'; rename the file"):
        open_data("camvid", root, domains={"val": {}})


def test_a_derived_field_whose_group_matches_nothing_is_named(tree, open_data):
    (spec := tree("a.png", "x1.png") / "own.toml").write_text(
        'labels = "camvid"\nimage = "{stem}.png"\n[derive]\nscene = {from = "stem", pattern = "(x)?.+"}\n'
        "[domains]\nall = {}\n"
    )
    with pytest.raises(DataError, match=r"a.png: no scene in the stem 'a'; rename the file"):
        open_data(str(spec), spec.parent, annotations="none")


def test_a_mask_that_two_scenes_could_claim_is_refused_with_both_images(tree, open_data):
    root = tree("images/a/1.png", "images/b/1.png", "images/b/2.png", masks={"masks/1.png": 0, "masks/2.png": 0})
    said = r"folder/a: one mask, masks/1.png, for two images of different scenes, images/a/1.png and images/b/1.png; g"
    with pytest.raises(DataError, match=said):
        open_data("folder", root, mask="masks/{stem}.png", domains={"a": {"scenes": ["a"]}})
    dataset = open_data("folder", root, mask="masks/{stem}.png", domains={"b": {"samples": ["b/2"]}})
    assert [(s.image, s.mask) for s in dataset.domains["b"].samples] == [("images/b/2.png", "masks/2.png")]
    assert open_data("folder", root, mask="masks/{stem}.png", annotations="none").domains["all"].samples


def test_an_image_that_is_its_own_mask_is_refused(tree, open_data):
    root = tree("x/1.png")
    with pytest.raises(DataError, match=r"folder/all: x/1.png would be image and mask at once; give each"):
        open_data("folder", root, image="x/{stem}.png", mask="x/{stem}.png")
    (root / "y").symlink_to("x")
    with pytest.raises(DataError, match=r"x/1.png and y/1.png, which are one file, would be image and mask at once"):
        open_data("folder", root, image="x/{stem}.png", mask="y/{stem}.png")


NFC, NFD, LATIN = "caf\u00e9", "cafe\u0301", os.fsdecode(b"caf\xe9")


@pytest.mark.parametrize("image", [NFC, NFD, LATIN])
@pytest.mark.parametrize("mask", [NFC, NFD, LATIN])
def test_names_that_differ_only_in_how_an_accent_is_stored_are_one(image, mask, tree, open_data):
    root = tree(f"images/{image}/{image}.png", masks={f"masks/{mask}/{mask}.png": 3})
    dataset = open_data("folder", root, domains={"d": {"scenes": [NFD], "samples": [f"{NFD}/{NFC}"]}})
    (sample,) = dataset.domains["d"].samples
    assert (sample.id, sample.scene) == (f"{NFC}/{NFC}", NFC)
    assert (sample.image, sample.mask) == (f"images/{image}/{image}.png", f"masks/{mask}/{mask}.png")
    assert (load(dataset, sample).truth == 3).all()


def test_a_template_may_be_written_in_either_form(tree, open_data):
    root = tree(f"images/{NFD}/1.png", masks={f"masks/{LATIN}/1_{NFD}.png": 0})
    templates = {"image": f"images/{NFC}/{{stem}}.png", "mask": f"masks/{NFD}/{{stem}}_{NFC}.png"}
    assert open_data("folder", root, **templates).domains["all"].samples[0].mask == f"masks/{LATIN}/1_{NFD}.png"


def test_two_files_that_look_alike_are_named_so_that_the_difference_shows(tree, open_data):
    root = tree(f"images/{NFC}.png", f"images/{NFD}.png", masks={f"masks/{NFC}.png": 0})
    said = r"two images with the id all/caf\u00e9: images/cafe\\u0301.png and images/caf\\u00e9.png; remove one"
    with pytest.raises(DataError, match=said):
        open_data("folder", root)
    (root / "images" / f"{NFD}.png").unlink()
    tree(masks={f"masks/{LATIN}.png": 0})
    with pytest.raises(DataError, match=r"two masks for all/caf\u00e9: masks/caf\\u00e9.png and masks/caf\\xe9.png;"):
        open_data("folder", root)


def test_a_name_that_no_id_can_have_is_refused_with_its_characters(tree, open_data):
    root = tree("images/a\x1b[31m.png", masks={"masks/a\x1b[31m.png": 0})
    said = r"the id 'all/a\\u001b\[31m' of images/a\\u001b\[31m.png has a part that holds \\u001b, which cannot be"
    with pytest.raises(DataError, match=said):
        open_data("folder", root)


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ('id = "../../{stem}"', "has a part that leads to another folder"),
        ('id = "{empty}"\n[fields]\nempty = "(q)?"', "has a part that is empty"),
        ('id = "/{stem}"', "has a part that is empty"),
        ('id = "a\\\\b{stem}"', r"has a part that holds \\, which separates folders"),
        ('[derive]\nscene = {from = "stem", pattern = "(.*?)x?[.]*"}', "has a part that is empty"),
    ],
)
def test_an_id_that_a_spec_makes_unfit_is_refused(spec, problem, tree, open_data):
    root = tree("images/x...png")
    field = "{empty}" if "empty" in spec else ""
    (root / "own.toml").write_text(f'labels = "camvid"\nimage = "images/{field}{{stem}}.png"\n{spec}\n[domains.all]\n')
    with pytest.raises(DataError, match=f"the id '.*' of images/x...png {problem}"):
        open_data("own.toml", root, folder=root, annotations="none", domains={"all": {}})
