"""Class-conditional matrix scaling."""

from dataclasses import dataclass
from typing import ClassVar

from reliseg.calibration.fitting.affine_by_class import ExpertCalibrator, Form, ScaledByExpert


@dataclass(frozen=True)
class MappedByClass(ScaledByExpert):
    """softmax(W log p + b) with W and b of the predicted class."""

    keeps_argmax: ClassVar[bool] = False
    form: ClassVar[Form] = Form("class")
    method: ClassVar[str] = "cms"


@dataclass(frozen=True)
class ClassMatrix(ExpertCalibrator):
    """A Dirichlet calibration for each predicted class (Kirscher et al., TMLR 2026: class-conditional, CMS or CDC).

    The maps with the least negative log-likelihood, all at once, by L-BFGS from the best single temperature, and never
    worse than that on the sample. `off_diagonal` times the mean square of W off its diagonal and `bias` times that of
    b are added to the mean loss; both are 1e-3 unless given. A class that is never the label of the pixels of a map
    keeps its row of I / T there. The argmax may change.
    """

    def _kind(self) -> type[ScaledByExpert]:
        return MappedByClass
