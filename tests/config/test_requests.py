"""The sections of what is asked of a run."""

import pytest
from helpers.configurations import LEAST

from reliseg.config.schema import parse_config
from reliseg.errors import ConfigError


@pytest.mark.parametrize(
    ("promise", "message"),
    [
        ({"risk": "0"}, "accept.risk: give more than 0"),
        ({"risk": "1"}, "accept.risk: give less than 1"),
        ({"risk": "five"}, "accept.risk: give a number, not 'five'"),
        ({}, "accept.risk is missing"),
        ({"risk": "0.05", "confidence": "95"}, "accept.confidence: give less than 1"),
        ({"risk": "0.05", "clas": "car"}, "unknown key 'clas' at accept.clas; did you mean 'class'"),
    ],
)
def test_a_promise_that_is_none_is_refused_with_its_place(promise, message):
    with pytest.raises(ConfigError, match=message):
        parse_config(LEAST | {"accept": promise})


def test_promises_are_written_back_as_they_are_asked_and_others_are_not():
    promises = [{"risk": "0.05"}, {"risk": "0.01", "class": "car", "on": "a/b", "confidence": "0.95"}]
    config = parse_config(LEAST | {"accept": promises})
    written = config.model_dump()["accept"]
    assert written == [{"risk": 0.05}, {"risk": 0.01, "class": "car", "on": ["a/b"], "confidence": 0.95}]
    assert parse_config(config.model_dump()) == config
    assert "accept" not in parse_config(LEAST).model_dump()
