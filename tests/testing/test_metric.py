"""`check_metric`: a sound metric passes, and each law catches a metric that breaks it."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest

from reliseg.metrics import Metric, Quantity
from reliseg.results import Value
from reliseg.testing import check_metric

QUANTITY = Quantity("my-accuracy/domain", "share of known pixels predicted right", "higher", 0, 1)


@dataclass(frozen=True)
class Accuracy(Metric):
    """A sound metric, which each case below breaks in one way."""

    def quantities(self):
        return {"my_accuracy": QUANTITY}

    def compute(self, domain, reference):
        matrix = domain.pixels.top.confusion
        if not matrix.sum():
            return [Value.undefined("my_accuracy", "no counted pixel", QUANTITY.definition)]
        return [self.value(float(np.trace(matrix) / matrix.sum()))]

    def value(self, number):
        return Value.exact("my_accuracy", number, QUANTITY.definition)


def test_a_sound_metric_passes():
    check_metric(Accuracy())


def variant(**members) -> Metric:
    """An `Accuracy` with other members."""
    return dataclass(frozen=True)(type("Variant", (Accuracy,), members))()


def quantity(**changes) -> Metric:
    return variant(quantities=lambda self: {"my_accuracy": replace(QUANTITY, **changes)})


def values(change: Callable[[Value], object]) -> Metric:
    """Every value is changed."""
    return variant(compute=lambda self, *domains: [change(v) for v in Accuracy.compute(self, *domains)])


def if_number(**changes) -> Metric:
    """Values that are defined are changed."""
    return values(lambda v: v if v.why else replace(v, **changes))


class Mutable(Accuracy):
    bins: int = 15


@dataclass(frozen=True)
class WithoutDefault(Accuracy):
    bins: int


def reads(part: Callable[..., object], **members) -> Metric:
    """Nothing is changed, but something is read before."""

    def compute(self, domain, reference):
        part(domain, reference)
        return Accuracy.compute(self, domain, reference)

    return variant(compute=compute, **members)


def add_to_counts(domain, reference):
    domain.images.rows[:1] += 1


def of_first_image(self, domain, reference):
    rows = domain.images.ece[~np.isnan(domain.images.ece)]
    if not len(rows):
        return [Value.undefined("my_accuracy", "no image", QUANTITY.definition)]
    return [self.value(float(rows[0]))]


def of_first_class(self, domain, reference):
    row = domain.pixels.top.confusion[0]
    if not row.sum():
        return [Value.undefined("my_accuracy", "no pixel of the first class", QUANTITY.definition)]
    return [self.value(float(row[0] / row.sum()))]


def only_where_defined(self, domain, reference):
    accuracy = Accuracy.compute(self, domain, reference)
    defined = [Value.exact("my_accuracy", 1.0, QUANTITY.definition, label="seen")]
    return accuracy if accuracy[0].why else accuracy + defined


def by_reference(self, domain, reference):
    return [v if v.why else self.value(0.0 if reference else 1.0) for v in Accuracy.compute(self, domain, reference)]


def thresholds_count(self, domain, reference):
    return [
        v if v.why else self.value(0.5 * bool(domain.thresholds)) for v in Accuracy.compute(self, domain, reference)
    ]


def classwise_counts(self, domain, reference):
    known = domain.pixels.classwise is None
    return [v if v.why else self.value(0.5 * known) for v in Accuracy.compute(self, domain, reference)]


def row_of_first_class(self, domain, reference):
    return [replace(v, label=domain.labels.classes[0]) for v in Accuracy.compute(self, domain, reference)]


class Counter:
    calls = 0

    def next(self, v: Value) -> Value:
        self.calls += 1
        return v if v.why else replace(v, value=1 / self.calls, lo=0.0, hi=1.0)


BROKEN: dict[str, tuple[object, str]] = {
    "no metric": ("accuracy", r"it is an object of a subclass of Metric; its type is str"),
    "no dataclass": (Mutable(), r"decorated with @dataclass\(frozen=True\)"),
    "a parameter without default": (WithoutDefault(15), r"called without arguments; no default: bins"),
    "unequal copies": (variant(__eq__=lambda self, other: self is other), r"with the same parameters is equal"),
    "no hash": (variant(__hash__=lambda self: hash([])), r"hash raises no error on the object; it raised TypeError"),
    "quantities that fail": (variant(quantities=lambda self: {}["a"]), r"quantities raises no error .* KeyError"),
    "no quantity": (variant(quantities=lambda self: {}), r"names at least one number"),
    "a name with a hyphen": (variant(quantities=lambda self: {"my-accuracy": QUANTITY}), r"words of letters"),
    "no definition": (quantity(definition=""), r"has a definition; that of 'my_accuracy' is empty"),
    "no text": (quantity(text=""), r"has a text"),
    "no direction": (quantity(better="more"), r"'higher', 'lower' or 'neither'; that of 'my_accuracy' is 'more'"),
    "an empty range": (quantity(low=1), r"low < high; that of 'my_accuracy' is 1 to 1"),
    "one definition twice": (
        variant(quantities=lambda self: {"one": QUANTITY, "two": QUANTITY}),
        r"no two quantities have one definition",
    ),
    "a name that is in use": (variant(quantities=lambda self: {"miou": QUANTITY}), r"segmentation has the name 'miou'"),
    "a definition that is in use": (
        quantity(definition="pixel-accuracy/domain"),
        r"segmentation has 'pixel-accuracy/domain'",
    ),
    "an error without images": (
        reads(lambda d, r: 1 / len(d.images)),
        r"compute raises no error on the domain 'no images'; it raised ZeroDivisionError: division by zero",
    ),
    "another name": (
        values(lambda v: replace(v, metric="mine")),
        r"names of quantities\(\), in their order.*\['mine'\]",
    ),
    "a NumPy number": (values(lambda v: replace(v, value=np.float64(v.value))), r"are Python floats"),
    "another definition": (values(lambda v: replace(v, definition="other")), r"has the definition of its quantity"),
    "NaN without a reason": (
        values(lambda v: replace(v, why="")),
        r"a value that is NaN says why.*'all void'|no images",
    ),
    "NaN with a bracket": (values(lambda v: replace(v, lo=0.0, hi=1.0) if v.why else v), r"NaN has no bracket"),
    "a number with a reason": (if_number(why="few"), r"has no reason why it is undefined"),
    "beyond the range": (quantity(high=0.5), r"lies in the range of its quantity, 0 to 0.5"),
    "outside its bracket": (if_number(lo=2.0, hi=3.0), r"lies in its bracket"),
    "a bracket beyond the range": (if_number(hi=2.0), r"a bracket lies in the range"),
    "twice": (variant(compute=lambda self, *d: Accuracy.compute(self, *d) * 2), r"no value is given twice"),
    "rows that come and go": (variant(compute=only_where_defined), r"rows depend on classes and scores alone"),
    "changed statistics": (reads(add_to_counts), r"does not change what it reads; it changed images.rows"),
    "another number each time": (values(Counter().next), r"gives the same values each time"),
    "the order of images": (variant(compute=of_first_image), r"the order of images does not matter"),
    "rows by the order of classes": (
        variant(compute=row_of_first_class),
        r"the order of classes does not matter; other rows are given",
    ),
    "the order of classes": (variant(compute=of_first_class), r"the order of classes does not matter"),
    "the wrong direction": (quantity(better="lower"), r"of my_accuracy, lower is better; .* has 0.8, a worse one 0.2"),
    "other values without reference": (variant(compute=by_reference), r"values that compare are left out"),
    "no reference expected": (
        reads(lambda d, r: r.labels),
        r"compute raises no error on a domain without reference; it raised AttributeError",
    ),
    "undeclared class-wise statistics": (
        reads(lambda d, r: d.pixels.classwise.counts),
        r"without class-wise statistics \(set reads_classwise",
    ),
    "class-wise statistics in another way": (
        variant(compute=classwise_counts),
        r"class-wise statistics are read only with reads_classwise",
    ),
    "undeclared thresholds": (variant(compute=thresholds_count), r"thresholds are read only with reads_thresholds"),
    "thresholds taken for granted": (
        reads(
            lambda d, r: d.thresholds["msp"],
            reads_thresholds=True,
            __annotations__={"reads_thresholds": ClassVar[bool]},
        ),
        r"compute raises no error on a domain without thresholds; it raised KeyError",
    ),
    "nothing without annotation": (
        variant(needs_annotation=False, __annotations__={"needs_annotation": ClassVar[bool]}),
        r"gives a number for a domain without one",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_metric_that_breaks_a_law_is_told_which(case):
    metric, message = BROKEN[case]
    with pytest.raises(AssertionError, match=message) as caught:
        check_metric(metric)
    assert str(caught.value).startswith(f"metric {metric!r}: ")


def test_a_metric_may_read_what_it_declares():
    annotations = {"reads_classwise": ClassVar[bool]}
    check_metric(reads(lambda d, r: d.pixels.classwise.counts, reads_classwise=True, __annotations__=annotations))


def test_infinity_and_nan_are_no_numbers_of_a_range():
    with pytest.raises(AssertionError, match="lies in the range"):
        check_metric(if_number(value=math.inf, hi=math.inf))
