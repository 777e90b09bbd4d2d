"""Write `definitions.md`: what every number, score and calibration is, from the code that computes it.

python docs/definitions.py
"""

import inspect
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from reliseg.calibration import CALIBRATORS
from reliseg.metrics import METRICS, Quantity
from reliseg.scores import SCORES

PAGE = Path(__file__).with_name("definitions.md")

_DIRECTIONS = {"lower": "lower is better", "higher": "higher is better", "neither": "neither is better"}

_HEAD = r"""# Definitions

*For everyone who needs to know exactly what a number is: made from the code that computes it.*

Every row of a result table names one of these definition ids. [Which number answers which question](which-number.md)
says when to look at which.

The order of operations is always: upsample, project, calibrate, score. A *known* pixel has a class of the data set. An
*unknown* pixel shows an object that the classes do not cover. A *void* pixel is not counted. Where a value is not
defined it is empty, and `why` gives the reason.

Each pixel is computed in float32, so a confidence may be off by 2^-22, and by 2^-21 where logits reach 32. A pixel
within 2^-22 of an edge between two bins of confidence may fall in the next bin, and one whose two largest logits are as
close may count for either class. [Brackets](results.md#brackets) include what this does at edges.

Where a model gives [probabilities](models.md#probabilities), these are upsampled (bilinearly, read as float32), and
their logarithm takes the place of the logits in all that follows. A probability of 0 counts as $2^{-149}$, the smallest
positive float32. `nll` is then infinite where a label has probability 0 before calibration: it is empty under every
calibration, and `why` counts these pixels. Scores that need logits are empty.

In the formulas:

- $N$ is the number of known pixels, $y_i$ the label of pixel $i$, and $p_{ic}$ the probability that it has class $c$
- $s$ is a score: the higher, the more confident. If nothing else is said, the confidence is `msp`, the maximum softmax
  probability
- $n_b$ is the number of pixels in bin $b$ of the confidence, $\text{acc}_b$ and $\text{conf}_b$ their accuracy and mean
  confidence
- $e$ is the error rate, and $r_k$ the error rate among the $k$ most confident pixels
- $M_{cj}$ is the number of pixels of class $c$ that are predicted as class $j$, and $\mathcal{C}$ holds the classes
  that occur
"""

