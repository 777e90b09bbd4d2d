"""A model that is a network of a library, and what is said where that library cannot be imported."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from reliseg.errors import MissingExtraError, ModelError, ReliSegError, error_text
from reliseg.labels import LabelSpace
from reliseg.models.image_predictor import ImageModel, ImagePredictor


@dataclass(frozen=True, eq=False)
class LibraryModel(ImageModel):
    """A network that a library builds; a kind of model says how."""

    labels: LabelSpace
    predictor: ImagePredictor
    facts: dict[str, Any]
    remarks: Callable[[], list[str]]
    """What a user should know of its layers and its classes."""

    @classmethod
    def obstacle(cls) -> str | None:
        """Return why this kind cannot run here: what is missing, or builds that are not made for each other."""
        return super().obstacle() or _other_build()

    def notes(self) -> list[str]:
        """Return what is suspicious in its outputs, its layers and its classes."""
        return [*self.predictor.notes(), *self.remarks()]

    def provenance(self) -> dict[str, Any]:
        """Return library, architecture, arguments, files with their hashes, preprocessing and settings."""
        return self.facts


@contextmanager
def imports_for(model: str, extra: str, packages: Sequence[str]) -> Iterator[None]:
    """Turn what imports of these packages raise into one line: one is not there, or they do not fit one another."""
    try:
        yield
    except ReliSegError:
        raise
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and error.name and "." not in error.name:
            raise MissingExtraError(error.name, extra, f"model {model}") from error
        cause: BaseException = error
        while cause.__cause__ is not None:
            cause = cause.__cause__
        names = f"{', '.join(packages[:-1])} and {packages[-1]}"
        way = _without_windows(cause) or _other_build() or f"install versions of {names} that fit each other"
        raise ModelError(f"model {model}: {packages[-1]} cannot be imported ({error_text(cause)}); {way}") from error


def _without_windows(error: BaseException) -> str | None:
    """Return what to do where OpenCV's package for programs with windows lacks the library that draws these."""
    if "libGL" not in str(error):
        return None
    return "pip uninstall opencv-python, then pip install opencv-python-headless"


def _other_build() -> str | None:
    """Return what to do about a torchvision from PyPI, which is for CUDA, beside a torch for CPUs alone."""
    try:
        torch, torchvision = version("torch"), version("torchvision")
    except PackageNotFoundError:
        return None
    if not torch.endswith("+cpu") or "+" in torchvision:
        return None
    return (
        "torch is built for CPUs alone, and torchvision is not: pip install --force-reinstall --no-deps "
        f"torchvision=={torchvision}+cpu --index-url https://download.pytorch.org/whl/cpu"
    )
