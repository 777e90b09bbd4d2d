"""Fitted calibrations as files that travel: a readable JSON, and a safetensors file for parameters that are arrays.

The JSON is written last and names the other file with its sha256: a record is whole or it is refused. Nothing of it
is executed, and every value is checked before it is used: records may come from anyone.
"""

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from reliseg.calibration.base import Calibration
from reliseg.calibration.method_text import calibrator, canonical, each_seed
from reliseg.calibration.records.thresholds import ByScore, read_thresholds, thresholds_file, write_thresholds
from reliseg.errors import CalibrationError, ColumnsError, ConfigError, ReliSegError
from reliseg.models import Model
from reliseg.prediction import LOGIT_LIMIT, Prediction
from reliseg.runtime.atomic_files import write_atomically, write_text
from reliseg.stats.fixed import CALIBRATED_LIMIT

FORMAT = 2
_LARGEST = {".json": 1 << 27, ".safetensors": 1 << 30}
"""Bytes; larger files are refused before they are read."""
_SPLIT = re.compile(r"[^\x00-\x1f\\/+]+/[^\x00-\x1f\\/+]+(\+[^\x00-\x1f\\/+]+/[^\x00-\x1f\\/+]+)*")

Hashes: TypeAlias = Mapping[str, Mapping[str, str]]
"""sha256 by sample, by domain (`DATASET/DOMAIN`): two data sets may have samples of one id."""
_Digest: TypeAlias = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_Text: TypeAlias = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]*$", max_length=4096)]
"""Without characters that steer a terminal: it may be shown."""


@dataclass(frozen=True, eq=False)
class Record:
    """A fitted calibration, and what it was fitted on."""

    method: str
    """In canonical text: what `reliseg.calibration.calibrator` reads."""
    calibration: Calibration
    split: str
    """`DATASET/DOMAIN`, several joined by `+`."""
    label_space: str
    classes: tuple[str, ...]
    model: str
    fingerprint: str
    """Of the model: its files, where they are and how it is run."""
    model_files: tuple[str, ...]
    """The sha256 of each file of the model: they stay what they are on another machine."""
    seed: int
    """Of the pixels drawn from each image. A method's own seed is in its text."""
    pixels: int
    samples: Hashes
    """Of the bytes of image and mask."""
    images: Hashes
    """Of the bytes of the image alone."""
    part_of: tuple[str, ...] = ()
    """Methods of several seeds that it is one seed of."""
    version: str = version("reliseg")
    """Of reliseg, which it was fitted with."""
    thresholds: Mapping[str, ByScore] = field(default_factory=dict)
    """What its split gave, without calibration and with it, where that is known: it lies in a file of its own."""

    @property
    def name(self) -> str:
        """As results call it: `ts@camvid/cal`."""
        return f"{self.method}@{self.split}"

    def seen(self) -> dict[str, str]:
        """The sample of each image it was fitted on, by the sha256 of the image's bytes."""
        return {digest: sample for found in self.images.values() for sample, digest in found.items()}

    def is_of(self, model: Model) -> bool:
        """Whether the model is the one it was fitted on, as far as its files tell."""
        return model.fingerprint() == self.fingerprint or (
            bool(self.model_files) and file_hashes(model) == self.model_files
        )

    def split_sha256(self) -> str:
        """One hash of all samples, whatever their order."""
        every = sorted(digest for found in self.samples.values() for digest in found.values())
        return _digest("".join(every).encode())


def file_hashes(model: Model) -> tuple[str, ...]:
    """The sha256 of the files that a model was made of, wherever they are; () where it says none."""
    return tuple(sorted(model.provenance().get("files", {}).values()))


