"""Files of weights that may come from anywhere: what they hold, told by their content, and nothing of it executed."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from reliseg.errors import ModelError, error_text, one_line
from reliseg.models.base import kind_hint
from reliseg.models.checkpoints.archives import check_archive, read_archive
from reliseg.models.checkpoints.old_files import read_pickles
from reliseg.models.checkpoints.shards import beginning, index_of
from reliseg.models.checkpoints.stand_ins import DamagedError
from reliseg.runtime.regular_files import size_text

_POINTER = b"version h"
_ARCHIVE = b"PK\x03\x04"
_LONGEST_HEADER = 8_000_000
"""Bytes of the header of a safetensors file: some hundred for each tensor."""


@dataclass(frozen=True)
class Checkpoint:
    """What a file of weights holds: tensors, arrays of NumPy, numbers, texts; dicts, lists, tuples and sets of them.

    Where it has an object of any other kind there is a `LeftOut`, and a `Named` for a class or a function itself.
    `left_out` are the classes and functions that the file names for these, in its order: `argparse.Namespace`. None was
    looked up or called.
    """

    content: Any
    left_out: tuple[str, ...] = ()


def read_checkpoint(path: Path) -> Checkpoint:
    """Return what a file of weights holds; a ModelError where it cannot be read.

    It is an archive or an older file of torch, a pickle of arrays, a safetensors file, or the index of several.
    """
    index = index_of(path)
    return _read_file(path) if index is None else _joined(path, index)


def _joined(path: Path, index: Mapping[str, str]) -> Checkpoint:
    """Return the tensors of several files, each from the file that the index names."""
    tensors: dict[str, Any] = {}
    left_out: dict[str, None] = {}
    for name in dict.fromkeys(index.values()):
        shard = _read_file(path.parent / name)
        left_out |= dict.fromkeys(shard.left_out)
        wanted = [key for key, file in index.items() if file == name]
        missing = [key for key in wanted if not isinstance(shard.content, Mapping) or key not in shard.content]
        if missing:
            raise ModelError(f"weights {path}: {name} has no {missing[0]}, which the index has there; copy both again")
        tensors |= {key: shard.content[key] for key in wanted}
    return Checkpoint(tensors, tuple(left_out))


def _read_file(path: Path) -> Checkpoint:
    head, size = beginning(path)
    if head.startswith(_POINTER):
        raise ModelError(f"weights {path}: a pointer of Git LFS in the place of the file; fetch it with git lfs pull")
    header = int.from_bytes(head[:8], "little")
    is_archive = head.startswith(_ARCHIVE)
    if is_archive:
        check_archive(path)
    elif path.suffix == ".safetensors" or (head[8:9] == b"{" and header <= size - 8):
        return Checkpoint(_read_safetensors(path, header))
    try:
        if is_archive:
            content, left_out = read_archive(path)
        else:
            with path.open("rb") as file:
                content, left_out = read_pickles(file, size)
    except DamagedError as error:
        raise ModelError(
            f"weights {path}: not a checkpoint, or a damaged one ({one_line(error)}){kind_hint(path)}"
        ) from error
    except Exception as error:  # whatever a damaged file makes of zipfile, torch or NumPy
        raise ModelError(
            f"weights {path}: not a checkpoint, or a damaged one ({error_text(error)}){kind_hint(path)}"
        ) from error
    return Checkpoint(content, tuple(left_out))


def _read_safetensors(path: Path, header: int) -> dict[str, Tensor]:
    from safetensors.torch import load_file

    if header > _LONGEST_HEADER:
        raise ModelError(f"weights {path}: not a safetensors file (a header of {size_text(header)}); copy it again")
    try:
        return dict(load_file(path))
    except Exception as error:  # of the reader, and of torch for shapes and types that it does not know
        raise ModelError(f"weights {path}: not a safetensors file ({one_line(error)})") from error
