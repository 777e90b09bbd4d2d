"""The settings of a run."""

import numpy as np
import pytest

from reliseg.config.schema import parse_settings
from reliseg.config.settings import SampleConfig
from reliseg.config.yaml_files import parse_yaml
from reliseg.errors import ConfigError
from reliseg.metrics import METRICS
from reliseg.stats.built_in_scores import BUILT_IN_SCORES


def test_scores_and_metrics_are_written_out():
    settings = parse_settings({})
    assert settings.scores == list(BUILT_IN_SCORES)
    assert settings.metrics == [f for f in METRICS.names() if METRICS.get(f).by_default]
    assert parse_settings({"metrics": None}).metrics == settings.metrics
    assert parse_settings({"metrics": ["drop", "all"]}).metrics[0] == "drop"
    assert parse_settings({"scores": ["neg-energy", "margin", "margin"]}).scores == ["msp", "neg_energy", "margin"]


@pytest.mark.parametrize(
    ("content", "images", "quota"),
    [
        ({}, 10, 20_000),
        ({}, 1000, 10_000),
        ({"per_image": 5}, 10**9, 1),
        ({"per_image": 7, "cap": "all"}, 10**9, 7),
        ({"per_image": "all", "cap": 100}, 10, 10),
    ],
)
def test_the_pixels_of_an_image_are_limited_by_both_numbers(content, images, quota):
    assert SampleConfig.model_validate(content).quota(images) == quota


def test_all_pixels_of_an_image_are_all_of_the_run():
    assert SampleConfig.model_validate({"per_image": "all"}).cap == "all"
    assert SampleConfig.model_validate({"per_image": "all"}).quota(10**6) > 10**12


NUMBERS = [
    ("seed: 0x1F", "seed", 31),
    ("seed: 0016", "seed", 16),
    ("seed: '3'", "seed", 3),
    ("limit: ~", "limit", None),
    ("limit:", "limit", None),
    ("sample: {cap: 1e8}", "sample", SampleConfig(cap=100_000_000)),
    ("batch: 2.0", "batch", 2),
]


@pytest.mark.parametrize(("text", "key", "value"), NUMBERS)
def test_a_number_is_one_of_yaml_1_2_where_a_number_is_asked_for(text, key, value):
    settings = parse_settings(parse_yaml(text))
    assert getattr(settings, key) == value
    assert type(getattr(settings, key)) is type(value)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("seed: 1_0", "seed: give a whole number, not '1_0'"),
        ("seed: true", "seed: give a whole number, not 'true'"),
        ("seed: ' 7'", "seed: give a whole number, not ' 7'"),
        ("seed: 3.5", "seed: give a whole number, not 3.5"),
        ("seed: null", "seed: give a whole number"),
        (f"seed: {'9' * 30}", f"seed: give less than 9223372036854775808, not {'9' * 30}"),
        (f"seed: {'9' * 5000}", f"seed: give a whole number, not '{'9' * 57}...'"),
        ("threads: 100000", "threads: give at most 1024, not 100000"),
        ("batch: 100000", "batch: give at most 4096, not 100000"),
        ("sample: {cap: all pixels}", "sample.cap: give a whole number or all, not 'all pixels'"),
        ("device:", "device is empty; write a word, in quotes where it is '~'"),
        ("scores: [msp, ~]", "scores.1 is empty; write a word, in quotes where it is '~'"),
        ("sample: [1]", "sample: give keys with values"),
    ],
)
def test_what_is_no_number_or_name_is_refused_with_what_to_give(text, line):
    with pytest.raises(ConfigError) as refusal:
        parse_settings(parse_yaml(text))
    assert str(refusal.value) == f"settings: {line}"


@pytest.mark.parametrize("value", [{"seed": np.int64(3)}, {"seed": 3.0}, {"seed": 3}, {"seed": "3"}])
def test_numbers_of_a_program_are_read_alike(value):
    assert parse_settings(value).seed == 3


@pytest.mark.parametrize("value", [True, 3.5, "1_0", None, [3], np.bool_(True)])
def test_what_is_no_number_of_a_program_is_refused(value):
    with pytest.raises(ConfigError, match="settings: seed: give a whole number"):
        parse_settings({"seed": value})
