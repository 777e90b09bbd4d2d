"""Files of weights that may come from anywhere: what they hold, and nothing of it executed."""

import os
import pickle
import warnings
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import torch
from torch import Tensor

from reliseg.errors import ModelError, error_text, one_line
from reliseg.runtime.regular_files import open_regular, reason_of, size_text

_PROGRAMS = {
    "/constants.pkl": ("TorchScript", "torch.jit.load(path)"),
    "serialized_exported_program.json": ("torch.export", "torch.export.load(path).module()"),
    "/models/model.json": ("torch.export", "torch.export.load(path).module()"),
    "/archive_format": ("torch.export", "torch.export.load(path).module()"),
}
"""Ends of names in archives of programs: how they are called, and how a function returns them."""
_POINTER = b"version h"
_ARCHIVE = b"PK\x03\x04"
_MOST_UNPACKED = 20
"""Times the size of its file that an archive may unpack to. Torch's own is not compressed."""
_MOST_TENSORS = 40_000
"""Parts of an archive. The largest networks have some thousands, and an optimizer three times as many."""
_LONGEST_HEADER = 8_000_000
"""Bytes of the header of a safetensors file: some hundred for each tensor."""
_ALONE = "save the state dict alone: torch.save(model.state_dict(), path)"


def read_weights(path: Path) -> Any:
    """Return what a file of weights holds, told by its content; a ModelError where it cannot be read."""
    try:
        with open_regular(path) as file:
            size, head = os.fstat(file.fileno()).st_size, file.read(9)
    except FileNotFoundError as error:
        raise ModelError(f"weights {path}: no such file") from error
    except OSError as error:
        raise ModelError(f"weights {path}: {reason_of(error)}; give a state dict") from error
    if head == _POINTER:
        raise ModelError(f"weights {path}: a pointer of Git LFS in the place of the file; fetch it with git lfs pull")
    if head[:4] == _ARCHIVE:
        check_archive(path)
    elif path.suffix == ".safetensors" or (head[8:] == b"{" and int.from_bytes(head[:8], "little") <= size - 8):
        return _read_safetensors(path, int.from_bytes(head[:8], "little"))
    try:
        # Warnings are of numbers in a file that is no checkpoint; of a path, torch would look at the ending first.
        with warnings.catch_warnings(action="ignore"), path.open("rb") as file:
            return torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ModelError(
            f"weights {path}: not a checkpoint, or one that holds more than tensors, which is not loaded; {_ALONE}"
        ) from error
    except Exception as error:  # whatever a damaged file makes of torch's reader
        raise ModelError(f"weights {path}: not a checkpoint that torch can read ({error_text(error)})") from error


def check_archive(path: Path) -> None:
    """Raise a ModelError for an archive that is a program, that is damaged, or that unpacks to many times its size.

    Torch looks at names in the archive to tell a program, and does not look at the checksums. It may have been told to
    write none: they are all 0 then.
    """
    try:
        with ZipFile(path) as archive:
            members = archive.infolist()
            for end, (program, way) in _PROGRAMS.items():
                if any(member.filename.endswith(end) for member in members):
                    raise ModelError(
                        f"weights {path}: a {program} program, not a state dict; leave out weights, "
                        f"and have the function return {way}"
                    )
            size, unpacked = path.stat().st_size, sum(member.file_size for member in members)
            if unpacked > _MOST_UNPACKED * size:
                raise ModelError(f"weights {path}: unpacks from {size_text(size)} to {size_text(unpacked)}; not read")
            if len(members) > _MOST_TENSORS:
                raise ModelError(f"weights {path}: holds {len(members)} parts; {_ALONE}")
            damaged = archive.testzip() if any(member.CRC for member in members) else None
    except ModelError:
        raise
    except Exception as error:  # whatever a damaged archive makes of its reader
        raise ModelError(f"weights {path}: a damaged archive ({one_line(error)}); copy it again") from error
    if damaged is not None:
        raise ModelError(f"weights {path}: damaged, as the checksum of {damaged} is another one; copy it again")


def _read_safetensors(path: Path, header: int) -> dict[str, Tensor]:
    from safetensors.torch import load_file

    if header > _LONGEST_HEADER:
        raise ModelError(f"weights {path}: not a safetensors file (a header of {size_text(header)}); copy it again")
    try:
        return dict(load_file(path))
    except Exception as error:  # of the reader, and of torch for shapes and types that it does not know
        raise ModelError(f"weights {path}: not a safetensors file ({one_line(error)})") from error
