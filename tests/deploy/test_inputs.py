"""Images as callers have them, and what is no image."""

from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.deployed import predictor_in_memory
from PIL import Image

from reliseg.deploy.inputs import Images, read_image
from reliseg.errors import ConfigError, SampleError

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)


@pytest.fixture(scope="module")
def dataset():
    return predictor_in_memory().dataset


@pytest.fixture
def file(tmp_path: Path) -> Path:
    Image.fromarray(PIXELS).save(tmp_path / "a.png")
    return tmp_path / "a.png"


def forms(file: Path):
    yield "path", file
    yield "text", str(file)
    yield "array", PIXELS
    yield "other order in memory", np.asfortranarray(PIXELS)
    yield "PIL", Image.fromarray(PIXELS)
    yield "tensor", torch.tensor(PIXELS).permute(2, 0, 1)


def test_the_same_image_in_any_form_has_the_same_pixels(dataset, file):
    for name, form in forms(file):
        images = Images.of(form)
        assert images.are_one, name
        ((number, source),) = images.numbered()
        _, decoded = read_image(dataset, number, source)
        np.testing.assert_array_equal(decoded.image, PIXELS, err_msg=name)
        assert decoded.size == (6, 8)


def test_an_image_keeps_its_name_or_has_its_number(dataset, file):
    assert read_image(dataset, 1, str(file))[0] == str(file)
    assert read_image(dataset, 3, PIXELS)[0] == "3"


def test_a_change_of_the_caller_s_array_changes_nothing(dataset):
    mine = PIXELS.copy()
    _, decoded = read_image(dataset, 1, mine)
    mine[:] = 0
    np.testing.assert_array_equal(decoded.image, PIXELS)


def test_batches_lists_and_generators_are_several_images(file):
    for several in (
        np.stack([PIXELS, PIXELS]),
        torch.zeros(2, 3, 4, 4, dtype=torch.uint8),
        [file, PIXELS],
        (file, file),
    ):
        images = Images.of(several)
        assert (images.are_one, images.are_endless) == (False, False)
        assert len(list(images.numbered())) == 2
    assert Images.of(iter([file])).are_endless


def test_grey_files_and_pil_images_become_rgb_as_in_a_run(dataset, tmp_path):
    grey = Image.fromarray(PIXELS[..., 0])
    grey.save(tmp_path / "grey.png")
    for source in (grey, tmp_path / "grey.png"):
        _, decoded = read_image(dataset, 1, source)
        np.testing.assert_array_equal(decoded.image, np.repeat(PIXELS[..., :1], 3, axis=2))


BAD = {
    "grey array": (PIXELS[..., 0], "image 1 is grey, of 6 x 8; give it three channels"),
    "16-bit array": (PIXELS.astype(np.uint16), "image 1 holds 16-bit numbers, of 6 x 8 x 3; give 8-bit RGB"),
    "normalised": (PIXELS / 255.0, "image 1 holds float64 numbers, of 6 x 8 x 3; give 8-bit RGB"),
    "float tensor": (torch.zeros(3, 4, 4), "image 1 holds float32 numbers"),
    "alpha": (np.zeros((6, 8, 4), np.uint8), "image 1 is an array of 6 x 8 x 4; give 8-bit RGB"),
    "channels first": (PIXELS.transpose(2, 0, 1), "image 1 has its channels first, 3 x 6 x 8"),
    "channels last": (torch.tensor(PIXELS), "image 1 is a tensor of 6 x 8 x 3; give 3 x height x width"),
    "no pixels": (np.zeros((0, 8, 3), np.uint8), "image 1 has no pixels"),
    "16-bit PIL": (
        Image.fromarray(PIXELS[..., 0].astype(np.uint16)),
        "image 1 is a PIL image of mode I;16; convert it",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_8_bit_rgb_image_is_said_in_one_line(name, dataset):
    source, problem = BAD[name]
    ((number, one),) = Images.of(source).numbered()
    with pytest.raises(ConfigError) as raised:
        read_image(dataset, number, one)
    assert str(raised.value).startswith(problem)
    assert "\n" not in str(raised.value)


def test_files_that_are_no_images_are_named(dataset, tmp_path):
    (tmp_path / "a.png").write_text("no")
    Image.fromarray(PIXELS[..., 0].astype(np.uint16) * 256).save(tmp_path / "deep.png")
    for name, problem in (("a.png", "not an image"), ("deep.png", "16-bit"), ("lost.png", "cannot be read")):
        with pytest.raises(SampleError, match=f"{name}.*{problem}"):
            read_image(dataset, 1, tmp_path / name)


def test_what_is_no_collection_is_refused_at_once(dataset):
    with pytest.raises(ConfigError, match="a int is no image; give a path"):
        Images.of(3)
    with pytest.raises(ConfigError, match="image 2 is a NoneType; give 8-bit RGB"):
        read_image(dataset, 2, None)
