"""Kinds, groups of kinds and `fog-3` as users write them."""

import pytest

from reliseg.corruptions import chosen_kinds, known_severity, parse_corruption
from reliseg.corruptions.choice import kinds_of_group, known_kind
from reliseg.errors import ConfigError

NOISE = ["gaussian_noise", "impulse_noise", "shot_noise"]


def test_all_are_the_fifteen_published_kinds_by_family():
    kinds = kinds_of_group("all")
    assert len(kinds) == 15
    assert kinds[:3] == NOISE
    assert kinds == [kind for group in ("noise", "blur", "weather", "digital") for kind in kinds_of_group(group)]
    assert kinds_of_group("weather") == ["brightness", "fog", "frost", "snow"]


def test_names_and_groups_are_united_in_their_order():
    assert chosen_kinds(["rain", "noise", "shot-noise"]) == ["rain", *NOISE]


@pytest.mark.parametrize(
    ("name", "nearest"), [("fogg", "fog"), ("wether", "weather"), ("gausian_noise", "gaussian_noise")]
)
def test_an_unknown_kind_is_one_line_with_the_nearest(name, nearest):
    with pytest.raises(ConfigError, match=f"unknown corruption '{name}'.*'{nearest}'"):
        chosen_kinds([name])


def test_a_name_may_have_hyphens():
    assert known_kind("jpeg-compression") == "jpeg_compression"
    assert parse_corruption("jpeg-compression-2", 7).facts().items() >= {
        "kind": "jpeg_compression", "severity": 2, "seed": 7
    }.items()  # fmt: skip


@pytest.mark.parametrize("text", ["fog-0", "fog-6", "fog-33"])
def test_a_severity_that_is_none_is_refused(text):
    with pytest.raises(ConfigError, match="give a whole number from 1 to 5"):
        parse_corruption(text, 0)


@pytest.mark.parametrize("text", ["fog", "fog-", "fog--1", "-3", "fog-x", "3"])
def test_what_is_no_corruption_says_how_one_is_written(text):
    with pytest.raises(ConfigError, match=r"fog-3|unknown corruption"):
        parse_corruption(text, 0)


@pytest.mark.parametrize("severity", [True, 0, 6, 2.5, "3", None])
def test_only_whole_numbers_are_severities(severity):
    with pytest.raises(ConfigError, match="severity is"):
        known_severity(severity)
