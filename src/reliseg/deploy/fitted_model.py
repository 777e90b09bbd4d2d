"""Is this the model that a calibration was fitted on?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from reliseg.calibration.records.record import Record
from reliseg.errors import ConfigError, shortlist
from reliseg.models import Model

NOTHING: Mapping[str, Any] = MappingProxyType({})
_TENSORS = "state_sha256"
"""In the facts of a model: of all its tensors, wherever they come from."""


@dataclass(frozen=True)
class Comparison:
    """Whether it is the model, as far as that can be told, and what a user should know of it."""

    is_same: bool
    notes: Sequence[str] = ()


def compare_models(record: Record, model: Model, name: str, measured: Mapping[str, Any] = NOTHING) -> Comparison:
    """Compare a model with the one that a calibration was fitted on; `measured` is what the run says of that one.

    A ConfigError where it is another one for certain: with other settings, with other tensors, or without one file in
    common. Files of code may differ and mean the same: which ones a model is made of depends on what else is imported.
    """
    files, fitted = model.file_hashes(), record.model_files
    if record.is_of(model.fingerprint(), files):
        return Comparison(is_same=True)
    if not files or not fitted:
        return Comparison(False, [f"{record.name} was fitted on a model {record.model!r} that {_OTHER}"])
    if files[-1] != fitted[-1]:
        raise _error(record, name, "settings")
    now = model.provenance()
    if measured.get(_TENSORS) and now.get(_TENSORS) and set(measured.get("files", {}).values()) <= set(fitted):
        if measured[_TENSORS] != now[_TENSORS]:
            raise _error(record, name, "weights")
        changed = [path for path, digest in now["files"].items() if measured["files"].get(path, digest) != digest]
        return Comparison(True, _changed(changed, record.name))
    if not set(files[:-1]) & set(fitted[:-1]):
        raise _error(record, name, "files")
    return Comparison(False, [f"{record.name} was fitted on a model {record.model!r} of other files, that {_OTHER}"])


def _changed(paths: Sequence[str], calibration: str) -> list[str]:
    """Return on one line which files are others than those of the fit."""
    were = "was" if len(paths) == 1 else "were"
    return [f"{shortlist(paths)} {were} changed since {calibration} was fitted"] if paths else []


def identity_of(model: Model) -> dict[str, Any]:
    """Return what a model is, wherever it lies and whatever is imported beside it, as JSON values."""
    files, tensors = model.file_hashes(), model.provenance().get(_TENSORS)
    if files and tensors:
        return {"settings": files[-1], "weights": tensors}
    return {"files": list(files)} if files else {"fingerprint": model.fingerprint()}


_OTHER = "may be another one; check that it is this one"


def _error(record: Record, name: str, what: str) -> ConfigError:
    return ConfigError(
        f"{record.name} was fitted on a model {record.model!r} with other {what} than {name}; give that model, or fit "
        "the calibration on this one"
    )
