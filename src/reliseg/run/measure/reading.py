"""The statistics of one model, read by threads that measure: the reference once under each calibration."""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import replace
from threading import Lock

from reliseg.conformal import PromisedThreshold
from reliseg.metrics import DomainState
from reliseg.plan.plan import Reported, Target
from reliseg.run.evaluate.coverage import Coverages
from reliseg.run.measure.promises import label_pixels, set_counts
from reliseg.run.measure.states import load_state


class States:
    """Reads statistics; those of the reference under a calibration stay in memory until the last job has them."""

    def __init__(self, coverages: Coverages, incomplete: Collection[Target]) -> None:
        self._coverages, self._plan, self._model = coverages, coverages.run.plan, coverages.run.name
        self._incomplete = incomplete
        self._locks: dict[str, Lock] = {}
        """By calibration: who asks for the reference under one does not wait until that under the next is read."""
        self._kept: dict[str, DomainState] = {}
        self._jobs: Counter[str] = Counter()
        """How many jobs have not asked for the reference yet, by calibration."""

    def expect(self, jobs: Iterable[tuple[Reported, str]]) -> None:
        """Say which domains will be read, each once, under which calibrations."""
        self._jobs.update(calibration for target, calibration in jobs if self._needs_reference(target, calibration))
        for calibration in self._jobs:
            self._locks.setdefault(calibration, Lock())

    def read(self, target: Reported, calibration: str) -> tuple[DomainState, DomainState | None]:
        """Return the statistics of a domain, and those of the in-domain data that it is compared with, if any."""
        own = None if target == self._plan.reference else self._load(target, calibration)
        if not self._needs_reference(target, calibration):
            return own or self._load(target, calibration), None
        reference = self._reference(calibration)
        return (own, reference) if own else (reference, None)

    def with_promises(
        self, target: Reported, calibration: str, state: DomainState, promises: tuple[PromisedThreshold, ...]
    ) -> DomainState:
        """Return a state with promises, and with what their sets hold."""
        state = replace(state, promises=promises)
        return replace(state, sets=set_counts(self._coverages, target.members(), calibration, state))

    def reference_of(self, target: Reported, calibration: str) -> Target | None:
        """Return what a domain is compared with; None for the reference itself, and where it is not read."""
        reference = self._plan.reference
        return reference if target != reference and self._needs_reference(target, calibration) else None

    def holds_reference(self, target: Reported) -> bool:
        """Tell if images of the reference are among those of a target that is not the reference itself."""
        return _holds_reference(target, self._plan.reference)

    def _needs_reference(self, target: Reported, calibration: str) -> bool:
        """Tell if a domain is compared with the reference, or is it: not where this calibration stops short of it."""
        reference = self._plan.reference
        if reference is None or any(m in self._incomplete for m in reference.members()):
            return False
        return calibration in self._plan.calibrations_for(reference, self._model)

    def _reference(self, calibration: str) -> DomainState:
        """Return the in-domain statistics: the first one that asks reads them, others wait."""
        reference = self._plan.reference
        assert reference is not None
        with self._locks[calibration]:
            found = self._kept.get(calibration) or self._load(reference, calibration)
            self._jobs[calibration] -= 1
            if self._jobs[calibration] > 0:
                self._kept[calibration] = found
            else:
                self._kept.pop(calibration, None)
            return found

    def _load(self, target: Reported, calibration: str) -> DomainState:
        state = load_state(self._coverages, target.members(), calibration, with_units=True)
        of_labels = label_pixels(self._coverages, target.members(), calibration, state)
        return replace(state, holds_reference=self.holds_reference(target), label_pixels=of_labels)


def _holds_reference(target: Reported, reference: Target | None) -> bool:
    """Tell if images of the reference are among those of a target that is not the reference itself."""
    if reference is None or reference == target:
        return False
    inside = [m for m in target.members() if m.dataset == reference.dataset]
    if not inside:
        return False
    own = {(sample.id, sample.corruption) for member in reference.members() for sample in member.domain.samples}
    return any((sample.id, sample.corruption) in own for member in inside for sample in member.domain.samples)
