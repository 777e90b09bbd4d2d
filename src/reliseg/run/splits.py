"""The calibration splits themselves: the thresholds they give, and what calibrations do to their own fitting data."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from reliseg.labels import LabelSpace
from reliseg.metrics import METRICS, DomainState
from reliseg.results import Value, csv_line
from reliseg.run.measure import Thresholds, state_of
from reliseg.run.plan import IDENTITY, Plan
from reliseg.stats.bins import RIGHT, WRONG
from reliseg.stats.threshold import Threshold

FITS_HEADER = "model,calibration,score,metric,before,after,why,n_images,n_pixels,definition\n"
"""The columns of `fits.csv`: numbers of a calibration's own split, without it (identity) and with it."""

_REPORTED = {
    "likelihood": ("nll",),
    "calibration_error": ("ece",),
    "segmentation": ("pixel_accuracy",),
    "flips": ("flip_rate",),
    "transfer": ("transfer_coverage95",),
}


@dataclass(frozen=True)
class Examined:
    """What one model's calibration splits say: the thresholds, and the lines of `fits.csv`."""

    thresholds: Thresholds
    lines: list[str]


def examine(plan: Plan, model: str, labels: LabelSpace, folder: Path, incomplete: Collection[str]) -> Examined:
    """Read the statistics of every split, one calibration after the other: of each only a few numbers are kept.

    `labels` are the model's, `folder` holds its shards; a split with a domain in `incomplete` gives no threshold.
    """
    thresholds: dict[tuple[str, str], Mapping[str, Threshold]] = {}
    lines: list[str] = []
    for split in plan.splits():
        lost = [str(m) for m in split.members if str(m) in incomplete]
        before: list[Value] = []
        for calibration in split.calibrations:
            if lost:
                why = f"calibration split {split.name}: samples of {lost[0]} were not evaluated"
                thresholds[split.name, calibration] = dict.fromkeys(plan.settings.scores, Threshold(why=why))
                continue
            state = _with_thresholds(state_of(plan, split.members, calibration, labels, folder))
            thresholds[split.name, calibration] = state.thresholds
            if calibration == IDENTITY:
                before = _numbers(state)
            else:
                lines += _lines([model, calibration], state, before, _numbers(state))
    return Examined(thresholds, lines)


def _with_thresholds(state: DomainState) -> DomainState:
    counts = {score: state.pixels.ranks[score].counts for score in state.scores}
    return replace(state, thresholds={s: Threshold.at_accuracy(c[RIGHT], c[WRONG]) for s, c in counts.items()})


def _numbers(state: DomainState) -> list[Value]:
    return [
        value
        for family, names in _REPORTED.items()
        for value in METRICS.get(family)().compute(state, None)
        if value.metric in names
    ]


def _lines(origin: list[str], state: DomainState, before: list[Value], after: list[Value]) -> Iterator[str]:
    images, pixels = len(state.images), int(state.images.known.sum())
    for old, new in zip(before, after, strict=True):
        why = new.why or old.why
        cells = (*origin, new.score, new.metric, old.value, new.value, why, images, pixels, new.definition)
        yield csv_line(cells)
