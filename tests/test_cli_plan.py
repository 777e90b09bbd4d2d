"""`reliseg plan`: what it prints carries out the whole run, in a shell or by Slurm, to the bytes of one process."""

import os
import random
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.street import Street, make_street

import reliseg
from reliseg import cli

SBATCH = """#!/bin/bash
# Runs a job at once: each element of its array; says whom it waits for.
array=1-1 wrap= dependency=
for word in "$@"; do
  case "$word" in
    --array=*) array="${word#--array=}";;
    --wrap=*) wrap="${word#--wrap=}";;
    --dependency=*) dependency="${word#--dependency=}";;
    --output=*) mkdir -p "$(dirname "${word#--output=}")";;
  esac
done
id=$((100 + $(wc -l < "$JOBS")))
echo "$id $array $dependency" >> "$JOBS"
for SLURM_ARRAY_TASK_ID in $(seq "${array%-*}" "${array#*-}"); do
  export SLURM_ARRAY_TASK_ID
  sh -c "$wrap" > "$JOBS.$id.$SLURM_ARRAY_TASK_ID" 2>&1 || exit 1
done
echo "$id;cluster"
"""


@pytest.fixture(scope="module")
def street(tmp_path_factory) -> Street:
    return make_street(tmp_path_factory.mktemp("plan") / "street", cal=2, day=2, dusk=2)


@pytest.fixture(scope="module")
def whole(street) -> bytes:
    reliseg.run_config(street.config, street.root / "whole")
    return (street.root / "whole" / "results.csv").read_bytes()


@pytest.fixture
def programs(tmp_path, monkeypatch, forks):
    """A folder on the path with `reliseg` and `sbatch`."""
    folder = tmp_path / "bin"
    folder.mkdir()
    forks.write_program(folder / "reliseg")
    (folder / "sbatch").write_text(SBATCH)
    (folder / "sbatch").chmod(0o755)
    (tmp_path / "jobs").touch()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("JOBS", str(tmp_path / "jobs"))
    monkeypatch.chdir(tmp_path)
    return folder


def printed(capsys, monkeypatch, *words: object) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["reliseg", "plan", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    found = capsys.readouterr()
    return int(ended.value.code or 0), found.out, found.err


@pytest.mark.slow
def test_the_lines_in_random_order_within_each_stage_give_the_bytes_of_one_process(
    street, whole, programs, tmp_path, capsys, monkeypatch
):
    _, text, _ = printed(capsys, monkeypatch, street.config, "--out", tmp_path / "out", "--commands", "--per", "shard")
    stages = re.split(r"^# \w+: .*\n", text, flags=re.MULTILINE)[1:]
    assert len(stages) == 5
    for stage in stages:
        lines = stage.splitlines()
        random.Random(0).shuffle(lines)
        for line in lines:
            ended = subprocess.run(["sh", "-c", line], capture_output=True, text=True, cwd="/")
            assert ended.returncode == 0, ended.stderr
    assert (tmp_path / "out" / "results.csv").read_bytes() == whole


@pytest.mark.slow
def test_the_script_for_slurm_submits_every_part_and_gives_the_bytes_of_one_process(
    street, whole, programs, tmp_path, capsys, monkeypatch
):
    _, script, _ = printed(capsys, monkeypatch, street.config, "--out", tmp_path / "a run", "--slurm")
    (tmp_path / "job.sh").write_text(script)
    ended = subprocess.run(["bash", "job.sh", "--time=1:00"], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / "jobs").read_text().splitlines() == [
        "100 1-1 ",
        "101 1-1 afterok:100",
        "102 1-3 afterok:101",
        "103 1-2 afterany:102",
        "104 1-1 afterany:103",
    ]
    assert ended.stdout.splitlines() == [
        "sample: 100 (1 job)",
        "fit: 101 (1 job)",
        "evaluate: 102 (3 jobs)",
        "measure: 103 (2 jobs)",
        "results: 104 (1 job)",
    ]
    assert (tmp_path / "a run" / "results.csv").read_bytes() == whole


def test_a_script_ends_where_a_job_is_refused(street, programs, tmp_path, capsys, monkeypatch):
    (programs / "sbatch").write_text("#!/bin/sh\necho refused >&2\nexit 1\n")
    _, script, _ = printed(capsys, monkeypatch, street.config, "--slurm")
    ended = subprocess.run(["bash"], input=script, capture_output=True, text=True)
    assert ended.returncode != 0
    assert ended.stderr == "refused\n", "no job that waits for one that is not there"


def test_a_configuration_of_words_is_repeated_in_full(street, capsys, monkeypatch):
    monkeypatch.chdir(street.root)
    labels = street.content()["models"][0]["labels"]
    given = [
        "--model", f"stored:logits,name=net,labels={labels}", "--model", f"stored:logits,name=other,labels={labels}",
        "--data", "camvid=data,domain=test", "--score", "msp, neg_entropy", "--test", "camvid/test",
        "--limit", "1", "--workers", "2", "--verify", "--on-error", "skip", "--checkpoint", "5.0", "--log", "json",
    ]  # fmt: skip
    code, text, err = printed(capsys, monkeypatch, *given, "--commands", "--per", 1)
    assert code == 0, err
    evaluate, measure = (line for line in text.splitlines() if not line.startswith("#"))
    words = shlex.split(evaluate, comments=True)
    assert words[:5] == ["cd", str(street.root), "&&", "reliseg", "run"]
    assert words[5:7] == ["--out", "runs/net-camvid"]
    assert words[-4:] == ["--stage", "evaluate", "--part", "1/1"]
    assert sorted(words[7:-4]) == sorted(given)
    assert shlex.split(measure, comments=True) == [*words[:-4], "--stage", "measure"]


def test_without_commands_it_says_what_a_run_would_do(street, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, text, _ = printed(capsys, monkeypatch, street.config)
    assert code == 0
    assert text.startswith("run folder: runs/street\nmodels: net\n")
    assert "evaluate: 1 model x 3 domains, 6 images in 3 shards\n" in text
    assert not list(tmp_path.iterdir()), "nothing is written"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--per", "domain"], "--per says how commands are divided; give --commands or --slurm too"),
        (["--commands", "--slurm"], "give either --commands or --slurm, not both"),
        (["--commands", "--per", "0"], "--per '0': give one of shard, scene, domain, model, or a number"),
    ],
)
def test_words_that_do_not_go_together_are_refused(street, capsys, monkeypatch, words, says):
    code, _, err = printed(capsys, monkeypatch, street.config, *words)
    assert (code, says in err) == (2, True)


def test_a_script_is_run_by_bash_alone_whatever_its_paths_hold(street, tmp_path, capsys, monkeypatch):
    place = tmp_path / "it's $HOME; `a` %j"
    place.mkdir()
    monkeypatch.chdir(place)
    _, script, _ = printed(capsys, monkeypatch, street.config, "--out", "a 'b' $c", "--slurm")
    checked = 'reliseg() { :; }\nsbatch() { printf "%s\\n" "${@: -1}" >&2; echo 1; }\n'
    ended = subprocess.run(["bash"], input=checked + script, capture_output=True, text=True, cwd="/")
    assert ended.returncode == 0, ended.stderr
    assert "--out 'a '\"'\"'b'\"'\"' $c'" in ended.stderr
    assert (Path(place) / "a 'b' $c-logs").is_dir()
