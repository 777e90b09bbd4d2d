"""What the page shows of corruptions."""

import pytest
from helpers.simulated_run import Shape, write_simulated_run

from reliseg.report.page.corruption_data import corruption_data
from reliseg.report.page.run_files import RunFiles
from reliseg.report.page.tables import join_runs, names_of

SHAPE = Shape(images=2, corruptions=("snow", "fog"), scores=("msp",))


def data_of(folder, shape):
    run = RunFiles.read(write_simulated_run(folder, shape))
    names = names_of([run])
    table = join_runs([run], names)
    return run, table, corruption_data(table, [run], names)


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    return data_of(tmp_path_factory.mktemp("run"), SHAPE)


def test_kinds_are_in_the_papers_order_and_severities_end_with_mean_and_worst(found):
    _, _, data = found
    assert data["kinds"] == ["fog", "snow", "all"]
    assert data["severities"] == ["1", "3", "5", "mean", "worst"]
    assert data["domains"] == ["day", "dusk"]
    assert [c["metric"] for c in data["columns"]] == ["miou", "ece", "prr", "ood_auroc", "transfer_risk95"]


def test_each_value_is_that_of_the_table_and_what_is_not_there_is_none(found):
    run, table, data = found
    axes = (table.models, data["domains"], table.calibrations, data["kinds"], data["severities"])
    rows = {(r.model, r.domain, r.calibration, r.kind, r.severity): r for r in run.corruptions if r.metric == "ece"}
    column = data["columns"][1]
    keys = [(m, d, c, k, s) for m in axes[0] for d in axes[1] for c in axes[2] for k in axes[3] for s in axes[4]]
    for key, value in zip(keys, column["value"], strict=True):
        assert value * column["unit"] == pytest.approx(rows[key].value, abs=column["unit"])
    clean = [rows[m, d, c, "fog", "mean"].clean for m in axes[0] for d in axes[1] for c in axes[2]]
    assert [v * column["unit"] for v in column["clean"]] == pytest.approx(clean, abs=column["unit"])
    ood = data["columns"][3]
    assert ood["clean"][0] is None


def test_worst_cases_say_where_they_are(found):
    run, _, data = found
    (row,) = (
        r
        for r in run.corruptions
        if (r.model, r.domain, r.calibration, r.metric, r.kind, r.severity)
        == ("dabnet", "day", "identity", "miou", "all", "worst")
    )
    worst = data["columns"][0]["worst"]
    assert worst[data["kinds"].index("all")] == row.at.rpartition("+")[2]
    assert worst[data["kinds"].index("fog")] in ("1", "3", "5")


def test_copies_are_domains_of_the_page(found):
    _, table, data = found
    names = [f"{d}+{k}-{s}" for d in data["domains"] for k in data["kinds"][:-1] for s in (1, 3, 5)]
    assert [table.domains[i] for i in data["copies"] if i >= 0] == names


def test_where_nothing_is_corrupted_there_is_nothing(tmp_path):
    assert data_of(tmp_path, Shape(images=2))[2] is None
