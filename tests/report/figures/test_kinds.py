"""The kinds of charts."""

from pathlib import Path

import pytest
from helpers.simulated_run import Shape, write_simulated_run

from reliseg.report import charts
from reliseg.report.charts.style import Look
from reliseg.report.figures.choice import Choice, chosen_material
from reliseg.report.figures.kinds import KINDS, Subject
from reliseg.report.joined import join_runs

SHAPE = Shape(corruptions=("fog", "snow"))


@pytest.fixture(scope="module")
def material(tmp_path_factory):
    return chosen_material(
        join_runs({"run": write_simulated_run(tmp_path_factory.mktemp("run"), SHAPE)}, with_curves=True), Choice()
    )


def test_every_chart_is_a_kind():
    helpers = {"__init__", "ranks", "records", "style", "wording"}
    assert {path.stem for path in Path(charts.__file__).parent.glob("*.py")} - helpers == set(KINDS)


@pytest.mark.parametrize("name", KINDS)
def test_a_kind_draws_its_records(material, name):
    kind = KINDS[name]
    subject = Subject(kind.metrics[0] if kind.metrics else "", "msp" if kind.scored else "")
    if name in ("before_after", "accuracy_against"):
        subject = Subject("ece", "msp")
    records = kind.records(material, subject)
    assert records
    assert kind.draw(records, Look(), subject).to_dict()["$schema"]


def test_a_subject_says_its_metric_and_which_way_is_better():
    assert (Subject("ece", "msp").title, Subject("ece", "msp").better) == ("ECE, lower is better", "lower")
