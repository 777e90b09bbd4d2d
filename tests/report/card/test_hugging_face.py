"""The section of a model card is what the library of Hugging Face reads back."""

import math

import pytest
import yaml
from helpers.result_rows import HOSTILE, result_row, with_interval
from huggingface_hub import ModelCard

from reliseg.report.card.card import reliability_card
from reliseg.report.card.hugging_face import model_index


def section(*rows):
    return model_index(reliability_card(rows, {}))


ROWS = (
    with_interval(result_row(0.6, metric="miou"), 0.5, 0.7),
    result_row(0.05, score="msp", calibration="ts@street/cal", fitted_on="street/cal", reference="street/day"),
    result_row(0.9, metric="iou", class_="car"),
    result_row(math.nan, metric="prr"),
    result_row(0.7, metric="auroc", score="msp"),
    result_row(0.8, metric="auroc", score="margin"),
    result_row(0.5, metric="miou", domain="fog"),
)


def test_numbers_over_all_classes_are_listed_by_domain_with_their_intervals():
    (model,) = yaml.safe_load(section(*ROWS))["model-index"]
    assert model["name"] == "net"
    dusk, fog = model["results"]
    assert dusk["dataset"] == {"type": "street", "name": "street dusk", "split": "dusk"}
    assert [(m["type"], m["name"], m["value"]) for m in dusk["metrics"]] == [
        ("mean_iou", "mIoU (identity)", 0.6),
        ("roc_auc", "AUROC of errors (identity)", 0.7),
        ("expected_calibration_error", "ECE (ts@street/cal)", 0.05),
    ]
    assert dusk["metrics"][0]["args"] == {
        "metric": "miou",
        "definition": "miou/test",
        "calibration": "identity",
        "images": 20,
        "interval": {"low": 0.5, "high": 0.7, "level": 0.95, "units": "images", "n": 20},
    }
    assert dusk["metrics"][2]["args"]["reference"] == "street/day"
    assert [m["value"] for m in fog["metrics"]] == [0.5]


def test_the_library_of_hugging_face_reads_what_was_written():
    card = ModelCard(f"---\n{section(*ROWS)}---\n# A model\n")
    found = [(r.dataset_split, r.metric_type, r.metric_value) for r in card.data.eval_results]
    assert ("dusk", "mean_iou", 0.6) in found
    assert ("fog", "mean_iou", 0.5) in found
    assert len(found) == 4
    assert card.data.eval_results[0].metric_args["interval"]["low"] == 0.5


def test_several_models_are_several_entries():
    models = yaml.safe_load(section(result_row(metric="miou"), result_row(metric="miou", model="b")))["model-index"]
    assert [(model["name"], len(model["results"])) for model in models] == [("net", 1), ("b", 1)]


@pytest.mark.parametrize("name", [name for name in HOSTILE if "\ud800" not in name])
def test_any_names_are_read_back(name):
    (model,) = yaml.safe_load(section(result_row(metric="miou", model=name, domain=name)))["model-index"]
    assert (model["name"], model["results"][0]["dataset"]["split"]) == (name, name)
