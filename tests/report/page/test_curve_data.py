from helpers.simulated_run import write_simulated_run

from reliseg.report.page.curve_data import CELL, SHARE, curve_record, mean_gap
from reliseg.results.curves import Curves, DomainCurves, ReliabilityBins


def test_shares_of_a_true_class_and_accuracies_of_bins_are_those_of_the_counts(tmp_path):
    record = Curves.read(write_simulated_run(tmp_path)).states[0]
    made = curve_record(record)
    row = record.confusion[0]
    assert made["confusion"][0] == [round(n / sum(row) / CELL) for n in row]
    bins = record.reliability
    assert made["reliability"]["accuracy"][9] == round(bins.right[9] / bins.pixels[9] / SHARE)
    assert sum(made["scores"]["msp"]["coverage"]) == round(1 / SHARE)
    confidence, accuracy = mean_gap(record)
    assert (confidence, accuracy) == (sum(bins.confidence) / sum(bins.pixels), sum(bins.right) / sum(bins.pixels))


def test_without_pixels_there_is_no_gap():
    nothing = ReliabilityBins([0.0], [1.0], [0], [0], [0.0])
    assert mean_gap(DomainCurves("m", "s", "d", "identity", ["a"], [[0, 0]], nothing, {})) is None
