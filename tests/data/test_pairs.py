import pytest

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
    dataset = open_data("corrupted.toml", root, folder=root, domains={"fog": {"severity": 2}, "all": {}})
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
