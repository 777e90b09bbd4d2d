"""Sealed JSON beside a record: that it is whole, and belongs to the record."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from reliseg.calibration.records.seal import seal_of
from reliseg.errors import ConfigError
from reliseg.runtime.regular_files import read_regular, reason_of, regular_size


class BesideRecord(BaseModel):
    """What all such files say."""

    format: int
    record: str
    """The sha256 of the record; "" where it lies beside none."""
    sha256: str = ""
    """Of everything else in it."""

    @property
    def is_sealed(self) -> bool:
        """Tell if its format has a sha256."""
        return True


File = TypeVar("File", bound=BesideRecord)
Content = TypeVar("Content")


def read_beside(
    path: Path, record: Path, digest: str, kind: type[File], restore: Callable[[File], Content], largest: int
) -> Content | None:
    """Return what is restored of a file that lies beside the record with this sha256; None where there is no file.

    A ConfigError where it is damaged, of another record, or was changed, which those without a seal cannot tell.
    """
    if not os.path.lexists(path):
        return None
    try:
        if regular_size(path) > largest:
            raise damage_error(path, f"it is larger than {largest >> 20} MiB")
        data = read_regular(path, largest)
        content = kind.model_validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        raise damage_error(path, f"{'.'.join(map(str, first['loc']))}: {first['msg'].lower()}") from error
    except OSError as error:
        raise damage_error(path, f"it cannot be read ({reason_of(error)})") from error
    if content.record != digest:
        raise damage_error(path, f"it does not belong to {record.name}")
    restored = restore(content)
    if content.is_sealed and content.sha256 != seal_of(json.loads(data)):
        raise damage_error(path, "it was changed since it was written")
    return restored


def damage_error(path: Path, problem: str) -> ConfigError:
    """Return the error for a damaged file, which is named for what it holds: `.thresholds`, `.promises`."""
    holds = path.suffix.removeprefix(".")
    return ConfigError(
        f"{path}: {problem}; copy it again with its calibration, or delete it to go on without its {holds}"
    )
