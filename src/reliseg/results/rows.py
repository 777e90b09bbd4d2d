"""One number of a run: its value and bracket, its interval, its definition, and where it was measured."""

import math
from dataclasses import dataclass, fields
from typing import Any

NAN = math.nan


@dataclass(frozen=True)
class Value:
    """One number that a metric gives. NaN where it is undefined, with the reason in `why`.

    `lo..hi` is the range of the exact value, given what the statistics keep; both equal `value` where it is exact.
    """

    metric: str
    value: float
    definition: str
    lo: float = NAN
    hi: float = NAN
    why: str = ""
    label: str = ""
    score: str = ""

    @classmethod
    def exact(cls, metric: str, value: float, definition: str, *, label: str = "", score: str = "") -> "Value":
        """Return an exact value: one without discretisation."""
        return cls(metric, float(value), definition, float(value), float(value), label=label, score=score)

    @classmethod
    def between(
        cls, metric: str, value: tuple[float, float, float], definition: str, *, label: str = "", score: str = ""
    ) -> "Value":
        """Return a value with its bracket, from (value, lo, hi). Rounding in the last bit does not leave it outside."""
        number, lo, hi = (float(v) for v in value)
        return cls(metric, number, definition, min(lo, number), max(hi, number), label=label, score=score)

    @classmethod
    def undefined(cls, metric: str, why: str, definition: str, *, label: str = "", score: str = "") -> "Value":
        """Return no value, and the reason."""
        return cls(metric, NAN, definition, why=why, label=label, score=score)


@dataclass(frozen=True)
class Origin:
    """The place where a number was measured: model, domain, reference and calibration."""

    model: str
    dataset: str
    domain: str
    reference: str = ""
    calibration: str = "identity"
    fitted_on: str = ""
    seed: int | None = None


@dataclass(frozen=True)
class Row:
    """One line of the table. `class_` is `class` in files.

    `ci_low..ci_high` is the 95 % interval over `n_units` images, scenes or groups, as `ci_units` says; `ci_note` is why
    there is none, or why it should not be relied on.
    `spread` is the standard deviation over the seeds of a calibration, where `value` is their mean; else NaN.
    `skipped` images of the domain could not be read: they are not among the `n_images` that were measured.
    """

    model: str
    dataset: str
    domain: str
    reference: str
    calibration: str
    fitted_on: str
    seed: int | None
    score: str
    metric: str
    class_: str
    value: float
    why: str
    lo: float
    hi: float
    ci_low: float
    ci_high: float
    ci_units: str
    n_units: int
    ci_note: str
    spread: float
    n_images: int
    skipped: int
    n_pixels: int
    definition: str

    @classmethod
    def of(cls, origin: Origin, value: Value, *, n_images: int, n_pixels: int, skipped: int = 0) -> "Row":
        """Return the row of a value."""
        row = object.__new__(cls)  # tables have a million: to set each field takes five times as long
        vars(row).update(
            model=origin.model,
            dataset=origin.dataset,
            domain=origin.domain,
            reference=origin.reference,
            calibration=origin.calibration,
            fitted_on=origin.fitted_on,
            seed=origin.seed,
            score=value.score,
            metric=value.metric,
            class_=value.label,
            value=value.value,
            why=value.why,
            lo=value.lo,
            hi=value.hi,
            ci_low=NAN,
            ci_high=NAN,
            ci_units="",
            n_units=0,
            ci_note="",
            spread=NAN,
            n_images=n_images,
            skipped=skipped,
            n_pixels=n_pixels,
            definition=value.definition,
        )
        return row

    def with_interval(self, low: float, high: float, *, units: str, n_units: int, note: str) -> "Row":
        """Return the row with an interval, or with the reason why it has none."""
        row = object.__new__(Row)  # as in `of`
        vars(row).update(vars(self), ci_low=low, ci_high=high, ci_units=units, n_units=n_units, ci_note=note)
        return row

    def record(self) -> dict[str, Any]:
        """Return the row with the column names of files; NaN is None."""
        cells = vars(self).values()  # plain values: asdict would copy each, and tables have a million
        return {name: None if v != v else v for name, v in zip(COLUMNS, cells, strict=True)}


KEYS = ("model", "dataset", "domain", "reference", "calibration", "fitted_on", "seed", "score")
COLUMNS = tuple(f.name.rstrip("_") for f in fields(Row))
NUMBERS = frozenset(f.name for f in fields(Row) if f.type is float)
