"""From what is stored to results: rows, tables and the manifest of a configuration, without any network.

What measures is imported where it is used: a run that is asked again, and has changed nothing, needs none of it.
"""

import json
import shutil
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Any

from reliseg.calibration.records.promises import promises_file, write_promises
from reliseg.calibration.records.record import Record, record_file, write_record
from reliseg.calibration.records.thresholds import thresholds_file
from reliseg.conformal import PromisedThreshold
from reliseg.errors import ConfigError, IncompleteError, count_text
from reliseg.metrics import METRICS
from reliseg.plan.plan import IDENTITY, Plan, Reported, Target
from reliseg.results import Results, Row
from reliseg.results.parquet import PARQUET_FILES
from reliseg.results.readable import Source
from reliseg.run.context import ModelRun, RunContext
from reliseg.run.evaluate.coverage import Coverages
from reliseg.run.failures import Failures, OnError
from reliseg.run.predict.plugin_code import digest_of, parts_of_code
from reliseg.run.store.answers import Answer, Answers, hold_still
from reliseg.run.store.made import state_of_code
from reliseg.run.survey import Survey, digest_of_pieces
from reliseg.runtime.atomic_files import naming, write_atomically, write_text
from reliseg.runtime.progress import Stage
from reliseg.runtime.regular_files import sha256_of_file

if TYPE_CHECKING:
    from reliseg.run.measure.measure import Chosen
    from reliseg.run.measure.promises import Promised
    from reliseg.run.measure.splits import SplitNumbers


