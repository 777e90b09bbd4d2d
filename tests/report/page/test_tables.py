from helpers.simulated_run import Shape, write_simulated_run

from reliseg.report.page.run_files import RunFiles
from reliseg.report.page.tables import State, by_state, join_runs, names_of, run_titles


def test_models_of_one_name_in_two_runs_are_told_apart_by_the_runs(tmp_path):
    runs = [RunFiles.read(write_simulated_run(tmp_path / name / "run", Shape(models=("net",)))) for name in "ab"]
    names = names_of(runs)
    table = join_runs(runs, names)
    assert run_titles(runs) == ["run #1", "run #2"]
    assert table.models == ["net (run #1)", "net (run #2)"]
    state = State("net (run #2)", "dusk", "identity")
    assert table.row(state, "miou").value == runs[1].results.value("miou", domain="dusk", calibration="identity")
    assert len(by_state(table, runs, names, RunFiles.placed_curves)) == len(table.states)
    assert table.origins[state] == 1
