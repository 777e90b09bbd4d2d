"""What the parts of a run share: its folder and progress, and one model with its plan and calibrations."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from reliseg.calibration.records.record import Record
from reliseg.data import DataSet, Sample
from reliseg.models import Model
from reliseg.plan.plan import Plan, Shard, Target
from reliseg.run.folder import RunFolder
from reliseg.run.hashes import InputHashes
from reliseg.run.predict.first_look import FirstLook
from reliseg.run.predict.freshness import Inputs
from reliseg.run.predict.identity import Parts, parts_of_predictions
from reliseg.run.predict.stream import PredictedSample, PredictionStream
from reliseg.runtime.progress import Progress, Silent

Exporter: TypeAlias = Callable[[str, Target, PredictedSample], None]
"""Writes files of a sample, which the named model has predicted."""


@dataclass(frozen=True, eq=False)
class RunContext:
    """Where a run is written, how many threads decode ahead of the model, and whom it tells."""

    folder: RunFolder
    workers: int = 2
    progress: Progress = field(default_factory=Silent)
    hashes: InputHashes = field(default_factory=InputHashes)
    """Of all files that are read."""
    export: Exporter | None = None


@dataclass(frozen=True, eq=False)
class ModelRun:
    """One model of a run, from its fits to its rows."""

    context: RunContext
    plan: Plan
    """Without the calibrations that could not be fitted on this model, once that is known."""
    name: str
    model: Model
    records: Mapping[str, Record] = field(default_factory=dict)
    """The model's calibrations by name, as they are fitted or loaded."""
    first_look: FirstLook = field(default_factory=FirstLook)

    @property
    def progress(self) -> Progress:
        """Who is told."""
        return self.context.progress

    @property
    def stream(self) -> PredictionStream:
        """How samples get to the model."""
        return PredictionStream(self.model, self.context.workers, self.plan.settings.batch, self.context.hashes)

    def inputs(self, samples: Mapping[Target, Sequence[Sample]], parts: Parts | None = None) -> Inputs:
        """Return what a result on these samples would be computed from now; its `parts` are those of `self.parts`."""
        return Inputs(parts or self.parts(samples), self.model, samples, self.context.hashes)

    def parts(self, targets: Iterable[Target]) -> dict[str, str]:
        """Return the parts of what the model predicts on these domains."""
        return parts_of_predictions(self.model, targets, self.plan.settings.batch)

    def look_at(self, dataset: DataSet, sample: Sample) -> None:
        """Predict the first sample of the run twice, and note a difference."""
        for line in self.first_look.at(self.model, dataset, sample):
            self.progress.note(f"model {self.name} {line}")

    def note_outputs(self) -> None:
        """Note what the model says of its outputs so far."""
        for line in self.first_look.new_notes(self.model):
            self.progress.note(f"model {self.name} {line}")

    def shard(self, shard: Shard) -> Path:
        """Return the file of a shard's statistics."""
        return self.context.folder.shard(self.name, shard)
