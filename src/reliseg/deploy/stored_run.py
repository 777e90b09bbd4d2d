"""What a run holds that can be deployed: its models, their calibrations, and the data sets whose classes these have."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from reliseg.calibration import Unchanged
from reliseg.calibration.base import Calibration
from reliseg.calibration.records.promises import read_promises
from reliseg.calibration.records.record import RECORDS_FOLDER, Record, read_records, record_file, record_stem
from reliseg.config.inputs import IN_MEMORY
from reliseg.config.schema import RunConfig, read_config
from reliseg.conformal import PromisedThreshold
from reliseg.data import DataSet
from reliseg.deploy.acceptance import Acceptance
from reliseg.errors import ConfigError, suggestion
from reliseg.labels import LabelMap, space_of_classes
from reliseg.models import Model
from reliseg.plan.open import model_loaders, open_without_files
from reliseg.plan.plan import IDENTITY
from reliseg.remote import run_address
from reliseg.results.readable import readable_run
from reliseg.run.folder import RunFolder
from reliseg.runtime.regular_files import read_regular

_MANIFEST_LIMIT = 1 << 30
_PARTS = ("config.yaml", "manifest.json", RECORDS_FOLDER)
"""What is read of a run."""


@dataclass(frozen=True, eq=False)
class Choice:
    """A calibration that was chosen, with the threshold of its split."""

    name: str
    calibration: Calibration
    record: Record | None
    split: str
    """The calibration split; of identity the one whose threshold holds, or none."""
    acceptance: Acceptance


def place_to_read(run: str | Path) -> Path:
    """Return the folder of a run, or the file of one of its calibrations; of an address, a copy here of what is read.

    Nothing is put into a store. A DataError where no finished run is there.
    """
    address = run_address(str(run))
    if address is None:
        return Path(run).expanduser()
    place, inside, record = str(address).partition(f"/{RECORDS_FOLDER}/")
    folder = RunFolder(readable_run(place, *_PARTS))
    return folder.path / RECORDS_FOLDER / record if inside else folder.path


@dataclass(frozen=True, eq=False)
class StoredRun:
    """The folder of a run, read when something is asked for."""

    folder: Path
    name: str
    """What users call it: a path, or an address."""

    @cached_property
    def config(self) -> RunConfig:
        """The configuration that was asked last; a ConfigError where the folder holds no run."""
        path = RunFolder(self.folder).config
        if not path.is_file():
            raise ConfigError(f"{self.name}: no run is stored here; give the --out of reliseg run")
        return read_config(path)

    def model_name(self, asked: str | None) -> str:
        """Return the name of a model of the run: the one that is asked for, or the only one."""
        return choose("model", asked, [m.name for m in self.config.models], self.name)

    def load_model(self, name: str, settings: Mapping[str, object]) -> Model:
        """Return a model of the run, loaded; `settings` take the place of the run's own."""
        config = self.config.model_copy(update=dict(settings))
        if any(section.name == name and section.kind == IN_MEMORY for section in config.models):
            raise ConfigError(f"model {name} was an object in Python; give it to reliseg.load_predictor, as model")
        return next(s for s in model_loaders(config.models, self.folder, config) if s.name == name).load()

    def model_facts(self, name: str) -> Mapping[str, Any]:
        """Return what the run says of a model that it has measured; nothing where that cannot be read."""
        facts = self._of_manifest("models").get(name)
        return facts if isinstance(facts, dict) and isinstance(facts.get("files", {}), dict) else {}

    def _of_manifest(self, key: str) -> Mapping[str, Any]:
        """Return what the manifest of the results says under a key; nothing where that cannot be read."""
        try:
            facts = json.loads(read_regular(RunFolder(self.folder).manifest, _MANIFEST_LIMIT))[key]
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return {}
        return facts if isinstance(facts, dict) else {}

    def records(self, model: str) -> list[Record]:
        """Return the fitted calibrations of a model."""
        if not RunFolder(self.folder).records(model).is_dir():
            return []
        return read_records(self.folder).get(model, [])

    def promises(self, model: str) -> tuple[PromisedThreshold, ...]:
        """Return the promises that the run makes of a model as it is."""
        return read_promises(RunFolder(self.folder).records(model) / record_file(IDENTITY), "")

    def choose_calibration(self, model: str, asked: str | None) -> Choice:
        """Return a calibration of a model: the one that is asked for, or the only one.

        It is named as in results, `ts@camvid/cal`, or by its method alone where no other split has it. `identity` is
        the model as it is; `identity@camvid/cal` with the threshold of that split. Where none is named, only those
        count that the results have which lie there. Where the run makes promises, the threshold is that of the first.
        """
        records = {record.name: record for record in self.records(model)}
        of_results = self._of_manifest("calibrations")
        now = {name: r for name, r in records.items() if f"{model}/{record_stem(name)}" in of_results}
        if asked is None and now:
            records = now  # the folder may hold those of configurations that were asked before
        splits = {record.split: record for record in records.values()}
        if (asked or IDENTITY).partition("@")[0] == IDENTITY and (asked is not None or not records):
            promises = self.promises(model)
            choice = _identity(asked or IDENTITY, splits, promises)
            on = (asked or "").partition("@")[2]
            of_sets = [t for t in promises if on in ("", t.on)]
            return replace(choice, acceptance=choice.acceptance.with_sets(of_sets))
        methods: dict[str, list[str]] = {}
        for record in records.values():
            methods.setdefault(record.method, []).append(record.name)
        if asked in methods and len(methods[asked]) == 1:
            asked = methods[asked][0]
        where = f"{self.name}: {model}"
        name = choose("calibration", asked, list(records), where, others=[IDENTITY])
        return of_record(records[name])

    def dataset(self, asked: str | None, choice: Choice) -> DataSet:
        """Return the data set whose classes are predicted: the one that is asked for, that of the split, or the only.

        No image of it needs to be on this machine.
        """
        names = [section.name for section in self.config.datasets]
        if asked is None and choice.split:
            asked = choice.split.partition("/")[0]
            if asked not in names and choice.record is not None:  # it was loaded from another run
                fitting = [d for d in map(self._dataset, names) if d.labels.classes == choice.record.classes]
                return fitting[0] if len(fitting) == 1 else self._dataset(choose("data set", None, names, self.name))
        return self._dataset(choose("data set", asked, names, self.name), choice.record)

    def _dataset(self, name: str, record: Record | None = None) -> DataSet:
        section = next(section for section in self.config.datasets if section.name == name)
        if section.spec == IN_MEMORY and record is not None:
            return dataset_of_record(record)
        return open_without_files(section, self.folder)


