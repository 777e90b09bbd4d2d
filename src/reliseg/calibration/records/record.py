"""Fitted calibrations as files that travel: a readable JSON, and a safetensors file for parameters that are arrays.

The JSON is written last and names the other file with its sha256: a record is whole or it is refused. Nothing of it
is executed, and every value is checked before it is used: records may come from anyone.
"""

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from reliseg.calibration.base import Calibration
from reliseg.calibration.method_text import calibrator, canonical_text, texts_of_seeds
from reliseg.calibration.records.promises import promises_file, read_promises, write_promises
from reliseg.calibration.records.seal import seal_of
from reliseg.calibration.records.thresholds import ByScore, read_thresholds, thresholds_file, write_thresholds
from reliseg.conformal import PromisedThreshold
from reliseg.errors import CalibrationError, ColumnsError, ConfigError, ReliSegError, count_text
from reliseg.prediction import LOGIT_LIMIT, Prediction
from reliseg.runtime.atomic_files import write_atomically, write_text
from reliseg.runtime.checked import checker
from reliseg.runtime.regular_files import holds, read_regular, reason_of, regular_size
from reliseg.stats.fixed import CALIBRATED_LIMIT

FORMAT = 3
RECORDS_FOLDER = "calibrations"
"""The folder of a run with the records of its models, one folder for each."""
_VERSION = version("reliseg")
_LARGEST = {".json": 1 << 27, ".safetensors": 1 << 30}
"""Bytes; larger files are refused before they are read."""
_HASHES = ("samples", "images", "predictions")
_SPLIT = re.compile(r"[^\x00-\x1f\\/]+(/[^\x00-\x1f\\/]+\+[^\x00-\x1f\\/]+)*/[^\x00-\x1f\\/]+")

_Digest: TypeAlias = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_Text: TypeAlias = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]*$", max_length=4096)]
"""Without characters that steer a terminal: it may be printed."""
_Count: TypeAlias = Annotated[int, Field(ge=0)]
Hashes: TypeAlias = Mapping[_Text, Mapping[_Text, _Digest]]
"""sha256 by sample, by domain (`DATASET/DOMAIN`): two data sets may have samples of one id."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Origin:
    """Where a calibration comes from. Each field is a key of the JSON, in this order, and is checked by its type."""

    version: _Text = _VERSION
    """The version of reliseg that it was fitted with."""
    method: _Text
    """In canonical text: what `reliseg.calibration.calibrator` reads."""
    split: Annotated[_Text, Field(alias="fitted_on")]
    """`DATASET/DOMAIN`, several joined by `+`."""
    label_space: _Text
    classes: Annotated[tuple[_Text, ...], Field(min_length=1, max_length=254)]
    model: _Text
    fingerprint: _Text
    """The model's: of its files and how it is run."""
    model_files: tuple[_Digest, ...]
    """The sha256 of each file of the model, and of how they are used: they stay what they are on another machine."""
    seed: _Count
    """The seed of the pixels drawn from each image. A method's own seed is in its text."""
    pixels: _Count
    part_of: tuple[_Text, ...] = ()
    """Methods of several seeds that it is one seed of."""
    samples: Hashes
    """The sha256 of the bytes of image and mask."""
    images: Hashes
    """The sha256 of the bytes of the image alone."""
    predictions: Hashes = field(default_factory=dict)
    """The sha256 of the files that predictions were read from."""
    parts: Mapping[_Text, _Text] = field(default_factory=dict)
    """What else determined the predictions, part by part, as digests: the model, the label map, .."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Record(Origin):
    """A fitted calibration, and what it was fitted on."""

    calibration: Calibration
    thresholds: Mapping[str, ByScore] = field(default_factory=dict)
    """Thresholds of its split, without calibration and with it, where they are known: they lie in their own file."""
    promises: tuple[PromisedThreshold, ...] = ()
    """Thresholds with a promise, where some were asked for: they lie in their own file too."""

    def __repr__(self) -> str:
        """Return what it is, of which model, and how much it was fitted on, on one line."""
        samples = count_text(sum(map(len, self.samples.values())), "sample")
        return f"Record({self.name} of {self.model}: {self.calibration!r}, fitted on {self.pixels} pixels of {samples})"

    @property
    def name(self) -> str:
        """The name in results: `ts@camvid/cal`."""
        return f"{self.method}@{self.split}"

    def seen(self) -> dict[str, str]:
        """Return the sample of each image it was fitted on, by the sha256 of the image's bytes."""
        return {digest: sample for hashes in self.images.values() for sample, digest in hashes.items()}

    def is_of(self, fingerprint: str, files: tuple[str, ...]) -> bool:
        """Return whether it was fitted on the model of these hashes of files; without any, of this fingerprint."""
        return files == self.model_files if files or self.model_files else fingerprint == self.fingerprint

    def split_sha256(self) -> str:
        """Return one hash of all samples, whatever their order."""
        digests = sorted(digest for hashes in self.samples.values() for digest in hashes.values())
        return _sha256("".join(digests).encode())


