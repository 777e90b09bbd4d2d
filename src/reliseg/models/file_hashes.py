"""The hashes that tell from which files a model was made."""

from collections.abc import Iterable
from pathlib import Path

from reliseg.runtime.regular_files import sha256_of_file


def hash_files(paths: Iterable[Path]) -> dict[str, str]:
    """Return the SHA-256 of each file, by its path."""
    return {path.as_posix(): sha256_of_file(path) for path in paths}
