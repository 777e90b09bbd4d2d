"""What is stored of a model on a domain, and what is missing."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from threading import Lock

from reliseg.errors import SampleError
from reliseg.plan.plan import Target
from reliseg.plan.shards import Shard, shards
from reliseg.run.context import ModelRun
from reliseg.run.hashes import ChangedError
from reliseg.run.predict.freshness import StoredInputs
from reliseg.run.predict.identity import codes_of_scores, identity_of_calibration
from reliseg.run.predict.plugin_code import digest_of
from reliseg.run.store.cover import Cover, Piece, cover
from reliseg.run.store.store import Place, Places, StoredShard
from reliseg.stats import Layout

_MOST_KEPT = 1024
"""How many shards, each under one calibration, are remembered at most: about 15 kB each."""


@dataclass(frozen=True, eq=False)
class Seen:
    """What was found out of domains, for models that are looked at one after the other."""

    samples: dict[tuple[str, str], str] = field(default_factory=dict)
    """The sha256 of image and mask, by domain and id."""
    shards: dict[Target, tuple[Shard, ...]] = field(default_factory=dict)
    contents: dict[tuple[str, str], str] = field(default_factory=dict)
    """Digests of all images and masks of a shard, by domain and the shard's name."""
    promised: dict[str, str] = field(default_factory=dict)
    """Samples that thresholds are chosen on so that promises are kept, by the sha256 of the image."""


@dataclass(frozen=True, eq=False)
class ShardCover:
    """What is stored of a shard under one calibration."""

    cover: Cover
    changes: list[str]
    """Why pieces that lie there are not used: a line each."""
    broken: list[Path]
    """Files there that are not whole."""


