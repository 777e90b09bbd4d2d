"""The command `reliseg plan`: what a run would do, and the commands that do it in parts."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from reliseg.cli_options import (
    Checkpoint,
    CommandOptions,
    Config,
    Log,
    OnError,
    Out,
    Save,
    Verify,
    command_words,
    with_options,
)
from reliseg.errors import ConfigError
from reliseg.runtime.printable import printable


@with_options()
def plan(
    *,
    config: Config = None,
    out: Out = None,
    options: CommandOptions,
    save: Save = None,
    verify: Verify = False,
    on_error: OnError = "stop",
    checkpoint: Checkpoint = 60.0,
    log: Log = "text",
    commands: Annotated[
        bool, typer.Option("--commands", help="Print a shell line for each part of the run, stage by stage.")
    ] = False,
    slurm: Annotated[
        bool, typer.Option("--slurm", help="Print a script that submits the parts to Slurm, an array for each stage.")
    ] = False,
    per: Annotated[
        str | None,
        typer.Option(metavar="WHAT", help="A part is a shard, scene, domain (the default) or model; or N equal parts."),
    ] = None,
) -> None:
    """Print what reliseg run would do, or the commands that do it in parts, on several machines if you like."""
    from reliseg.plan.build import plan_from_config
    from reliseg.plan.commands import RunCommand, command_lines, overview, parse_per, slurm_script, stage_parts

    if commands and slurm:
        raise ConfigError("give either --commands or --slurm, not both")
    if per and not (commands or slurm):
        raise ConfigError("--per says how commands are divided; give --commands or --slurm too")
    divided = parse_per(per or "domain")
    checked, folder = options.configuration(config)
    place = options.run_folder(out, config, checked)
    found = plan_from_config(checked, folder)
    others = {"save": save, "verify": verify, "on_error": on_error, "checkpoint": checkpoint, "log": log}
    words = ["reliseg", "run", *command_words(config, place, options, others)]
    command = RunCommand(words, Path.cwd())
    if slurm:
        sys.stdout.write(slurm_script(command, stage_parts(found, divided), f"{_logs_beside(place)}-logs"))
        return
    for line in command_lines(command, stage_parts(found, divided)) if commands else overview(found, place):
        sys.stdout.write(f"{line if commands else printable(line)}\n")


def _logs_beside(place: str) -> str:
    """Return what the folder of logs is named after: where a run lies in an object store, its last name, here."""
    return place.rstrip("/").rpartition("/")[2] if "://" in place else place
