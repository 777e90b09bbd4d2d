"""What is kept of each image by class: how sure its pixels are, of their label, their prediction, and each class.

By name, with a row for each image or set of images (axes: row, number, class, bin):

- `labels`: known pixels of each class, right ones and the sum of confidence, by bin of confidence
- `guesses`: pixels that are predicted as each class, and the sum of their confidence, by the same bins
- `confident`: pixels of each class that are wrong with confidence above 0.90 and 0.99; without bins
- `probabilities`: by bin of p_c, pixels whose label is c, and the sum of p_c of all. No classes where none are counted
- `uncounted`: pixels that are not known by prediction (the last one is `other`), and their confidence; without bins
- `uncounted_probabilities`: the sum of p_c of these pixels; without bins. No classes where none are counted
"""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np

from reliseg.stats import Layout, SampleTable
from reliseg.stats.bins import RELIABILITY_BINS
from reliseg.stats.fixed import real

Numbers: TypeAlias = Mapping[str, Sequence[np.ndarray]]
"""By name, each number with a row for each image."""


def no_class_tables(images: int, layout: Layout) -> dict[str, np.ndarray]:
    """Return the tables of so many images, to be filled."""
    t, b = layout.classes, RELIABILITY_BINS
    of_each = t if layout.classwise else 0
    shapes = {"labels": (3, t, b), "guesses": (2, t, b), "confident": (2, t), "probabilities": (2, of_each, b)}
    shapes |= {"uncounted": (2, layout.columns), "uncounted_probabilities": (1, of_each)}
    return {name: np.zeros((images, *shape)) for name, shape in shapes.items()}


def by_class(table: SampleTable) -> Numbers:
    """Return all but the probabilities of the images of a table; what is predicted as no class is left out."""
    classes = table.label_counts.shape[1]
    return {
        "labels": (table.label_counts, table.label_right, real(table.label_confidence)),
        "guesses": (table.guess_counts[:, :classes], real(table.guess_confidence[:, :classes])),
        "confident": (table.confident[:, :, 0], table.confident[:, :, 1]),
        "uncounted": (table.uncounted, real(table.uncounted_confidence)),
    }


def probabilities(table: SampleTable) -> Numbers:
    """Return the probabilities of the images of a table."""
    return {
        "probabilities": (table.class_hits, real(table.class_probability)),
        "uncounted_probabilities": (real(table.class_uncounted),),
    }
