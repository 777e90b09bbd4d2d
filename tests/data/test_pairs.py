import pytest

from reliseg.errors import DataError


def test_an_image_without_mask_is_named(tree, opened):
    root = tree(*(f"images/{i}.png" for i in range(6)), masks={"masks/0.png": 0})
    with pytest.raises(
        DataError,
        match=r"folder/all: 5 images without mask \(images/1.png, images/2.png, images/3.png and 2 more; .*: skip",
    ):
        opened("folder", root)


def test_a_mask_without_image_is_named(tree, opened):
    root = tree("images/0.png", masks={"masks/0.png": 0, "masks/s/1.png": 0})
    with pytest.raises(DataError, match=r"folder/all: 1 mask without image \(masks/s/1.png; images are images/"):
        opened("folder", root)


def test_a_mask_of_another_ending_is_named(tree, opened):
    root = tree("images/0.png", "images/1.png", "masks/1.jpg", "masks/9.bmp", masks={"masks/0.png": 0})
    said = (
        r"1 image without mask \(images/1.png; .*; masks/1.jpg lies there, but masks end in png: save them so .*: skip"
    )
    with pytest.raises(DataError, match=said):
        opened("folder", root)


def test_an_image_of_another_ending_is_named(tree, opened):
    root = tree("images/0.png", "images/s/1.TIF", masks={"masks/0.png": 0, "masks/s/1.png": 0})
    said = r"1 mask without image .*; images/s/1.TIF lies there, but images end in jpeg or jpg or png: convert them"
    with pytest.raises(DataError, match=said):
        opened("folder", root)


def test_images_that_all_have_another_ending(tree, opened):
    with pytest.raises(DataError, match=r"no image matches .*; images/1.tif lies there, but images end in jpeg or"):
        opened("folder", tree("images/1.tif"), annotations="none")
    with pytest.raises(DataError, match=r"no image matches .*; test/a_1.tif lies there, but images end in png"):
        opened("camvid", tree("test/a_1.tif", "test/junk.tif"), annotations="none", domains={"test": {}})


def test_an_image_is_no_mask_of_another_ending(tree, opened):
    root = tree("all/1.jpg")
    with pytest.raises(DataError, match=r"1 image without mask .*; add the missing files, or"):
        opened("folder", root, image="all/{stem}.jpg", mask="all/{stem}.png")


def test_both_at_once(tree, opened):
    root = tree("images/0.png", masks={"masks/1.png": 0})
    with pytest.raises(DataError, match=r"1 image without mask .* and 1 mask without image"):
        opened("folder", root)


def test_skip_counts_what_it_leaves_out(tree, opened):
    root = tree("images/0.png", "images/1.png", masks={"masks/0.png": 0, "masks/2.png": 0})
    dataset = opened("folder", root, missing="skip", domains={"a": {}, "b": {"union": ["a"]}})
    for domain in dataset.domains.values():
        assert [s.id for s in domain.samples] == ["all/0"]
        assert domain.skipped == ("images/1.png", "masks/2.png")


def test_skip_of_everything_is_an_error(tree, opened):
    with pytest.raises(DataError, match="no image is left"):
        opened("folder", tree("images/0.png"), missing="skip")


def test_other_domains_do_not_matter(tree, opened):
    root = tree("val/a_1.png", "test/b_1.png", masks={"valannot/a_1.png": 0, "testannot/b_2.png": 0})
    assert [s.id for s in opened("camvid", root, domains={"val": {}}).domains["val"].samples] == ["a/a_1"]
    with pytest.raises(DataError, match="camvid/test"):
        opened("camvid", root)


def test_what_is_excluded_does_not_matter(tree, opened):
    root = tree("images/0.png", "images/1.png", masks={"masks/0.png": 0, "masks/2.png": 0})
    dataset = opened("folder", root, domains={"d": {"exclude": ["all/1", "all/2"]}})
    assert [s.id for s in dataset.domains["d"].samples] == ["all/0"]


def test_two_images_of_one_id(tree, opened):
    root = tree("images/0.png", "images/0.jpg", masks={"masks/0.png": 0})
    with pytest.raises(DataError, match=r"folder/all: two images with the id all/0: images/0.jpg and images/0.png"):
        opened("folder", root)


def test_two_images_of_one_id_in_two_domains(tree, opened):
    root = tree("val/a_1.png", "test/a_1.png", masks={"valannot/a_1.png": 0, "testannot/a_1.png": 0})
    with pytest.raises(DataError, match=r"camvid: two images with the id a/a_1: val/a_1.png and test/a_1.png"):
        opened("camvid", root)


def test_two_masks_for_one_image(tree, opened):
    root = tree("rgb/0.png", masks={"one/0.png": 0, "two/0.png": 0})
    templates = {"image": "rgb/{stem}.png", "mask": ["one/{stem}.png", "two/{stem}.png"]}
    with pytest.raises(DataError, match=r"folder/all: two masks for all/0: one/0.png and two/0.png"):
        opened("folder", root, **templates)
    assert opened("folder", root, annotations="none", **templates).domains["all"].samples


def test_several_images_may_share_a_mask(tree, opened, tmp_path):
    (tmp_path / "corrupted.toml").write_text(
        'labels = "camvid"\nimage = "{kind}/{severity}/{stem}.png"\nmask = "masks/{stem}.png"\n'
        'id = "{stem}@{kind}{severity}"\n[domains]\nfog = {kind = "fog"}\nall = {}\n'
    )
    root = tree("fog/1/x.png", "fog/2/x.png", "blur/1/y.png", masks={"masks/x.png": 0, "masks/y.png": 0})
    dataset = opened("corrupted.toml", root, folder=root, domains={"fog": {"severity": 2}, "all": {}})
    assert [(s.id, s.mask) for s in dataset.domains["fog"].samples] == [("all/x@fog2", "masks/x.png")]
    assert [s.id for s in dataset.domains["all"].samples] == ["all/x@fog1", "all/x@fog2", "all/y@blur1"]


def test_frames_of_one_name_in_two_scenes_stay_apart(tree, opened):
    names = ("1/frame0029", "2/frame0029")
    root = tree(
        *(f"leftImg8bit/val/{n}_leftImg8bit.jpg" for n in names),
        masks={f"gtFine/val/{n}_gtFine_labellevel3Ids.png": 0 for n in names},
    )
    samples = opened("idd", root).domains["val"].samples
    assert [(s.id, s.mask) for s in samples] == [(n, f"gtFine/val/{n}_gtFine_labellevel3Ids.png") for n in names]


def test_a_file_that_does_not_fit_a_derived_field_is_named(tree, opened):
    root = tree("val/frame.png", masks={"valannot/frame.png": 0})
    with pytest.raises(DataError, match=r"valannot/frame.png: no scene in the stem 'frame'; rename the file"):
        opened("camvid", root, domains={"val": {}})


def test_templates_of_the_configuration_replace_the_specs(tree, opened):
    root = tree("city/a/1_rgb.png", masks={"city/a/1_ids.png": 0})
    dataset = opened(
        "acdc", root, image="city/{scene}/{stem}_rgb.png", mask="city/{scene}/{stem}_ids.png", domains={"d": {}}
    )
    assert [s.id for s in dataset.domains["d"].samples] == ["a/1"]
