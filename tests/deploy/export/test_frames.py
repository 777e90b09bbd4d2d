"""Which images an exported file is compared on."""

import numpy as np
import pytest
from helpers.deployed import make_images
from helpers.exported import Net, model_of, predictor_of
from PIL import Image

from reliseg.deploy.export.frames import FRAMES, at_size, find_frames
from reliseg.deploy.stored_run import StoredRun
from reliseg.errors import ConfigError, SampleError

CONFIG = """
models: [{name: net, kind: python, where: "net.py:build", labels: camvid}]
datasets:
  - name: street
    spec: camvid
    root: %s
    domains: {day: {split: train}, cal: {split: val}}
calibration: [{on: [street/cal], methods: [ts]}]
test: {on: [street/day]}
"""


@pytest.fixture
def stored(tmp_path):
    make_images(tmp_path, {"val": 2, "train": 3})
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.yaml").write_text(CONFIG % (tmp_path / "data"))
    return StoredRun(tmp_path / "run", "run")


def files(tmp_path, split):
    return [np.asarray(Image.open(path).convert("RGB")) for path in sorted((tmp_path / "data" / split).glob("*.png"))]


def test_images_are_those_of_all_domains_the_split_s_first(stored, tmp_path):
    frames = find_frames(stored, predictor_of(model_of(Net())), [])
    day, cal = files(tmp_path, "train"), files(tmp_path, "val")
    assert len(frames) == FRAMES
    for frame, wanted in zip(frames, [cal[0], day[0], cal[1], day[1]], strict=True):
        np.testing.assert_array_equal(frame, wanted)


def test_images_may_be_named(stored, tmp_path):
    frames = find_frames(stored, predictor_of(model_of(Net())), [str(tmp_path / "data" / "train")])
    for frame, wanted in zip(frames, files(tmp_path, "train"), strict=True):
        np.testing.assert_array_equal(frame, wanted)


def test_where_the_data_lie_elsewhere_images_are_asked_for(stored, tmp_path):
    (tmp_path / "data").rename(tmp_path / "elsewhere")
    with pytest.raises(
        ConfigError, match=r"the images of run cannot be read here \(.*\); give --images, some of those"
    ):
        find_frames(stored, predictor_of(model_of(Net())), [])


def test_grey_images_become_rgb_and_16_bit_ones_are_refused_in_one_line(stored, tmp_path):
    grey = np.arange(48, dtype=np.uint8).reshape(6, 8)
    Image.fromarray(grey).save(tmp_path / "grey.png")
    Image.fromarray(grey.astype(np.uint16) * 256).save(tmp_path / "deep.png")
    predictor = predictor_of(model_of(Net()))
    (frame,) = find_frames(stored, predictor, [str(tmp_path / "grey.png")])
    np.testing.assert_array_equal(frame, np.repeat(grey[..., None], 3, axis=2))
    with pytest.raises(SampleError, match=r"deep\.png.*16-bit; convert it to 8-bit RGB$"):
        find_frames(stored, predictor, [str(tmp_path / "deep.png")])


def test_a_frame_is_brought_to_a_size():
    assert at_size(np.zeros((8, 6, 3), np.uint8), (4, 5)).shape == (4, 5, 3)
