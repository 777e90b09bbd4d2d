"""What a plan says: unions, seeds, and which domains are evaluated under which calibrations."""

from dataclasses import replace

import pytest
from helpers.plans import dataset_of, plan_of, target_of

from reliseg.data import Domain
from reliseg.plan.plan import Fit, Pool


@pytest.fixture
def dataset():
    domains = {"cal": ["a/1", "a/2"], "day": ["b/1"], "dusk": ["c/1", "d/1"]}
    return dataset_of(domains, unions={"tests": ("day", "dusk"), "all": ("cal", "tests")})


def test_targets_of_one_name_are_equal(dataset):
    again = dataset_of({"day": ["other/9"]})
    assert target_of(dataset, "day") == target_of(again, "day")
    assert len({target_of(dataset, "day"), target_of(again, "day"), target_of(dataset, "dusk")}) == 2
    assert target_of(dataset, "day") != "world/day"


def test_members_of_unions_of_unions_come_once_and_in_order(dataset):
    assert [str(m) for m in target_of(dataset, "all").members()] == ["world/cal", "world/day", "world/dusk"]
    fit = Fit((target_of(dataset, "dusk"), target_of(dataset, "tests")), ("ts",))
    assert [str(m) for m in fit.members()] == ["world/dusk", "world/day"]
    assert fit.split == "world/dusk+world/tests"


def test_unions_of_the_same_unions_are_gone_through_once_each():
    unions = {"u0": ("a",), "u1": ("a", "b")} | {f"u{i}": (f"u{i - 1}", f"u{i - 2}") for i in range(2, 80)}
    dataset = dataset_of({"a": ["s/1"], "b": ["t/1"]}, unions={})
    domains = {name: Domain(name, dataset.domains["a"].samples, union=members) for name, members in unions.items()}
    dataset = replace(dataset, domains={**dataset.domains, **domains})
    assert [str(m) for m in target_of(dataset, "u79").members()] == ["world/a", "world/b"]


def test_a_fit_has_a_calibration_for_each_seed_and_none_for_identity(dataset):
    fit = Fit((target_of(dataset, "cal"),), ("identity", "cluster_ts(k=2,seeds=[1,2])", "ts"))
    assert [method for _, method in fit.calibrations()] == ["cluster_ts(k=2,seed=1)", "cluster_ts(k=2,seed=2)", "ts"]
    assert all(name == f"{method}@world/cal" for name, method in fit.calibrations())
    assert fit.seed_group("cluster_ts(k=2,seed=2)") == ("cluster_ts(k=2,seeds=[1,2])",)
    assert fit.seed_group("ts") == ()


def test_splits_are_evaluated_where_a_metric_reads_thresholds(dataset):
    fit = Fit((target_of(dataset, "cal"),), ("ts", "vector"))
    plan = plan_of(dataset, fits=[fit], tests=["tests"], reference="day", metrics=["transfer"])
    assert [str(t) for t in plan.test_domains()] == ["world/day", "world/dusk"]
    names = ["identity", "ts@world/cal", "vector@world/cal"]
    assert [(str(t), names) for t in plan.domains()] == [(str(t), c) for t, c in plan.passes("net")]
    assert [str(t) for t in plan.domains()] == ["world/day", "world/dusk", "world/cal"]
    without = plan.without_failed({"vector@world/cal"})
    assert without.calibrations_for(target_of(dataset, "day"), "net") == ["identity", "vector@world/cal"]
    assert [s.calibrations for s in without.splits()] == [("identity", "vector@world/cal")]
    assert not plan.without_failed(()).splits()  # the split itself may be unreadable
    other = plan_of(dataset, fits=[fit], tests=["tests"], metrics=["likelihood"])
    assert other.domains() == other.test_domains()


def test_a_domain_is_unseen_unless_all_that_report_it_allow_it(dataset):
    plan = plan_of(dataset, tests=["tests", "dusk"])
    day, dusk, tests = (target_of(dataset, name) for name in ("day", "dusk", "tests"))
    assert plan.must_be_unseen(day)
    allowed = replace(plan, allow_seen=frozenset({tests}))
    assert (allowed.must_be_unseen(day), allowed.must_be_unseen(dusk)) == (False, True)
    assert not replace(plan, allow_seen=frozenset({tests, dusk})).must_be_unseen(dusk)


def test_the_seed_is_that_of_the_method_else_of_the_pixels(dataset):
    plan = plan_of(dataset, seed=7)
    assert plan.seed_of("identity", "net") is None
    assert plan.seed_of("ts@world/cal", "net") == 7
    assert plan.seed_of("cluster_ts(k=2,seed=5)@world/cal", "net") == 5


def test_a_calibration_is_evaluated_where_it_is_applied_and_its_means_too(dataset):
    fit = Fit((target_of(dataset, "cal"),), ("cluster_ts(k=2,seeds=[1,2])", "ts"))
    day, dusk, tests = (target_of(dataset, name) for name in ("day", "dusk", "tests"))
    plan = plan_of(dataset, fits=[fit], tests=["tests", "day"], metrics=["likelihood"])
    seeds = [f"cluster_ts(k=2,seed={s})@world/cal" for s in (1, 2)]
    assert plan.calibrations_for(tests, "net") == ["identity", *seeds, "ts@world/cal"]
    plan = replace(plan, applied=dict.fromkeys(seeds, frozenset({day})))
    assert plan.calibrations_for(day, "net") == ["identity", *seeds, "ts@world/cal"]
    assert plan.calibrations_for(dusk, "net") == ["identity", "ts@world/cal"]
    assert plan.calibrations_for(tests, "net") == ["identity", "ts@world/cal"]
    assert list(plan.means_for(day, "net")) == ["cluster_ts(k=2,seeds=[1,2])@world/cal"]
    assert not plan.means_for(tests, "net")
    passes = {str(t): names for t, names in plan.passes("net")}
    assert passes == {"world/day": ["identity", *seeds, "ts@world/cal"], "world/dusk": ["identity", "ts@world/cal"]}
    assert plan.split_reaches("world/cal", dusk)
    nowhere = replace(plan, applied={name: frozenset({day}) for name in (*seeds, "ts@world/cal")})
    assert (nowhere.split_reaches("world/cal", day), nowhere.split_reaches("world/cal", dusk)) == (True, False)


def test_a_pool_has_the_calibrations_that_reach_all_of_it_and_classes_where_they_are_equal(dataset):
    other, fewer = dataset_of({"fog": ["f/1"]}, name="other"), dataset_of({"rain": ["r/1"]}, name="fewer", classes=2)
    day, fog, rain = target_of(dataset, "day"), target_of(other, "fog"), target_of(fewer, "rain")
    fit = Fit((target_of(dataset, "cal"),), ("ts",))
    plan = plan_of(dataset, fits=[fit], tests=["dusk"], metrics=["likelihood"])
    same, mixed = Pool("same", (day, fog)), Pool("mixed", (day, rain))
    plan = replace(plan, pools=(same, mixed))
    assert [str(t) for t in plan.test_domains()] == ["world/dusk", "world/day", "other/fog", "fewer/rain"]
    assert plan.calibrations_for(same, "net") == ["identity", "ts@world/cal"]
    assert plan.calibrations_for(mixed, "net") == ["identity"]
    assert (same.classes, mixed.classes) == (day.classes, None)
    assert str(mixed) == "mixed/pooled"
    applied = replace(plan, applied={"ts@world/cal": frozenset({day})})
    assert applied.calibrations_for(same, "net") == ["identity"]
