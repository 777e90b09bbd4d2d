"""The index of weights that lie in several files, as Hugging Face writes it: `model.safetensors.index.json`."""

import json
import os
import re
from pathlib import Path

from reliseg.errors import ModelError, one_line, shortlist
from reliseg.runtime.printable import printable
from reliseg.runtime.regular_files import open_regular, reason_of
from reliseg.runtime.text_files import read_text

_LARGEST = 64_000_000
"""Bytes of an index: some hundred for each tensor."""
_MOST_FILES = 1000
_HEAD = 512
_JSON = re.compile(rb"\s*\{\s*[\"}]")


def checkpoint_files(path: Path) -> list[Path]:
    """Return the files that weights are read from: this one, and those that it lists if it is an index."""
    return [path, *(path.parent / name for name in dict.fromkeys((index_of(path) or {}).values()))]


def index_of(path: Path) -> dict[str, str] | None:
    """Return the file of each tensor if a file is the index of several: an object of JSON, as no other one begins."""
    head, _ = beginning(path)
    return _read_index(path) if _JSON.match(head) else None


def beginning(path: Path) -> tuple[bytes, int]:
    """Return the first bytes of a file of weights, and its size; a ModelError if it cannot be read."""
    try:
        with open_regular(path) as file:
            return file.read(_HEAD), os.fstat(file.fileno()).st_size
    except FileNotFoundError as error:
        raise ModelError(f"weights {path}: no such file") from error
    except OSError as error:
        raise ModelError(f"weights {path}: {reason_of(error)}; give a state dict") from error


def _read_index(path: Path) -> dict[str, str]:
    """Return the file of each tensor by its name; a ModelError for what is no index, and for files elsewhere."""
    try:
        content = json.loads(read_text(path, _LARGEST))
        files = content["weight_map"]
    except OSError as error:
        raise ModelError(f"weights {path}: {reason_of(error)}") from error
    except RecursionError as error:
        raise ModelError(f"weights {path}: a JSON file, and no index of weights") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"weights {path}: a JSON file, and no index of weights, which has a weight_map ({one_line(error)})"
        ) from error
    if not isinstance(files, dict) or not files or not all(isinstance(name, str) for name in files.values()):
        raise ModelError(f"weights {path}: its weight_map is not one of tensors and files")
    names = list(dict.fromkeys(files.values()))
    elsewhere = [name for name in names if name != Path(name).name or name == path.name or "\0" in name]
    if elsewhere:
        raise ModelError(
            f"weights {path}: names {printable(elsewhere[0])!r}; the files of an index lie beside it, in one folder"
        )
    if len(names) > _MOST_FILES:
        raise ModelError(f"weights {path}: its index names {len(names)} files; not read")
    missing = [name for name in names if not (path.parent / name).is_file()]
    if missing:
        raise ModelError(
            f"weights {path}: its index needs {printable(shortlist(missing))} beside it; copy the whole folder"
        )
    return files