@dataclass(frozen=True, eq=False)
class Coverage:
    """A model on a domain (no union), under the calibrations of its run: which pieces hold which of its samples."""

    run: ModelRun
    target: Target
    seen: Seen = field(default_factory=Seen)
    _images: dict[str, str] = field(default_factory=dict, init=False)
    """The sha256 of images, by sample."""
    _places: dict[str, Places] = field(default_factory=dict, init=False)

    @cached_property
    def layout(self) -> Layout:
        """What is counted."""
        return self.run.plan.layout(self.target.dataset)

    @cached_property
    def codes(self) -> dict[str, str]:
        """The code of scores that other packages bring."""
        return codes_of_scores(self.layout)

    @cached_property
    def parts(self) -> dict[str, str]:
        """What determines the statistics beside calibrations, scores and files."""
        return self.run.parts([self.target])

    @cached_property
    def identities(self) -> dict[str, str]:
        """The identity of each calibration."""
        return {name: identity_of_calibration(c) for name, c in self.run.calibrations.items()}

    @cached_property
    def sources(self) -> dict[str, str]:
        """What determines a prediction under each calibration, beside the files of its sample."""
        return {name: digest_of([self.parts, identity]) for name, identity in self.identities.items()}

    @cached_property
    def unseen(self) -> dict[str, str]:
        """Why an image, by its sha256, must not be among those of this domain: a calibration was fitted on it, or a
        threshold was chosen on it.
        """
        plan, records, model = self.run.plan, self.run.records, self.run.name
        tested = plan.calibrations_for(self.target, model) if self.is_tested else []
        for ground in plan.grounds:
            if not ground.left_out and self.target in ground.members:
                tested = [*tested, *plan.calibrations_on(ground, model)]
        same = "this is the same image as"
        chosen_on = self._promised_images() if self.is_tested else {}
        unseen = {digest: f"{same} {i}, which a promise rests on" for digest, i in chosen_on.items()}
        for name in (name for name in tested if name in records):
            fitted = records[name].seen()
            unseen |= {digest: f"{same} {i}, which {name} was fitted on" for digest, i in fitted.items()}
        return unseen

    @property
    def is_tested(self) -> bool:
        """Whether numbers are reported of it that images which were seen before would flatter."""
        return self.run.plan.must_be_unseen(self.target)

    def _promised_images(self) -> dict[str, str]:
        """Return the samples that thresholds are chosen on, by the sha256 of the image; what cannot be read is left out
        here, and told where it is evaluated.
        """
        hashes = self.run.context.hashes
        if not self.seen.promised:
            for ground in self.run.plan.grounds:
                for dataset, sample in ((m.dataset, s) for m in ground.members for s in ground.chosen(m)):
                    with suppress(OSError, SampleError, ChangedError):
                        hashes.of_sample(dataset, sample)
                        self.seen.promised[hashes.of_image(dataset, sample)] = sample.id
        return self.seen.promised

    @property
    def shards(self) -> tuple[Shard, ...]:
        """The shards of the domain."""
        if self.target not in self.seen.shards:
            self.seen.shards[self.target] = tuple(shards(self.target))
        return self.seen.shards[self.target]

    def named(self, calibration: str) -> dict[str, str]:
        """Return what is said of a piece beside its identity."""
        return {"model": self.run.name, "domain": str(self.target), "calibration": calibration}

    def place(self, shard: Shard, calibration: str = "") -> Place:
        """Return where the pieces of a shard lie; without a calibration, what is said of all of them.

        What is said of a model on a domain is its own: others may have equal parts, and samples of the same ids.
        """
        if calibration not in self._places:
            identity = self.identities[calibration] if calibration else f"all of {self.run.name} on {self.target}"
            self._places[calibration] = Places(self.parts, identity)
        return self._places[calibration].of(shard.ids)

    def stored(self, shard: Shard, calibration: str) -> StoredShard:
        """Return if a shard is complete under a calibration, and which files are used; as `of`, and much faster where
        that was seen before.
        """
        place = self.place(shard, calibration)
        return self.run.context.store.shard(
            place, lambda: self.of(shard, calibration).cover, lambda: self._asked(shard)
        )

    def all_stored(self, calibration: str) -> list[StoredShard]:
        """Return the same of all shards; faster where all are complete, and were when that was last asked."""
        shards = self.shards
        places = [self.place(shard, calibration) for shard in shards]
        return self.run.context.store.shards(
            places, lambda i: self.of(shards[i], calibration).cover, lambda i: self._asked(shards[i])
        )

    def of(self, shard: Shard, calibration: str) -> ShardCover:
        """Return what is stored of a shard under a calibration."""
        pieces, broken = self.run.context.store.pieces(self.place(shard, calibration))
        changes = [f"{path} is not whole" for path in broken]
        valid, named = [], self.named(calibration)
        now = self.run.inputs({self.target: shard.samples}, self.parts, self.seen.samples) if pieces else None
        for piece in pieces:
            change = now.change_since(self._inputs_of(piece)) if now else None
            if piece.stored.head.calibration != self.identities[calibration]:
                changes.append(f"{piece.path} is of another calibration")
            elif change is None and (why := self._seen_in(piece, shard)):
                changes.append(why)
            elif change is None:
                valid.append(piece)
            elif piece.stored.head.named == named:  # stored predictions of several models lie in one place
                changes.append(change)
        ids = [sample.id for sample in shard.samples]
        found = cover(valid, ids, self.layout, self.codes)
        return ShardCover(found, changes if found.missing else [], broken)

    def covers(self, calibration: str) -> Iterator[tuple[Shard, Cover]]:
        """Yield all shards with what is stored of them under a calibration."""
        return ((shard, self.of(shard, calibration).cover) for shard in self.shards)

    def _asked(self, shard: Shard) -> str:
        """Return a digest of all that decides which pieces in a place are used; "" where a file cannot be read."""
        name = str(self.target), shard.name
        content = "" if self.run.facts.reads_files else self.seen.contents.get(name, "")
        if not content:
            content = self.run.inputs({self.target: shard.samples}, self.parts, self.seen.samples).content()
            if not self.run.facts.reads_files:  # those are the model's own
                self.seen.contents[name] = content
        return content and f"{self._counted} {content}"

    @cached_property
    def _counted(self) -> str:
        """A digest of what a complete shard counts, and of the images that it must not hold."""
        layout = self.layout
        counted = [layout.classes, layout.scores, layout.extras, sorted(self.codes.items())]
        return digest_of([counted, sorted(self.unseen)])

    def _seen_in(self, piece: Piece, shard: Shard) -> str | None:
        """Return why a piece must not be used that was counted when it might hold such images; None if it may be."""
        if self.unseen:
            for sample in (s for s in shard.samples if s.id in piece.samples):
                if sample.id not in self._images:
                    self._images[sample.id] = self.run.context.hashes.of_image(self.target.dataset, sample)
                if reason := self.unseen.get(self._images[sample.id]):
                    return f"{sample.id}: {reason}"
        return None

    def _inputs_of(self, piece: Piece) -> StoredInputs:
        head, name = piece.stored.head, str(self.target)
        return StoredInputs(head.parts, {name: head.hashes}, {name: head.predictions})


class Coverages:
    """The coverages of a run's domains, each made once.

    `covers` remembers what it found, as far as there is room, so that what a key names is what is read: do not ask it
    before everything is stored. A coverage that `of` returns looks again each time.
    """

    def __init__(self, run: ModelRun, seen: Seen | None = None) -> None:
        self.run = run
        self._seen = seen or Seen()
        self._by_target: dict[Target, Coverage] = {}
        self._found: dict[tuple[Target, str], list[tuple[Shard, Cover]]] = {}
        self._room = _MOST_KEPT
        self._lock = Lock()

    def of(self, target: Target) -> Coverage:
        """Return that of a domain."""
        if target not in self._by_target:
            self._by_target[target] = Coverage(self.run, target, self._seen)
        return self._by_target[target]

    def covers(self, targets: Iterable[Target], calibration: str) -> list[tuple[Coverage, Shard, Cover]]:
        """Return all shards of some domains with what is stored of them; for any number of threads."""
        with self._lock:
            return [
                (self.of(target), shard, cover)
                for target in targets
                for shard, cover in self._covers_of(target, calibration)
            ]

    def _covers_of(self, target: Target, calibration: str) -> list[tuple[Shard, Cover]]:
        if (target, calibration) in self._found:
            return self._found[target, calibration]
        found = list(self.of(target).covers(calibration))
        if len(found) <= self._room:
            self._room -= len(found)
            self._found[target, calibration] = found
        return found
