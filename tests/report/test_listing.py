"""`reliseg list`: a line for each name, and parameters as they are written."""

import sys
from itertools import pairwise

import pytest

from reliseg.calibration import CALIBRATORS, canonical_text
from reliseg.data import dataset_names
from reliseg.labels import label_space, label_space_names
from reliseg.metrics import METRICS
from reliseg.models import MODELS
from reliseg.report.listing import listing_lines
from reliseg.scores import SCORES

NAMES = {
    "models": MODELS.names(),
    "datasets": dataset_names(),
    "labels": label_space_names(),
    "metrics": METRICS.names(),
    "scores": SCORES.names(),
    "calibrations": CALIBRATORS.names(),
}


@pytest.mark.parametrize("kind", NAMES)
def test_every_name_begins_one_line_that_explains_it(kind):
    lines = [line for line in listing_lines(kind) if not line.startswith(" ")]
    assert [line.split()[0].rstrip(":") for line in lines] == NAMES[kind]
    assert all(len(line.split()) > 2 for line in lines)


def test_every_number_is_listed_below_its_family():
    numbers, family = {}, ""
    for line in listing_lines("metrics"):
        if line.startswith("  "):
            numbers[family].append(line.split()[0])
        else:
            family = line.partition(":")[0]
            numbers[family] = []
    assert numbers == {f: list(METRICS.get(f)().quantities()) for f in METRICS.names()}


def test_parameters_of_calibrations_are_listed_as_they_are_written():
    lines = list(listing_lines("calibrations"))
    after = {line.split()[0]: following for line, following in pairwise(lines)}
    assert after["class_ts"] == "  shrinkage=1000"
    parameters = (
        "k=8, clusters=kmeans, soft=false, per_class=false, shrinkage=10000, features=l2, objective=nll, seeds=[42, 43]"
    )
    assert after["cluster_ts"] == f"  {parameters}"
    assert canonical_text(f"cluster_ts({parameters})") == "cluster_ts"
    assert not after["ensemble_ts"].startswith(" ")


def test_absent_classes_and_the_domains_of_a_spec_are_named():
    (line,) = (line for line in listing_lines("labels") if line.startswith("idd "))
    space = label_space("idd")
    assert f"{len(space)} classes" in line
    assert all(space.classes[c] in line for c in space.absent)
    (line,) = (line for line in listing_lines("datasets") if line.startswith("acdc "))
    assert "labels: cityscapes; domains: fog, " in line


def test_each_kind_of_model_says_whether_it_can_run_here(monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    lines = list(listing_lines("models"))
    after = {line.split()[0]: following for line, following in pairwise(lines)}
    assert after["hf"] == "  cannot run here: needs transformers: pip install 'reliseg[hf]'"
    assert after["stored"] == "  can run here"


def test_a_plug_in_that_fails_to_say_what_it_needs_stops_nothing(monkeypatch):
    def fail() -> str:
        raise RuntimeError("no idea")

    monkeypatch.setattr(MODELS.get("stored"), "obstacle", fail)
    assert "  cannot run here: RuntimeError: no idea" in listing_lines("models")
