"""What is wrong in a configuration is said by the user's own keys, and by what is wanted there."""

import pytest

from reliseg.config.schema import parse_config
from reliseg.errors import ConfigError


def content() -> dict:
    return {
        "models": [{"name": "net", "kind": "stored", "where": "logits"}],
        "datasets": [{"name": "street", "spec": "camvid", "root": "data"}],
    }


def said(way: tuple, value: object) -> str:
    given = content()
    *above, last = way
    section = given
    for part in above:
        section = section[part] if isinstance(section, list) else section.setdefault(part, {})
    section[last] = value
    with pytest.raises(ConfigError) as caught:
        parse_config(given)
    return str(caught.value).removeprefix("configuration: ")


MODEL, DATA = ("models", 0), ("datasets", 0)
CASES = [
    (("sample", "per_image"), -5, "sample.per_image: give more than 0 or all, not -5"),
    (("sample", "cap"), "some", "sample.cap: give a whole number or all, not 'some'"),
    (("sample",), 5, "sample: give keys with values, not 5"),
    ((*MODEL, "resize"), [0, 512], "models.0.resize.0: give more than 0, not 0"),
    ((*MODEL, "resize"), [512], "models.0.resize.1 is missing"),
    ((*MODEL, "resize"), "small", "models.0.resize: give processor or none or a list or keys with values, not 'small'"),
    ((*MODEL, "mean"), [1, 2, 3, 4], "models.0.mean: give at most 3 in the list"),
    ((*MODEL, "args"), {1: 2}, "models.0.args.1: give a word as key, not 1"),
    ((*MODEL, "precision"), "float8", "models.0.precision: give float32, bfloat16 or float16, not 'float8'"),
    ((*DATA, "image"), ["a", 5], "datasets.0.image.1: give a word, not 5"),
    ((*DATA, "image"), 5, "datasets.0.image: give a word or a list, not 5"),
    ((*DATA, "domains"), {"all": 5}, "datasets.0.domains.all: give keys with values, not 5"),
    ((*DATA, "projection"), {"ade": [1, "x"]}, "datasets.0.projection.ade.1: give a whole number, not 'x'"),
    (("seed",), -1, "seed: give at least 0, not -1"),
    (("device",), "gpu", "device: unknown device 'gpu'; give auto, cpu, cuda or cuda:0, cuda:1 .."),
    (("models",), [], "models: give at least 1 in the list"),
    (("a\nb",), 1, "unknown key 'a\\nb' at 'a\\nb'; known: "),
    (("k" * 99,), 1, f"unknown key '{'k' * 57}...' at '{'k' * 57}...'; known: "),
    ((*DATA, "domains"), {"a b": {"x" * 99: 1}}, f"datasets.0.domains.a b.'{'x' * 57}...': give a word or a list or"),
    (("device",), "g" * 999, "device: unknown device 'ggg"),
]


@pytest.mark.parametrize(("way", "value", "line"), CASES, ids=[line.partition(":")[0] for *_, line in CASES])
def test_the_place_is_the_users_own(way, value, line):
    text = said(way, value)
    assert text == line or (text.startswith(line) and line.endswith((": ", "or", "ggg")))
    assert len(text) < 300


def test_a_text_of_several_lines_in_the_place_of_a_list_is_one_line():
    with pytest.raises(ConfigError) as caught:
        parse_config(content() | {"scores": "- msp\n- margin\n"})
    assert str(caught.value).endswith("scores: a list is needed; write [..]")
    with pytest.raises(ConfigError, match=r"scores: a list is needed; write \[msp\]"):
        parse_config(content() | {"scores": "msp"})