class _Tensors(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    file: str
    sha256: _Digest


class _File(BaseModel):
    """The JSON of a record."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    format: int
    version: _Text
    method: _Text
    fitted_on: _Text
    label_space: _Text
    classes: tuple[_Text, ...] = Field(min_length=1, max_length=254)
    model: _Text
    fingerprint: _Text
    model_files: tuple[_Digest, ...]
    seed: int = Field(ge=0)
    pixels: int = Field(ge=0)
    part_of: tuple[_Text, ...]
    parameters: dict[str, Any]
    tensors: _Tensors | None
    split_sha256: _Digest
    samples: dict[_Text, dict[_Text, _Digest]]
    images: dict[_Text, dict[_Text, _Digest]]


def record_file(name: str) -> str:
    """The file name of a calibration's record."""
    return f"{name.replace('/', '-')}.json"


def write_record(folder: Path, record: Record) -> Path:
    """Write a record into a folder, atomically; the path of its JSON."""
    path = folder / record_file(record.name)
    content, tensors = rendered(record)
    if tensors is not None:
        write_atomically(path.with_suffix(".safetensors"), lambda file: file.write(tensors))
    if not (path.exists() and path.read_text(encoding="utf-8") == content):
        thresholds_file(path).unlink(missing_ok=True)  # they belong to the record that is replaced
    write_text(path, content)  # what it names is whole
    if record.thresholds:
        write_thresholds(path, _digest(content.encode()), record.thresholds)
    return path


def rendered(record: Record) -> tuple[str, bytes | None]:
    """The bytes of both files; the same record gives the same ones."""
    from safetensors.numpy import save

    parameters = record.calibration.parameters()
    arrays = {key: np.array(v, order="C") for key, v in parameters.items() if isinstance(v, np.ndarray)}
    tensors = save(arrays) if arrays else None
    file = Path(record_file(record.name)).with_suffix(".safetensors").name
    content = {
        "format": FORMAT,
        "version": record.version,
        "method": record.method,
        "fitted_on": record.split,
        "label_space": record.label_space,
        "classes": list(record.classes),
        "model": record.model,
        "fingerprint": record.fingerprint,
        "model_files": list(record.model_files),
        "seed": record.seed,
        "pixels": record.pixels,
        "part_of": list(record.part_of),
        "parameters": {key: v for key, v in parameters.items() if key not in arrays},
        "tensors": tensors and {"file": file, "sha256": _digest(tensors)},
        "split_sha256": record.split_sha256(),
        "samples": {domain: dict(sorted(found.items())) for domain, found in record.samples.items()},
        "images": {domain: dict(sorted(found.items())) for domain, found in record.images.items()},
    }
    return json.dumps(content, indent=1), tensors


def read_record(path: Path) -> Record:
    """The record in a JSON file; a ConfigError that says what to do where it is no whole record."""
    content = _checked(path)
    parameters = content.parameters
    if content.tensors is not None:
        parameters = parameters | _arrays(path, content.tensors)
    record = Record(
        method=content.method,
        calibration=_restored(path, content, parameters),
        split=content.fitted_on,
        label_space=content.label_space,
        classes=content.classes,
        model=content.model,
        fingerprint=content.fingerprint,
        model_files=content.model_files,
        seed=content.seed,
        pixels=content.pixels,
        samples=content.samples,
        images=content.images,
        part_of=content.part_of,
        version=content.version,
    )
    if record.split_sha256() != content.split_sha256:
        raise _damaged(path, "its list of samples is not what it was fitted on")
    if {d: set(s) for d, s in record.samples.items()} != {d: set(s) for d, s in record.images.items()}:
        raise _damaged(path, "it does not list the same samples twice")
    return record


def read_records(path: Path) -> dict[str, list[Record]]:
    """The records by model: of a run's folder, of its folder `calibrations`, or the single one of a file."""
    if path.is_file():
        record = _with_thresholds(path)
        return {record.model: [record]}
    found = sorted((path / "calibrations").glob("*/*.json")) or sorted(path.glob("*/*.json"))
    if not found:
        raise ConfigError(f"{path}: no record of a calibration; give a run's folder, or a file of its calibrations/")
    records: dict[str, list[Record]] = {}
    for file in found:
        records.setdefault(file.parent.name, []).append(_with_thresholds(file))
    return records


def _with_thresholds(path: Path) -> Record:
    """A record, with the thresholds that lie beside it."""
    record = read_record(path)
    return replace(record, thresholds=read_thresholds(path, _digest(path.read_bytes())))


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _checked(path: Path) -> _File:
    text = _bytes(path)
    try:
        raw = json.loads(text)
        if isinstance(raw, dict) and isinstance(raw.get("format"), int) and raw["format"] > FORMAT:
            raise ConfigError(
                f"{path}: a record of format {raw['format']}, newer than this reliseg reads; update reliseg"
            )
        if not isinstance(raw, dict) or raw.get("format") != FORMAT:
            raise _damaged(path, "it is no record of a calibration that this version reads")
        content = _File.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        raise _damaged(path, f"{'.'.join(map(str, first['loc']))}: {first['msg'].lower()}") from error
    except (ValueError, RecursionError) as error:
        raise _damaged(path, "it is not JSON") from error
    if not _SPLIT.fullmatch(content.fitted_on):
        raise _damaged(path, f"fitted_on is {content.fitted_on!r}, not DATASET/DOMAIN")
    if not _is_finite(content.parameters):
        raise _damaged(path, "a parameter is not finite")
    return content


def _bytes(path: Path) -> bytes:
    try:
        if path.stat().st_size > _LARGEST[path.suffix]:
            raise _damaged(path, f"it is larger than {_LARGEST[path.suffix] >> 20} MiB")
        return path.read_bytes()
    except OSError as error:
        problem = (error.strerror or "unreadable").lower()
        raise ConfigError(
            f"{path}: cannot be read ({problem}); a record is a .json file, and often a file beside it"
        ) from error
    except KeyError as error:
        raise ConfigError(f"{path}: a record of a calibration is a .json file") from error


def _arrays(path: Path, tensors: _Tensors) -> dict[str, np.ndarray]:
    """The arrays in the file beside a record."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    if Path(tensors.file).name != tensors.file or "\\" in tensors.file or not tensors.file.endswith(".safetensors"):
        raise _damaged(path, f"{tensors.file!r} is not the name of a .safetensors file beside it")
    data = _bytes(path.with_name(tensors.file))
    if _digest(data) != tensors.sha256:
        raise _damaged(path.with_name(tensors.file), f"its sha256 is not the one in {path.name}")
    try:
        arrays = load(data)
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damaged(path.with_name(tensors.file), "it is no safetensors file that NumPy can hold") from error
    for key, array in arrays.items():
        if not np.isfinite(array).all():
            raise _damaged(path.with_name(tensors.file), f"{key} is not finite")
    return arrays


def _restored(path: Path, content: _File, parameters: dict[str, Any]) -> Calibration:
    """The calibration with these parameters, if it is one: it says the same of itself, and can be applied."""
    try:
        written = canonical(content.method)
        method = calibrator(written)
        strange = [m for m in content.part_of if canonical(m) != m or content.method not in each_seed(m)]
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    if written != content.method:
        raise _damaged(path, f"method is {content.method!r}, not {written!r}")
    if strange:
        raise _damaged(path, f"{content.method} is no seed of {strange[0]!r}")
    try:
        with np.errstate(all="ignore"):
            calibration = method.restore(parameters)
            whole = _same(calibration.parameters(), parameters) and _works(calibration, len(content.classes))
    except ReliSegError:
        raise
    except Exception as error:  # parameters of any shape and type meet code that expects its own
        raise _damaged(path, f"its parameters are not those of {content.method}") from error
    if not whole:
        raise _damaged(path, f"its parameters are not those of {content.method} for {len(content.classes)} classes")
    return calibration


def _works(calibration: Calibration, classes: int) -> bool:
    """Whether logits of so many classes stay logits."""
    logits = np.random.default_rng(0).normal(0, 3, (classes, 4, 4)).astype(np.float32)
    try:
        view = calibration(Prediction(logits, (8, 8))).view()
    except ColumnsError:
        return False
    except CalibrationError:
        return True  # it wants what only a model gives, and will say so
    slopes, limit = view.inverse_temperatures, CALIBRATED_LIMIT
    if slopes.shape != (classes + 1,) or not ((slopes > 0) & (slopes * LOGIT_LIMIT <= limit)).all():
        return False
    if view.transform is None:
        return True
    largest = LOGIT_LIMIT * (2 * np.eye(classes) - 1)  # each class as far above the others as logits can be
    z = np.concatenate([logits.reshape(classes, -1), largest], axis=1, dtype=np.float64)
    z = np.concatenate([z, np.full((1, z.shape[1]), -np.inf)])
    after = view.transform(z)
    return after.shape == z.shape and bool((np.abs(after[:classes]) <= limit).all())


def _same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether parameters are equal to the bit, lists and tuples taken as the same."""

    def plain(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            return [str(value.dtype), value.shape, value.tobytes().hex()]
        return value

    return json.dumps({k: plain(v) for k, v in one.items()}, sort_keys=True) == json.dumps(
        {k: plain(v) for k, v in other.items()}, sort_keys=True
    )


def _is_finite(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(map(_is_finite, value.values()))
    if isinstance(value, Sequence) and not isinstance(value, str):
        return all(map(_is_finite, value))
    return not isinstance(value, float) or math.isfinite(value)


def _damaged(path: Path, problem: str) -> ConfigError:
    return ConfigError(f"{path}: {problem}; copy the record again, or fit the calibration again")
