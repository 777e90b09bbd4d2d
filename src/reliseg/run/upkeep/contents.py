"""What a run's folder says of what it holds, and where two folders contradict each other."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, get_args

from reliseg.calibration.records.record import Record
from reliseg.run.fit.sample_records import SEED_PART, SampleRecord
from reliseg.run.predict.identity import Parts, identity_of_calibration
from reliseg.run.predict.plugin_code import digest_of
from reliseg.run.store.piece_files import StoredHead

_Kind: TypeAlias = Literal["model", "parts", "prediction", "sample", "calibration"]
_DIGEST, _STORE = 14, 2
"""Bytes of a value, and of the number of a store."""
_OF_MODEL = ("model", "batch")
"""What determines statistics and is the same on all domains."""


@dataclass(frozen=True)
class Subject:
    """What values are of: parts of a model, of a model on a domain, files of samples, calibrations."""

    kind: _Kind
    model: str = ""
    domain: str = ""

    def difference(self, name: str, one: str, other: str) -> str:
        """Return a line that says what differs between two runs, and what to do."""
        between = f"between {one} and {other}"
        if self.kind == "model":
            return (
                f"{self.model}: the {name} differs {between}; merge runs of one model, or evaluate one of them again "
                "under another name"
            )
        if self.kind == "parts":
            return (
                f"{self.model} on {self.domain}: the {name} differs {between}; merge runs in which it is equal, or "
                "evaluate one of them again under another name"
            )
        if self.kind == "sample":
            return (
                f"{self.domain}: the image or the mask of {name} has other bytes in {one} than in {other}; "
                "evaluate both on the same files"
            )
        if self.kind == "prediction":
            return (
                f"{self.model} on {self.domain}: the stored prediction of {name} has other bytes in {one} than in "
                f"{other}; merge runs of one model, or evaluate one of them again under another name"
            )
        return (
            f"{self.model}: {name} has other parameters in {one} than in {other}; fit on one machine, merge that "
            "run, and evaluate then"
        )


class Values:
    """The values that names have in some stores, which are numbered; 160 bytes for each name."""

    def __init__(self) -> None:
        self._entries: dict[str, bytes] = {}

    def add(self, name: str, value: str, store: int) -> None:
        """Add the value of a name in a store: one name may have several."""
        entry = hashlib.sha256(value.encode(errors="surrogatepass")).digest()[:_DIGEST]
        known = self._entries.get(name, b"")
        if not known or entry not in _values(known):
            self._entries[name] = known + entry + store.to_bytes(_STORE)

    def update(self, other: "Values") -> None:
        """Add the values of other stores."""
        for name, theirs in other._entries.items():
            known = self._entries.get(name)
            if known is None:
                self._entries[name] = theirs
            elif theirs != known:
                seen = set(_values(known))
                self._entries[name] = known + b"".join(e for e in _entries(theirs) if e[:_DIGEST] not in seen)

    def contradiction(self, other: "Values") -> tuple[str, int, int] | None:
        """Return a name that has values here and there and none in common, with two stores that hold them."""
        for name, theirs in other._entries.items():
            mine = self._entries.get(name)
            if mine is not None and set(_values(mine)).isdisjoint(_values(theirs)):
                return name, _store(mine), _store(theirs)
        return None


def _entries(known: bytes) -> Iterator[bytes]:
    size = _DIGEST + _STORE
    return (known[i : i + size] for i in range(0, len(known), size))


def _values(known: bytes) -> Iterator[bytes]:
    return (entry[:_DIGEST] for entry in _entries(known))


def _store(known: bytes) -> int:
    return int.from_bytes(known[_DIGEST : _DIGEST + _STORE])


@dataclass(eq=False)
class Contents:
    """What some stores hold, by what it is called."""

    by_subject: dict[Subject, Values] = field(default_factory=dict)
    processors: dict[str, tuple[str, int]] = field(default_factory=dict)
    """By type: what one is called, and a store with statistics that it made."""

    def add_piece(self, stored: StoredHead, store: int) -> None:
        """Add what a piece of statistics says."""
        head = stored.head
        model, domain = head.named.get("model", ""), head.named.get("domain", "")
        self._add_parts(model, domain, head.parts, store)
        self._add_files(model, domain, head.hashes, head.predictions, store)
        kind = head.made.get("processor", "")
        self.processors.setdefault(kind, (head.made.get("model", "") or kind, store))

    def add_sampled(self, record: SampleRecord, store: int) -> None:
        """Add what sampled pixels say; those of several seeds belong together."""
        model, domain = record.named.get("model", ""), record.named.get("domain", "")
        parts = {name: value for name, value in record.parts.items() if name != SEED_PART}
        self._add_parts(model, domain, parts, store)
        predictions = {e.id: e.prediction_sha256 for e in record.images if e.prediction_sha256}
        self._add_files(model, domain, {e.id: e.sha256 for e in record.images}, predictions, store)

    def add_calibration(self, place: str, record: Record, store: int) -> None:
        """Add what a fitted calibration says: two of one place are equal if they were fitted on the same files."""
        parts = {name: value for name, value in record.parts.items() if name in _OF_MODEL}
        self._add_parts(record.model, record.split, parts, store)
        for domain, hashes in record.samples.items():
            self._add_files(record.model, domain, hashes, record.predictions.get(domain, {}), store)
        files = digest_of([record.split_sha256(), record.predictions])
        name = f"{record.name} (fitted/{place}, of files {files[:8]})"
        self._of(Subject("calibration", record.model)).add(name, identity_of_calibration(record.calibration), store)

    def update(self, other: "Contents") -> None:
        """Add what other stores hold."""
        for subject, values in other.by_subject.items():
            self._of(subject).update(values)
        for kind, maker in other.processors.items():
            self.processors.setdefault(kind, maker)

    def contradiction(self, other: "Contents", stores: Sequence[str]) -> str | None:
        """Return a line about what is one thing here and another there: where nothing is common, they do not fit."""
        for kind in get_args(_Kind):
            for subject in (s for s in other.by_subject if s.kind == kind and s in self.by_subject):
                found = self.by_subject[subject].contradiction(other.by_subject[subject])
                if found:
                    name, one, another = found
                    return subject.difference(name, stores[one], stores[another])
        return None

    def _add_parts(self, model: str, domain: str, parts: Parts, store: int) -> None:
        for name, value in parts.items():
            subject = Subject("model", model) if name in _OF_MODEL else Subject("parts", model, domain)
            self._of(subject).add(name, value, store)

    def _add_files(
        self, model: str, domain: str, hashes: Mapping[str, str], predictions: Mapping[str, str], store: int
    ) -> None:
        of_samples, of_predictions = self._of(Subject("sample", "", domain)), Subject("prediction", model, domain)
        for name, digest in hashes.items():
            of_samples.add(name, digest, store)
        for name, digest in predictions.items():
            self._of(of_predictions).add(name, digest, store)

    def _of(self, subject: Subject) -> Values:
        return self.by_subject.setdefault(subject, Values())
