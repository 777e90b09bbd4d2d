"""The code that other packages bring, as part of what determines a number; and the digest of such parts."""

import hashlib
import inspect
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from reliseg.runtime.regular_files import sha256_of_file


def parts_of_code(plugins: Iterable[object]) -> dict[str, str]:
    """Return the code of models and calibrations that other packages bring, as one part; none where all ship."""
    kinds = {type(plugin) for plugin in plugins}
    code = sorted(code_of(kind) for kind in kinds if kind.__module__.partition(".")[0] != "reliseg")
    return {"code of another package": digest_of(code)} if code else {}


def files_of_code(plugins: Iterable[object]) -> list[Path]:
    """Return the files in which the code stands that other packages bring."""
    kinds = {type(plugin) for plugin in plugins}
    found = (_source_of(kind) for kind in kinds if kind.__module__.partition(".")[0] != "reliseg")
    return sorted({path for path in found if path})


def code_of(plugin: type) -> str:
    """Return the sha256 of the file that a class stands in."""
    path = _source_of(plugin)
    return sha256_of_file(path) if path else ""


def _source_of(plugin: type) -> Path | None:
    try:
        file = inspect.getsourcefile(plugin)
    except (TypeError, OSError):  # of a class that no file holds
        return None
    return Path(file) if file else None


def digest_of(content: Any) -> str:
    """Return the sha256 of plain values and arrays."""
    return hashlib.sha256(json.dumps(content, default=_encode).encode()).hexdigest()


def _encode(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return [str(value.dtype), value.shape, hashlib.sha256(value.tobytes()).hexdigest()]
    return repr(value)
