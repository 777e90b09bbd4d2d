"""Shards: the samples of a domain in groups, by what they are called alone, so that a new image changes one group."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from reliseg.data import Sample
from reliseg.plan.plan import Target

SHARD_SIZE = 64

_Keyed: TypeAlias = tuple[bytes, Sample]
"""A sample, and the bits that say where it belongs."""


@dataclass(frozen=True)
class Shard:
    """At most 64 samples of a domain, in the order of scenes and ids."""

    target: Target
    samples: tuple[Sample, ...]

    @cached_property
    def name(self) -> str:
        """What it is called: a digest of the ids of its samples."""
        return hashlib.sha256("\n".join(sample.id for sample in self.samples).encode()).hexdigest()[:12]

    @cached_property
    def ids(self) -> bytes:
        """The ids of its samples, sorted, as JSON: many models are asked for their statistics of it."""
        return json.dumps(sorted(sample.id for sample in self.samples)).encode()

    @property
    def scene(self) -> str:
        """The scene that its samples are of, or its first one: a scene is cut, or whole in one shard."""
        return self.samples[0].scene


def shards(target: Target) -> Iterator[Shard]:
    """Yield the shards of a domain, in the order of the scene and id of their first samples.

    Samples stand in the order of the bits of sha256(scene), then of sha256(id). What exceeds a shard is cut where the
    next bit changes. So a shard does not depend on the others: a sample that is added or removed changes its own.
    """
    keyed = sorted(_keyed(target.domain.samples))
    groups = (sorted(group, key=_place) for group in _cut(keyed))
    for group in sorted(groups, key=lambda group: _place(group[0])):
        yield Shard(target, tuple(group))


def _keyed(samples: Sequence[Sample]) -> Iterator[_Keyed]:
    scenes = {scene: hashlib.sha256(scene.encode()).digest() for scene in {sample.scene for sample in samples}}
    return ((scenes[s.scene] + hashlib.sha256(s.id.encode()).digest(), s) for s in samples)


def _cut(keyed: Sequence[_Keyed]) -> Iterator[list[Sample]]:
    """Yield sorted samples in groups of at most 64, cut where the first bit changes in which they are not all equal."""
    if len(keyed) <= SHARD_SIZE:
        if keyed:
            yield [sample for _, sample in keyed]
        return
    first, last = (int.from_bytes(keyed[place][0]) for place in (0, -1))
    bit = (first ^ last).bit_length() - 1
    low, high = 0, len(keyed) - 1  # the bit is 0 of the first, and 1 of the last
    while high - low > 1:
        middle = (low + high) // 2
        if int.from_bytes(keyed[middle][0]) >> bit & 1:
            high = middle
        else:
            low = middle
    yield from _cut(keyed[:high])
    yield from _cut(keyed[high:])


def _place(sample: Sample) -> tuple[str, str]:
    return sample.scene, sample.id
