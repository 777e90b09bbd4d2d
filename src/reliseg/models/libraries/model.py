"""A model that is a network of a library, and what is said where that library cannot be imported."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from reliseg.errors import MissingExtraError, ModelError, ReliSegError, error_text
from reliseg.models.image_predictor import ImageModel


@dataclass(frozen=True, eq=False)
class LibraryModel(ImageModel):
    """A network that a library builds; a kind of model says how."""

    @classmethod
    def obstacle(cls) -> str | None:
        """Return why this kind cannot run here: what is missing, or builds that are not made for each other."""
        return super().obstacle() or _other_build()


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
        way = _without_windows(cause) or _way_to_fit(packages)
        raise ModelError(f"model {model}: {packages[-1]} cannot be imported ({error_text(cause)}); {way}") from error


def _without_windows(error: BaseException) -> str | None:
    """Return what to do where OpenCV's package for programs with windows lacks the library that draws these."""
    if "libGL" not in str(error):
        return None
    return "pip uninstall opencv-python, then pip install opencv-python-headless"


def _way_to_fit(packages: Sequence[str]) -> str:
    """Return what to do about packages that are there and cannot be imported together."""
    *others, last = packages
    if not others:
        return f"install another version of {last}"
    build = _other_build() if "torchvision" in packages else None
    return build or f"install versions of {', '.join(others)} and {last} that fit each other"


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
