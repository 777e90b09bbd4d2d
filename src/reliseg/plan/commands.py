"""A run as commands: what it would do, a shell line for each part, and a script that submits them to Slurm."""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from reliseg.errors import ConfigError, count_text
from reliseg.plan.parts import STAGES, Per, Stage, Unit, parts, units
from reliseg.plan.plan import Plan
from reliseg.plan.shards import shards
from reliseg.runtime.text_files import quoted

_LARGEST = 10**6


@dataclass(frozen=True)
class StageParts:
    """The parts of a stage, as commands name them; without parts the last step, which writes the results."""

    stage: Stage
    parts: tuple[Sequence[Unit], ...] = ()
    per: Per | None = None

    @property
    def name(self) -> str:
        """What it is called among the others."""
        return self.stage if self.parts else "results"

    @property
    def waits_for(self) -> str:
        """What Slurm waits for of the jobs before. Numbers are those of what is stored, also where some have failed."""
        return "afterany" if self.stage == "measure" else "afterok"

    def words(self) -> list[str]:
        """Return the options that say what all parts are, up to the number of one."""
        return ["--stage", self.stage, *(["--per", self.per] if self.per else [])]


@dataclass(frozen=True)
class RunCommand:
    """The command of a whole run, and the folder that it is to be started in."""

    words: Sequence[str]
    place: Path

    def line(self, words: Sequence[str]) -> str:
        """Return a shell line with more options."""
        return shlex.join([*self.words, *words])


def parse_per(text: str) -> Per | int:
    """Return what parts are to be made of; a ConfigError where a text says something else."""
    for per in get_args(Per):
        if text == per:
            return per
    if text.isascii() and text.isdigit() and len(text) < 8 and 1 <= int(text) <= _LARGEST:
        return int(text)
    kinds = ", ".join(get_args(Per))
    raise ConfigError(f"--per {quoted(text)}: give one of {kinds}, or a number of parts from 1 to {_LARGEST}")


def stage_parts(plan: Plan, per: Per | int) -> list[StageParts]:
    """Return the parts of all stages that have something to do, in their order: no more parts than units; at last the
    step that writes the results, which does all that one part would measure.
    """
    found = []
    for stage in STAGES:
        every = units(plan, stage)
        number = min(per, len(every)) if isinstance(per, int) else per
        cut = tuple(parts(every, number)) if every else ()
        if cut and (len(cut) > 1 or stage != "measure"):
            found.append(StageParts(stage, cut, None if isinstance(per, int) else per))
    return [*found, StageParts("measure")]


def overview(plan: Plan, folder: str) -> Iterator[str]:
    """Yield what a run would do, a line each."""
    yield f"run folder: {folder}"
    yield f"models: {', '.join(source.name for source in plan.models)}"
    for stage in STAGES:
        every = units(plan, stage)
        if stage == "measure":
            yield "measure: results of all models"
        elif stage == "fit" and every:
            yield f"fit: {_by_model(plan, len({unit.place for unit in every}), 'split')}"
        elif every:
            images, many = sum(unit.images for unit in every), len(every)
            by_model = _by_model(plan, len({unit.place for unit in every}), "domain")
            yield f"{stage}: {by_model}, {count_text(images, 'image')} in {count_text(many, 'shard')}"
        if stage == "evaluate":
            calibrations = {target: len(names) for target, names in plan.passes(plan.models[0].name)}
            for target in dict.fromkeys(unit.target for unit in every if unit.target):
                cut = count_text(len(list(shards(target))), "shard")
                size = f"{count_text(len(target.domain.samples), 'image')} in {cut}"
                yield f"  {target}: {size}, {count_text(calibrations.get(target, 1), 'calibration')}"