_GAP = r"\left|\text{acc}_b - \text{conf}_b\right|"
_IOU = r"\frac{M_{cc}}{\sum_j M_{cj} + \sum_j M_{jc} - M_{cc}}"
_MEAN = r"\frac{1}{|\mathcal{C}|} \sum_{c \in \mathcal{C}}"
FORMULAS = {
    "ece": rf"\sum_{{b=1}}^{{15}} \frac{{n_b}}{{N}} {_GAP}",
    "mce": rf"\max_{{b : n_b > 0}} {_GAP}",
    "mce_floor": rf"\max_{{b : n_b \ge N / 1000}} {_GAP}",
    "classwise_ece": rf"{_MEAN} \sum_{{b=1}}^{{15}} \frac{{n_{{cb}}}}{{N}} "
    r"\left|\text{frequency}_{cb} - \text{conf}_{cb}\right|",
    "relis_prr": r"100 \, \frac{(1 - e)(2 \, \text{AUROC} - 1)}{1 - e / 100}",
    "ks": r"\max_k \frac{1}{N} \left|\sum_{i=1}^{k} (\text{conf}_i - \text{right}_i)\right|",
    "drop_miou": r"\text{mIoU}_\text{reference} - \text{mIoU}_\text{domain}",
    "drop_ece": r"\text{ECE}_\text{domain} - \text{ECE}_\text{reference}",
    "nll": r"-\frac{1}{N} \sum_{i=1}^{N} \log \, p_{i y_i}",
    "brier": r"\frac{1}{N} \sum_{i=1}^{N} \sum_c \left(p_{ic} - [c = y_i]\right)^2",
    "auroc": r"P(s_\text{right} > s_\text{wrong}) + \tfrac{1}{2} P(s_\text{right} = s_\text{wrong})",
    "prr": r"100 \, (2 \, \text{AUROC} - 1)",
    "aurc": r"\frac{1}{N} \sum_{k=1}^{N} r_k",
    "e_aurc": r"\text{AURC} - \text{AURC}_\text{oracle}",
    "augrc": r"e (1 - e)(1 - \text{AUROC}) + \frac{e^2}{2}",
    "risk80": r"r_k, \quad k = \lceil 0.80 N \rceil",
    "risk90": r"r_k, \quad k = \lceil 0.90 N \rceil",
    "risk95": r"r_k, \quad k = \lceil 0.95 N \rceil",
    "iou": _IOU,
    "miou": rf"{_MEAN} {_IOU}",
    "estimated_miou": rf"{_MEAN} \frac{{S_{{cc}}}}{{N_c + S_c - S_{{cc}}}}",
    "dice": rf"{_MEAN} \frac{{2 M_{{cc}}}}{{\sum_j M_{{cj}} + \sum_j M_{{jc}}}}",
    "pixel_accuracy": r"\frac{1}{N} \sum_c M_{cc}",
    "mean_class_accuracy": rf"{_MEAN} \frac{{M_{{cc}}}}{{\sum_j M_{{cj}}}}",
    "fw_iou": r"\sum_{c \in \mathcal{C}} \frac{\sum_j M_{cj}}{N} \, \text{IoU}_c",
    "msp": r"\max_c p_c",
    "margin": r"p_{(1)} - p_{(2)}",
    "max_logit": r"\max_c z_c",
    "neg_entropy": r"\sum_c p_c \, \log \, p_c",
    "neg_energy": r"\log \sum_c e^{z_c}",
}
"""What is easier to read as a formula, in LaTeX, by the name of the metric or the score."""


def page() -> str:
    """Return the text of the page."""
    return "\n".join([_HEAD, *_metrics(), *_scores(), *_calibrations()])


def _metrics() -> Iterator[str]:
    yield "## Metrics\n"
    for family in METRICS.names():
        kind = METRICS.get(family)
        yield f"### {family}\n"
        yield (inspect.getdoc(kind) or "") + "\n"
        quantities: dict[str, Quantity] = dict(kind().quantities())
        for name, quantity in quantities.items():
            yield from _entry(name, quantity.text)
            facts = (f"in {_range(quantity)}", _DIRECTIONS[quantity.better], f"`{quantity.definition}`")
            yield " · ".join(facts) + "\n{ .facts }\n"


def _scores() -> Iterator[str]:
    yield "## Scores\n"
    for name in SCORES.names():
        yield from _entry(name, _first_line(SCORES.get(name)))


def _calibrations() -> Iterator[str]:
    yield "## Calibrations\n"
    yield "[Calibration methods](methods.md) has their formulas and parameters.\n"
    for name in CALIBRATORS.names():
        yield from _entry(name, _first_line(CALIBRATORS.get(name)))


def _entry(name: str, text: str) -> Iterator[str]:
    yield f"#### `{name}` {{ #{name} }}\n"
    yield text.replace("*", "\\*").replace("_", "\\_").replace("|", "\\|") + "\n"
    if name in FORMULAS:
        yield f"$$\n{FORMULAS[name]}\n$$\n"


def _range(quantity: Quantity) -> str:
    """Return the closed interval that the number lies in; an infinite end is open."""
    left, right = ("(" if math.isinf(quantity.low) else "["), (")" if math.isinf(quantity.high) else "]")
    return f"{left}{_end(quantity.low)}, {_end(quantity.high)}{right}"


def _end(value: float) -> str:
    if math.isinf(value):
        return "-inf" if value < 0 else "inf"
    return f"{value:g}"


def _first_line(kind: type[Any]) -> str:
    return (inspect.getdoc(kind) or "").partition("\n")[0]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
