"""Pictures of another ending: they are named where they would be an image or a mask, and nowhere else."""

import pytest

from reliseg.errors import DataError


def test_a_mask_of_another_ending_is_named(tree, open_data):
    root = tree("images/0.png", "images/1.png", "masks/1.jpg", "masks/9.bmp", masks={"masks/0.png": 0})
    said = (
        r"1 image without mask \(images/1.png; .*; masks/1.jpg lies there, but masks end in png: save them so .*: skip"
    )
    with pytest.raises(DataError, match=said):
        open_data("folder", root)


def test_an_image_of_another_ending_is_named(tree, open_data):
    root = tree("images/0.png", "images/s/1.TIF", masks={"masks/0.png": 0, "masks/s/1.png": 0})
    said = r"1 mask without image .*; images/s/1.TIF lies there, but images end in jpeg or jpg or png: convert them"
    with pytest.raises(DataError, match=said):
        open_data("folder", root)


def test_an_ending_in_capital_letters_is_named_as_it_is_asked_for(tree, open_data):
    with pytest.raises(DataError, match=r"images/1.png lies there, but images end in PNG: convert them, or set image"):
        open_data("folder", tree("images/1.png"), annotations="none", image="images/{stem}.PNG")


def test_images_that_all_have_another_ending(tree, open_data):
    with pytest.raises(DataError, match=r"no image matches .*; images/1.tif lies there, but images end in jpeg or"):
        open_data("folder", tree("images/1.tif"), annotations="none")
    with pytest.raises(DataError, match=r"no image matches .*; test/a_1.tif lies there, but images end in png"):
        open_data("camvid", tree("test/a_1.tif", "test/junk.tif"), annotations="none", domains={"test": {}})


def test_an_image_is_no_mask_of_another_ending(tree, open_data):
    root = tree("all/1.jpg")
    with pytest.raises(DataError, match=r"1 image without mask .*; add the missing files, or"):
        open_data("folder", root, image="all/{stem}.jpg", mask="all/{stem}.png")


@pytest.mark.parametrize("ending", ["PNG", "jpg"])
def test_pictures_that_the_templates_read_are_no_hint(tree, open_data, ending):
    root = tree(f"images/0.{ending}", "images/1.png", masks={"masks/0.png": 0})
    with pytest.raises(DataError) as caught:
        open_data("folder", root)
    assert "lies there" not in str(caught.value)