@dataclass
class _Outputs:
    """The rows and lines of all models, and what was incomplete."""

    images: IO[bytes]
    """The lines of all images: there may be millions."""
    rows: list[Row] = field(default_factory=list)
    reliability: list[str] = field(default_factory=list)
    curves: list[str] = field(default_factory=list)
    fits: list[str] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class Conclusion:
    """The results of a plan whose statistics are stored."""

    context: RunContext
    plan: Plan
    configuration: str
    on_error: OnError = "stop"
    all_tried: bool = True
    """Whether every sample was tried before: then what is not stored has failed."""

    def earlier(self, surveys: Sequence[Survey]) -> Results | None:
        """Return the results that lie there, if they are of this plan and of what is stored now; else None.

        An IncompleteError where they were incomplete then, and nothing has changed.
        """
        answer = self._answers.of(self.configuration)
        if answer is None or answer.identity != self._identity(surveys) or not hold_still(self._root, answer):
            return None
        if answer.problems:
            raise IncompleteError(*answer.problems)
        results = Results.read(self._root)
        return replace(results, source=results.source and replace(results.source, run=self._place))

    def write(
        self,
        runs: Sequence[ModelRun],
        surveys: Sequence[Survey],
        problems: Sequence[str] = (),
        failures: Mapping[str, Mapping[Target, Failures]] | None = None,
    ) -> Results:
        """Measure all models and write what comes of it; raise an IncompleteError if there were problems.

        `surveys` are of what is stored now, `failures` those of passes that went before, by model. A ConfigError names
        statistics that are not there and were not tried.
        """
        from threadpoolctl import threadpool_limits

        with TemporaryFile(dir=self._root) as images:
            out = _Outputs(images, problems=list(problems))
            with threadpool_limits(1, "blas"):  # the last bits of a matrix product depend on its threads
                for run in runs:
                    self._measure(run, (failures or {}).get(run.name, {}), out)
            return self._write(runs, surveys, out)

    def keep(self, run: ModelRun, wanted: Collection[tuple[Reported, str]]) -> None:
        """Measure one model on some domains under some calibrations, and keep what is found for who writes the results.

        A ConfigError names statistics that are not there and were not tried; domains that lack some are left out.
        """
        from threadpoolctl import threadpool_limits

        from reliseg.run.measure.measure import keep_measured
        from reliseg.run.measure.promises import measure_promises
        from reliseg.run.measure.splits import measure_splits

        with threadpool_limits(1, "blas"):
            coverages = Coverages(run)
            without = self._without(coverages, self._failures(coverages))
            only = {calibration for _, calibration in wanted}
            splits, promised = measure_splits(coverages, without, only), measure_promises(coverages, without, only)
            keep_measured(coverages, without, _chosen(run, splits, promised), wanted)

    def _write(self, runs: Sequence[ModelRun], surveys: Sequence[Survey], out: _Outputs) -> Results:
        from reliseg.results.curves import curves_text
        from reliseg.run.manifest import manifest
        from reliseg.run.measure.image_table import image_header
        from reliseg.run.measure.measure import RELIABILITY_HEADER
        from reliseg.run.measure.splits import FITS_HEADER

        results = Results(tuple(out.rows))
        folder = self.context.folder
        facts = manifest(self.context, self.plan, runs)
        summary = {key: value for key, value in facts.items() if key != "samples"}
        write_text(folder.manifest, json.dumps(facts, indent=1))
        table = results.to_json(summary)
        write_text(folder.results("json"), table)
        write_text(folder.results("csv"), results.to_csv())
        write_text(folder.reliability, "".join([RELIABILITY_HEADER, *out.reliability]))
        write_text(folder.fits, "".join([FITS_HEADER, *out.fits]))
        write_text(folder.curves, curves_text(out.curves))
        write_atomically(folder.images, partial(_write_images, image_header(self.plan), out.images))
        files = [folder.manifest, folder.results("json"), folder.results("csv")]
        files += [folder.reliability, folder.fits, folder.curves, folder.images]
        files += self._write_corruptions(results, facts)
        files += out.files
        self.context.depot.remove(
            *(self._root / name for name in PARQUET_FILES)
        )  # of the results that were here before
        self.context.depot.put(*files)
        files += [path for run in runs for path in self._record_files(run)]
        self._answers.write(self.configuration, self._answer(surveys, files, out))
        if out.problems:
            raise IncompleteError(*out.problems)
        return replace(results, source=Source.of(self._place, table.encode()))

    def _write_corruptions(self, results: Results, facts: Mapping[str, Any]) -> list[Path]:
        """Write what corruptions cost, and return the file; where nothing is corrupted, none."""
        from reliseg.results.corruptions import corrupted_domains, corruption_rows, corruptions_text

        path, corrupted = self.context.folder.corruptions, corrupted_domains(facts)
        if not corrupted:
            self.context.depot.remove(path)
            return []
        families = [METRICS.get(name)().quantities() for name in self.plan.metrics]
        better = {name: quantity.better for quantities in families for name, quantity in quantities.items()}
        write_text(path, corruptions_text(corruption_rows(results, corrupted, better)))
        return [path]

    @cached_property
    def _answers(self) -> Answers:
        return Answers(self.context.folder.configurations, self.context.depot)

    @property
    def _place(self) -> str:
        """What users call the folder, wherever they call it from."""
        return self.context.depot.name(self._root.absolute())

    @property
    def _root(self) -> Path:
        return self.context.folder.path

    def _record_files(self, run: ModelRun) -> list[Path]:
        """Return the files of the copies of a model's calibrations."""
        folder = self.context.folder.records(run.name)
        records = [folder / record_file(name) for name in run.records]
        files = [p for r in records for p in (r, r.with_suffix(".safetensors"), thresholds_file(r), promises_file(r))]
        files.append(promises_file(folder / record_file(IDENTITY)))
        return [path for path in files if path.exists()]

    def _answer(self, surveys: Sequence[Survey], files: Sequence[Path], out: _Outputs) -> Answer:
        return Answer(
            identity=self._identity(surveys),
            parts={s.handle.name: s.parts for s in surveys},
            pieces=tuple(dict.fromkeys(piece for s in surveys for piece in s.pieces)),
            fitted=tuple(dict.fromkeys(folder for s in surveys for folder in s.fitted)),
            files={str(path.relative_to(self._root)): sha256_of_file(path) for path in files},
            measured=tuple(str(path.relative_to(self._root)) for path in self.context.kept.asked),
            problems=tuple(out.problems),
        )

    def _identity(self, surveys: Sequence[Survey]) -> str:
        """Return a digest of all that results are made of: statistics, calibrations, the plan, and the code."""
        metrics = parts_of_code([METRICS.get(name)() for name in self.plan.metrics])
        content = [
            [self.configuration, self.on_error, state_of_code(), metrics],
            [[s.handle.name, s.parts, digest_of_pieces(s.pieces), sorted(s.fitted)] for s in surveys],
            [_asked_of(reported) for reported in [*self.plan.reported(), *self.plan.domains()]],
            [[name, [_thresholds_of(r) for r in records]] for name, records in self.plan.loaded.items()],
        ]
        return digest_of(content)

    def _measure(self, run: ModelRun, failures: Mapping[Target, Failures], out: _Outputs) -> None:
        """Add the rows of one model, and store its calibrations with the thresholds of their splits."""
        from reliseg.run.measure.measure import measure
        from reliseg.run.measure.promises import measure_promises
        from reliseg.run.measure.splits import measure_splits

        title = f"{run.name}: metrics of all domains and calibrations"
        self.context.progress.begin(title, 0, Stage("measure", run.name))
        coverages = Coverages(run)
        incomplete = {t: failures.get(t, f) for t, f in self._failures(coverages).items()}
        out.problems += self._lines(run, incomplete)
        without = self._without(coverages, incomplete)
        splits = measure_splits(coverages, without)
        promised = measure_promises(coverages, without)
        self._write_records(run, splits, promised)
        measured = measure(coverages, without, _chosen(run, splits, promised))
        out.rows += measured.rows
        out.reliability += measured.reliability
        out.files += measured.files
        out.curves += measured.curves
        with naming(self.context.folder.images):
            out.images.write("".join(measured.images).encode())
        out.fits += splits.lines

    def _without(self, coverages: Coverages, incomplete: Mapping[Target, Failures]) -> set[Target]:
        """Return the domains that are not measured, of those that are incomplete."""
        return set(incomplete) if self.on_error == "stop" else _immeasurable(coverages, incomplete)

    def _write_records(self, run: ModelRun, splits: "SplitNumbers", promised: "Promised") -> None:
        """Store calibrations with the thresholds of their splits and of promises, and the promises of the model alone.

        A calibration that was loaded keeps its promises where none are made here.
        """
        folder, made = self.context.folder.records(run.name), dict[str, tuple[PromisedThreshold, ...]]()
        for (_, calibration), of_ground in promised.items():
            made[calibration] = made.get(calibration, ()) + of_ground
        for record in run.records.values():
            promises = made.get(record.name, record.promises)
            path = write_record(folder, replace(splits.with_thresholds(record) or record, promises=promises))
            self.context.depot.remove(*([] if promises else [promises_file(path)]))
        alone = folder / record_file(IDENTITY)
        if IDENTITY in made:
            write_promises(alone, "", made[IDENTITY])
        else:
            self.context.depot.remove(promises_file(alone))
        if run.records or made:
            self.context.depot.put_all(folder)

    def _failures(self, coverages: Coverages) -> dict[Target, Failures]:
        """Return why samples are not stored, by domain; a ConfigError where that was never tried."""
        run, found, untried, every = coverages.run, {}, 0, 0
        for target, names in run.plan.passes(run.name):
            coverage = coverages.of(target)
            problems: dict[str, str] = {}
            for shard in coverage.shards:
                every += 1
                lacking = [name for name in names if not coverage.stored(shard, name).is_complete]
                found_of = [coverage.of(shard, name) for name in lacking]
                lost = {i for of in found_of if of.cover.missing for i in of.cover.missing.samples}
                if lost:
                    known = self.context.store.failures(coverage.place(shard))
                    reason = next((change for of in found_of for change in of.changes), "it was not evaluated")
                    problems |= {i: known.get(i, reason) for i in sorted(lost)}
                    untried += not lost <= known.keys()
            if problems:
                found[target] = Failures(problems)
        if untried and not self.all_tried:
            told = f"{run.name}: {untried} of {count_text(every, 'shard')} are not evaluated"
            stale = self.context.store.of_another_version()
            raise ConfigError(f"{told}{f': {stale}' if stale else ''}; run --stage evaluate first")
        return found

    def _lines(self, run: ModelRun, incomplete: Mapping[Target, Failures]) -> list[str]:
        """Return a line for each domain that is incomplete, and for each that holds one."""
        tests, lines = run.plan.test_domains(), []
        for target, failures in incomplete.items():
            loss = "this domain has no results" if target in tests else "this split gives no threshold"
            kept = "its numbers are over the other samples"
            lines.append(f"{run.name} on {target}: {failures}; {loss if self.on_error == 'stop' else kept}")
        for reported in run.plan.reported() if self.on_error == "stop" else ():
            parts = sorted(str(m) for m in reported.members() if m in incomplete)
            if parts and parts != [str(reported)]:
                lines.append(f"{run.name} on {reported}: no results, because {' and '.join(parts)} is incomplete")
        return lines


