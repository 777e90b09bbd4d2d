"""What stands in an exported file."""

from dataclasses import replace

import numpy as np
from helpers.exported import Net, model_of, predictor_of

from reliseg.deploy.export.comparison import Agreement
from reliseg.deploy.export.facts import FORMAT, facts_of, outputs_of
from reliseg.deploy.export.wishes import Wishes

IMAGE = {"image": np.zeros((1, 6, 8, 3), np.uint8)}


def test_facts_say_what_the_graph_takes_and_gives_and_what_it_was_made_of():
    predictor = predictor_of(model_of(Net()))
    facts = facts_of(predictor, Wishes(), IMAGE, Agreement(1, 48, 1e-6), None, any_number=True)
    assert facts["format"] == FORMAT
    assert facts["begins_with"] == "image"
    assert facts["inputs"]["image"]["shape"] == ["n", 6, 8, 3]
    assert facts["inputs"]["image"]["type"] == "uint8"
    assert list(facts["outputs"]) == ["classes", "confidence", "accepted"]
    assert facts["model"]["name"] == "net"
    assert facts["calibration"]["name"] == "ts"
    assert facts["acceptance"] == predictor.acceptance.facts()
    assert facts["palette"][0] == [128, 128, 128]
    assert "least_size" not in facts
    assert facts["agreement"]["largest_difference"] == 1e-6


def test_facts_of_a_file_for_any_size_name_its_axes_and_the_least_size():
    predictor = predictor_of(model_of(Net(), feature="body"))
    inputs = IMAGE | {"logits": np.zeros((1, 11, 2, 2), np.float32), "feature": np.zeros((1, 8), np.float32)}
    facts = facts_of(predictor, Wishes(dynamic=True, head_only=True), inputs, Agreement(), (5, 7), any_number=False)
    assert {name: given["shape"] for name, given in facts["inputs"].items()} == {
        "image": [1, "height", "width", 3],
        "logits": [1, 11, "h", "w"],
        "feature": [1, 8],
    }
    assert facts["least_size"] == [5, 7]
    assert facts["inputs"]["feature"]["content"] == "the mean over positions of what the layer body gives"


def test_without_a_threshold_there_is_no_map_of_accepted_pixels():
    predictor = predictor_of(model_of(Net()))
    assert outputs_of(replace(predictor, acceptance=replace(predictor.acceptance, last=None))) == (
        "classes",
        "confidence",
    )
