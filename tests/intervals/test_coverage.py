"""Whether intervals hold what they promise: drawn images of which the whole population is known."""

import importlib.util
import sys
from pathlib import Path

import pytest

from reliseg.intervals import compare
from reliseg.report.gate.judgement import Evidence, judge

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SHOWN = ("ece", "miou", "auroc")
SIMULATIONS = 2000


@pytest.fixture(scope="module")
def drawn():
    """The benchmark that makes the table of `docs/intervals.md`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        spec = importlib.util.spec_from_file_location("intervals_benchmark", BENCHMARKS / "intervals.py")
        module = importlib.util.module_from_spec(spec)
        patch.setitem(sys.modules, spec.name, module)
        spec.loader.exec_module(module)
        yield module
        sys.modules.pop("machine", None)


@pytest.mark.slow
@pytest.mark.parametrize(("n", "low"), [(20, 90), (50, 92), (100, 92), (500, 92)])
@pytest.mark.parametrize("name", ["alike", "some bad images", "very uneven"])
def test_intervals_over_images_hold_the_truth_as_often_as_they_say(drawn, name, n, low):
    pool, _ = drawn.population(name)
    assert drawn.truth(pool)["ece"] > 0.03
    for number, found in drawn.coverage(pool, n, SIMULATIONS, SHOWN).items():
        assert low <= found.held <= 97, (number, found)


@pytest.mark.slow
@pytest.mark.parametrize("n", [8, 12, 20])
def test_intervals_over_scenes_hold_the_truth_where_images_of_a_scene_are_alike(drawn, n):
    images, _ = drawn.population("alike", scenes=True)
    for number, found in drawn.coverage(drawn.of_scenes(images), n, SIMULATIONS, SHOWN).items():
        assert 88 <= found.held <= 98, (number, found)
    for number, held in drawn.coverage_of_images(images, n, 200, SHOWN).items():
        assert held < 80, (number, held)  # as if each image were for itself


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "n"),
    [("alike", 20), ("alike", 50), ("alike", 500), ("some bad images", 50), ("very uneven", 50), ("very uneven", 100)],
)
def test_two_models_of_equal_quality_differ_as_seldom_as_the_level_says(drawn, name, n):
    for number, share in drawn.alarms(drawn.population(name), n, SIMULATIONS, SHOWN).items():
        assert 3 <= share <= 7, (number, share)


@pytest.mark.slow
@pytest.mark.parametrize("n", [20, 50, 100])
def test_a_gate_at_the_true_value_seldom_passes(drawn, n):
    """Also where it asks if another model of equal quality is worse."""
    models = drawn.population("some bad images")
    true, passed = drawn.truth(models[0]), dict.fromkeys((*SHOWN, "worse ece"), 0)
    for sample in drawn.samples(models, n, SIMULATIONS, SHOWN, seed=2):
        for number in SHOWN:
            found = sample[number].interval(number)
            evidence = Evidence(sample[number].values[0], found.low, found.high, is_interval=True)
            passed[number] += judge(evidence, ">" if number == "ece" else "<", true[number]) == "pass"
        (a, b), (left, other) = sample["ece"].values, sample["ece"].lefts
        found = compare(a - b, [left], [other], paired=True).interval
        passed["worse ece"] += judge(Evidence(a - b, found.low, found.high, is_interval=True), ">", 0.0) == "pass"
    for number, count in passed.items():
        assert 100 * count / SIMULATIONS <= 7, (number, count)


@pytest.mark.slow
def test_intervals_that_take_pixels_as_independent_hold_next_to_nothing(drawn):
    pool, _ = drawn.population("some bad images")
    assert 3 <= drawn.pixel_level(pool, 50, SIMULATIONS) <= 9


@pytest.mark.slow
def test_a_number_that_a_few_images_decide_is_doubted_and_where_images_are_alike_few_are(drawn):
    few, alike = (
        drawn.coverage(drawn.population(name)[0], 50, 500, ["ece"])["ece"] for name in ("4 % far worse", "alike")
    )
    assert few.doubted > 20
    assert alike.doubted < 3
