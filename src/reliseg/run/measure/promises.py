"""The thresholds of promises: chosen on images that no fit has read, under each calibration."""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TypeAlias

import numpy as np
from pydantic import ValidationError

from reliseg.conformal import PromisedThreshold, losses_of, means_of_units
from reliseg.errors import count_text
from reliseg.metrics import DomainState
from reliseg.metrics.image_pixels import ImagePixels
from reliseg.metrics.set_counts import SetCounts, lost_by_bins_left_out
from reliseg.plan.plan import PromiseGround, Reported, Target
from reliseg.plan.promised import units_of
from reliseg.run.context import ModelRun
from reliseg.run.evaluate.coverage import Coverages
from reliseg.run.measure.jobs import Keys
from reliseg.run.measure.states import load_state, rows_of_images
from reliseg.run.measure.threads import measure_each
from reliseg.runtime.checked import checker
from reliseg.types import Int64

Promised: TypeAlias = Mapping[tuple[str, str], tuple[PromisedThreshold, ...]]
"""By the name of the ground and the calibration."""
_Kept: TypeAlias = list[tuple[int, int | None, str]]
"""Of each promise the number of units, the bins, and why there are none."""
Lost: TypeAlias = tuple[Int64[np.ndarray, "n b"], Int64[np.ndarray, " n"]]
"""What each image loses by bin, and its pixels that count."""


def measure_promises(
    coverages: Coverages, incomplete: Collection[Target], only: Collection[str] | None = None
) -> Promised:
    """Return the thresholds that the promises of a run come to; none on a ground with a domain in `incomplete`.

    Of calibrations `only` these are looked at.
    """
    run, found = coverages.run, dict[tuple[str, str], list[PromisedThreshold]]()
    images = {ground.name: _Images(coverages, ground) for ground in run.plan.grounds}
    every = [(g, name) for g in run.plan.grounds for name in run.plan.calibrations_on(g, run.name)]
    asked = [(ground, name) for ground, name in every if only is None or name in only]
    jobs: list[tuple[tuple[str, str], Sequence[Target]]] = []
    for ground, calibration in asked:
        lost = [member for member in ground.members if member in incomplete]
        why = f"samples of {lost[0]} were not evaluated" if lost else images[ground.name].obstacle(calibration)
        known = images[ground.name].without_threshold(why) if why else images[ground.name].recall(calibration)
        if known is None:
            jobs.append(((ground.name, calibration), ground.members))
        else:
            found[ground.name, calibration] = known

    def choose(job: tuple[str, str]) -> tuple[tuple[str, str], list[PromisedThreshold]]:
        ground, calibration = job
        return job, images[ground].choose(calibration)

    with closing(measure_each(choose, jobs, run.context.workers)) as chosen:
        for (name, calibration), thresholds in chosen:
            images[name].keep(calibration, thresholds)
            found[name, calibration] = thresholds
    return {(g.name, calibration): tuple(found[g.name, calibration]) for g, calibration in asked}


def promises_of(
    run: ModelRun, target: Reported, calibration: str, promised: Promised
) -> list[tuple[str, tuple[PromisedThreshold, ...]]]:
    """Return the promises that apply to a domain, for each ground by itself, which `fitted_on` names."""
    grounds = [g for g in run.plan.grounds if g.classes == target.classes]
    found = [(g.name, promised[g.name, calibration]) for g in grounds if (g.name, calibration) in promised]
    return found or [(calibration.partition("@")[2], ())]


def label_pixels(
    coverages: Coverages, members: Sequence[Target], calibration: str, state: DomainState
) -> dict[str, ImagePixels]:
    """Return the true pixels of each class that a promise is made of, image by image as the state has them."""
    plan = coverages.run.plan
    labels = dict.fromkeys(p.label for g in plan.grounds if g.classes == members[0].classes for p in g.promises)
    labels.pop("", None)
    if not labels or state.units is None:
        return {}
    place: dict[str, int] = {}
    parts: dict[str, list[ImagePixels]] = {name: [] for name in labels}
    for target, table in rows_of_images(coverages, members, calibration, "by_label"):
        place |= {f"{target.dataset.name}/{sample}": len(place) + i for i, sample in enumerate(table.ids)}
        for name, of_label in parts.items():
            of_label.append(ImagePixels.of_label(table, state.labels.classes.index(name)))
    order = np.array([place[name] for name in state.units.image_names], np.int64)
    return {name: ImagePixels.joined(of_label).at(order) for name, of_label in parts.items()}


def set_counts(
    coverages: Coverages, members: Sequence[Target], calibration: str, state: DomainState
) -> dict[str, SetCounts]:
    """Return what sets of classes hold in each image of a domain, for each promise of the state that is about sets."""
    asked = {t.promise.key: t.bins for t in state.promises if t.promise.of_sets and t.bins is not None}
    if not asked or state.units is None:
        return {}
    place: dict[str, int] = {}
    parts: dict[str, list[SetCounts]] = {key: [] for key in asked}
    for target, table in rows_of_images(coverages, members, calibration, "sets"):
        place |= {f"{target.dataset.name}/{sample}": len(place) + i for i, sample in enumerate(table.ids)}
        for key, bins in asked.items():
            parts[key].append(SetCounts.of(table, bins))
    order = np.array([place[name] for name in state.units.image_names], np.int64)
    return {key: SetCounts.joined(of_key).at(order) for key, of_key in parts.items()}


