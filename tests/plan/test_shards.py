"""Shards: every sample is in one, by its name alone, and a new one changes no shard but its own."""

import random
from collections import Counter
from types import SimpleNamespace

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from reliseg.data import Domain, Sample
from reliseg.plan.plan import Target
from reliseg.plan.shards import SHARD_SIZE, shards


def samples_of(sizes):
    """Scenes of so many samples."""
    scenes = [(f"scene/{i:03d}", n) for i, n in enumerate(sizes)]
    return [Sample(f"{s}/{k:04d}", s, "a.png", None) for s, n in scenes for k in range(n)]


def shards_of(samples):
    return list(shards(Target(SimpleNamespace(name="a"), Domain("day", tuple(samples)))))


def groups_of(samples):
    return {shard.samples for shard in shards_of(samples)}


SIZES = st.lists(st.integers(1, 200) | st.integers(1, 3), max_size=30)


@given(SIZES, st.randoms(use_true_random=False))
@example([1] * 200, random.Random(0))
@example([15, 200, 1], random.Random(0))
@example([64, 1, 64, 1], random.Random(0))
def test_every_sample_is_in_one_shard_whatever_order_they_are_found_in(sizes, order):
    samples = samples_of(sizes)
    found = shards_of(samples)
    assert sorted(s for shard in found for s in shard.samples) == sorted(samples)
    assert all(0 < len(shard.samples) <= SHARD_SIZE for shard in found)
    for shard in found:
        assert list(shard.samples) == sorted(shard.samples, key=lambda s: (s.scene, s.id))
    assert found == sorted(found, key=lambda shard: (shard.samples[0].scene, shard.samples[0].id))
    assert len({shard.name for shard in found}) == len(found)
    order.shuffle(samples)
    assert shards_of(samples) == found


@given(SIZES)
def test_a_scene_is_whole_in_a_shard_or_alone_in_several(sizes):
    found = shards_of(samples_of(sizes))
    places = Counter(scene for shard in found for scene in {s.scene for s in shard.samples})
    for shard in found:
        scenes = {s.scene for s in shard.samples}
        assert len(scenes) == 1 or all(places[scene] == 1 for scene in scenes)
        assert shard.scene in scenes


@given(SIZES, st.data())
@example([64], SimpleNamespace(draw=lambda _: Sample("scene/000/new", "scene/000", "a.png", None)))
@example([32, 32], SimpleNamespace(draw=lambda _: Sample("scene/000/new", "scene/000", "a.png", None)))
def test_an_image_that_is_added_or_removed_changes_its_own_shard_alone(sizes, data):
    samples = samples_of(sizes)
    scenes = st.sampled_from([*{s.scene for s in samples}, "scene/new"])
    new = data.draw(st.builds(lambda scene, n: Sample(f"{scene}/n{n}", scene, "a.png", None), scenes, st.integers(0)))
    assume(new not in samples)
    before, after = groups_of(samples), groups_of([*samples, new])
    gone, come = before - after, after - before
    assert len(gone) <= 1
    assert {s for group in come for s in group} == {new, *(s for group in gone for s in group)}
    assert len(come) == 1 or len(next(iter(gone))) == SHARD_SIZE


@pytest.mark.parametrize(
    ("sizes", "least"),
    [([50_000], 45), ([1] * 1500, 40), ([9] * 300, 40), ([33] * 300, 33), ([65] * 100, 32), ([130] * 100, 40)],
)
def test_shards_are_filled_well_however_long_scenes_are(sizes, least):
    counts = [len(shard.samples) for shard in shards_of(samples_of(sizes))]
    assert sum(counts) / len(counts) >= least
    assert sum(n for n in counts if n < 16) <= 0.01 * sum(counts)


def test_a_shard_is_named_after_its_samples_and_nothing_else():
    one, other = shards_of(samples_of([3])), shards_of(samples_of([3, 500]))
    assert one[0].samples in {shard.samples for shard in other}, "the small scene stands alone"
    assert one[0].name in {shard.name for shard in other}
    assert shards_of([]) == []
