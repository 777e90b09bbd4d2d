"""`reliseg corrupt`: what a user sees, and the exit codes."""

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