def command_lines(command: RunCommand, stages: Sequence[StageParts]) -> Iterator[str]:
    """Yield a shell line for each part that is not empty, with a comment before each stage."""
    start = f"cd {shlex.quote(str(command.place))} && "
    for k, found in enumerate(stages):
        after = f"; begins when every {stages[k - 1].name} line has ended" if k else ""
        many = sum(1 for part in found.parts if part) or 1
        at_once = ", in any order, side by side" if many > 1 else ""
        yield f"# {found.name}: {count_text(many, 'line')}{at_once}{after}"
        if not found.parts:
            yield start + command.line(found.words())
        for number, part in enumerate(found.parts, 1):
            if part:
                words = command.line([*found.words(), "--part", f"{number}/{len(found.parts)}"])
                yield f"{start}{words}  # {_what(part)}"


def slurm_script(command: RunCommand, stages: Sequence[StageParts], logs: str) -> str:
    """Return a bash script that submits an array of jobs for each stage, each to begin when the one before is done.

    `logs` is the folder for what jobs print. Results are written also where some jobs have failed: a run in one process
    does so too, and names what is missing.
    """
    lines = [
        "#!/bin/bash",
        "# Submits a run of reliseg to Slurm. What is given to this script is given to sbatch, for example:",
        "#   bash FILE --partition=gpu --gres=gpu:1 --cpus-per-task=8 --time=12:00:00",
        "# A job that is requeued, and a run that is submitted again, go on where they stopped.",
        "set -euo pipefail",
        f"cd {shlex.quote(str(command.place))}",
        f"command -v {shlex.quote(command.words[0])} > /dev/null || "
        '{ echo "reliseg is not found, and jobs would not find it; activate its environment first" >&2; exit 1; }',
        f"mkdir -p {shlex.quote(logs)}",
        'options=("$@")',
        "submit() {",
        "  local id",
        "  id=$(sbatch --parsable --requeue --open-mode=append --kill-on-invalid-dep=yes "
        '${options[@]+"${options[@]}"} "$@") || return',
        '  echo "${id%%;*}"  # without the name of the cluster',
        "}",
    ]
    before = ""
    for found in stages:
        number = len(found.parts)
        run, array = _job(command, found)
        pattern = "%A_%a" if array else "%j"
        output = f"{logs.replace('%', '%%')}/{found.name}-{pattern}.log"
        words = [f"--job-name=reliseg-{found.name}", f"--output={output}", *([f"--array=1-{number}"] if array else [])]
        waits = f' --dependency="{found.waits_for}:${before}"' if before else ""
        lines.append(f"{found.name}=$(submit {shlex.join(words)}{waits} --wrap={shlex.quote(run)})")
        many = f"{number} jobs" if array else "1 job"
        lines.append(f'echo "{found.name}: ${found.name} ({many})"')
        before = found.name
    return "\n".join(lines) + "\n"


def _job(command: RunCommand, found: StageParts) -> tuple[str, bool]:
    """Return what a job runs, and whether it is one of an array."""
    number = len(found.parts)
    if not found.parts:
        return f"exec {command.line(found.words())}", False
    line = command.line([*found.words(), "--part"])
    return f"exec {line} {'$SLURM_ARRAY_TASK_ID' if number > 1 else 1}/{number}", number > 1


def _by_model(plan: Plan, number: int, noun: str) -> str:
    return f"{count_text(len(plan.models), 'model')} x {count_text(number, noun)}"


def _what(part: Sequence[Unit]) -> str:
    """Return what a part is: its models, its domains or splits, and how many images."""
    names = dict.fromkeys(unit.model for unit in part)
    places = dict.fromkeys(unit.place for unit in part)
    text = f"{_few(list(names))} on {_few(list(places))}"
    return f"{text}, {count_text(sum(u.images for u in part), 'image')}" if part[0].shard else text


def _few(names: Sequence[str]) -> str:
    """Return some names: the first and how many others there are."""
    text = " ".join(names[0].split())
    return text if len(names) == 1 else f"{text} and {len(names) - 1} more"
