"""The files of an image: their formats, and which can be asked for."""

import io

import numpy as np
import pytest
from helpers.heads import prediction_with
from PIL import Image

from reliseg.calibration.methods.ts import Scaled
from reliseg.deploy.acceptance import Acceptance
from reliseg.deploy.files.kinds import ENDINGS, MEANINGS, check_kinds, file_of, grey_out, write_kinds
from reliseg.deploy.files.kinds import write_probabilities as write
from reliseg.deploy.result import CalibratedImage
from reliseg.errors import ConfigError
from reliseg.kernels.maps import pixel_maps

PALETTE = ((1, 2, 3), (4, 5, 6), (7, 8, 9), (10, 11, 12))


@pytest.fixture
def result():
    calibrated = Scaled(2.0)(prediction_with())
    last = int(np.median(pixel_maps(calibrated.view()).bins["msp"]))
    return CalibratedImage.of("a", calibrated, Acceptance("msp", last, "street/cal"))


def test_each_kind_is_a_file_of_its_own(result, tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (18, 26, 3), np.uint8)
    write_kinds(ENDINGS, tmp_path / "x" / "a", result, image, PALETTE)
    read = {p.name: np.asarray(Image.open(p)) for p in (tmp_path / "x").glob("*.png")}
    np.testing.assert_array_equal(read["a_pred.png"], result.classes)
    np.testing.assert_array_equal(read["a_conf.png"], np.rint(result.confidence.astype(np.float64) * 65535))
    assert set(np.unique(read["a_accepted.png"])) == {0, 255}
    np.testing.assert_array_equal(read["a_accepted.png"] > 0, result.accepted)
    np.testing.assert_array_equal(read["a_color.png"], np.array(PALETTE)[result.classes])
    np.testing.assert_array_equal(read["a_overlay.png"][result.accepted], image[result.accepted])
    stored = np.load(tmp_path / "x" / "a_prob.npy")
    np.testing.assert_array_equal(stored, np.moveaxis(result.probabilities(), 0, 2))
    assert set(MEANINGS) == set(ENDINGS)
    assert file_of(tmp_path / "a", "confidence").name == "a_conf.png"


def test_probabilities_are_written_block_by_block():
    large = CalibratedImage.of("a", prediction_with(size=(3000, 400)), Acceptance())
    sizes = []

    class File(io.BytesIO):
        def write(self, data):
            sizes.append(len(data))
            return super().write(data)

    file = File()
    write(file, large)
    assert max(sizes) <= 8 << 20
    file.seek(0)
    assert np.load(file).shape == (3000, 400, 4)


def test_rejected_pixels_lose_their_color_and_others_keep_it():
    image = np.array([[[200, 40, 40], [200, 40, 40]]], np.uint8)
    shown = grey_out(image, np.array([[True, False]]))
    assert len(set(shown[0, 0].tolist())) == 1
    assert shown[0, 1].tolist() == [200, 40, 40]


def test_kinds_stand_in_one_order_and_unknown_ones_are_refused():
    assert check_kinds(["overlay", "prediction"], "") == ("prediction", "overlay")
    with pytest.raises(ConfigError, match="--write: unknown kind 'colour'; did you mean 'color'"):
        check_kinds(["colour"], "")
    with pytest.raises(ConfigError, match="--write: name what is written"):
        check_kinds([], "")


def test_what_needs_a_threshold_is_refused_where_there_is_none():
    assert check_kinds(["confidence"], "no split") == ("confidence",)
    for kind in ("accepted", "overlay"):
        with pytest.raises(ConfigError, match=f"--write {kind}: no pixel can be accepted or rejected: no split"):
            check_kinds([kind], "no split")
