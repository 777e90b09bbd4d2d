"""What is measured at once: a domain under one calibration, and all that determines its numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from reliseg.conformal import PromisedThreshold
from reliseg.labels import LabelSpace
from reliseg.metrics import METRICS
from reliseg.plan.plan import Reported, Target
from reliseg.results import Origin
from reliseg.run.evaluate.coverage import Coverages
from reliseg.run.predict.plugin_code import digest_of, parts_of_code
from reliseg.run.store.made import state_of_code
from reliseg.runtime.processor import processor_type
from reliseg.stats.threshold import Threshold

BySplit: TypeAlias = Sequence[tuple[str, Mapping[str, Threshold]]]
"""Thresholds by score, by the calibration split that they were chosen on."""


@dataclass(frozen=True, eq=False)
class Job:
    """A domain under one calibration."""

    target: Reported
    origin: Origin
    thresholds: BySplit
    promises: Sequence[tuple[str, tuple[PromisedThreshold, ...]]]
    """By the images that they rest on."""
    reference: Target | None
    """What the domain is compared with."""
    holds_reference: bool
    """Whether images of the reference of the run are among its own."""

    @property
    def calibration(self) -> str:
        """The name of the calibration."""
        return self.origin.calibration


class Keys:
    """Digests of all that determines what is measured of a model; names are part of it, as they stand in its rows."""

    def __init__(self, coverages: Coverages) -> None:
        self._coverages, self._plan, facts = coverages, coverages.run.plan, coverages.run.facts
        families = [METRICS.get(name)() for name in self._plan.metrics]
        code = [state_of_code(), processor_type(), np.__version__, parts_of_code(families)]
        model = [_described(facts.labels), facts.gives_probabilities, facts.gives_scores]
        columns = list(dict.fromkeys(name for m in self._plan.test_domains() for name in m.classes))
        self._common = digest_of([code, model, self._plan.metrics, self._plan.settings.scores, columns])
        self._statistics: dict[tuple[str, str], str] = {}
        self._domains: dict[Target, str] = {}

    def of(self, jobs: Sequence[Job], means: Mapping[str, Sequence[str]]) -> str:
        """Return the key of calibrations of one domain that are measured together, with the means over their seeds."""
        return digest_of([self._common, means, [self._of_one(job) for job in jobs]])

    def _of_one(self, job: Job) -> list[Any]:
        thresholds = [
            [name, sorted((score, [t.last, t.possible, t.why]) for score, t in by_score.items())]
            for name, by_score in job.thresholds
        ]
        compared = [] if job.reference is None else [self._of_statistics(job.reference, job.calibration)]
        own = self._of_statistics(job.target, job.calibration)
        return [vars(job.origin), own, compared, job.holds_reference, thresholds, job.promises]

    def of_members(self, what: Sequence[Any], members: Sequence[Target], calibration: str) -> str:
        """Return the key of what is read of the statistics of some domains alone."""
        return digest_of([self._common, what, [self._of_member(member, calibration) for member in members]])

    def _of_statistics(self, reported: Reported, calibration: str) -> str:
        """Return a digest of the statistics of a domain, and of what is said of its samples."""
        place = str(reported), calibration
        if place not in self._statistics:
            members = [self._of_member(member, calibration) for member in reported.members()]
            union = reported.domain.union if isinstance(reported, Target) else None
            self._statistics[place] = digest_of([union, members])
        return self._statistics[place]

    def _of_member(self, member: Target, calibration: str) -> list[Any]:
        pieces = [
            [[part, [piece.path.name for piece in found]] for part, found in sorted(cover.sources.items())]
            for _, _, cover in self._coverages.covers([member], calibration)
        ]
        return [self._of_domain(member), pieces]

    def _of_domain(self, member: Target) -> str:
        """Return a digest of what is said of a domain, under whatever calibration."""
        if member not in self._domains:
            dataset, samples = member.dataset, member.domain.samples
            said = [[s.id, s.scene, s.image, s.mask] for s in samples]
            projected = dataset.projection(self._coverages.run.facts.labels)
            space = [_described(dataset.labels), projected.source, projected.groups, self._plan.layout(dataset)]
            facts = [str(member), space, member.domain.annotated, dataset.usual_void, said]
            self._domains[member] = digest_of(facts)
        return self._domains[member]


def _described(labels: LabelSpace) -> list[Any]:
    """Return what numbers are made of; how a label space is printed leaves much of it out."""
    return [labels.name, labels.classes, sorted(labels.absent)]
