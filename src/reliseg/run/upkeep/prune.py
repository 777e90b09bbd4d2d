"""A run's folder without what no configuration asks for any more."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

from reliseg.config.schema import read_config, render_config
from reliseg.errors import ConfigError, count_text
from reliseg.plan.build import plan_from_config
from reliseg.plan.plan import Plan
from reliseg.results.pictures import PictureIndex
from reliseg.run.context import ModelRun, RunContext
from reliseg.run.depot.base import Depot, LocalDepot
from reliseg.run.evaluate.coverage import Coverages
from reliseg.run.fit.fitting import Fitting
from reliseg.run.folder import RunFolder, hold_run_folder, look_at_run
from reliseg.run.hashes import InputHashes
from reliseg.run.store.answers import Answers
from reliseg.run.store.model_memory import ModelHandle
from reliseg.run.store.piece_files import read_head
from reliseg.run.survey import Survey, survey
from reliseg.run.upkeep import listing
from reliseg.runtime.atomic_files import is_temporary
from reliseg.runtime.progress import Progress, Silent, Stage
from reliseg.runtime.regular_files import holds, size_text


@dataclass(frozen=True)
class Pruned:
    """How many files of a run go, and how many stay, with their bytes."""

    removed: int
    removed_size: int
    kept: int
    kept_size: int


@dataclass(eq=False)
class _Uses:
    """What configurations use, from the folder of the run."""

    files: set[str] = field(default_factory=set)
    folders: set[str] = field(default_factory=set)
    """All of what lies in these."""
    unfitted: dict[str, set[str]] = field(default_factory=dict)
    """By model, the calibrations of which it is not known what they will be: pieces called so may be of them."""


@dataclass(frozen=True, eq=False)
class Prune:
    """The folder of a run, and the files of the configurations that it shall go on answering."""

    folder: RunFolder
    keep: Sequence[Path]
    dry_run: bool = False
    """Say what would go, and remove nothing."""
    progress: Progress = field(default_factory=Silent)
    depot: Depot = field(default_factory=LocalDepot)
    """Where others find the files of the folder."""

    def execute(self) -> Pruned:
        """Remove what none of these configurations uses. A ConfigError where that cannot be known, and nothing goes."""
        if not self.keep:
            raise ConfigError("--keep: give at least one configuration that the run shall go on answering")
        look_at_run(self.folder, self.depot)
        if not self.folder.config.exists():
            raise ConfigError(f"{self._name} holds no run; give the folder of a run")
        for place in self._own:
            if place.is_symlink():
                raise ConfigError(
                    f"{place} is a link, and nothing behind links is removed; put the folder itself there"
                )
        plans = {path: self._plan(path) for path in self.keep}
        with hold_run_folder(self.folder, self.depot):
            uses = _Uses({*self._shown(), *listing.files_of_results(self.folder)})
            for path, (plan, text) in plans.items():
                self._add(uses, path, plan, text)
            pruned, gone = self._sort(uses)
            if not self.dry_run:
                self.depot.remove(*gone)
                for place in self._own:
                    _remove_empty(place)
        self._tell(pruned)
        return pruned

    @property
    def _name(self) -> str:
        """What users call the run."""
        return self.depot.name(self.folder.path)

    @property
    def _own(self) -> list[Path]:
        """What is looked through: tables, and what else belongs to the results that lie there, stay."""
        folder = self.folder
        found = [folder.statistics, folder.fitted(""), folder.samples, folder.configurations, folder.pictures]
        return [*found, folder.measured, folder.records("")]

    def _shown(self) -> Iterator[str]:
        """Yield the pictures of the configuration that was asked last."""
        self.depot.fetch(self.folder.pictures, stem=self.folder.picture_index.name)
        index = PictureIndex.read(self.folder.path)
        if index:
            yield str(self.folder.picture_index.relative_to(self.folder.path))
            for picture in index.pictures:
                for name in (picture.scene, *picture.confidences.values()):
                    yield str((self.folder.pictures / name).relative_to(self.folder.path))

    def _plan(self, path: Path) -> tuple[Plan, str]:
        checked = read_config(path)
        return plan_from_config(checked, path.parent), render_config(checked, path.parent)

    def _add(self, uses: _Uses, path: Path, plan: Plan, text: str) -> None:
        """Add what a configuration uses."""
        name = hashlib.sha256(text.encode()).hexdigest()[:16]
        uses.files |= {f"configurations/{name}.yaml", f"configurations/{name}.json"}
        answer = Answers(self.folder.configurations, self.depot).of(text)
        uses.files |= {*answer.files, *answer.measured} if answer else set()
        with closing(InputHashes(self.folder.hashes)) as hashes:
            context = RunContext(self.folder, progress=self.progress, hashes=hashes, depot=self.depot)
            handles = [context.handle(source) for source in plan.models]
            for handle in handles:
                handle.recall()
                if handle.known() is None:
                    raise ConfigError(
                        f"{path}: {self._name} knows nothing of model {handle.name}, or its files have changed: "
                        "what it uses cannot be told; carry it out with reliseg run, then prune"
                    )
            for handle in handles:
                self.progress.begin(f"{path}: what {handle.name} uses", 0, Stage("", handle.name))
                self._add_model(uses, context, plan, handle)

    def _add_model(self, uses: _Uses, context: RunContext, plan: Plan, handle: ModelHandle) -> None:
        found = survey(context, plan, handle)
        uses.files |= set(found.pieces)
        uses.folders |= set(found.fitted)
        uses.files |= set(self._failures(context, found, plan, handle))
        if found.unfitted:
            places = Fitting(ModelRun(context, plan, handle)).sample_places()
            uses.folders |= {str(place.relative_to(self.folder.path)) for place in places}
            names = uses.unfitted.setdefault(handle.name, set())
            names |= {name for fit in plan.fits for name, _ in fit.calibrations()}

    def _failures(self, context: RunContext, found: Survey, plan: Plan, handle: ModelHandle) -> Iterator[str]:
        """Yield the files that say why samples could not be evaluated."""
        coverages = Coverages(found.run or ModelRun(context, plan, handle))
        for target, _ in plan.passes(handle.name):
            coverage = coverages.of(target)
            for shard in coverage.shards:
                file = context.store.failures_file(coverage.place(shard))
                yield str(file.relative_to(self.folder.path))

    def _sort(self, uses: _Uses) -> tuple[Pruned, list[Path]]:
        """Return how much goes and stays, and what goes."""
        gone: list[Path] = []
        removed = kept = removed_size = kept_size = 0
        for path, size in self._files():
            if self._is_used(path, uses):
                kept, kept_size = kept + 1, kept_size + size
            else:
                removed, removed_size = removed + 1, removed_size + size
                gone.append(path)
        return Pruned(removed, removed_size, kept, kept_size), gone

    def _files(self) -> Iterator[tuple[Path, int]]:
        """Yield the files that a run has written, with their bytes; what else lies there is left alone."""
        configurations = set(listing.configuration_files(self.folder))
        for above in self._own:
            for path, size in self.depot.below(above).items():
                is_ours = path in configurations if above == self.folder.configurations else _is_ours(path)
                if is_ours and not is_temporary(path.name):
                    yield path, size

    def _is_used(self, path: Path, uses: _Uses) -> bool:
        inner = path.relative_to(self.folder.path)
        if str(inner) in uses.files or any(str(above) in uses.folders for above in inner.parents):
            return True
        if not uses.unfitted or path.suffix != ".zip":
            return False
        self.depot.fetch(path.parent, stem=path.name)
        stored = read_head(path)
        named = stored.head.named if stored else {}
        return named.get("calibration", "") in uses.unfitted.get(named.get("model", ""), ())

    def _tell(self, pruned: Pruned) -> None:
        verb = "would be removed" if self.dry_run else "removed"
        self.progress.note(
            f"{self._name}: {count_text(pruned.removed, 'file')} ({size_text(pruned.removed_size)}) {verb}, "
            f"{pruned.kept} ({size_text(pruned.kept_size)}) kept"
        )
        if not self._answers_last():
            self.progress.note(
                f"the tables in {self._name} are of a configuration that is not kept; reliseg results "
                f"{self._name} {self.keep[0]} writes those of one that is"
            )

    def _answers_last(self) -> bool:
        """Tell if the configuration that was asked last is kept."""
        return any(holds(self.folder.config, self._plan(path)[1].encode()) for path in self.keep)


def _is_ours(path: Path) -> bool:
    """Tell if a run writes files that are called so into its statistics, calibrations and samples."""
    return path.suffix in (".zip", ".npy", ".npz", ".json", ".safetensors", ".thresholds", ".promises", ".gz")


def _remove_empty(folder: Path) -> None:
    """Remove folders without anything in them."""
    for place, _, _ in os.walk(folder, topdown=False):
        with suppress(OSError):  # something lies there
            Path(place).rmdir()