class _Tensors(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    file: str
    sha256: _Digest


@dataclass(frozen=True, eq=False, kw_only=True)
class _File(Origin):
    """The JSON of a record."""

    format: int
    parameters: dict[str, Any]
    tensors: _Tensors | None
    split_sha256: _Digest
    sha256: _Digest
    """Of everything else in the JSON."""


@cache
def _keys() -> frozenset[str]:
    """Return the keys of the JSON of a record."""
    return frozenset(checker(_File).json_schema()["properties"])


def record_stem(name: str) -> str:
    """Return the name of a calibration as files have it."""
    return name.replace("/", "-")


def record_file(name: str) -> str:
    """Return the file name of a calibration's record."""
    return f"{record_stem(name)}.json"


def write_record(folder: Path, record: Record) -> Path:
    """Write a record into a folder, atomically; return the path of its JSON."""
    path = folder / record_file(record.name)
    content, tensors = encode_record(record)
    if tensors is not None:
        write_atomically(path.with_suffix(".safetensors"), lambda file: file.write(tensors))
    if not holds(path, content.encode()):
        for beside in (thresholds_file(path), promises_file(path)):
            beside.unlink(missing_ok=True)  # they belong to the record that is replaced
    write_text(path, content)  # what it names is whole
    if record.thresholds:
        write_thresholds(path, _sha256(content.encode()), record.thresholds)
    if record.promises:
        write_promises(path, _sha256(content.encode()), record.promises)
    return path


def encode_record(record: Record) -> tuple[str, bytes | None]:
    """Return the contents of both files; equal records give equal bytes."""
    from safetensors.numpy import save

    parameters = record.calibration.parameters()
    arrays = {key: np.array(v, order="C") for key, v in parameters.items() if isinstance(v, np.ndarray)}
    tensors = save(arrays) if arrays else None
    file = Path(record_file(record.name)).with_suffix(".safetensors").name
    origin = checker(Origin).dump_python(record, by_alias=True)
    hashes = {key: {domain: dict(sorted(h.items())) for domain, h in origin.pop(key).items()} for key in _HASHES}
    content = {
        "format": FORMAT,
        **origin,
        "parameters": {key: v for key, v in parameters.items() if key not in arrays},
        "tensors": tensors and {"file": file, "sha256": _sha256(tensors)},
        "split_sha256": record.split_sha256(),
        **hashes,
    }
    return json.dumps(content | {"sha256": seal_of(content)}, indent=1), tensors


def read_record(path: Path) -> Record:
    """Return the record in a JSON file; a ConfigError that says what to do where it is no whole record."""
    raw, content = _read_json(path)
    parameters = content.parameters
    if content.tensors is not None:
        parameters = parameters | _read_arrays(path, content.tensors)
    origin = {f.name: getattr(content, f.name) for f in fields(Origin)}
    record = Record(**origin, calibration=_restore(path, content, parameters))
    if record.split_sha256() != content.split_sha256:
        raise _damage_error(path, "its list of samples was changed")
    if {d: set(s) for d, s in record.samples.items()} != {d: set(s) for d, s in record.images.items()}:
        raise _damage_error(path, "its two lists of samples differ")
    if content.sha256 != seal_of(raw):
        raise _damage_error(path, "it was changed since it was written")
    return record


def read_records(path: Path) -> dict[str, list[Record]]:
    """Return the records by model: of a run's folder, of its folder `calibrations`, or the single one of a file."""
    if path.is_file():
        record = _read_with_thresholds(path)
        return {record.model: [record]}
    files = sorted((path / RECORDS_FOLDER).glob("*/*.json")) or sorted(path.glob("*/*.json"))
    if not files:
        raise ConfigError(
            f"{path}: no calibration is stored here; give the folder of a run, or a file in its calibrations/"
        )
    records: dict[str, list[Record]] = {}
    for file in files:
        records.setdefault(file.parent.name, []).append(_read_with_thresholds(file))
    return records


def _read_with_thresholds(path: Path) -> Record:
    """Return a record, with the thresholds and promises that lie beside it."""
    record, digest = read_record(path), _sha256(_read_bytes(path))
    return replace(record, thresholds=read_thresholds(path, digest), promises=read_promises(path, digest))


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _read_json(path: Path) -> tuple[dict[str, Any], _File]:
    """Return what a JSON file says, as it stands there and checked value by value."""
    text = _read_bytes(path)
    try:
        raw = json.loads(text)
        if isinstance(raw, dict) and isinstance(raw.get("format"), int) and raw["format"] > FORMAT:
            raise ConfigError(
                f"{path}: its format {raw['format']} is newer than this version of reliseg can read; update reliseg"
            )
        if not isinstance(raw, dict) or raw.get("format") != FORMAT:
            raise _damage_error(path, "it is not a calibration that this version of reliseg can read")
        for key in sorted(raw.keys() ^ _keys()):
            raise _damage_error(
                path, f"{key}: {'field required' if key in _keys() else 'extra inputs are not permitted'}"
            )
        content = checker(_File).validate_json(text, strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        raise _damage_error(path, f"{'.'.join(map(str, first['loc']))}: {first['msg'].lower()}") from error
    except (ValueError, RecursionError) as error:
        raise _damage_error(path, "it is not JSON") from error
    if not _SPLIT.fullmatch(content.split):
        raise _damage_error(path, f"fitted_on is {content.split!r}, not DATASET/DOMAIN")
    if not _is_finite(content.parameters):
        raise _damage_error(path, "a parameter is not finite")
    return raw, content


def _read_bytes(path: Path) -> bytes:
    if path.suffix not in _LARGEST:
        raise ConfigError(f"{path}: not a .json file; give that of a calibration")
    try:
        if regular_size(path) > _LARGEST[path.suffix]:
            raise _damage_error(path, f"it is larger than {_LARGEST[path.suffix] >> 20} MiB")
        return read_regular(path, _LARGEST[path.suffix])
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read ({reason_of(error)}); a calibration is a .json file, and often a second file "
            "beside it"
        ) from error


def _read_arrays(path: Path, tensors: _Tensors) -> dict[str, np.ndarray]:
    """Return the arrays in the file beside a record."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    if Path(tensors.file).name != tensors.file or "\\" in tensors.file or not tensors.file.endswith(".safetensors"):
        raise _damage_error(path, f"{tensors.file!r} is not the name of a .safetensors file beside it")
    data = _read_bytes(path.with_name(tensors.file))
    if _sha256(data) != tensors.sha256:
        raise _damage_error(path.with_name(tensors.file), f"its sha256 is not the one in {path.name}")
    try:
        arrays = load(data)
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damage_error(path.with_name(tensors.file), "it is not a safetensors file that NumPy can read") from error
    for key, array in arrays.items():
        if not np.isfinite(array).all():
            raise _damage_error(path.with_name(tensors.file), f"{key} is not finite")
    return arrays


def _restore(path: Path, content: _File, parameters: dict[str, Any]) -> Calibration:
    """Return the calibration with these parameters, if it is one: it gives them back, and can be applied."""
    try:
        text = canonical_text(content.method)
        method = calibrator(text)
        strangers = [m for m in content.part_of if canonical_text(m) != m or content.method not in texts_of_seeds(m)]
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    if text != content.method:
        raise _damage_error(path, f"method is {content.method!r}, not {text!r}")
    if strangers:
        raise _damage_error(path, f"{content.method} is not a seed of {strangers[0]!r}")
    problem = f"its parameters are not those of {content.method}"
    try:
        with np.errstate(all="ignore"):
            calibration = method.restore(parameters)
            whole = _are_equal(calibration.parameters(), parameters) and _works(calibration, len(content.classes))
    except ReliSegError:
        raise
    except Exception as error:  # parameters of any shape and type meet code that expects its own
        raise _damage_error(path, problem) from error
    if not whole:
        raise _damage_error(path, f"{problem} for {len(content.classes)} classes")
    return calibration


def _works(calibration: Calibration, classes: int) -> bool:
    """Return whether logits of so many classes stay logits that statistics can sum."""
    logits = np.random.default_rng(0).normal(0, 3, (classes, 4, 4)).astype(np.float32)
    try:
        view = calibration(Prediction(logits, (8, 8))).view()
    except ColumnsError:
        return False
    except CalibrationError:
        return True  # it needs what only a model gives, and will say so
    inverse_temperatures, limit = view.inverse_temperatures, CALIBRATED_LIMIT
    in_range = (inverse_temperatures > 0) & (inverse_temperatures * LOGIT_LIMIT <= limit)
    if inverse_temperatures.shape != (classes + 1,) or not in_range.all():
        return False
    if view.transform is None:
        return True
    largest = LOGIT_LIMIT * (2 * np.eye(classes) - 1)  # each class as far above the others as logits can be
    z = np.concatenate([logits.reshape(classes, -1), largest], axis=1, dtype=np.float64)
    z = np.concatenate([z, np.full((1, z.shape[1]), -np.inf)])
    scores = view.transform(z)
    return scores.shape == z.shape and bool((np.abs(scores[:classes]) <= limit).all())


def _are_equal(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Return whether parameters are equal to the bit; a list is equal to a tuple of its items."""

    def encode(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            return [str(value.dtype), value.shape, value.tobytes().hex()]
        return value

    return json.dumps({k: encode(v) for k, v in one.items()}, sort_keys=True) == json.dumps(
        {k: encode(v) for k, v in other.items()}, sort_keys=True
    )


def _is_finite(value: Any) -> bool:
    """Return whether all numbers in a JSON value are finite."""
    if isinstance(value, Mapping):
        return all(map(_is_finite, value.values()))
    if isinstance(value, Sequence) and not isinstance(value, str):
        return all(map(_is_finite, value))
    return not isinstance(value, float) or math.isfinite(value)


def _damage_error(path: Path, problem: str) -> ConfigError:
    return ConfigError(f"{path}: {problem}; copy the calibration again, or fit it again")
