"""A run as commands: each part is a line by itself, in the order of stages, and a shell reads what was meant."""

import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from helpers.plans import dataset_of, plan_of, target_of

from reliseg.errors import ConfigError
from reliseg.plan.commands import RunCommand, command_lines, overview, parse_per, slurm_script, stage_parts
from reliseg.plan.plan import Fit, ModelSource

COMMAND = RunCommand(["reliseg", "run", "it's.yaml", "--out", "a run"], Path("/some where"))


def load():
    raise NotImplementedError


def plan_with(*, fits=True, models=("one", "other")):
    dataset = dataset_of({"cal": ["c/1", "c/2"], "day": ["d/1"], "dusk": ["e/1", "f/1"]})
    on = [Fit((target_of(dataset, "cal"),), ("ts",))] if fits else []
    plan = plan_of(dataset, fits=on, tests=["day", "dusk"], metrics=["likelihood"])
    return replace(plan, models=tuple(ModelSource(name, load) for name in models))


def words_of(lines):
    """The words after `cd PLACE && reliseg run CONFIG --out RUN` of each line, as a shell reads them."""
    found = [shlex.split(line, comments=True) for line in lines if not line.startswith("#")]
    assert all(words[:8] == ["cd", "/some where", "&&", *COMMAND.words] for words in found)
    return [" ".join(words[8:]) for words in found]


def test_a_line_for_each_part_in_the_order_of_stages():
    lines = list(command_lines(COMMAND, stage_parts(plan_with(), "domain")))
    assert words_of(lines) == [
        *(f"--stage sample --per domain --part {k}/2" for k in (1, 2)),
        *(f"--stage fit --per domain --part {k}/2" for k in (1, 2)),
        *(f"--stage evaluate --per domain --part {k}/4" for k in (1, 2, 3, 4)),
        *(f"--stage measure --per domain --part {k}/4" for k in (1, 2, 3, 4)),
        "--stage measure",
    ]
    assert [line for line in lines if line.startswith("#")] == [
        "# sample: 2 lines, in any order, side by side",
        "# fit: 2 lines, in any order, side by side; begins when every sample line has ended",
        "# evaluate: 4 lines, in any order, side by side; begins when every fit line has ended",
        "# measure: 4 lines, in any order, side by side; begins when every evaluate line has ended",
        "# results: 1 line; begins when every measure line has ended",
    ]
    assert lines[8].endswith("  # one on world/dusk, 2 images")


def test_stages_with_nothing_to_do_and_empty_parts_are_left_out():
    lines = words_of(command_lines(COMMAND, stage_parts(plan_with(fits=False, models=["one"]), 40)))
    parts = [f"--stage {stage} --part {k}/2" for stage in ("evaluate", "measure") for k in (1, 2)]
    assert lines == [*parts, "--stage measure"]


def test_what_one_part_would_measure_the_last_line_measures():
    lines = words_of(command_lines(COMMAND, stage_parts(plan_with(fits=False, models=["one"]), "model")))
    assert lines == ["--stage evaluate --per model --part 1/1", "--stage measure"]


def test_a_script_submits_an_array_for_each_stage_that_waits_for_the_one_before():
    script = slurm_script(COMMAND, stage_parts(plan_with(), "domain"), "100%-logs")
    assert subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True).stderr == ""
    lines = dict(line.split("=$(submit ") for line in script.splitlines() if "=$(submit " in line)
    assert list(lines) == ["sample", "fit", "evaluate", "measure", "results"]
    assert "--array=1-4" in lines["evaluate"]
    assert '--dependency="afterok:$fit"' in lines["evaluate"]
    assert '--dependency="afterany:$evaluate"' in lines["measure"]
    assert '--dependency="afterany:$measure"' in lines["results"]
    assert "--array" not in lines["results"]
    assert "100%%-logs/evaluate-%A_%a.log" in lines["evaluate"]


@pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")
def test_a_script_submits_nothing_where_jobs_would_not_find_the_command(tmp_path):
    script = slurm_script(replace(COMMAND, place=tmp_path), stage_parts(plan_with(), "domain"), "logs")
    for name, text in (("sbatch", 'echo "$@" >> asked; echo 1'), ("mkdir", '/bin/mkdir "$@"')):
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    how = {"input": script, "text": True, "capture_output": True, "env": {"PATH": str(tmp_path)}}
    done = subprocess.run(["/bin/bash"], **how)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "reliseg is not found, and jobs would not find it; activate its environment first\n"
    assert not (tmp_path / "asked").exists()
    (tmp_path / "reliseg").write_text("#!/bin/sh\n")
    (tmp_path / "reliseg").chmod(0o755)
    assert subprocess.run(["/bin/bash"], **how).stdout.splitlines()[-1] == "results: 1 (1 job)"
    assert len((tmp_path / "asked").read_text().splitlines()) == 5


def test_a_stage_of_one_part_is_no_array():
    script = slurm_script(COMMAND, stage_parts(plan_with(models=["one"]), "model"), "logs")
    assert "--array" not in script
    assert "--stage fit --per model --part 1/1" in script


def test_the_overview_names_models_domains_and_how_much_there_is_to_do():
    assert list(overview(plan_with(), "runs/x")) == [
        "run folder: runs/x",
        "models: one, other",
        "sample: 2 models x 1 domain, 4 images in 2 shards",
        "fit: 2 models x 1 split",
        "evaluate: 2 models x 2 domains, 6 images in 4 shards",
        "  world/day: 1 image in 1 shard, 2 calibrations",
        "  world/dusk: 2 images in 1 shard, 2 calibrations",
        "measure: results of all models",
    ]


def test_what_parts_are_is_a_word_or_a_number():
    assert [parse_per(text) for text in ("shard", "scene", "domain", "model", "40", "1")] == [
        "shard", "scene", "domain", "model", 40, 1
    ]  # fmt: skip
    for text in ("0", "-3", "3.5", "domains", "", "٣", "9" * 9):
        with pytest.raises(ConfigError, match=r"--per .*: give one of shard, scene, domain, model, or a number of"):
            parse_per(text)