def of_record(record: Record) -> Choice:
    """Return a fitted calibration with the threshold of its first promise, or with that which its split gave."""
    acceptance = Acceptance(why=f"no threshold was measured on {record.split}")
    if promised := _of_pixels(record.promises):
        acceptance = Acceptance.promising(promised[0])
    elif record.thresholds:
        acceptance = Acceptance.at_95(record.thresholds.get(record.name, {}), record.split)
    acceptance = acceptance.with_sets(record.promises)
    return Choice(record.name, record.calibration, record, record.split, acceptance)


def _of_pixels(promises: Sequence[PromisedThreshold]) -> list[PromisedThreshold]:
    """Return the promises of what is accepted."""
    return [threshold for threshold in promises if not threshold.promise.of_sets]


def dataset_of_record(record: Record, projections: Mapping[str, tuple[int, ...]] | None = None) -> DataSet:
    """Return a data set without images, of the classes of a calibration; `projections` are by label space."""
    labels = space_of_classes(record.label_space, record.classes)
    nothing = LabelMap.of({i: i for i in range(len(labels))})
    return DataSet(record.split.partition("/")[0], Path(), labels, nothing, {}, projections or {})


def choose(what: str, asked: str | None, names: Sequence[str], where: str, others: Sequence[str] = ()) -> str:
    """Return the name that is asked for, or the only one; a ConfigError lists them where it is none of them."""
    known = [*names, *others]
    if asked is None:
        if len(names) == 1:
            return names[0]
        listed = ", ".join(known) if known else "none"
        raise ConfigError(f"{where} has {len(names)} {what}s; name one: {listed}")
    if asked not in names:
        raise ConfigError(f"{where} has no {what} {asked!r}; {suggestion(asked, known)}")
    return asked


def _identity(asked: str, splits: Mapping[str, Record], promises: Sequence[PromisedThreshold]) -> Choice:
    """Return no calibration, with the threshold of the split that is named, or of the only one."""
    split = asked.partition("@")[2]
    grounds = {threshold.on: threshold for threshold in reversed(_of_pixels(promises))}
    if split in grounds or (not split and grounds):
        return _identity_on(grounds, split, splits)
    if split and split not in splits:
        if any(threshold.on == split for threshold in promises):
            return Choice(IDENTITY, Unchanged(), None, "", Acceptance(why=f"only sets are promised on {split}"))
        raise ConfigError(f"no threshold of {IDENTITY} is stored of {split!r}; {suggestion(split, splits)}")
    if not split and len(splits) == 1:
        split = next(iter(splits))
    if not split:
        several = [f"{IDENTITY}@{name}" for name in splits]
        why = f"name the split of its threshold: {', '.join(several)}" if several else "no calibration split gave one"
        return Choice(IDENTITY, Unchanged(), None, "", Acceptance(why=why))
    acceptance = Acceptance.at_95(splits[split].thresholds.get(IDENTITY, {}), split)
    return Choice(IDENTITY, Unchanged(), None, split, acceptance)


def _identity_on(grounds: Mapping[str, PromisedThreshold], on: str, splits: Mapping[str, Record]) -> Choice:
    """Return no calibration, with the promise on these images, or that of the only ones."""
    named = [on] if on else list(grounds)
    if len(named) > 1:
        several = ", ".join(f"{IDENTITY}@{name}" for name in sorted(named))
        acceptance = Acceptance(why=f"name the images that its promise rests on: {several}")
        return Choice(IDENTITY, Unchanged(), None, "", acceptance)
    of_split = named[0] if named[0] in splits else ""
    return Choice(IDENTITY, Unchanged(), None, of_split, Acceptance.promising(grounds[named[0]]))
