"""The calibration splits themselves: the thresholds they give, and what calibrations do to their own fitting data."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from reliseg.calibration.records.record import Record
from reliseg.calibration.records.thresholds import ByScore
from reliseg.labels import LabelSpace
from reliseg.metrics import METRICS, DomainState
from reliseg.plan.plan import IDENTITY, Plan
from reliseg.results import Value, csv_line
from reliseg.run.measure.measure import Thresholds, state_of
from reliseg.stats.bins import RIGHT, WRONG
from reliseg.stats.pixels import ScoreHistogram
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
class SplitStatistics:
    """What one model's calibration splits say: the thresholds, and the lines of `fits.csv`."""

    thresholds: Thresholds
    lines: list[str]
    incomplete: frozenset[str]
    """Splits of which samples were not evaluated."""

    def with_thresholds(self, record: Record) -> Record | None:
        """A record with the thresholds of its split, without calibration and with it; None where there are none."""
        found = {c: self.thresholds.get((record.split, c), {}) for c in (IDENTITY, record.name)}
        known = all(found.values()) and record.split not in self.incomplete
        return replace(record, thresholds=found) if known else None


def measure_splits(
    plan: Plan, model: str, labels: LabelSpace, folder: Path, incomplete: Collection[str]
) -> SplitStatistics:
    """Read the statistics of every split, one calibration after the other: of each only a few numbers are kept.

    `labels` are the model's, `folder` holds its shards; a split with a domain in `incomplete` gives no threshold.
    """
    thresholds: dict[tuple[str, str], Mapping[str, Threshold]] = {}
    lines: list[str] = []
    broken: set[str] = set()
    for split in plan.splits():
        lost = [str(m) for m in split.members if str(m) in incomplete]
        broken.update([split.name] if lost else [])
        before: _Summary | None = None
        for calibration in split.calibrations:
            if lost:
                why = f"calibration split {split.name}: samples of {lost[0]} were not evaluated"
                thresholds[split.name, calibration] = dict.fromkeys(plan.settings.scores, Threshold(why=why))
                continue
            found = _Summary.of(state_of(plan, split.members, calibration, labels, folder))
            thresholds[split.name, calibration] = found.thresholds
            if before is None:  # identity is the first
                before = found
            else:
                lines += _lines([model, calibration], before, found)
    return SplitStatistics(thresholds, lines, frozenset(broken))


def thresholds_of(records: Iterable[Record]) -> dict[tuple[str, str], ByScore]:
    """The thresholds that lie beside records; of a split that several speak of, those of the first."""
    found: dict[tuple[str, str], ByScore] = {}
    for record in records:
        for calibration, thresholds in record.thresholds.items():
            found.setdefault((record.split, calibration), thresholds)
    return found


@dataclass(frozen=True)
class _Summary:
    """What is kept of a split's statistics under one calibration."""

    thresholds: Mapping[str, Threshold]
    values: list[Value]
    images: int
    pixels: int

    @classmethod
    def of(cls, state: DomainState) -> "_Summary":
        thresholds = {score: _threshold(state.pixels.ranks[score]) for score in state.scores}
        state = replace(state, thresholds=thresholds)
        values = [
            value
            for family, names in _REPORTED.items()
            for value in METRICS.get(family)().compute(state, None)
            if value.metric in names
        ]
        return cls(thresholds, values, len(state.images), int(state.images.known.sum()))


def _threshold(ranks: ScoreHistogram) -> Threshold:
    return Threshold.at_accuracy(ranks.counts[RIGHT], ranks.counts[WRONG])


def _lines(origin: list[str], before: _Summary, after: _Summary) -> Iterator[str]:
    for old, new in zip(before.values, after.values, strict=True):
        why = new.why or old.why
        cells = (new.score, new.metric, old.value, new.value, why, after.images, after.pixels, new.definition)
        yield csv_line([*origin, *cells])
