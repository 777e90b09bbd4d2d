"""What is said about the files of a data set: pictures that are left out, masks and images that serve several times."""

import pytest
from PIL import Image

from reliseg.data import notes
from reliseg.errors import DataError


@pytest.mark.parametrize(
    "left",
    ["images/a/b/x.png", "images/a/b/c/d/x.jpg", "images/x.tif", "images/a/x.PNM", "images/a/x.heic"],
)
def test_a_picture_that_no_template_takes_is_said(left, tree, open_data):
    root = tree("images/a/y.png", masks={"masks/a/y.png": 0})
    (root / left).parent.mkdir(parents=True, exist_ok=True)
    (root / left).touch()
    (line,) = open_data("folder", root).notes
    assert line.startswith(f"1 picture below {root} fits no template and is left out ({left}; images are images/{{st")
    assert line.endswith("; change `image` to take them in, or move them elsewhere")


@pytest.mark.parametrize(
    "other",
    [
        "images/.x.png", "images/a/._y.png", "images/Thumbs.db", "images/.DS_Store", "images/__MACOSX/a/x.png",
        "images/a/@eaDir/y.png/SYNOPHOTO_THUMB_M.jpg", "images/.ipynb_checkpoints/b/x.png", "images/a/y.png~",
        "images/a/#y.png#", "images/a/y.png.bak", "images/note.txt", "other/a/b/x.png", "x.png",
    ],
)  # fmt: skip
def test_what_nobody_means_as_an_image_is_not(other, tree, open_data):
    root = tree("images/a/y.png", masks={"masks/a/y.png": 0})
    (root / other).parent.mkdir(parents=True, exist_ok=True)
    (root / other).touch()
    dataset = open_data("folder", root)
    assert dataset.notes == ()
    assert len(dataset.domains["all"].samples) == 1


def test_pictures_called_otherwise_than_images_are_not_meant(tree, open_data):
    root = tree(
        "val/s/1_rgb.png", "val/s/1_depth.png", "val/s/2_rgb.jpg", "val/3_rgb.png", "val/s/1_rgb.PNG",
        masks={"val/s/1_ids.png": 0},
    )  # fmt: skip
    templates = {"image": "val/{scene}/{stem}_rgb.png", "mask": "val/{scene}/{stem}_ids.png"}
    (line,) = open_data("folder", root, **templates).notes
    assert "3 pictures" in line
    assert "(val/3_rgb.png, val/s/1_rgb.PNG, val/s/2_rgb.jpg; images" in line


@pytest.mark.parametrize(
    ("template", "taken", "left"),
    [
        ("{scene}_{stem}", "a_1", "frame2"),
        ("{stem}-{camera}_rgb", "1-left_rgb", "2_rgb"),
        ("{a}{stem}", "12", "3"),
    ],
)
def test_an_image_whose_name_lacks_a_field_is_said(template, taken, left, tree, open_data):
    root = tree(
        f"images/{taken}.png", f"images/{left}.png",
        masks={f"masks/{taken}.png": 0, f"masks/{left}.png": 0},
    )  # fmt: skip
    dataset = open_data("folder", root, image=f"images/{template}.png", mask=f"masks/{template}.png")
    assert [s.image for s in dataset.domains["all"].samples] == [f"images/{taken}.png"]
    assert f"is left out (images/{left}.png; images are images/{template}.png)" in dataset.notes[0]


def test_an_image_whose_name_lacks_what_a_pattern_asks_for_is_not(tree, open_data, tmp_path):
    (tmp_path / "own.toml").write_text(
        'labels = "camvid"\nimage = "{camera}_{stem}.png"\nmask = "masks/{camera}_{stem}.png"\n[fields]\n'
        'camera = "left|right"\n[domains]\nall = {}\n'
    )
    root = tree("left_1.png", "back_1.png", "1.png", masks={"masks/left_1.png": 0})
    assert open_data(str(tmp_path / "own.toml"), root).notes == ()


def test_scenes_that_no_domain_names_are_not_left_out(tree, open_data):
    names = ("val/a/1", "val/b/1", "train/a/1")
    root = tree(
        *(f"leftImg8bit/{n}_leftImg8bit.png" for n in (*names, "val/a/deep/2", "train/a/deep/2")),
        masks={f"gtFine/{n}_gtFine_labelIds.png": 7 for n in names},
    )
    (line,) = open_data("cityscapes", root, domains={"d": {"scenes": ["a"]}}).notes
    assert "1 picture" in line
    assert "(leftImg8bit/val/a/deep/2_leftImg8bit.png; images are" in line


