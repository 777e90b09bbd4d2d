"""Which images are shown."""

import numpy as np

from reliseg.results import ImageTable
from reliseg.results.frames import Column
from reliseg.run.pictures.choice import Choice, choose


def rows(model, values, *, domain="day", column="miou", calibration="identity"):
    return [(model, "d", domain, calibration, sample, column, value) for sample, value in values.items()]


def table(*rows_of):
    every = [row for rows in rows_of for row in rows]
    texts = ("model", "dataset", "domain", "calibration", "sample")
    columns = {name: Column("text", tuple(row[i] for row in every)) for i, name in enumerate(texts)}
    for name in ("miou", "mean_msp"):
        columns[name] = Column("number", np.array([row[6] if row[5] == name else np.nan for row in every]))
    return ImageTable(columns)


def test_the_worst_of_each_model_come_first_and_last_the_one_in_the_middle_of_all_models():
    found = choose(
        table(
            rows("a", {"1": 0.1, "2": 0.5, "3": 0.6, "4": 0.9}),
            rows("b", {"1": 0.9, "2": 0.1, "3": 0.6, "4": 0.8}),
            rows("b", {"1": 0.0}, calibration="ts@d/cal"),
        ),
        1,
    )
    # means: 2 has 0.3, 1 has 0.5, 3 has 0.6, 4 has 0.85: of an even number, the lower of two
    assert found["a", "d", "day"] == [Choice("1", 1, True)]
    assert found["b", "d", "day"] == [Choice("2", 1, False), Choice("1", 0, True)]


def test_equal_images_are_in_the_order_of_their_names_and_no_more_are_chosen_than_there_are():
    found = choose(table(rows("a", {"2": 0.5, "1": 0.5})), 9)
    assert found["a", "d", "day"] == [Choice("1", 1, True), Choice("2", 2, False)]


def test_an_image_without_a_value_is_not_chosen_but_without_any_value_the_least_sure_are():
    of_one = table(rows("a", {"1": 0.5, "2": np.nan}))
    assert choose(of_one, 2)["a", "d", "day"] == [Choice("1", 1, True)]
    unannotated = table(rows("a", {"1": 0.9, "2": 0.2, "3": 0.4}, column="mean_msp"))
    assert choose(unannotated, 1)["a", "d", "day"] == [Choice("2", 1, False), Choice("3", 0, True)]


def test_models_that_share_no_image_have_no_typical_one():
    found = choose(table(rows("a", {"1": 0.5}), rows("b", {"2": 0.5})), 1)
    assert [c.typical for choices in found.values() for c in choices] == [False, False]
