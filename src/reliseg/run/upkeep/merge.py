"""Several runs as one: what they have stored is copied together, wherever it was computed."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

from reliseg.calibration.records.record import read_record, record_file, write_record
from reliseg.errors import ConfigError, IncompleteError, count_text
from reliseg.run.fit.refusals import read_refusal, write_refusal
from reliseg.run.fit.sample_records import SampleRecord, read_sample_record, refuse_changed_files
from reliseg.run.folder import RunFolder, check_writable, hold_run_folder
from reliseg.run.hashes import InputHashes
from reliseg.run.store.piece_files import FORMAT, format_of, read_head, read_unchanged
from reliseg.run.store.store import Place, Store, file_name
from reliseg.run.upkeep import listing
from reliseg.run.upkeep.contents import Contents
from reliseg.run.upkeep.copying import DamagedError, copy_file
from reliseg.runtime.atomic_files import write_text
from reliseg.runtime.progress import Progress, Silent
from reliseg.runtime.regular_files import read_regular, sha256_of_file, size_text

_LARGEST = 1 << 26


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
class Merge:
    """Runs, and the folder that gets what they have stored: a new one, or that of a run, also of one of these."""

    runs: Sequence[Path]
    out: Path
    strict: bool = False
    """Refuse runs that were made on different types of processors."""
    progress: Progress = field(default_factory=Silent)

    def execute(self) -> Merged:
        """Copy what is not there. A ConfigError names what does not belong together, before anything is written.

        An IncompleteError at the end names what is damaged, and left out.
        """
        check_writable(self.out)
        for run in self.runs:
            if not RunFolder(run).config.exists():
                raise ConfigError(f"{run} holds no run; give the folder of a run")
        with ExitStack() as held:
            if self.out.exists():
                held.enter_context(hold_run_folder(self._target))
            self._compare()
            if not self.out.exists():
                held.enter_context(hold_run_folder(self._target))
            merged = self._copy()
        self._tell(merged)
        if merged.left_out:
            raise IncompleteError(*merged.left_out)
        return merged

    @cached_property
    def _target(self) -> RunFolder:
        return RunFolder(self.out)

    @cached_property
    def _sources(self) -> list[RunFolder]:
        """The runs that are copied from, each once."""
        own = self.out.resolve()
        found = {run.resolve(): RunFolder(run) for run in self.runs}
        return [folder for place, folder in found.items() if place != own]

    def _compare(self) -> None:
        """Raise a ConfigError where runs do not belong together."""
        stores = [*([self._target] if self._target.config.exists() else []), *self._sources]
        total = sum(1 for store in stores for _ in listing.all_pieces(store))
        self.progress.begin(f"comparing {count_text(len(stores), 'run')}", total)
        names, known = [store.path for store in stores], Contents()
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

    def _contents(self, folder: RunFolder, store: int) -> Contents:
        """Return what a store says of what it holds; what is damaged says nothing."""
        contents = Contents()
        older = listing.older_statistics(folder)
        if older:
            raise _format_error(folder, f"{older} is of an earlier version")
        for path in listing.all_pieces(folder):
            self.progress.advance()
            stored = read_head(path)
            if stored is not None:
                contents.add_piece(stored, store)
            elif (other := format_of(path)) not in (None, FORMAT):
                raise _format_error(folder, f"its statistics are of format {other}, and this version has {FORMAT}")
        for path in listing.sample_record_files(folder):
            model, dataset, domain = path.relative_to(folder.samples("")).parts[:3]
            try:
                contents.add_sampled(model, f"{dataset}/{domain}", read_sample_record(path), store)
            except (OSError, ValueError):
                continue
        for path in (file for place in listing.fitted_places(folder) for file in listing.record_files(place)):
            try:
                contents.add_calibration(path.parent.name, read_record(path), store)
            except ConfigError:
                continue
        return contents

    def _copy(self) -> Merged:
        """Copy what is not there; first the configuration, which makes the folder that of a run."""
        merged = Merged()
        if not self._target.config.exists():
            write_text(self._target.config, read_regular(self._sources[0].config, _LARGEST).decode())
        total = sum(1 for source in self._sources for _ in listing.all_pieces(source))
        self.progress.begin(f"copying from {count_text(len(self._sources), 'run')}", total)
        for source in self._sources:
            pieces = PieceCopies(source, self._target, merged, self.progress)
            for place in listing.places(source):
                pieces.copy(place)
            others = OtherCopies(source, self._target, merged)
            others.copy_calibrations()
            others.copy_samples()
            others.copy_texts()
        if listing.sample_record_files(self._target):
            merged.next_stage = "fit"
        elif not any(listing.all_pieces(self._target)):
            merged.next_stage = "evaluate"
        return merged

    def _tell(self, merged: Merged) -> None:
        there = f", {merged.there} were there before" if merged.there else ""
        pieces = f"{count_text(merged.pieces, 'piece')} of statistics ({size_text(merged.size)})"
        self.progress.note(
            f"{self.out}: {pieces} of {count_text(len(self._sources), 'run')} copied{there}; go on with reliseg run "
            f"{self._target.config} --out {self.out} --stage {merged.next_stage}"
        )


@dataclass(frozen=True, eq=False)
class PieceCopies:
    """Statistics on their way from one run to another."""

    source: RunFolder
    target: RunFolder
    merged: Merged
    progress: Progress

    def copy(self, place: Place) -> None:
        """Copy what is not there. Where the source is written meanwhile, pieces may be put together: look again."""
        seen: set[str] = set()
        while new := [path for path in listing.pieces(self.source, place) if path.name not in seen]:
            seen |= {path.name for path in new}
            for path in new:
                self.progress.advance()
                self._copy_piece(path)
        theirs, ours = (Store(folder.statistics, InputHashes()) for folder in (self.source, self.target))
        failures = theirs.failures(place)
        if failures:
            ours.note_failures(place, failures | ours.failures(place))

    def _copy_piece(self, path: Path) -> None:
        def is_whole(copy: Path) -> bool:
            stored = read_unchanged(copy)
            return stored is not None and file_name(stored) == path.name

        target = self.target.path / path.relative_to(self.source.path)
        if is_whole(target):
            self.merged.there += 1
            return
        size = _copied(path, target, is_whole, self.merged)
        if size is not None:
            self.merged.pieces += 1
            self.merged.size += size


@dataclass(frozen=True, eq=False)
class OtherCopies:
    """All else on its way from one run to another."""

    source: RunFolder
    target: RunFolder
    merged: Merged

    def copy_calibrations(self) -> None:
        """Copy fitted calibrations, and why others could not be fitted."""
        for place in listing.fitted_places(self.source):
            target = self.target.fitted(place.name)
            for path in listing.record_files(place):
                try:
                    record = read_record(path)
                except ConfigError as error:
                    if path.exists():
                        self.merged.left_out.append(str(error))
                    continue
                if record_file(record.name) != path.name:
                    self.merged.left_out.append(f"{path} holds {record.name}, and is left out; fit it again")
                elif not _is_record(target / path.name):
                    write_record(target, record)
            refusal = read_refusal(place)
            if refusal and read_refusal(target) is None:
                write_refusal(target, refusal)

    def copy_samples(self) -> None:
        """Copy what calibrations are to be fitted on, with what is said of it at last."""
        for path in listing.sample_record_files(self.source):
            target = self.target.path / path.relative_to(self.source.path)
            try:
                record = read_sample_record(path)
                files = listing.sampled_files(path, record)
            except (OSError, ValueError):
                if path.exists():
                    self.merged.left_out.append(f"{path} is damaged and left out; sample it again")
                continue
            if not _holds_as_much(target, record):
                self._copy_shard(path, record, files, target)

    def copy_texts(self) -> None:
        """Copy the configurations that were asked, what they were answered with, and what is known of models."""
        for path in (*listing.configuration_files(self.source), *listing.model_files(self.source)):
            target = self.target.path / path.relative_to(self.source.path)
            if not target.exists():
                _copied(path, target, lambda copy, path=path: _is_named_so(copy, path), self.merged)  # type: ignore[misc]

    def _copy_shard(self, path: Path, record: SampleRecord, files: dict[Path, str], target: Path) -> None:
        target.unlink(missing_ok=True)  # it would speak of files that are written anew
        for file, digest in files.items():
            to = target.parent / file.relative_to(path.parent)
            if _copied(file, to, lambda copy, digest=digest: sha256_of_file(copy) == digest, self.merged) is None:  # type: ignore[misc]
                return
        _copied(path, target, lambda copy: read_sample_record(copy) == record, self.merged)


def _copied(source: Path, target: Path, is_whole: Callable[[Path], bool], merged: Merged) -> int | None:
    """Copy a file; return its size, or None where it is gone, or damaged and left out."""
    try:
        return copy_file(source, target, is_whole)
    except FileNotFoundError as error:
        if source.exists():
            raise
        del error  # whoever writes there has removed it
    except DamagedError:
        merged.left_out.append(f"{source} is damaged and left out; the next run computes it again")
    return None


def _is_record(path: Path) -> bool:
    try:
        read_record(path)
    except ConfigError:
        return False
    return True


def _holds_as_much(path: Path, other: SampleRecord) -> bool:
    """Tell if samples that lie there are whole, and are of other things, or hold all of these."""
    try:
        record = read_sample_record(path)
        refuse_changed_files(path, record)
    except (OSError, ValueError):
        return False
    if record.parts != other.parts or [e.sha256 for e in record.images] != [e.sha256 for e in other.images]:
        return True
    wanted = other.whole.items()
    return other.quota <= record.quota and all(i in record.whole and image <= record.whole[i] for i, image in wanted)


def _is_named_so(copy: Path, path: Path) -> bool:
    """Tell if a configuration is the one that its file is named after; of other texts nothing tells."""
    return path.suffix != ".yaml" or path.stem == sha256_of_file(copy)[: len(path.stem)]


def _format_error(folder: RunFolder, problem: str) -> ConfigError:
    return ConfigError(f"{folder.path}: {problem}; evaluate it again with this version, or leave it out")
