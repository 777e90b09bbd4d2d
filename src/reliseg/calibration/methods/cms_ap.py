"""Class-conditional matrix scaling that preserves the argmax."""

from dataclasses import dataclass
from typing import ClassVar

from reliseg.calibration.fitting.affine_by_class import AffineByClass, AffineByClassCalibrator, Form


@dataclass(frozen=True)
class MarginsByClass(AffineByClass):
    """The margins m of the predicted class over each other one become W m + b, none of W and b negative.

    Rows and columns of W stand for the other live classes, by number; W and b are those of the predicted class.
    """

    keeps_argmax: ClassVar[bool] = True
    form: ClassVar[Form] = Form("top")
    method: ClassVar[str] = "cms_ap"


@dataclass(frozen=True)
class ClassMatrixKeepingArgmax(AffineByClassCalibrator):
    """Class-conditional matrix scaling that preserves the argmax (Kirscher et al., TMLR 2026: CMSap).

    The maps with the least negative log-likelihood, all at once, by L-BFGS-B from the best single temperature, and
    never worse than that on the sample. `off_diagonal` times the mean square of the off-diagonal entries of the map of
    logits that W makes, less that of the temperature, and `bias` times that of b, are added to the mean loss; both are
    1e-3 unless given. The diagonal of W is at least 1e-3. A class that is never the label of the pixels of a map keeps
    its row of I / T there. It cannot be fitted for a model of a single class.
    """

    def _kind(self) -> type[AffineByClass]:
        return MarginsByClass
