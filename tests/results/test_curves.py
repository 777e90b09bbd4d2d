"""Curves are read as they were written, and what is none is refused in one line."""

import json

import pytest

from reliseg.errors import DataError
from reliseg.results.curves import (
    Curves,
    DomainCurves,
    ReliabilityBins,
    RiskCoverage,
    ScoreBins,
    ScoreCurves,
    curves_text,
)

MSP = ScoreCurves(RiskCoverage([0.5, 1.0], [0.0, 0.25]), 0.03, 0.25, ScoreBins([0.0, 0.5, 1.0], [1, 0], [0, 3], [0, 2]))
BINS = ReliabilityBins([0.0, 0.5], [0.5, 1.0], [1, 3], [0, 3], [0.4, 2.7])


def state(**names):
    origin = {"model": "net", "dataset": "data", "domain": "day", "calibration": "identity"} | names
    return DomainCurves(
        **origin, labels=["a", 'b "<"'], confusion=[[1, 0, 0], [1, 2, 0]], reliability=BINS, scores={"msp": MSP}
    )


STATES = (state(), state(calibration="ts@data/cal"), state(domain="night"))


@pytest.fixture
def run(tmp_path):
    (tmp_path / "curves.json").write_text(curves_text(s.to_json() for s in STATES))
    return tmp_path


def test_what_is_written_is_read_from_the_folder_and_from_the_file(run):
    for place in (run, str(run), run / "curves.json"):
        assert Curves.read(place).states == STATES


def test_one_is_found_by_its_names_and_an_unknown_one_is_none(run):
    curves = Curves.read(run)
    assert curves.of("net", "data", "night") == STATES[2]
    assert curves.of("net", "data", "day", "ts@data/cal") == STATES[1]
    assert curves.of("net", "data", "dusk") is None
    assert (len(curves), list(curves)) == (3, list(STATES))
    assert repr(curves) == "Curves(3 of model, domain and calibration)"


def test_records_are_what_stands_in_the_file(run):
    assert Curves.read(run).records() == json.loads((run / "curves.json").read_text())["states"]


def test_a_run_without_annotation_has_none(tmp_path):
    (tmp_path / "curves.json").write_text(curves_text([]))
    assert len(Curves.read(tmp_path)) == 0


def changed(change):
    content = json.loads(curves_text([STATES[0].to_json()]))
    change(content["states"][0])
    return json.dumps(content)


WRONG = {
    "no JSON": "{",
    "a list": "[]",
    "a number": "1",
    "another format": '{"format": 2, "states": []}',
    "no states": '{"format": 1}',
    "more": '{"format": 1, "states": [], "other": 1}',
    "states of another kind": '{"format": 1, "states": {}}',
    "deep": "[" * 100_000,
    "a matrix that does not fit": changed(lambda s: s["confusion"].pop()),
    "a short row of it": changed(lambda s: s["confusion"][1].pop()),
    "no model": changed(lambda s: s.pop("model")),
    "another member": changed(lambda s: s.update(more=1)),
    "counts that are none": changed(lambda s: s["reliability"].update(pixels=[1.5, 2])),
    "bins of other lengths": changed(lambda s: s["reliability"]["right"].pop()),
    "risks of another length": changed(lambda s: s["scores"]["msp"]["risk_coverage"]["risk"].pop()),
    "edges that fall": changed(lambda s: s["scores"]["msp"]["histogram"]["edges"].reverse()),
    "a missing edge": changed(lambda s: s["scores"]["msp"]["histogram"]["edges"].pop()),
    "no number": changed(lambda s: s["scores"]["msp"].update(oracle=float("nan"))),
    "a text for a number": changed(lambda s: s["scores"]["msp"].update(oracle="0.1")),
}


@pytest.mark.parametrize("content", WRONG.values(), ids=WRONG)
def test_what_is_no_file_of_curves_is_a_data_error_in_one_line(tmp_path, content):
    (tmp_path / "curves.json").write_text(content)
    with pytest.raises(DataError, match=r"not the curves\.json of a run; write it anew with reliseg") as error:
        Curves.read(tmp_path)
    assert "\n" not in str(error.value)


def test_a_missing_file_says_what_to_do(tmp_path):
    with pytest.raises(DataError, match="no such file; give the folder of a finished run"):
        Curves.read(tmp_path)
