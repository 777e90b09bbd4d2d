"""Several runs as one: what they have stored is copied together, wherever it was computed."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

from reliseg.calibration.records.record import read_record, record_file, write_record
from reliseg.errors import ConfigError, IncompleteError, count_text
from reliseg.run.depot.base import Depot, LocalDepot
from reliseg.run.depot.open import open_depot, place_of_run
from reliseg.run.depot.sources import run_to_read
from reliseg.run.fit.refusals import read_refusal, record_files, write_refusal
from reliseg.run.fit.sample_records import SampleRecord, are_whole, read_sample_record
from reliseg.run.folder import RunFolder, check_writable, hold_run_folder, look_at_run
from reliseg.run.hashes import InputHashes
from reliseg.run.store.kept import read_kept
from reliseg.run.store.piece_files import FORMAT, format_of, read_head, read_unchanged
from reliseg.run.store.store import Place, Store, file_name
from reliseg.run.upkeep import listing
from reliseg.run.upkeep.contents import Contents
from reliseg.run.upkeep.copying import DamagedError, copy_file
from reliseg.runtime.atomic_files import write_text
from reliseg.runtime.progress import Progress, Silent
from reliseg.runtime.regular_files import read_regular, sha256_of_file, size_text

_LARGEST = 1 << 26
_PARTS = ("config.yaml", "statistics", "fitted", "samples", "configurations", "models", "replicates", "measured")
"""What is read of a run."""


@dataclass
class Merged:
    """What came of a merge."""

    pieces: int = 0
    """The files of statistics that were copied."""
    size: int = 0
    """Their bytes."""
    there: int = 0
    """The files of statistics that were there before."""
    left_out: list[str] = field(default_factory=list)
    """What is damaged, a line each."""
    next_stage: Literal["fit", "evaluate", "measure"] = "measure"
    """What is to be done next with the merged run: calibrations are to be fitted, or there are no statistics yet."""


@dataclass(frozen=True, eq=False)
class Stored:
    """A run that lies in a folder here, or a copy of it."""

    folder: RunFolder
    name: str
    """What users call it: a path, or an address."""
    depot: Depot = field(default_factory=LocalDepot)
    """Where others find what is written to it."""

    def shown(self, path: Path) -> str:
        """Return what users call a file of it."""
        return f"{self.name}/{path.relative_to(self.folder.path)}"


@dataclass(frozen=True, eq=False)
class Merge:
    """Runs, and what gets what they have stored: a new folder, or that of a run, also of one of these.

    Each is a path, or an address in an object store.
    """

    runs: Sequence[str | Path]
    out: str | Path
    strict: bool = False
    """Refuse runs that were made on different types of processors."""
    progress: Progress = field(default_factory=Silent)

    def execute(self) -> Merged:
        """Copy what is not there. A ConfigError names what does not belong together, before anything is written.

        An IncompleteError at the end names what is damaged, and left out.
        """
        check_writable(self._target.folder.path)
        look_at_run(self._target.folder, self._target.depot)
        with ExitStack() as held:
            sources = [Stored(RunFolder(held.enter_context(run_to_read(r, _PARTS))), str(r)) for r in self._others()]
            for run in sources or [self._target]:
                if not run.folder.config.exists():
                    raise ConfigError(f"{run.name} holds no run; give the folder of a run")
            if self._target.folder.path.exists():
                held.enter_context(hold_run_folder(self._target.folder, self._target.depot))
            is_there = self._target.folder.config.exists()
            if is_there:
                self._have_target()
            self._compare([*([self._target] if is_there else []), *sources])
            if not self._target.folder.path.exists():
                held.enter_context(hold_run_folder(self._target.folder, self._target.depot))
            merged = self._copy(sources)
        self._tell(merged, len(sources))
        if merged.left_out:
            raise IncompleteError(*merged.left_out)
        return merged

    @cached_property
    def _target(self) -> Stored:
        folder, depot = open_depot(self.out)
        return Stored(RunFolder(folder), str(self.out), depot)

    def _others(self) -> list[str | Path]:
        """Return the runs that are copied from, each once."""
        own = place_of_run(self.out)
        found = {place_of_run(run): run for run in self.runs}
        return [run for place, run in found.items() if place != own]

    def _have_target(self) -> None:
        """Have here what the run holds that gets all: it is compared, and is not copied again."""
        folder, depot = self._target.folder, self._target.depot
        depot.fetch(*{path.parent for path in depot.below(folder.statistics, folder.fitted(""), folder.samples)})

    def _compare(self, stores: Sequence[Stored]) -> None:
        """Raise a ConfigError where runs do not belong together."""
        total = sum(1 for store in stores for _ in listing.all_pieces(store.folder))
        self.progress.begin(f"comparing {count_text(len(stores), 'run')}", total)
        names, known = [store.name for store in stores], Contents()
        for number, store in enumerate(stores):
            contents = self._contents(store, number)
            difference = known.contradiction(contents, names)
            if difference:
                raise ConfigError(difference)
            known.update(contents)
        if len(known.processors) > 1:
            kinds = ", ".join(f"{name} ({names[store]})" for name, store in known.processors.values())
            text = f"made on processors of different types: {kinds}; results are equal to the bit on one type alone"
            if self.strict:
                raise ConfigError(f"{text}; merge runs of one type, or leave out --strict")
            self.progress.note(text)

    def _contents(self, run: Stored, store: int) -> Contents:
        """Return what a store says of what it holds; what is damaged says nothing."""
        contents, folder = Contents(), run.folder
        older = listing.older_statistics(folder)
        if older:
            raise _format_error(run, f"{run.shown(older)} is of an earlier version")
        for path in listing.all_pieces(folder):
            self.progress.advance()
            stored = read_head(path)
            if stored is not None:
                contents.add_piece(stored, store)
            elif (other := format_of(path)) not in (None, FORMAT):
                raise _format_error(run, f"its statistics are of format {other}, and this version has {FORMAT}")
        for path in listing.sample_record_files(folder):
            try:
                contents.add_sampled(read_sample_record(path), store)
            except (OSError, ValueError):
                continue
        for path in (file for place in listing.fitted_places(folder) for file in record_files(place)):
            try:
                contents.add_calibration(path.parent.name, read_record(path), store)
            except ConfigError:
                continue
        return contents

    def _copy(self, sources: Sequence[Stored]) -> Merged:
        """Copy what is not there; first the configuration, which makes the folder that of a run."""
        merged, target = Merged(), self._target
        if not target.folder.config.exists():
            write_text(target.folder.config, read_regular(sources[0].folder.config, _LARGEST).decode())
        target.depot.put(target.folder.config)
        total = sum(1 for source in sources for _ in listing.all_pieces(source.folder))
        self.progress.begin(f"copying from {count_text(len(sources), 'run')}", total)
        for source in sources:
            pieces = PieceCopies(source, target, merged, self.progress)
            for place in listing.places(source.folder):
                pieces.copy(place)
            others = OtherCopies(source, target, merged)
            others.copy_calibrations()
            others.copy_samples()
            others.copy_texts()
            others.copy_measured()
        if listing.sample_record_files(target.folder):
            merged.next_stage = "fit"
        elif not any(listing.all_pieces(target.folder)):
            merged.next_stage = "evaluate"
        return merged

    def _tell(self, merged: Merged, sources: int) -> None:
        there = f", {merged.there} were there before" if merged.there else ""
        pieces = f"{count_text(merged.pieces, 'piece')} of statistics ({size_text(merged.size)})"
        self.progress.note(
            f"{self.out}: {pieces} of {count_text(sources, 'run')} copied{there}; go on with reliseg run "
            f"{self._target.folder.config} --out {self.out} --stage {merged.next_stage}"
        )


@dataclass(frozen=True, eq=False)
class _Copies:
    """Files on their way from one run to another."""

    source: Stored
    target: Stored
    merged: Merged

    def _place_of(self, path: Path) -> Path:
        """Return where a file of the source lies in the target."""
        return self.target.folder.path / path.relative_to(self.source.folder.path)

    def _copied(self, path: Path, is_whole: Callable[[Path], bool]) -> int | None:
        """Copy a file; return its size, or None where it is gone, or damaged and left out."""
        target = self._place_of(path)
        try:
            size = copy_file(path, target, is_whole)
        except FileNotFoundError as error:
            if path.exists():
                raise
            del error  # whoever writes there has removed it
        except DamagedError:
            shown = self.source.shown(path)
            self.merged.left_out.append(f"{shown} is damaged and left out; the next run computes it again")
        else:
            self.target.depot.put(target)
            return size
        return None


@dataclass(frozen=True, eq=False)
class PieceCopies(_Copies):
    """Statistics on their way from one run to another."""

    progress: Progress

    def copy(self, place: Place) -> None:
        """Copy what is not there. Where the source is written meanwhile, pieces may be put together: look again."""
        seen: set[str] = set()
        while new := [path for path in listing.pieces(self.source.folder, place) if path.name not in seen]:
            seen |= {path.name for path in new}
            for path in new:
                self.progress.advance()
                self._copy_piece(path)
        theirs, ours = (Store(s.folder.statistics, InputHashes(), s.depot) for s in (self.source, self.target))
        failures = theirs.failures(place)
        if failures:
            ours.note_failures(place, failures | ours.failures(place))

    def _copy_piece(self, path: Path) -> None:
        def is_whole(copy: Path) -> bool:
            stored = read_unchanged(copy)
            return stored is not None and file_name(stored) == path.name

        target = self._place_of(path)
        if is_whole(target):
            self.merged.there += 1
            self.target.depot.put(target)  # it may be here alone
            return
        size = self._copied(path, is_whole)
        if size is not None:
            self.merged.pieces += 1
            self.merged.size += size


@dataclass(frozen=True, eq=False)
class OtherCopies(_Copies):
    """All else on its way from one run to another."""

    def copy_calibrations(self) -> None:
        """Copy fitted calibrations, and why others could not be fitted."""
        for place in listing.fitted_places(self.source.folder):
            target = self._place_of(place)
            for path in record_files(place):
                try:
                    record = read_record(path)
                except ConfigError as error:
                    if path.exists():
                        self.merged.left_out.append(str(error).replace(str(path), self.source.shown(path)))
                    continue
                if record_file(record.name) != path.name:
                    line = f"{self.source.shown(path)} holds {record.name}, and is left out; fit it again"
                    self.merged.left_out.append(line)
                elif not _is_record(target / path.name):
                    write_record(target, record)
            refusal = read_refusal(place)
            if refusal and read_refusal(target) is None:
                write_refusal(target, refusal)
            self.target.depot.put_all(target)

    def copy_samples(self) -> None:
        """Copy what calibrations are to be fitted on, with what is said of it at last."""
        for path in listing.sample_record_files(self.source.folder):
            target = self._place_of(path)
            try:
                record = read_sample_record(path)
                files = listing.sampled_files(path, record)
            except (OSError, ValueError):
                if path.exists():
                    line = f"{self.source.shown(path)} is damaged and left out; sample it again"
                    self.merged.left_out.append(line)
                continue
            if not are_whole(target):  # what lies at one place is the same
                self._copy_shard(path, record, files)

    def copy_texts(self) -> None:
        """Copy the configurations that were asked, what they were answered with, and what is known of models."""
        for path in (*listing.configuration_files(self.source.folder), *listing.model_files(self.source.folder)):
            if not self._place_of(path).exists():
                self._copied(path, lambda copy, path=path: _is_named_so(copy, path))  # type: ignore[misc]

    def copy_measured(self) -> None:
        """Copy what was measured. What the target has of the same name stays: its results may be made of it, and where
        it does not fit what comes, that is measured again.
        """
        folder = self.target.folder
        there = self.target.depot.below(folder.replicates, folder.measured)
        for path in listing.measured_files(self.source.folder):
            if self._place_of(path) not in there:
                self._copied(path, lambda copy, path=path: path.suffix != ".gz" or read_kept(copy) is not None)  # type: ignore[misc]

    def _copy_shard(self, path: Path, record: SampleRecord, files: dict[Path, str]) -> None:
        self.target.depot.remove(self._place_of(path))  # it would speak of files that are written anew
        for file, digest in files.items():
            if self._copied(file, lambda copy, digest=digest: sha256_of_file(copy) == digest) is None:  # type: ignore[misc]
                return
        self._copied(path, lambda copy: read_sample_record(copy) == record)


def _is_record(path: Path) -> bool:
    try:
        read_record(path)
    except ConfigError:
        return False
    return True


def _is_named_so(copy: Path, path: Path) -> bool:
    """Tell if a configuration is the one that its file is named after; of other texts nothing tells."""
    return path.suffix != ".yaml" or path.stem == sha256_of_file(copy)[: len(path.stem)]


def _format_error(run: Stored, problem: str) -> ConfigError:
    return ConfigError(f"{run.name}: {problem}; evaluate it again with this version, or leave it out")
