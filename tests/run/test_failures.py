"""Failures are said by reason, and a pass whose first samples all fail for one reason is not gone on with."""

from collections.abc import Sequence

import numpy as np
import pytest
from helpers.devices import Notes
from helpers.plans import SilentModel
from helpers.street import make_street

import reliseg
from reliseg.errors import ConfigError, IncompleteError, SampleError
from reliseg.labels import label_space
from reliseg.models import Input
from reliseg.prediction import Prediction
from reliseg.results import Results
from reliseg.run.failures import FIRST, Attempts, Failures, check_on_error, reason, reason_lines


def attempts(*outcomes: SampleError | None, is_new: bool = True) -> tuple[Attempts, list[str]]:
    """Attempts that end like this (None is a success), and what is noted."""
    notes: list[str] = []
    made = Attempts(notes.append, is_new=is_new)
    for outcome in outcomes:
        if outcome is None:
            made.succeed()
        else:
            made.fail(outcome)
    return made, notes


def cut_off(i: int) -> SampleError:
    return SampleError(
        f"s/{i:03}", f"/data/img/{i:03}.png: cannot be decoded (image has {i} of 99 bytes); copy it again"
    )


def nan(i: int) -> SampleError:
    return SampleError(f"s/{i:03}", "the model gave NaN or infinite logits")


ALIKE = {
    "numbers": ("s/a", "id 3 is not known", "s/b", "id 17 is not known"),
    "fractions": ("s/a", "sum is 0.5", "s/b", "sum is 12"),
    "files": ("s/a", "/x/s/a.png: empty", "s/b", "/x/s/b.png: empty"),
    "files with a space": ("s/image a", "/my data/image a.png: empty", "s/image b", "/my data/image b.png: empty"),
    "the sample itself": ("s/first", "no file s/first.npz", "t/second", "no file t/second.npz"),
    "the name of the sample": ("s/first", "no file called first", "t/second", "no file called second"),
    "sizes": ("s/a", "raised an error for 3 x 24 x 32", "s/b", "raised an error for 3 x 48 x 64"),
}


@pytest.mark.parametrize("name", ALIKE)
def test_a_reason_is_the_same_whatever_numbers_and_names_stand_in_it(name):
    sample, problem, other, other_problem = ALIKE[name]
    assert reason(sample, problem) == reason(other, other_problem)


def test_other_words_are_another_reason():
    assert reason("s/a", "the model gave NaN") != reason("s/a", "the model gave probabilities")
    assert reason("s/a", "a cannot be read") != reason("s/b", "b cannot be decoded")


def test_a_reason_is_said_once_with_three_samples_and_the_number_of_the_others():
    assert reason_lines({"s/a": "id 1", "s/b": "NaN", "s/c": "id 2"}) == ["s/a: id 1; likewise s/c", "s/b: NaN"]
    problems = {e.sample: e.problem for e in map(nan, range(5))}
    assert str(Failures(problems)) == (
        "could not evaluate 5 samples (s/000: the model gave NaN or infinite logits; likewise s/001, s/002 and 2 more)"
    )
    assert str(Failures({"s/a": "why"})) == "could not evaluate 1 sample (s/a: why)"
    many = Failures({f"s/{c}": f"problem {c}" for c in "abcdef"})
    assert str(many).endswith("s/d: problem d; and 2 more)")


def test_first_samples_that_all_fail_for_one_reason_stop_the_pass_and_are_not_noted():
    made, notes = attempts(*map(cut_off, range(FIRST - 1)))
    assert not made.are_hopeless
    assert made.failures(100).untried == 0
    made.fail(cut_off(77))
    assert made.are_hopeless
    assert notes == []
    assert str(made.failures(100)) == (
        f"stopped, because the first {FIRST} of 100 samples all failed (s/000: /data/img/000.png: "
        f"cannot be decoded (image has 0 of 99 bytes); copy it again; likewise s/001, s/002 and {FIRST - 3} more)"
    )
    assert str(made.failures(FIRST)).startswith(f"could not evaluate {FIRST} samples (")


