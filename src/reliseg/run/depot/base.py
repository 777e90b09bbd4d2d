"""The interface of what keeps the files of a run for others, and the simplest: the folder of the run itself."""

import os
import shutil
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from pathlib import Path


class Depot(ABC):
    """Keeps the files of a run. What others may have written is fetched before it is read, and what others need is put
    after it was written; a StorageError says what could not be had.
    """

    is_elsewhere: bool
    """True if what is there may not be here."""

    @abstractmethod
    def name(self, folder: Path) -> str:
        """Return what users call the folder of the run, which is this one here."""

    @abstractmethod
    def names(self) -> Collection[str]:
        """Return what lies there and may not be here: names right in the folder of the run."""

    @abstractmethod
    def below(self, *folders: Path) -> Mapping[Path, int]:
        """Return all files below these folders, there or here, with their bytes. Links are not followed."""

    @abstractmethod
    def fetch(self, *folders: Path, stem: str = "") -> None:
        """Have the files right in these folders here, or those whose names begin with `stem`."""

    @abstractmethod
    def put(self, *paths: Path) -> None:
        """Give these files to others, in their order: each is there whole or not at all."""

    @abstractmethod
    def put_all(self, folder: Path) -> None:
        """Give others all files right in a folder."""

    @abstractmethod
    def tell(self, path: Path) -> None:
        """Give a file to others that nothing depends on."""

    @abstractmethod
    def hand_over(self, path: Path) -> None:
        """Give a file to others that is not read here again."""

    @abstractmethod
    def remove(self, *paths: Path) -> None:
        """Remove files; those that are not there are no error."""

    @abstractmethod
    def remove_folder(self, folder: Path) -> None:
        """Remove a folder with all below it."""

    @abstractmethod
    def look_again(self) -> None:
        """See from now on what others have written until now."""

    @abstractmethod
    def trim(self) -> None:
        """Remove here what can be fetched again, if it is more than this machine is to hold."""


class LocalDepot(Depot):
    """The folder of the run is what others read and write, too."""

    is_elsewhere = False

    def name(self, folder: Path) -> str:
        """Return its path."""
        return str(folder)

    def names(self) -> Collection[str]:
        """Return nothing: what is there is here."""
        return ()

    def below(self, *folders: Path) -> Mapping[Path, int]:
        """Return the files that are here."""
        return files_below(folders)

    def fetch(self, *folders: Path, stem: str = "") -> None:
        """Do nothing: what is there is here."""

    def put(self, *paths: Path) -> None:
        """Do nothing, as in `fetch`."""

    def put_all(self, folder: Path) -> None:
        """Do nothing, as in `fetch`."""

    def tell(self, path: Path) -> None:
        """Do nothing, as in `fetch`."""

    def hand_over(self, path: Path) -> None:
        """Do nothing, as in `fetch`."""

    def remove(self, *paths: Path) -> None:
        """Remove files."""
        for path in paths:
            path.unlink(missing_ok=True)

    def remove_folder(self, folder: Path) -> None:
        """Remove a folder."""
        shutil.rmtree(folder, ignore_errors=True)

    def look_again(self) -> None:
        """Do nothing, as in `fetch`."""

    def trim(self) -> None:
        """Do nothing: nothing could be fetched again."""


def files_below(folders: Iterable[Path]) -> dict[Path, int]:
    """Return the files on this machine below some folders, with their bytes; links are none."""
    found = {}
    for above in folders:
        for place, _, names in os.walk(above):
            for path in (Path(place, name) for name in sorted(names)):
                with suppress(OSError):  # another process has removed it
                    if not path.is_symlink():
                        found[path] = path.stat().st_size
    return found
