"""How the samples of a domain are put into shards."""

from types import SimpleNamespace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reliseg.data import Domain, Sample
from reliseg.plan.plan import SHARD_ENOUGH, SHARD_SIZE, Target, shards


def target_of(sizes):
    """A domain with scenes of so many samples."""
    scenes = [(f"scene/{i:03d}", n) for i, n in enumerate(sizes)]
    samples = [Sample(f"{s}/{k:04d}", s, "a.png", None) for s, n in scenes for k in range(n)]
    return Target(SimpleNamespace(name="a"), Domain("day", tuple(samples)))


@given(st.lists(st.integers(1, 200) | st.integers(1, 3), max_size=40))
@example([1] * 200)
@example([15, 200, 1])
@example([65, 1, 65, 1])
def test_scenes_are_put_together_until_they_are_enough_and_cut_where_they_are_too_many(sizes):
    target = target_of(sizes)
    found = list(shards(target))
    counts = [len(shard.samples) for shard in found]
    assert [s for shard in found for s in shard.samples] == sorted(target.domain.samples)
    assert all(0 < count <= SHARD_SIZE for count in counts)
    ends = [k for k, shard in enumerate(found) if k + 1 == len(found) or found[k + 1].index == 0]
    for start, end in zip([0, *(k + 1 for k in ends)], ends, strict=False):
        group = [s.scene for shard in found[start : end + 1] for s in shard.samples]
        assert sum(s.scene in group for s in target.domain.samples) == len(group), "scenes are not torn apart"
        assert set(counts[start:end]) <= {SHARD_SIZE}
        first = group.index(group[-1])
        assert first < SHARD_ENOUGH, "it was enough without the last scene"
        assert len(group) >= SHARD_ENOUGH or end == len(found) - 1
    places = [shard.path for shard in found]
    assert len(set(places)) == len(places)


@pytest.mark.parametrize(("scene", "least"), [(1, 15), (9, 15), (13, 15), (33, 32), (65, 32), (130, 40)])
def test_however_long_scenes_are_shards_are_filled_well_enough(scene, least):
    counts = [len(shard.samples) for shard in shards(target_of([scene] * 300))]
    assert sum(counts) / len(counts) >= least
