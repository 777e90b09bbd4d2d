"""The published code, run once by benchmarks/corruption_references.py, and this one."""

import base64
import json
from pathlib import Path
from statistics import fmean, stdev

import numpy as np
import pytest
from helpers.corruption_images import flat, picture

from reliseg.corruptions import Corrupted

REFERENCES = json.loads(Path(__file__).with_name("references.json").read_text())
CORNERS = ((0, 0), (228, 308), (110, 150))
SEVERITIES = (1, 3, 5)
CLEAN = picture(240, 320)
EQUAL = ("contrast", "jpeg_compression", "pixelate")


@pytest.mark.parametrize("severity", SEVERITIES)
@pytest.mark.parametrize("kind", REFERENCES["crops"])
def test_without_chance_or_with_the_same_chance_bytes_are_the_published_ones_within_a_level(kind, severity):
    data = np.frombuffer(base64.b64decode(REFERENCES["crops"][kind][str(severity)]), np.uint8)
    expected = data.reshape(3, 12, 12, 3).astype(int)
    out = Corrupted(kind, severity)(CLEAN, "picture")
    apart = abs(np.stack([out[y : y + 12, x : x + 12] for y, x in CORNERS]) - expected)
    assert apart.max() <= (0 if kind in EQUAL else 1)
    assert (apart > 0).mean() < 0.3  # much of this picture is exact integers, which floats miss by their last bit


@pytest.mark.parametrize("severity", SEVERITIES)
@pytest.mark.parametrize("kind", REFERENCES["noises"])
def test_noise_is_as_strong_as_the_published_one(kind, severity):
    images = [Corrupted(kind, severity)(CLEAN, str(number)) for number in range(10)]
    change = fmean(((image.astype(float) - CLEAN) ** 2).mean() for image in images)
    assert change == pytest.approx(REFERENCES["noises"][kind][str(severity)], rel=0.04)  # of one image there


@pytest.mark.parametrize("severity", SEVERITIES)
@pytest.mark.parametrize("kind", ["fog", "snow"])
def test_weather_on_a_grey_wall_is_as_bright_and_as_varied_as_published(kind, severity):
    expected = REFERENCES["statistics"][kind][str(severity)]
    images = [Corrupted(kind, severity)(flat(128, 256, 100), str(number)) for number in range(60)]
    means = [float(image.mean()) for image in images]
    error = (expected["spread"] ** 2 + stdev(means) ** 2) ** 0.5 / 60**0.5
    assert abs(fmean(means) - expected["mean"]) < 3 * error
    assert stdev(means) == pytest.approx(expected["spread"], rel=0.4)  # of 60 each: three standard errors
    assert fmean(float(image.std()) for image in images) == pytest.approx(expected["within"], rel=0.06)


@pytest.mark.parametrize("severity", SEVERITIES)
def test_elastic_transform_bends_as_far_as_published(severity):
    expected = REFERENCES["statistics"]["elastic_transform"][str(severity)]["change"]
    images = [Corrupted("elastic_transform", severity)(CLEAN, str(number)) for number in range(20)]
    assert fmean(((i.astype(float) - CLEAN) ** 2).mean() for i in images) == pytest.approx(expected, rel=0.03)
