from helpers.simulated_run import write_simulated_run

from reliseg.report.page.payload import head, ordered_states, parts
from reliseg.report.page.run_files import RunFiles
from reliseg.report.page.tables import join_runs, names_of


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
