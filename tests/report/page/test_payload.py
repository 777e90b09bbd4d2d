from dataclasses import replace

from helpers.simulated_run import write_simulated_run

from reliseg.report.page.payload import head, ordered_states, parts
from reliseg.report.page.run_files import RunFiles
from reliseg.report.page.tables import join_runs, names_of
from reliseg.results import Results


def test_each_number_of_the_page_is_that_of_the_results(tmp_path):
    run = RunFiles.read(write_simulated_run(tmp_path / "run"))
    names = names_of([run])
    table = join_runs([run], names)
    data, states = head(table, [run]), ordered_states(table)
    column = next(c for c in data["columns"] if c["metric"] == "ece")
    for state, value, low in zip(states, column["value"], column["low"], strict=True):
        (row,) = run.results.where(
            metric="ece", model=state.model, domain=state.domain, calibration=state.calibration
        ).rows
        assert abs(value * column["unit"] - row.value) < column["unit"]
        assert abs(low * column["unit"] - row.ci_low) < column["unit"]
    assert [len(part["curves"]) for part in parts(table, [run], names)] == [4, 4]
    assert data["references"] == [-1, 0]
    assert column["apart"] == [None] * 8  # this run keeps nothing of single images
    assert "apart" not in next(c for c in data["columns"] if c["metric"] == "nll")


def test_what_was_kept_of_a_promise_takes_the_place_of_the_risk_at_the_threshold_of_the_split(tmp_path):
    run = RunFiles.read(write_simulated_run(tmp_path / "run"))
    (first, *_) = run.results.where(metric="ece").rows
    risk, kept = (replace(first, metric=name) for name in ("transfer_risk95", "kept_share"))
    for rows, shown in (((risk,), ["transfer_risk95"]), ((risk, kept), ["kept_share"])):
        with_them = replace(run, results=Results((first, *rows)))
        data = head(join_runs([with_them], names_of([with_them])), [with_them])
        assert [metric for metric, _ in data["headline"]] == ["ece", *shown]
        assert {c["metric"] for c in data["columns"]} == {"ece", *(row.metric for row in rows)}
