"""Class-conditional matrix scaling that preserves the order of all classes."""

from dataclasses import dataclass
from typing import ClassVar

from reliseg.calibration.fitting.affine_by_class import AffineByClass, AffineByClassCalibrator, Form


@dataclass(frozen=True)
class GapsByClass(AffineByClass):
    """The gaps g between each class and the next in rank become W g + b, none of W and b negative.

    Rows and columns of W stand for ranks: the first for the gap between the predicted class and the second one.
    """

    keeps_argmax: ClassVar[bool] = True
    form: ClassVar[Form] = Form("rank")
    method: ClassVar[str] = "cms_op"


@dataclass(frozen=True)
class ClassMatrixKeepingOrder(AffineByClassCalibrator):
    """Class-conditional matrix scaling that preserves the order of all classes (Kirscher et al., TMLR 2026: CMSop).

    A class with a lower logit never gets the higher probability. Fitted as `cms_ap`, with the gaps between ranks in
    place of the margins. Ranks keep their row of I / T if no label of a map's pixels stands at them or behind them. It
    cannot be fitted for a model of a single class.
    """

    def _kind(self) -> type[AffineByClass]:
        return GapsByClass