@dataclass(frozen=True, eq=False)
class _Images:
    """The images of a ground, under one calibration after the other."""

    coverages: Coverages
    ground: PromiseGround
    _known_keys: dict[str, str] = field(default_factory=dict, init=False)

    def obstacle(self, calibration: str) -> str:
        """Return why no threshold may be chosen under a calibration; "" where one may."""
        record = self.coverages.run.records.get(calibration)
        for digest, sample in (record.seen() if record else {}).items():
            if digest in self._by_digest:
                what = f"{self._by_digest[digest]} is the same image as {sample}, which {calibration} was fitted on"
                return f"{what}; remove one of them"
        return ""

    def recall(self, calibration: str) -> list[PromisedThreshold] | None:
        """Return the threshold of each promise as it was chosen before; None where that is not known."""
        content = self.coverages.run.context.kept.read(self._key(calibration))
        try:
            known = None if content is None else checker(_Kept).validate_python(json.loads(content))
        except (ValueError, RecursionError, ValidationError):
            return None
        bare = self.without_threshold("")
        if known is None or len(known) != len(bare):
            return None
        return [replace(one, n=n, bins=bins, why=why) for one, (n, bins, why) in zip(bare, known, strict=True)]

    def keep(self, calibration: str, thresholds: Sequence[PromisedThreshold]) -> None:
        """Keep what was chosen."""
        content = [[found.n, found.bins, found.why] for found in thresholds]
        self.coverages.run.context.kept.write(self._key(calibration), content)

    def choose(self, calibration: str) -> list[PromisedThreshold]:
        """Return the threshold of each promise."""
        members = self.ground.members
        state = load_state(self.coverages, members, calibration, with_units=True, with_histograms=False)
        assert state.units is not None, "the domains of a ground are annotated, and have the same classes"
        of_labels = label_pixels(self.coverages, self.ground.members, calibration, state)
        every = {"": ImagePixels.of(state.units)} | of_labels
        lost = {label: (pixels.lost(), pixels.counted) for label, pixels in every.items()}
        in_sets = self._lost_in_sets(calibration, state.units.image_names)
        losses = [in_sets if p.of_sets else lost[p.label] for p in self.ground.promises]
        names, bare = state.units.image_names, self.without_threshold("")
        return [self._chosen(found, *of_one, names) for found, of_one in zip(bare, losses, strict=True)]

    def _key(self, calibration: str) -> str:
        if calibration not in self._known_keys:
            asked = [[vars(promise) for promise in self.ground.promises], units_of(self.ground), sorted(self._names)]
            self._known_keys[calibration] = self._keys.of_members(asked, self.ground.members, calibration)
        return self._known_keys[calibration]

    @cached_property
    def _keys(self) -> Keys:
        return Keys(self.coverages)

    def without_threshold(self, why: str) -> list[PromisedThreshold]:
        """Return the promises without thresholds, and why there are none."""
        kind, images = units_of(self.ground), self._digests
        return [PromisedThreshold(p, self.ground.name, kind, why=why, images=images) for p in self.ground.promises]

    def _lost_in_sets(self, calibration: str, names: Sequence[str]) -> Lost:
        """Return what each image loses by bins that are left out of sets; nothing where no promise is about sets."""
        if not any(promise.of_sets for promise in self.ground.promises):
            return np.zeros((0, 0), np.int64), np.zeros(0, np.int64)
        found: dict[str, tuple[np.ndarray, int]] = {}
        for target, table in rows_of_images(self.coverages, self.ground.members, calibration, "sets"):
            lost, counted = lost_by_bins_left_out(table), table.confusion.sum(axis=(1, 2)).tolist()
            found |= {f"{target.dataset.name}/{i}": (lost[k], counted[k]) for k, i in enumerate(table.ids)}
        return np.stack([found[name][0] for name in names]), np.array([found[name][1] for name in names], np.int64)

    def _chosen(
        self,
        threshold: PromisedThreshold,
        lost: Int64[np.ndarray, "n b"],
        counted: Int64[np.ndarray, " n"],
        names: Sequence[str],
    ) -> PromisedThreshold:
        is_there = np.array([name in self._names for name in names], bool) & (counted > 0)
        there = np.flatnonzero(is_there).tolist()
        units = [names[i].rpartition("/")[0] if threshold.units == "scenes" else names[i] for i in there]
        n, least = len(set(units)), threshold.promise.least
        if n < least:
            noun = threshold.units.removesuffix("s")
            have = f"{count_text(n, noun)} of {self.ground.name} {'has' if n == 1 else 'have'} pixels that count"
            return replace(threshold, n=n, why=f"{threshold.promise} needs {least} {threshold.units}, and {have}")
        losses = losses_of(lost[there], counted[there])
        return replace(threshold, n=n, bins=threshold.promise.accepted(means_of_units(losses, _in_fixed_order(units))))

    @cached_property
    def _names(self) -> set[str]:
        """What its images are called in the statistics."""
        return {f"{m.dataset.name}/{s.id}" for m in self.ground.members for s in self.ground.chosen(m)}

    @cached_property
    def _digests(self) -> Mapping[str, Mapping[str, str]]:
        hashes = self.coverages.run.context.hashes
        return {
            str(m): {s.id: hashes.of_image(m.dataset, s) for s in self.ground.chosen(m)} for m in self.ground.members
        }

    @cached_property
    def _by_digest(self) -> Mapping[str, str]:
        return {digest: sample for images in self._digests.values() for sample, digest in images.items()}


def _in_fixed_order(units: Sequence[str]) -> Int64[np.ndarray, " n"]:
    """Return the place of each image's unit, in an order that nobody chooses: that of the hashes of their names."""
    order = sorted(set(units), key=lambda name: hashlib.sha256(name.encode()).digest())
    place = {name: i for i, name in enumerate(order)}
    return np.array([place[name] for name in units], np.int64)
