"""What is kept of each image by class is what the statistics of that image alone say."""

import numpy as np
from helpers.worlds import world

from reliseg.metrics.class_rows import by_class, no_class_tables, probabilities
from reliseg.stats import Layout
from reliseg.stats.fixed import real, total

WORLD = world(70, images=4, pixels=800)
TABLE = WORLD.table()


def test_tables_of_an_image_are_its_statistics():
    found = by_class(TABLE) | probabilities(TABLE)
    for i in range(4):
        pixels, _ = WORLD.observe(WORLD.image == i)
        top, classes = pixels.top, WORLD.classes
        right = np.einsum("ccb->cb", top.counts[:, :classes])
        labels = [top.counts.sum(axis=1), right, real(total(top.confidence, axis=1))]
        guesses = [top.counts.sum(axis=0)[:classes], real(total(top.confidence, axis=0))[:classes]]
        expected = {
            "labels": labels,
            "guesses": guesses,
            "confident": pixels.confident.counts.T,
            "probabilities": [pixels.classwise.hits, real(pixels.classwise.probability)],
            "uncounted": [pixels.uncounted.counts, real(pixels.uncounted.confidence)],
            "uncounted_probabilities": [real(pixels.classwise.uncounted)],
        }
        for name, tables in expected.items():
            numbers = np.stack([number[i] for number in found[name]])
            np.testing.assert_array_equal(numbers, np.stack(tables), err_msg=name)


def test_empty_tables_have_the_shapes_of_those_of_images():
    found = by_class(TABLE) | probabilities(TABLE)
    empty = no_class_tables(4, WORLD.layout)
    shapes = {name: np.stack(numbers, axis=1).shape for name, numbers in found.items()}
    assert shapes == {name: table.shape for name, table in empty.items()}
    assert no_class_tables(4, Layout(5, ("msp",), classwise=False))["probabilities"].shape == (4, 2, 0, 15)
