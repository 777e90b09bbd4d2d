"""What is known of a model beside its predictions: plain values, so that they can be remembered."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reliseg.errors import ModelError
from reliseg.labels import LabelSpace
from reliseg.models import Model
from reliseg.run.predict.plugin_code import files_of_code, parts_of_code


@dataclass(frozen=True)
class ModelFacts:
    """Plain values of a model: what identities, metrics and the manifest need."""

    fingerprint: str
    file_hashes: tuple[str, ...]
    labels: LabelSpace
    reads_images: bool
    reads_files: bool
    told_by_files: bool
    resizes: bool
    gives_probabilities: bool
    gives_scores: tuple[str, ...]
    code: dict[str, str]
    """The part of an identity that is the code of another package; none where the kind ships."""
    code_files: tuple[str, ...]
    """Where that stands."""
    provenance: dict[str, Any] = field(repr=False)

    @classmethod
    def of(cls, model: Model) -> "ModelFacts":
        """Return the facts of a loaded model."""
        return cls(
            model.fingerprint(),
            model.file_hashes(),
            model.labels,
            model.reads_images,
            model.reads_files,
            model.told_by_files,
            _resizes(model),
            model.gives_probabilities,
            tuple(model.gives_scores),
            parts_of_code(model.every()),
            tuple(map(str, files_of_code(model.every()))),
            model.provenance(),
        )

    @property
    def files(self) -> list[Path]:
        """The files that it was loaded from."""
        return [Path(path) for path in self.provenance.get("files", {})]

    @property
    def is_told(self) -> bool:
        """Tell if its configuration and its files say all of it: code of other packages may come from anywhere."""
        return self.told_by_files and not self.code and bool(self.files or not self.reads_images)


def _resizes(model: Model) -> bool:
    """Tell if the model brings images to a size of its own. Members that differ are told where it counts."""
    try:
        return model.resizes
    except ModelError:
        return False
