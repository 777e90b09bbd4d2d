"""Class-conditional matrix scaling."""

from dataclasses import dataclass
from typing import ClassVar

from reliseg.calibration.fitting.affine_by_class import AffineByClass, AffineByClassCalibrator, Form


@dataclass(frozen=True)
class MappedByClass(AffineByClass):
    """softmax(W log p + b) with W and b of the predicted class."""

    keeps_argmax: ClassVar[bool] = False
    form: ClassVar[Form] = Form("class")
    method: ClassVar[str] = "cms"


@dataclass(frozen=True)
class ClassMatrix(AffineByClassCalibrator):
    """A Dirichlet calibration for each predicted class (Kirscher et al., TMLR 2026: class-conditional, CMS or CDC).

    The maps with the least negative log-likelihood, all at once, by L-BFGS from the best single temperature, and never
    worse than that on the sample. `off_diagonal` times the mean square of W off its diagonal and `bias` times that of
    b are added to the mean loss; both are 1e-3 unless given. A class that is never the label of the pixels of a map
    keeps its row of I / T there. The argmax may change. It cannot be fitted for a model of a single class.
    """

    def _kind(self) -> type[AffineByClass]:
        return MappedByClass