def test_a_folder_outside_a_fields_pattern_is_said_and_masks_are_not(tree, open_data):
    root = tree("val/a_1.png", "val/more/a_2.png", "other/a_3.png", masks={"valannot/a_1.png": 0})
    assert "(val/more/a_2.png; images" in open_data("camvid", root, domains={"val": {}}).notes[0]
    root = tree("x/1.jpg", "x/sub/2.jpg", masks={"x/1.png": 0, "x/masks/1.png": 0})
    for annotations in ("required", "none"):
        templates = {"image": "x/{stem}.jpg", "mask": ["x/{stem}.png", "x/masks/{stem}_no.png"]}
        (line,) = open_data("folder", root, annotations=annotations, **templates).notes
        assert "2 pictures" in line
        assert "(x/masks/1.png, x/sub/2.jpg; images" in line


def test_images_at_the_root_are_looked_for_below_it(tree, open_data):
    root = tree("1.png", "a/b/2.png", masks={"masks/1.png": 0})
    (line,) = open_data("folder", root, image="{stem}.png", mask="masks/{stem}.png").notes
    assert "(a/b/2.png; images are {stem}.png)" in line


def test_links_in_a_circle_end(tree, open_data, monkeypatch):
    root = tree("images/a/y.png", masks={"masks/a/y.png": 0})
    (root / "images/a/again").symlink_to(root / "images")
    (root / "images/one").symlink_to("two")
    (root / "images/two").symlink_to("one")
    assert open_data("folder", root).notes == ()
    for i in range(20):
        tree(f"images/a/{i}/x.png")
    monkeypatch.setattr(notes, "_MOST_FOLDERS", 5)
    assert "5 pictures" in open_data("folder", root).notes[0]


def test_a_link_that_leads_nowhere_is_an_image_that_cannot_be_read(tree, open_data):
    root = tree("images/1.png", masks={"masks/1.png": 0, "masks/2.png": 0})
    (root / "images/2.png").symlink_to("2.png")
    assert [s.id for s in open_data("folder", root).domains["all"].samples] == ["all/1", "all/2"]


def test_a_mask_of_several_images_of_a_scene_is_said(tree, open_data, tmp_path):
    (tmp_path / "corrupted.toml").write_text(
        'labels = "camvid"\nimage = "{kind}/{stem}.png"\nmask = "masks/{stem}.png"\nid = "{stem}@{kind}"\n'
        'fields = {kind = "fog|blur"}\n[domains]\nall = {}\n'
    )
    root = tree("fog/x.png", "blur/x.png", "blur/y.png", masks={"masks/x.png": 0, "masks/y.png": 0})
    dataset = open_data("corrupted.toml", root, folder=root)
    assert dataset.notes == ("1 mask serves several images each (masks/x.png: blur/x.png, fog/x.png)",)
    root = tree("fog/y.png")
    dataset = open_data("corrupted.toml", root, folder=root, domains={"fog": {"kind": "fog"}})
    assert dataset.notes == ()


def test_two_links_to_one_image_are_said(tree, open_data):
    masks = {f"masks/{n}.png": 0 for n in ("a/1", "a/2", "b/1", "b/2", "c/1")}
    root = tree("images/a/1.png", "images/a/2.png", masks=masks)
    (root / "images/b").symlink_to("a")
    (root / "images/c").mkdir()
    (root / "images/c/1.png").symlink_to("../a/1.png")
    (line,) = open_data("folder", root).notes
    assert line == (
        "links make one image count as several (images/a/1.png = images/b/1.png = images/c/1.png, and 1 more)"
    )


def test_links_to_files_elsewhere_are_as_good_as_files(tree, open_data, tmp_path):
    root = tree("store/1.png", "store/2.png", masks={"masks/1.png": 0, "masks/2.png": 0})
    (root / "images").mkdir()
    for name in ("1.png", "2.png"):
        (root / "images" / name).symlink_to(root / "store" / name)
    assert open_data("folder", root).notes == ()


@pytest.mark.parametrize(("one", "other"), [("x.png", "x.PNG"), ("x.png", "x.jpg"), ("x.JPG", "x.jpeg")])
def test_two_images_of_one_stem_are_refused_where_both_are_taken(one, other, tree, open_data):
    root = tree(f"images/{one}", f"images/{other}", masks={"masks/x.png": 0})
    with pytest.raises(DataError, match="two images with the id all/x: images/x"):
        open_data("folder", root)


def test_a_stem_in_capital_letters_is_another_one(tree, open_data):
    root = tree("images/x.png", masks={"masks/X.png": 0})
    with pytest.raises(DataError, match=r"1 image without mask \(images/x.png; .* and 1 mask without .*\(masks/X.png"):
        open_data("folder", root)
    Image.new("L", (6, 4)).save(root / "masks/x.png")
    tree("images/X.png")
    assert [s.mask for s in open_data("folder", root).domains["all"].samples] == ["masks/X.png", "masks/x.png"]


def test_files_that_are_skipped_on_purpose_are_said_too(tree, open_data):
    root = tree("images/0.png", "images/1.png", masks={"masks/0.png": 0, "masks/2.png": 0})
    dataset = open_data("folder", root, missing="skip", domains={"a": {}, "b": {"union": ["a"]}})
    assert dataset.notes == ("left out for want of a mask or an image: images/1.png, masks/2.png",)