@pytest.mark.parametrize("at", [0, 3, FIRST - 1])
def test_another_outcome_among_the_first_lets_the_pass_go_on_and_notes_all(at):
    for other in (None, nan(500)):
        outcomes: list[SampleError | None] = [cut_off(i) for i in range(40)]
        outcomes[at] = other
        made, notes = attempts(*outcomes)
        assert not made.are_hopeless
        assert notes == [f"not evaluated: {o}" for o in outcomes if o is not None]
        assert made.failures(100).untried == 0


def test_where_samples_were_evaluated_before_nothing_is_hopeless():
    made, notes = attempts(*map(cut_off, range(20)), is_new=False)
    assert not made.are_hopeless
    assert len(notes) == 20


def test_failures_add_up():
    total = Failures({"a": "x"}, 3) + Failures({"b": "y"})
    assert (dict(total.problems), total.untried) == ({"a": "x", "b": "y"}, 3)
    assert not Failures()


class NanModel(SilentModel):
    """It gives NaN for the scenes of one domain, and counts how often it is asked."""

    def __init__(self, name: str, broken: range) -> None:
        super().__init__(name, labels=label_space("camvid"))
        object.__setattr__(self, "broken", broken)
        object.__setattr__(self, "asked", [])

    def predict(self, inputs: Sequence[Input]) -> list[Prediction]:
        self.asked.extend(i.id for i in inputs)
        values = [np.nan if int(i.id[-4:]) in self.broken else 0.0 for i in inputs]
        return [Prediction(np.full((11, 6, 8), v, np.float32), i.size) for i, v in zip(inputs, values, strict=True)]


@pytest.mark.slow
def test_a_model_stops_on_the_domain_where_it_fails_and_the_rest_of_the_run_goes_on(tmp_path):
    street = make_street(tmp_path / "street", cal=1, day=30, dusk=30)
    dataset = reliseg.open_dataset(
        "camvid", street.root / "data", name="street", domains={"day": {"split": "train"}, "dusk": {"split": "test"}}
    )
    broken, whole = NanModel("broken", range(2000, 2030)), NanModel("whole", range(0))
    notes = Notes()
    with pytest.raises(IncompleteError) as ended:
        reliseg.evaluate({"broken": broken, "whole": whole}, dataset, out=tmp_path / "out", progress=notes)
    assert ended.value.lines == (
        "broken on street/dusk: stopped, because the first 8 of 30 samples all failed (s285/s285_2000: the model gave "
        "NaN or infinite logits; check the model and this image; likewise s285/s285_2001, s286/s286_2002 and 5 more); "
        "this domain has no results",
    )
    assert not [line for line in notes.lines if "NaN" in line]
    assert len([i for i in broken.asked if i >= "s285"]) < 16
    rows = Results.read(tmp_path / "out")
    assert {(r.model, r.domain) for r in rows} == {("broken", "day"), ("whole", "day"), ("whole", "dusk")}
    object.__setattr__(broken, "broken", range(0))
    again = reliseg.evaluate({"broken": broken, "whole": whole}, dataset, out=tmp_path / "out")
    assert {(r.model, r.domain) for r in again} == {(m, d) for m in ("broken", "whole") for d in ("day", "dusk")}


@pytest.mark.slow
def test_a_calibration_split_where_all_fails_is_left_at_once(tmp_path):
    street = make_street(tmp_path / "street", cal=20, day=1, dusk=1)
    dataset = reliseg.open_dataset(
        "camvid", street.root / "data", name="street", domains={"cal": {"split": "val"}, "day": {"split": "train"}}
    )
    broken = NanModel("broken", range(0, 20))
    with pytest.raises(IncompleteError) as ended:
        reliseg.evaluate({"broken": broken}, dataset, calibrate_on="street/cal", out=tmp_path / "out")
    (first,) = ended.value.lines
    assert first.startswith("broken on street/cal: stopped, because the first 8 of 20 samples all failed (s0/s0_0000: ")
    assert first.endswith("; no calibration is fitted on this split")
    assert {r.domain for r in Results.read(tmp_path / "out")} == {"day"}


@pytest.mark.parametrize("wrong", ["continue", "", None, True, ["skip"]])
def test_there_are_two_ways_to_go_on_after_an_error(wrong):
    for right in ("stop", "skip"):
        check_on_error(right)
    with pytest.raises(ConfigError, match=r"on_error is .*; give stop or skip"):
        check_on_error(wrong)
