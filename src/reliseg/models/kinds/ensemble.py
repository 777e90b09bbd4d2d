"""Several models as one: the mean of their probabilities."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from reliseg.errors import ModelError, shortlist
from reliseg.labels import LabelSpace
from reliseg.models.base import Input, Model, ModelOptions
from reliseg.models.calling import predict_with
from reliseg.models.image_predictor import SCORES_OF_MEANS
from reliseg.prediction import Prediction
from reliseg.types import Feature

_OF_MEMBERS = (
    *("weights", "key", "output", "values", "align_corners", "mean", "std", "feature", "labels", "masks"),
    *("resize", "interpolation", "pad", "slide", "tta", "mc_dropout", "args", "precision"),
)


@dataclass(frozen=True, eq=False)
class EnsembleModel(Model):
    """The mean of the probabilities of other models of the configuration, which `members` names.

    Mutual information and expected entropy come with it as scores. The feature is those of all members, one after the
    other.
    """

    members: Mapping[str, Model]
    labels: LabelSpace

    def __repr__(self) -> str:
        """Return the names of the members, and the classes, on one line."""
        return f"EnsembleModel({shortlist(list(self.members), 6)}: {self.labels.summary()})"

    @classmethod
    def load(cls, options: ModelOptions) -> "EnsembleModel":
        """Load all members."""
        options.refuse(_OF_MEMBERS, "applies to its members; write it there")
        if len(options.members) < 2:
            raise ModelError(f"model {options.name}: an ensemble needs members, two models or more")
        return cls.of({name: load() for name, load in options.members.items()}, options.name)

    @classmethod
    def of(cls, members: Mapping[str, Model], name: str = "ensemble") -> "EnsembleModel":
        """Return the ensemble of models that are loaded; a ModelError if they do not predict the same classes."""
        if len(members) < 2:
            raise ModelError(f"model {name}: an ensemble needs two models or more")
        (first, model), *others = members.items()
        for other, that in others:
            if that.labels.classes != model.labels.classes:
                raise ModelError(
                    f"model {name}: {first} predicts the classes of {model.labels.name}, and {other} those of "
                    f"{that.labels.name}; members must predict the same classes in the same order"
                )
        return cls(dict(members), model.labels)

    @property
    def reads_images(self) -> bool:  # type: ignore[override]
        """Tell if any member does."""
        return any(model.reads_images for model in self.members.values())

    @property
    def told_by_files(self) -> bool:
        """Tell if files say all of each member."""
        return all(model.told_by_files for model in self.members.values())

    def every(self) -> tuple[Model, ...]:
        """Return the ensemble, and its members."""
        return (self, *(part for model in self.members.values() for part in model.every()))

    @property
    def reads_files(self) -> bool:
        """Tell if the predictions of any member are read from files."""
        return any(model.reads_files for model in self.members.values())

    def predict(self, inputs: Sequence[Input]) -> list[Prediction]:
        """Return the mean of the members' predictions."""
        from reliseg.models.inference.composing import mean_prediction, rows_of

        by_member = [predict_with(model, inputs) for model in self.members.values()]
        return [
            mean_prediction([rows_of(p) for p in predictions], source.size, _joined([p.feature for p in predictions]))
            for source, predictions in zip(inputs, zip(*by_member, strict=True), strict=True)
        ]

    @property
    def gives_probabilities(self) -> bool:
        """Tell that a mean of probabilities has no logits."""
        return True

    @property
    def gives_scores(self) -> tuple[str, ...]:
        """The names of the scores of what its members disagree on."""
        return SCORES_OF_MEANS

    @property
    def resizes(self) -> bool:
        """Tell if all members bring images to a size of their own; a ModelError where only some do."""
        own = {name: model.resizes for name, model in self.members.items() if model.reads_images}
        if len(set(own.values())) > 1:
            with_size, without = (", ".join(n for n, has in own.items() if has == which) for which in (True, False))
            raise ModelError(
                f"its members do not see images at one size: {with_size} by resize, {without} as the data set says; "
                "give all of them resize, or none"
            )
        return any(own.values())

    def calls(self, size: tuple[int, int]) -> int:
        """Return the sum of the members'."""
        return sum(model.calls(size) for model in self.members.values())

    def of_domain(self, domain: str) -> "EnsembleModel":
        """Return the ensemble of the members as they predict a domain."""
        return replace(self, members={name: model.of_domain(domain) for name, model in self.members.items()})

    def missing(self, ids: Sequence[str]) -> dict[str, str]:
        """Return the ids that a member cannot predict, and why."""
        found: dict[str, str] = {}
        for name, model in self.members.items():
            found |= {i: f"{name}: {why}" for i, why in model.missing(ids).items() if i not in found}
        return found

    def files(self, sample: str) -> tuple[Path, ...]:
        """Return the files that the members' predictions of a sample are read from."""
        return tuple(file for model in self.members.values() for file in model.files(sample))

    def notes(self) -> list[str]:
        """Return the members' notes."""
        return [f"({name}) {line}" for name, model in self.members.items() for line in model.notes()]

    def provenance(self) -> dict[str, Any]:
        """Return what is said of each member; `files` are those of all."""
        facts = {name: model.provenance() for name, model in self.members.items()}
        files = {path: digest for of_member in facts.values() for path, digest in of_member.get("files", {}).items()}
        members = {n: {k: v for k, v in of_member.items() if k != "files"} for n, of_member in facts.items()}
        return {"kind": "ensemble", "labels": self.labels.name, "members": members, "files": files}

    def fingerprint(self) -> str:
        """Return a text that changes with any member; their names are no part of it, and their order is."""
        return _digest([model.fingerprint() for model in self.members.values()])

    def file_hashes(self) -> tuple[str, ...]:
        """Return those of the members, and one of all; () where one has none."""
        by_member = [model.file_hashes() for model in self.members.values()]
        if not all(by_member):
            return ()
        return (*sorted({h for hashes in by_member for h in hashes}), _digest(["|".join(h) for h in by_member]))


def _joined(features: Sequence[Feature | None]) -> Feature | None:
    given = [feature for feature in features if feature is not None]
    return np.concatenate(given) if len(given) == len(features) else None


def _digest(parts: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
