"""What speaks against a plan: samples that are shared, unions that overlap, calibrations that do not fit the data."""

from dataclasses import replace
from pathlib import Path

import pytest
from helpers.plans import dataset_of, target_of

from reliseg.config.schema import parse_settings
from reliseg.errors import ConfigError
from reliseg.plan.build import ReportedTargets, build_plan, find_reference, find_targets
from reliseg.plan.plan import Fit, Pool

SETTINGS = parse_settings({})


@pytest.fixture
def dataset():
    domains = {"cal": ["a/1", "a/2"], "day": ["b/1"], "mixed": ["a/2", "b/2"]}
    return dataset_of(domains, unions={"twice": ("cal", "mixed"), "both": ("cal", "day")})


def build(dataset, fits, **reported):
    return build_plan((), {dataset.name: dataset}, fits, ReportedTargets(**reported), SETTINGS)


def fit_on(dataset, *names, methods=("ts",)):
    return Fit(tuple(target_of(dataset, name) for name in names), methods)


def test_without_tests_every_domain_without_calibration_samples_is_reported(dataset):
    plan = build(dataset, [fit_on(dataset, "cal")])
    assert [str(t) for t in plan.tests] == ["world/day"]
    allowed = build(dataset, [fit_on(dataset, "cal")], allow_seen=frozenset({target_of(dataset, "mixed")}))
    assert [str(t) for t in allowed.tests] == ["world/day", "world/mixed"]
    with pytest.raises(ConfigError, match="no domain is left to test on"):
        build(dataset, [fit_on(dataset, "both", "mixed")])


def test_a_tested_domain_shares_no_file_with_a_split_whatever_the_data_set_is_called(dataset):
    other = replace(dataset, name="again")
    for reported in (
        {"tests": [target_of(other, "mixed")]},
        {"tests": [target_of(dataset, "day")], "reference": target_of(other, "mixed")},
    ):
        with pytest.raises(ConfigError, match=r"again/mixed shares 1 sample with world/cal.*\(first: a/2\)"):
            build(dataset, [fit_on(dataset, "cal")], **reported)
    plan = build(dataset, [], tests=[target_of(dataset, "day")] * 2)
    assert len(plan.tests) == 1


def test_a_split_may_be_tested_where_nothing_that_is_fitted_on_it_is_applied(dataset):
    cal, day = target_of(dataset, "cal"), target_of(dataset, "day")
    fits = [fit_on(dataset, "cal"), fit_on(dataset, "day", methods=("vector",))]
    swapped = {"ts@world/cal": frozenset({day}), "vector@world/day": frozenset({cal})}
    plan = build(dataset, fits, tests=[cal, day], applied=swapped)
    assert dict(plan.passes("net"))[cal][:2] == ["identity", "vector@world/day"]
    with pytest.raises(ConfigError, match="world/cal shares 2 samples with world/cal"):
        build(dataset, fits, tests=[cal, day], applied={"vector@world/day": frozenset({cal})})
    assert [str(t) for t in build(dataset, fits[:1], applied=swapped).tests] == ["world/day"]


def test_a_pool_holds_each_sample_in_one_member_and_may_be_allowed(dataset):
    other = dataset_of({"fog": ["b/1"]}, name="other", root=Path("elsewhere"))
    pool = Pool("all", (target_of(dataset, "day"), target_of(other, "fog")))
    plan = build(dataset, [], tests=[target_of(dataset, "day")], pools=(pool,))
    assert [str(r) for r in plan.reported()] == ["world/day", "all/pooled"]
    again = replace(dataset, name="again")  # the same files, under another name
    same = Pool("all", (target_of(dataset, "day"), target_of(again, "day")))
    with pytest.raises(ConfigError, match="all/pooled: b/1 is in world/day and in again/day"):
        build(dataset, [], tests=[target_of(dataset, "day")], pools=(same,))
    twice = Pool("all", (target_of(dataset, "cal"), target_of(dataset, "mixed")))
    with pytest.raises(ConfigError, match="all/pooled: a/2 is in world/cal and in world/mixed"):
        build(dataset, [], tests=[target_of(dataset, "day")], pools=(twice,))
    with pytest.raises(ConfigError, match="world/cal shares 2 samples with world/cal"):
        build(dataset, [fit_on(dataset, "cal")], tests=[target_of(dataset, "day")], pools=(twice,))


def test_a_union_holds_each_sample_in_one_member(dataset):
    with pytest.raises(ConfigError, match="a/2 is in world/cal and in world/mixed"):
        build(dataset, [], tests=[target_of(dataset, "twice")])


def test_what_is_allowed_must_be_tested(dataset):
    with pytest.raises(ConfigError, match="allow_seen: world/cal is not tested"):
        build(dataset, [], tests=[target_of(dataset, "day")], allow_seen=frozenset({target_of(dataset, "cal")}))


def test_a_split_has_annotation_and_one_label_space(dataset):
    with pytest.raises(ConfigError, match="names no domain"):
        build(dataset, [Fit((), ("ts",))])
    bare = dataset_of({"cal": ["x/1"]}, name="bare", annotated=False)
    with pytest.raises(ConfigError, match="bare/cal: this domain has no annotation"):
        build(dataset, [fit_on(bare, "cal")])
    more = dataset_of({"cal": ["x/1"]}, name="more", classes=4)
    with pytest.raises(ConfigError, match="have different classes"):
        build(dataset, [Fit((target_of(dataset, "cal"), target_of(more, "cal")), ("ts",))])


def test_domains_are_found_by_name_once(dataset):
    datasets = {"world": dataset}
    assert [str(t) for t in find_targets(["world/day", "world", "world/cal"], datasets)] == [
        *("world/day", "world/cal", "world/mixed", "world/twice", "world/both")
    ]
    with pytest.raises(ConfigError, match="world has no domain 'dya'; did you mean 'day'"):
        find_targets(["world/dya"], datasets)
    with pytest.raises(ConfigError, match="no data set 'word' in datasets; did you mean 'world'"):
        find_targets(["word/day"], datasets)
    assert find_reference(None, datasets) is None
    assert str(find_reference("world/day", datasets)) == "world/day"
    with pytest.raises(ConfigError, match="'world' names 5 domains; name one of world/cal, world/day"):
        find_reference("world", datasets)
