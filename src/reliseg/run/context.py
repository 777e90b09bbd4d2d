"""What the parts of a run share: its folder and progress, and one model with its plan and calibrations."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from reliseg.calibration import Calibration, Unchanged
from reliseg.calibration.records.record import Record
from reliseg.data import DataSet, Sample
from reliseg.models import Model
from reliseg.plan.plan import IDENTITY, ModelSource, Plan, Target
from reliseg.run.depot.base import Depot, LocalDepot
from reliseg.run.folder import RunFolder
from reliseg.run.hashes import InputHashes
from reliseg.run.predict.clean_images import CleanImages
from reliseg.run.predict.first_look import FirstLook
from reliseg.run.predict.freshness import Inputs
from reliseg.run.predict.identity import Parts, parts_of_predictions
from reliseg.run.predict.model_facts import ModelFacts
from reliseg.run.store.kept import KeptFiles
from reliseg.run.store.model_memory import ModelHandle, ModelMemory
from reliseg.run.store.store import Store
from reliseg.runtime.progress import Progress, Silent

if TYPE_CHECKING:
    from reliseg.run.predict.stream import PredictedSample, PredictionStream

Exporter: TypeAlias = "Callable[[str, Target, PredictedSample, Mapping[str, Calibration], Mapping[str, str]], None]"
"""Writes files of a sample, which the named model has predicted, before and under its calibrations. Last comes what
determines a prediction under each of them beside the sample: files of others say nothing of where they come from."""
CHECKPOINT = 60.0
"""Seconds after which the samples of an unfinished shard are stored."""


@dataclass(frozen=True, eq=False)
class RunContext:
    """Where a run is written, how many threads decode ahead of the model, and whom it tells."""

    folder: RunFolder
    workers: int = 2
    progress: Progress = field(default_factory=Silent)
    hashes: InputHashes = field(default_factory=InputHashes)
    """Of all files that are read."""
    export: "Exporter | None" = None
    checkpoint: float = CHECKPOINT
    depot: Depot = field(default_factory=LocalDepot)
    """Where others find the files of the folder."""
    clean: CleanImages = field(default_factory=CleanImages)
    """Those of images that are corrupted in several ways."""

    @cached_property
    def store(self) -> Store:
        """The statistics."""
        return Store(self.folder.statistics, self.hashes, self.depot)

    @cached_property
    def memory(self) -> ModelMemory:
        """What is known of models."""
        return ModelMemory(self.folder.models, self.hashes, self.depot)

    @cached_property
    def kept(self) -> KeptFiles:
        """What was measured before."""
        return KeptFiles(self.folder.measured, self.depot)

    def discard_samples(self, places: Iterable[Path]) -> None:
        """Delete what calibrations were fitted on, in these places, and the folders above that are empty then."""
        for place in places:
            self.depot.remove_folder(place)
            with suppress(OSError):  # it holds other places, or another process was faster
                place.parent.rmdir()
        with suppress(OSError):
            self.folder.samples.rmdir()

    def handle(self, source: ModelSource, model: Model | None = None) -> ModelHandle:
        """Return a model of the plan, which may be loaded already."""
        return ModelHandle(source, self.memory, model)


@dataclass(frozen=True, eq=False)
class ModelRun:
    """One model of a run, from its fits to its rows."""

    context: RunContext
    plan: Plan
    """Without the calibrations that could not be fitted on this model, once that is known."""
    handle: ModelHandle
    records: Mapping[str, Record] = field(default_factory=dict)
    """The model's calibrations by name, as they are fitted or loaded."""
    first_look: FirstLook = field(default_factory=FirstLook)

    @property
    def name(self) -> str:
        """The model's name in the configuration."""
        return self.handle.name

    @property
    def model(self) -> Model:
        """The model, which is loaded if it is not yet."""
        return self.handle.model

    @property
    def facts(self) -> ModelFacts:
        """What is known of the model, without loading it where that is remembered."""
        return self.handle.facts

    @cached_property
    def calibrations(self) -> dict[str, Calibration]:
        """The calibrations by name; identity comes first."""
        return {IDENTITY: Unchanged()} | {name: record.calibration for name, record in self.records.items()}

    @property
    def progress(self) -> Progress:
        """Who is told."""
        return self.context.progress

    @property
    def stream(self) -> "PredictionStream":
        """How samples get to the model."""
        from reliseg.run.predict.stream import PredictionStream  # what decodes images takes long to import

        context, batch = self.context, self.plan.settings.batch
        return PredictionStream(self.model, context.workers, batch, context.hashes, context.clean, self.name)

    def inputs(
        self,
        samples: Mapping[Target, Sequence[Sample]],
        parts: Parts | None = None,
        known: dict[tuple[str, str], str] | None = None,
    ) -> Inputs:
        """Return what a result on these samples would be computed from now; its `parts` are those of `self.parts`.

        `known` are hashes that were looked for before.
        """
        now = parts or self.parts(samples)
        return Inputs(now, self._reads_files, samples, self.context.hashes, {} if known is None else known)

    @property
    def _reads_files(self) -> Model | None:
        """The model, if predictions are read from files."""
        return self.model if self.facts.reads_files else None

    def parts(self, targets: Iterable[Target]) -> dict[str, str]:
        """Return the parts of what the model predicts on these domains."""
        return parts_of_predictions(self.facts, targets, self.plan.settings.batch)

    def look_at(self, dataset: DataSet, sample: Sample) -> None:
        """Predict the first sample of the run twice, and note a difference."""
        for line in self.first_look.at(self.model, dataset, sample):
            self.progress.note(f"model {self.name} {line}")

    def note_outputs(self) -> None:
        """Note what the model says of its outputs so far."""
        for line in self.first_look.new_notes(self.model):
            self.progress.note(f"model {self.name} {line}")
