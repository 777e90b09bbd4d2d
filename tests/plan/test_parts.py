"""Units and parts of a plan: every unit is in one part, the same one everywhere, and a part that is none is refused."""

from dataclasses import replace

import pytest
from helpers.plans import dataset_of, plan_of, target_of
from hypothesis import given
from hypothesis import strategies as st

from reliseg.errors import ConfigError
from reliseg.plan.parts import STAGES, Part, Unit, parse_part, part_of, parts, units
from reliseg.plan.plan import Fit, ModelSource
from reliseg.plan.shards import shards


def load():
    raise NotImplementedError


@pytest.fixture(scope="module")
def plan():
    """Two models, a split of two domains, and two domains to test on: one of a long scene and a short one."""
    ids = {"cal": 3, "dev": 2, "day": 150, "dusk": 5}
    domains = {name: [f"{name}{i // 149}/{i:03d}" for i in range(n)] for name, n in ids.items()}
    dataset = dataset_of(domains, unions={"both": ("cal", "dev")})
    fits = [
        Fit((target_of(dataset, "both"),), ("ts", "vector")),
        Fit((target_of(dataset, "cal"),), ("ts",)),
        Fit((target_of(dataset, "dusk"),), ("identity",)),
    ]
    plan = plan_of(dataset, fits=fits, tests=["day", "dusk"], metrics=["transfer"])
    return replace(plan, models=(ModelSource("one", load), ModelSource("other", load)))


def test_each_stage_has_the_units_that_it_carries_out(plan):
    assert STAGES == ("sample", "fit", "evaluate", "measure")
    assert [(u.model, str(u.target), u.images) for u in units(plan, "sample")] == [
        (model, target, n) for model in ("one", "other") for target, n in (("world/cal", 3), ("world/dev", 2))
    ], "nothing is fitted on dusk"
    fitted = [(u.model, u.fit.split) for u in units(plan, "fit")]
    assert fitted == [(model, split) for model in ("one", "other") for split in ("world/both", "world/cal")]
    evaluated = units(plan, "evaluate")
    assert {str(u.target) for u in evaluated} == {"world/day", "world/dusk", "world/cal", "world/dev"}, "splits too"
    assert sum(u.images for u in evaluated) == 2 * (150 + 5 + 3 + 2)
    assert [u.shard for u in evaluated if (u.model, str(u.target)) == ("one", "world/day")] == list(
        shards(plan.tests[0])
    )
    measured = units(plan, "measure")
    assert {str(u.reported) for u in measured} == {"world/day", "world/dusk"}, "what has rows"
    assert len(measured) == 2 * 2 * len(["identity", "ts@both", "vector@both", "ts@cal"])
    assert sum(u.images for u in measured) == 2 * 4 * (150 + 5)


def test_there_is_a_part_for_each_shard_scene_domain_or_model(plan):
    every = units(plan, "evaluate")
    long = len(list(shards(plan.tests[0]))) - 1
    assert [len(parts(every, per)) for per in ("shard", "scene", "domain", "model")] == [
        2 * (long + 4),
        2 * 5,
        2 * 4,
        2,
    ]
    assert all(len({u.model for u in part}) == 1 for part in parts(every, "scene"))
    assert max(map(len, parts(every, "scene"))) == long, "a scene that is cut is one part"
    assert [len(parts(units(plan, "fit"), per)) for per in ("shard", "scene", "domain", "model")] == [4, 4, 4, 2]
    assert [len(parts(units(plan, "measure"), per)) for per in ("shard", "scene", "domain", "model")] == [4, 4, 4, 2]


@given(
    st.sampled_from(["sample", "fit", "evaluate", "measure"]),
    st.integers(1, 30) | st.sampled_from(["shard", "scene", "domain"]),
)
def test_every_unit_is_in_one_part_and_parts_are_the_same_again(plan, stage, per):
    every = units(plan, stage)
    found = parts(every, per)
    whole = [unit for part in found for unit in part]
    assert whole == every if stage != "measure" or isinstance(per, int) else set(whole) == set(every)
    assert len(whole) == len(every)
    of = per if isinstance(per, int) else len(found)
    named = None if isinstance(per, int) else per
    assert [part_of(units(plan, stage), Part(k + 1, of, named)) for k in range(of)] == found


@given(st.lists(st.integers(1, 64), min_size=1, max_size=40), st.integers(1, 50))
def test_parts_of_equal_size_differ_by_less_than_a_shard(sizes, number):
    dataset = dataset_of({"day": ["a/0"]})
    (shard,) = shards(target_of(dataset, "day"))
    every = [Unit(f"net{k}", shard=replace(shard, samples=shard.samples * n)) for k, n in enumerate(sizes)]
    found = parts(every, number)
    assert len(found) == number
    assert [unit for part in found for unit in part] == every
    share = sum(sizes) / number
    assert all(abs(sum(unit.images for unit in part) - share) < max(sizes) + 1e-9 for part in found if part)


def test_of_more_parts_than_units_some_are_empty(plan):
    found = parts(units(plan, "fit"), 9)
    assert sorted(map(len, found)) == [0, 0, 0, 0, 0, 1, 1, 1, 1]
    assert parts([], 2) == [[], []]


def test_another_number_of_parts_than_there_are_is_refused(plan):
    every = units(plan, "evaluate")
    assert part_of(every, Part(8, 8, "domain")) == parts(every, "domain")[-1]
    with pytest.raises(ConfigError, match=r"--part 3/12: the configuration has 8 parts per domain; print the commands"):
        part_of(every, Part(3, 12, "domain"))


def test_a_part_is_read_as_k_of_n():
    assert parse_part("3/40") == Part(3, 40)
    assert parse_part("40/40", "scene") == Part(40, 40, "scene")
    assert str(parse_part("03/40")) == "3/40"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("3", "--part '3': give it as K/N, like 3/40"),
        ("3/x", "give it as K/N"),
        ("-1/40", "give it as K/N"),
        ("1/2/3", "give it as K/N"),
        ("٣/٤", "give it as K/N"),
        ("0/40", "--part 0/40: K goes from 1 to N"),
        ("41/40", "--part 41/40: K goes from 1 to N"),
        ("0/0", "K goes from 1 to N"),
    ],
)
def test_what_is_no_part_is_refused_with_what_to_write(text, says):
    with pytest.raises(ConfigError, match=says):
        parse_part(text)
