"""A run with a decided best number, one that is not decided, an undefined one and one that was not measured."""

import math

import numpy as np
import pytest
from helpers.result_rows import lefts_of, result_row, with_interval, write_run

from reliseg.report.joined import join_runs


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two models that differ surely on dusk, and hardly on day; one number is undefined, one was not measured."""
    ease, noise = np.random.default_rng(3).normal(0.7, 0.05, 30), np.random.default_rng(4).normal(0, 0.05, 30)
    numbers = []
    for model, day, dusk in (("a_1", 0.0, 0.0), ("b&c", 0.001, 0.1)):
        for domain, more in (("day", day), ("dusk", dusk)):
            images = ease + more + (noise if model == "b&c" else 0)
            row = result_row(float(images.mean()), metric="miou", model=model, domain=domain)
            numbers.append((with_interval(row, row.value - 0.05, row.value + 0.05), lefts_of(images)))
    undefined = result_row(math.nan, metric="ood_auroc", model="a_1", domain="dusk", score="msp")
    numbers.append((undefined, lefts_of(np.ones(3))))
    folder = write_run(tmp_path_factory.mktemp("runs") / "run", *numbers)
    return join_runs({"run": folder}, with_curves=False)
