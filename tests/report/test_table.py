"""The table at the end of a run: which numbers stand there, and how they are written."""

from dataclasses import replace

import pytest

from reliseg.report.table import parts_of_means, summary
from reliseg.results import Origin, Results, Row, Value

ORIGIN = Origin("net", "street", "day")


def row(value: Value, **origin: str) -> Row:
    return Row.of(replace(ORIGIN, **origin), value, n_images=1, n_pixels=1)


def cells(*rows: Row) -> list[list[str]]:
    """The titles, then the lines."""
    table = summary(Results(rows))
    columns = [list(map(str, column.cells)) for column in table.columns]
    return [[str(c.header) for c in table.columns], *map(list, zip(*columns, strict=True))]


def exact(metric, value, score="", **more):
    return Value.exact(metric, value, "d", score=score, **more)


def test_headline_numbers_have_their_columns_in_the_order_of_the_table():
    table = cells(
        row(exact("prr", 12.34, "msp")),
        row(exact("ece", 0.01234, "msp")),
        row(exact("miou", 0.5)),
        row(exact("pixel_accuracy", 0.9)),  # no headline number
        row(exact("auroc", 0.8, "margin")),  # of another score
        row(exact("iou", 0.1, label="road")),
    )
    assert table == [
        ["model", "domain", "calibration", "mIoU", "ECE", "PRR"],
        ["net", "street/day", "identity", "0.5000", "0.0123", "12.3"],
    ]


def test_each_model_domain_and_calibration_is_a_line_and_what_is_undefined_a_dash():
    table = cells(
        row(exact("miou", 0.5)),
        row(Value.undefined("nll", "why", "d")),
        row(exact("nll", 0.25), domain="dusk"),
        row(exact("miou", 0.75), model="other", calibration="ts@street/cal"),
    )
    assert table[0][3:] == ["mIoU", "NLL"]
    assert table[1:] == [
        ["net", "street/day", "identity", "0.5000", "-"],
        ["net", "street/dusk", "identity", "-", "0.2500"],
        ["other", "street/day", "ts@street/cal", "0.7500", "-"],
    ]


def test_images_that_were_skipped_stand_after_their_domain():
    table = cells(row(exact("miou", 0.5)), replace(row(exact("miou", 0.5), domain="dusk"), skipped=3))
    assert [line[1] for line in table[1:]] == ["street/day", "street/dusk (3 skipped)"]


def test_a_column_without_any_value_is_left_out():
    assert cells(row(exact("miou", 0.5)), row(Value.undefined("nll", "why", "d")))[0][3:] == ["mIoU"]


def test_the_first_definition_of_a_number_is_the_one_that_stands_there():
    first, second = exact("ood_auroc", 0.5, "msp"), replace(exact("ood_auroc", 0.75, "msp"), definition="e")
    assert cells(row(first), row(second))[1][3:] == ["0.5000"]


@pytest.mark.parametrize(
    ("metric", "width", "text"),
    [("ece", 0.009, "0.5000"), ("ece", 0.02, "0.5000?"), ("prr", 0.9, "0.5"), ("prr", 1.1, "0.5?")],
)
def test_a_question_mark_says_that_the_digits_are_not_known(metric, width, text):
    table = summary(Results((row(Value.between(metric, (0.5, 0.5, 0.5 + width), "d", score="msp")),)))
    assert list(table.columns[3].cells) == [text]
    assert (table.caption is not None) == text.endswith("?")


def test_of_several_seeds_the_mean_alone_stands_there():
    names = ["lts(seed=1)@a/b", "lts(seed=2)@a/b", "lts(seeds=[1,2])@a/b"]
    table = cells(*(row(exact("nll", 0.25), calibration=name) for name in names))
    assert [line[2] for line in table[1:]] == names[2:]


def test_parts_of_means_are_known_by_name():
    names = {"identity", "ts@x/y", "cluster_ts@x/y", *(f"cluster_ts(seed={s})@x/y" for s in (42, 43, 44))}
    assert parts_of_means(names) == {"cluster_ts(seed=42)@x/y", "cluster_ts(seed=43)@x/y"}
    assert parts_of_means({"theirs@x/y", "cluster_ts(seed=42)@x/y"}) == set()
    assert parts_of_means({"cluster_ts(k=4,seeds=[1,2])@x/y"}) == {
        "cluster_ts(k=4,seed=1)@x/y",
        "cluster_ts(k=4,seed=2)@x/y",
    }


def test_names_are_no_markup_and_tell_the_terminal_nothing():
    names = cells(row(exact("miou", 0.5), model="[bold]a[/]", domain="x[/y]:car:", calibration="\x1b[31mts"))[1]
    assert names[:3] == ["[bold]a[/]", "street/x[/y]:car:", r"\x1b[31mts"]
