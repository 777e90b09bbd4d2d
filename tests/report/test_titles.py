"""Titles of metrics."""

from reliseg.report.quantities import known_quantities
from reliseg.report.titles import title_of, unit_of


def test_a_metric_has_a_title_and_one_of_another_package_its_name():
    assert (title_of("ood_auroc"), title_of("mine")) == ("OOD AUROC", "mine")


def test_numbers_with_a_unit_are_not_shares():
    units = {name: unit_of(name) for name in known_quantities() if unit_of(name)}
    assert units == {"prr": "%", "nll": "nats"}
    assert all(known_quantities()[name].high != 1 for name in units)
