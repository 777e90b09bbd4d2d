"""`reliseg corrupt`: what a user sees, and the exit codes."""

import json

import numpy as np
import pytest
from helpers.corruption_images import picture
from PIL import Image

from reliseg.corruptions import Corrupted


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "street.png"
    Image.fromarray(picture(30, 40)).save(path)
    return path


def test_one_kind_at_one_severity_is_the_image_that_a_run_would_see(command, image, tmp_path):
    out = tmp_path / "fog.png"
    words = ("--kind", "fog", "--severity", 3, "--seed", 7, "--id", "bonn/street")
    code, said, _ = command("corrupt", image, "--out", out, *words)
    assert (code, said.strip()) == (0, str(out))
    assert np.array_equal(np.asarray(Image.open(out)), Corrupted("fog", 3, 7)(picture(30, 40), "bonn/street"))


def test_several_are_a_contact_sheet(command, image, tmp_path):
    assert command("corrupt", image, "--out", tmp_path / "a.png", "--kind", "noise", "--kind", "rain")[0] == 0
    with Image.open(tmp_path / "a.png") as sheet:
        assert sheet.size == (6 * 44 - 4, 4 * 48)


def test_a_grey_image_is_corrupted_as_rgb(command, image, tmp_path):
    grey, out = tmp_path / "grey.png", tmp_path / "out.png"
    Image.fromarray(picture(30, 40)[..., 0]).save(grey)
    assert command("corrupt", grey, "--out", out, "--kind", "contrast", "--severity", 1)[0] == 0
    seen = np.asarray(Image.open(out))
    assert seen.shape == (30, 40, 3)
    assert (seen == seen[..., :1]).all()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--kind", "fogg"], "unknown corruption 'fogg'; did you mean 'fog'"),
        (["--severity", "0"], "severity is '0'; give a whole number from 1 to 5"),
        (["--severity", "6"], "severity is '6'; give a whole number from 1 to 5"),
        (["--out", "sheet.jpg"], "call it sheet.png"),
    ],
)
def test_what_is_wrong_is_one_line(command, image, tmp_path, words, said):
    code, _, err = command("corrupt", image, "--out", tmp_path / "a.png", *words)
    assert code == 2
    assert said in err
    assert len(err.splitlines()) == 1


def test_a_file_that_is_no_image_is_named(command, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_text("no image")
    code, _, err = command("corrupt", broken, "--out", tmp_path / "a.png")
    assert code == 2
    assert err == f"reliseg: {broken}: not an image, or of an unknown format; replace the file\n"
    assert "no such file" in command("corrupt", tmp_path / "none.png", "--out", tmp_path / "a.png")[2]


def test_a_side_that_jpeg_cannot_have_is_refused_before_anything_is_corrupted(command, tmp_path):
    long = tmp_path / "long.png"
    Image.new("RGB", (66_000, 1)).save(long)
    code, _, err = command("corrupt", long, "--out", tmp_path / "a.png")
    assert code == 2
    assert "leave out jpeg_compression" in err


MAPS = """
labels = "cityscapes"
image = "{scene}/{stem}.png"
mask = "{scene}/{stem}_ids.png"
[depth]
map = "{scene}/{stem}_depth.png"
stores = "metres"
scale = 100
"""


@pytest.fixture
def depth(tmp_path):
    """A wall that goes from 5 to 100 metres."""
    path = tmp_path / "depth.png"
    Image.fromarray(np.tile(np.linspace(500, 10_000, 40).astype(np.uint16), (30, 1))).save(path)
    return path


@pytest.fixture
def spec(tmp_path):
    path = tmp_path / "maps.toml"
    path.write_text(MAPS)
    return path


def test_fog_from_depth_reads_a_map_as_a_spec_says(command, image, depth, spec, tmp_path):
    out = tmp_path / "out.png"
    words = ("--kind", "depth_fog", "--severity", 3, "--depth", depth, "--spec", spec)
    assert command("corrupt", image, "--out", out, *words)[0] == 0
    metres = np.tile(np.linspace(500, 10_000, 40).astype(np.uint16), (30, 1)).astype(np.float32) / 100
    assert np.array_equal(np.asarray(Image.open(out)), Corrupted("depth_fog", 3)(picture(30, 40), "street", metres))


def test_disparities_of_cityscapes_are_read_with_the_camera(command, image, depth, tmp_path):
    camera, out = tmp_path / "camera.json", tmp_path / "out.png"
    camera.write_text(json.dumps({"extrinsic": {"baseline": 0.2}, "intrinsic": {"fx": 50.0, "u0": 20.0, "v0": 15.0}}))
    words = ("--kind", "depth_fog", "--severity", 5, "--depth", depth, "--camera", camera)
    assert command("corrupt", image, "--out", out, *words)[0] == 0
    assert not np.array_equal(np.asarray(Image.open(out)), picture(30, 40))


def test_a_sheet_with_depth_has_a_row_more(command, image, depth, spec, tmp_path):
    words = ("--severity", 1, "--depth", depth, "--spec", spec)
    assert command("corrupt", image, "--out", tmp_path / "a.png", *words)[0] == 0
    with Image.open(tmp_path / "a.png") as sheet:
        assert sheet.size == (2 * 44 - 4, 17 * 48)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["--kind", "depth_fog"],
            "depth_fog needs to know how far everything is; give the image's depth map by --depth",
        ),
        (["--kind", "fog", "--depth", "depth.png"], "--depth is for corruptions that need depth"),
        (["--camera", "camera.json"], "--camera is for corruptions that need depth"),
        (["--depth", "depth.png"], "the spec of cityscapes reads numbers of the camera in a file; give it by --camera"),
        (["--depth", "depth.png", "--spec", "maps.toml", "--camera", "a.json"], "reads nothing in such a file"),
        (["--depth", "depth.png", "--spec", "camvid"], "the spec of camvid names no depth maps"),
        (["--depth", "none.png", "--spec", "maps.toml"], "none.png: cannot be read (no such file"),
        (["--depth", "small.png", "--spec", "maps.toml"], "give a depth map of the image's size"),
    ],
)
def test_what_is_wrong_with_depth_is_one_line(command, image, depth, spec, tmp_path, monkeypatch, words, said):
    monkeypatch.chdir(tmp_path)
    Image.new("L", (4, 4), 7).save("small.png")
    code, _, err = command("corrupt", image, "--out", "a.png", *words)
    assert code == 2
    assert said in err
    assert len(err.splitlines()) == 1
