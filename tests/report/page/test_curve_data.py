import json

from helpers.simulated_run import write_simulated_run

from reliseg.report.page.curve_data import CELL, SHARE, curve_record, mean_gap


def test_shares_of_a_true_class_and_accuracies_of_bins_are_those_of_the_counts(tmp_path):
    record = json.loads((write_simulated_run(tmp_path) / "curves.json").read_text())["states"][0]
    made = curve_record(record)
    row = record["confusion"][0]
    assert made["confusion"][0] == [round(n / sum(row) / CELL) for n in row]
    bins = record["reliability"]
    assert made["reliability"]["accuracy"][9] == round(bins["right"][9] / bins["pixels"][9] / SHARE)
    assert sum(made["scores"]["msp"]["coverage"]) == round(1 / SHARE)
    confidence, accuracy = mean_gap(record)
    assert (confidence, accuracy) == tuple(sum(bins[k]) / sum(bins["pixels"]) for k in ("confidence", "right"))


def test_without_pixels_there_is_no_gap():
    assert mean_gap({"reliability": {"pixels": [0], "right": [0], "confidence": [0.0]}}) is None