def _chosen(run: ModelRun, splits: "SplitNumbers", promised: "Promised") -> "Chosen":
    """Return the thresholds that a model's domains are measured with: of its splits, and of what it has loaded."""
    from reliseg.run.measure.measure import Chosen
    from reliseg.run.measure.splits import stored_thresholds

    identity = run.facts.fingerprint, run.facts.file_hashes
    own_records = [record for record in run.plan.loaded.get(run.name, ()) if record.is_of(*identity)]
    return Chosen({**stored_thresholds(own_records), **splits.thresholds}, promised)


def _write_images(header: str, lines: IO[bytes], file: IO[bytes]) -> None:
    """Write the table of images."""
    file.write(header.encode())
    lines.seek(0)
    shutil.copyfileobj(lines, file)


def _immeasurable(coverages: Coverages, incomplete: Mapping[Target, Failures]) -> set[Target]:
    """Return the domains of which no sample is stored, or not the same ones for all statistics."""
    names = dict(coverages.run.plan.passes(coverages.run.name))
    lost = set()
    for target in incomplete:
        covers = [cover for name in names[target] for _, cover in coverages.of(target).covers(name)]
        if not all(cover.is_even for cover in covers) or not any(cover.samples for cover in covers):
            lost.add(target)
    return lost


def _asked_of(reported: Reported) -> list[Any]:
    """Return what metrics read of a domain beside its statistics: files that a configuration names may say it."""
    members = [[str(m), m.domain.annotated, len(m.domain.samples)] for m in reported.members()]
    spaces = [[m.classes, sorted(m.dataset.labels.absent)] for m in reported.members()]
    return [str(reported), members, spaces]


def _thresholds_of(record: Record) -> list[Any]:
    """Return the thresholds that lie beside a calibration that was loaded."""
    by_score = ((c, s, t) for c, scores in record.thresholds.items() for s, t in scores.items())
    return [record.name, [[c, s, t.last, t.possible, t.why] for c, s, t in by_score]]
