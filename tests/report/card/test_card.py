"""The card of a run satisfies the published schema whatever the run holds, and says nothing of the machine."""

import json
import math

import jsonschema
import pytest
from helpers.result_rows import HOSTILE, result_row, with_interval
from helpers.street import make_street

import reliseg
from reliseg.report.card.card import BY_CLASS, OVERALL, card_text, reliability_card, schema_file
from reliseg.report.quantities import known_quantities
from reliseg.results import Results, read_provenance

SCHEMA = json.loads(schema_file().read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
PROVENANCE = {
    "protocol": {"name": "study", "version": 1},
    "versions": {"reliseg": "1.2.3"},
    "machine": "x86_64",
    "models": {
        "net": {
            "kind": "hf",
            "where": "/home/me/net",
            "parameters": 5,
            "state_sha256": "a" * 64,
            "files": {"/home/me/net/weights": "b" * 64},
        }
    },
}


def card_of(*rows, provenance=PROVENANCE):
    card = json.loads(card_text(reliability_card(rows, provenance)))
    VALIDATOR.validate(card)
    return card


def numbers_of(card):
    return [number for result in card["results"] for number in result["numbers"]]


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["properties"]["version"]["const"] == 1


def test_a_card_has_the_models_and_their_hashes_and_no_path():
    card = card_of(result_row())
    assert (card["reliseg"], card["protocol"]) == ("1.2.3", "study")
    assert card["models"] == [
        {
            "name": "net",
            "kind": "hf",
            "parameters": 5,
            "weights_sha256": "a" * 64,
            "files_sha256": ["b" * 64],
        }
    ]
    assert "/home/me" not in json.dumps(card)
    assert "x86_64" not in json.dumps(card)


def test_a_number_has_its_interval_its_bracket_and_its_doubt():
    row = with_interval(result_row(0.5, lo=0.45, hi=0.55, score="msp"), 0.4, 0.6, "2 % of the units decide this number")
    (number,) = numbers_of(card_of(row))
    assert number == {
        "metric": "ece",
        "class": "",
        "score": "msp",
        "definition": "ece/test",
        "better": "lower",
        "value": 0.5,
        "why": "",
        "bracket": [0.45, 0.55],
        "interval": {"low": 0.4, "high": 0.6, "level": 0.95, "units": "images", "n": 20},
        "interval_note": "2 % of the units decide this number",
    }


def test_an_undefined_number_is_null_with_its_reason():
    (number,) = numbers_of(card_of(result_row(math.nan)))
    assert (number["value"], number["why"], number["bracket"], number["interval"]) == (None, "no pixel", None, None)


def test_places_and_numbers_are_in_the_order_of_the_run_and_of_the_card():
    rows = [
        result_row(0.1, metric="ece", domain="fog"),
        result_row(0.2, metric="miou", domain="day"),
        result_row(0.3, metric="miou", domain="fog"),
        result_row(0.4, metric="iou", class_="car", domain="fog"),
        result_row(0.5, metric="flip_rate", domain="fog"),
        result_row(0.6, metric="classwise_ece", class_="car", domain="fog"),
    ]
    card = card_of(*rows)
    assert [result["domain"] for result in card["results"]] == ["fog", "day"]
    assert [number["value"] for number in card["results"][0]["numbers"]] == [0.3, 0.1, 0.4]


def test_thresholds_of_several_splits_are_several_places():
    rows = [result_row(0.1 * i, metric="transfer_risk95", fitted_on=f"s/{i}") for i in range(2)]
    assert [result["fitted_on"] for result in card_of(*rows)["results"]] == ["s/0", "s/1"]


def test_a_mean_over_seeds_stands_for_its_seeds():
    rows = [result_row(calibration=f"cluster_ts({c})@s/cal") for c in ("k=2,seed=42", "k=2,seed=43", "k=2")]
    assert [result["calibration"] for result in card_of(*rows)["results"]] == ["cluster_ts(k=2)@s/cal"]


def test_what_a_card_holds_exists_as_a_metric():
    assert set(OVERALL) | set(BY_CLASS) <= set(known_quantities())


@pytest.mark.parametrize(
    "provenance",
    [
        {},
        {"models": None, "versions": [], "protocol": None},
        {"models": {"net": 5}, "versions": {"reliseg": 1}},
        {"models": {"net": {"parameters": True, "files": ["a"], "kind": 1, "state_sha256": None}}},
        {"models": {"net": {"files": {"a": None}, "parameters": 1.5}}},
    ],
)
def test_facts_that_are_not_there_or_not_as_they_should_be_are_null(provenance):
    (model,) = card_of(result_row(), provenance=provenance)["models"]
    assert model == {"name": "net", "kind": None, "parameters": None, "weights_sha256": None, "files_sha256": []}


@pytest.mark.parametrize("name", HOSTILE)
def test_any_names_give_a_valid_card(name):
    card = card_of(result_row(math.nan, model=name, domain=name, calibration=name, why=name or "none"))
    assert card["results"][0]["model"] == card["models"][0]["name"] == name


def test_an_empty_run_gives_a_valid_card():
    assert card_of() | {"models": [], "results": []} == card_of()


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"format": "other"},
        {"models": None},
        {"results": [{}]},
    ],
)
def test_the_schema_refuses_what_is_no_card(change):
    assert not VALIDATOR.is_valid(card_of(result_row()) | change)


@pytest.mark.parametrize(
    "change",
    [{"value": "0.5"}, {"value": None, "why": ""}, {"bracket": [1]}, {"better": "best"}, {"interval": {"low": 0}}],
)
def test_the_schema_refuses_what_is_no_number(change):
    card = card_of(result_row())
    card["results"][0]["numbers"][0] |= change
    assert not VALIDATOR.is_valid(card)


@pytest.mark.slow
def test_a_real_run_has_a_valid_card(tmp_path):
    street = make_street(tmp_path / "street", cal=3, day=4, dusk=4)
    reliseg.run_config(street.config, tmp_path / "out")
    card = card_of(*Results.read(tmp_path / "out"), provenance=read_provenance(tmp_path / "out"))
    assert {number["metric"] for number in numbers_of(card)} >= {"miou", "ece", "auroc", "iou"}
    assert str(tmp_path) not in json.dumps(card)
