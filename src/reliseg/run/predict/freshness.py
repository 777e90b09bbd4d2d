"""Is a stored result still valid: would it be computed from the same inputs now?"""

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from reliseg.calibration.records.record import Hashes
from reliseg.data import Sample
from reliseg.errors import SampleError
from reliseg.models import Model
from reliseg.plan.plan import Target
from reliseg.run.hashes import ChangedError, InputHashes, sample_files
from reliseg.run.predict.identity import Parts


@dataclass(frozen=True)
class StoredInputs:
    """What a stored result was computed from, as it says itself."""

    parts: Parts
    samples: Hashes
    """sha256 of image and mask by sample, by domain."""
    predictions: Hashes = field(default_factory=dict)
    """sha256 of the files that predictions were read from, likewise; no entry where there were none."""


@dataclass(frozen=True, eq=False)
class Inputs:
    """What a result would be computed from now."""

    parts: Parts
    model: Model | None
    """The model, if it reads stored predictions."""
    samples: Mapping[Target, Sequence[Sample]]
    hashes: InputHashes
    known: dict[tuple[str, str], str] = field(default_factory=dict)
    """Of samples that were looked at, by domain and id: several results may share them."""

    def change_since(self, before: StoredInputs) -> str | None:
        """Return why a stored result is not valid any more, or None: what it was computed from is what there is now.

        Samples that it was not computed from yet are no change: see `missing`.
        """
        return self._other_part(before) or self._lost_sample(before) or self._other_file(before)

    def missing(self, before: StoredInputs) -> list[Sample]:
        """Return the samples that a stored result was not computed from."""
        return [s for t, samples in self.samples.items() for s in samples if s.id not in before.samples.get(str(t), {})]

    def content(self) -> str:
        """Return one digest of the bytes of all samples and of what is read of predictions; "" where one is unreadable,
        or has changed since the run read it.
        """
        digest = hashlib.sha256()
        try:
            for target, samples in self.samples.items():
                own = self._hashes_together(target, samples)
                read = self._of_predictions(target, samples)
                digest.update("\n".join((str(target), *(s.id for s in samples), *own, *read, "")).encode())
        except (OSError, SampleError, ChangedError):
            return ""
        return digest.hexdigest()

    def first_predictions(self) -> list[str]:
        """Return the sha256 of the stored prediction of the first sample of each domain: it tells such models apart.

        Nothing where a network predicts, or where a file cannot be read.
        """
        if self.model is None:
            return []
        first = [(t, min(samples, key=lambda s: s.id)) for t, samples in self.samples.items() if samples]
        try:
            return [self.hashes.of_files(self._files(target, sample)) for target, sample in first]
        except (OSError, SampleError, ChangedError):
            return []

    def _other_part(self, before: StoredInputs) -> str | None:
        names = dict.fromkeys([*self.parts, *before.parts])
        changed = [name for name in names if self.parts.get(name) != before.parts.get(name)]
        return f"the {' and the '.join(changed)} changed" if changed else None

    def _lost_sample(self, before: StoredInputs) -> str | None:
        """Look for a sample that has left: a result cannot be parted."""
        here = {str(target): {s.id for s in samples} for target, samples in self.samples.items()}
        for domain, hashes in before.samples.items():
            if not hashes.keys() <= here.get(domain, set()):
                lost = next(i for i in hashes if i not in here.get(domain, set()))
                return f"{lost} is not among the samples any more"
        return None

    def _other_file(self, before: StoredInputs) -> str | None:
        """Look for an image, mask or stored prediction with other bytes than the result was computed from."""
        for target, samples in self.samples.items():
            hashes, predictions = (h.get(str(target), {}) for h in (before.samples, before.predictions))
            if not predictions and self._are_known(str(target), hashes):
                continue  # that is all: a finished run asks this of every sample of every model
            stored = [s for s in samples if s.id in hashes]
            with suppress(OSError, SampleError, ChangedError):  # the loop says which file it is
                self._hashes_together(target, stored)
            if not predictions and self._are_known(str(target), hashes):
                continue
            for sample in stored:
                try:
                    own, of_prediction = self._hashes_of(target, sample)
                except (OSError, SampleError) as error:
                    return f"a file cannot be read: {error}"
                except ChangedError as error:
                    return str(error)
                if own != hashes[sample.id]:
                    return f"{' or '.join(map(str, sample_files(target.dataset, sample)))} changed"
                if of_prediction != predictions.get(sample.id, ""):
                    return f"{' or '.join(map(str, self._files(target, sample)))} changed"
        return None

    def _hashes_together(self, target: Target, samples: Sequence[Sample]) -> list[str]:
        """Return the sha256 of samples, which are looked at together: faster than one by one."""
        name = str(target)  # of many samples, made once
        own = [self.known.get((name, s.id), "") for s in samples]
        if not all(own):
            own = self.hashes.of_samples(target.dataset, samples)
            self.known.update(zip(((name, s.id) for s in samples), own, strict=True))
        return own

    def _are_known(self, target: str, hashes: Mapping[str, str]) -> bool:
        """Tell if all samples were looked at and hold these bytes, of a model that reads no other files."""
        known = self.known
        return self.model is None and [known.get((target, i)) for i in hashes] == list(hashes.values())

    def _hashes_of(self, target: Target, sample: Sample) -> tuple[str, str]:
        """Return the sha256 of a sample and of its stored prediction."""
        key = str(target), sample.id
        if key not in self.known:
            self.known[key] = self.hashes.of_sample(target.dataset, sample)
        return self.known[key], self.hashes.of_files(self._files(target, sample))

    def _of_predictions(self, target: Target, samples: Sequence[Sample]) -> list[str]:
        """Return the sha256 of the stored prediction of each sample; nothing where a network predicts."""
        files = [self._files(target, sample) for sample in samples]
        return self.hashes.of_each(files) if all(files) else [self.hashes.of_files(group) for group in files]

    def _files(self, target: Target, sample: Sample) -> tuple[Path, ...]:
        """Return the files that the sample's prediction is read from."""
        return self.model.of_domain(str(target)).files(sample.id) if self.model else ()
