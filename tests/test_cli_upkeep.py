"""`reliseg merge` and `reliseg prune`: what a user sees, and the exit codes."""

import shutil

import pytest
from helpers import s3_server
from helpers.stores import add_piece, files_of
from helpers.street import make_street

import reliseg
from reliseg.runtime.regular_files import size_text


def test_runs_are_merged_and_the_next_command_is_said(command, tmp_path):
    a, b, out = (tmp_path / name for name in ("a", "b", "out"))
    add_piece(a, ["s/1"])
    add_piece(b, ["s/2"])
    code, said, err = command("merge", a, b, "--out", out)
    assert (code, said) == (0, "")
    assert f"{out}: 2 pieces of statistics" in err
    assert f"go on with reliseg run {out}/config.yaml --out {out} --stage measure" in err
    reliseg.merge_runs([a, str(b)], tmp_path / "again")
    assert files_of(tmp_path / "again") == files_of(out)


def test_what_does_not_belong_together_is_one_line_and_exit_code_2(command, tmp_path):
    a, b, out = (tmp_path / name for name in ("a", "b", "out"))
    add_piece(a, ["s/1"])
    add_piece(b, ["s/2"], parts={"model": "other weights"})
    code, _, err = command("merge", a, b, "--out", out)
    assert code == 2
    (line,) = [line for line in err.splitlines() if line.startswith("reliseg: ")]
    assert line.startswith(f"reliseg: net: the model differs between {a} and {b}; ")
    assert not out.exists()
    add_piece(b, ["s/1"], processor="arm64", parts={"model": "weights"})
    assert command("merge", a, b, "--out", out, "--strict")[0] == 2
    assert command("merge", a, b, "--out", out)[0] == 0


def test_something_damaged_is_named_and_the_exit_code_is_1(command, tmp_path):
    _, path = add_piece(tmp_path / "a")
    path.write_bytes(path.read_bytes()[:-1])
    code, _, err = command("merge", tmp_path / "a", "--out", tmp_path / "out")
    assert code == 1
    assert f"reliseg: {path} is damaged and left out; the next run computes it again" in err


def test_merging_needs_runs_and_a_place(command, tmp_path):
    add_piece(tmp_path / "a")
    assert command("merge", "--out", tmp_path / "out")[0] == 2
    assert command("merge", tmp_path / "a")[0] == 2
    with pytest.raises(reliseg.ReliSegError, match="runs: give a name or a list of names"):
        reliseg.merge_runs(3, tmp_path / "out")  # type: ignore[arg-type]


def test_runs_in_an_object_store_are_called_by_their_addresses(command, tmp_path, s3):
    place, path = add_piece(tmp_path / "a", ["s/1"])
    s3_server.put(s3, "together", {f"a/{name}": content for name, content in files_of(tmp_path / "a").items()})
    code, said, err = command("merge", "s3://together/a", "--out", "s3://together/out")
    assert (code, said) == (0, "")
    assert "s3://together/out: 1 piece of statistics" in err
    assert "--out s3://together/out --stage measure" in err
    assert f"out/statistics/{place[:2]}/{place}/{path.name}" in s3_server.stored(s3, "together")
    none = "s3://together/none"
    for words in (["merge", none, "--out", tmp_path / "x"], ["prune", none, "--keep", "a"]):
        code, _, err = command(*words)
        assert (code, err) == (2, f"reliseg: {none} holds no run; give the folder of a run\n")
    damaged = {f"b/{name}": content for name, content in files_of(tmp_path / "a").items()}
    damaged = {name: content[: -1 if name.endswith(".zip") else None] for name, content in damaged.items()}
    s3_server.put(s3, "together", damaged)
    code, _, err = command("merge", "s3://together/b", "--out", tmp_path / "y")
    assert code == 1
    assert f"reliseg: s3://together/b/{path.relative_to(tmp_path / 'a')} is damaged and left out" in err


def test_a_run_is_pruned_and_it_is_said_how_much_goes(command, tmp_path):
    street = make_street(tmp_path / "street", cal=3, day=3, dusk=3)
    run = tmp_path / "run"
    assert command("run", street.config, "--out", run)[0] == 0
    _, stranger = add_piece(run)
    before = files_of(run)
    code, out, err = command("prune", run, "--keep", street.config, "--dry-run")
    assert (code, out) == (0, "")
    assert f"{run}: 1 file ({size_text(stranger.stat().st_size)}) would be removed, " in err
    assert files_of(run) == before
    code, _, err = command("prune", run, "--keep", street.config)
    assert code == 0
    assert "removed" in err
    assert before.keys() - files_of(run).keys() == {str(stranger.relative_to(run))}
    assert command("prune", run)[0] == 2
    shutil.rmtree(street.root / "logits")
    assert command("prune", run, "--keep", street.config)[0] == 2
