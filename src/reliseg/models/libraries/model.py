"""A model that is a network of a library, and what is said where that library cannot be imported."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from reliseg.errors import MissingExtraError, ModelError, ReliSegError, error_text
from reliseg.labels import LabelSpace
from reliseg.models.base import Input, Model
from reliseg.models.image_predictor import ImagePredictor
from reliseg.prediction import Prediction


@dataclass(frozen=True, eq=False)
class LibraryModel(Model):
    """A network that a library builds; a kind of model says how."""

    labels: LabelSpace
    predictor: ImagePredictor
    facts: dict[str, Any]
    remarks: Callable[[], list[str]]
    """What a user should know of its layers and its classes."""

    def predict(self, inputs: Sequence[Input]) -> list[Prediction]:
        """Return one prediction per input."""
        return self.predictor(inputs)

    @property
    def gives_probabilities(self) -> bool:
        """Tell if its options say so."""
        return self.predictor.values == "probabilities"

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
        raise ModelError(
            f"model {model}: {packages[-1]} cannot be imported ({error_text(cause)}); install versions of {names} "
            "that fit each other"
        ) from error
