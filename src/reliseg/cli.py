"""The command `reliseg`. Everything slow is imported inside the commands: `--help` answers at once."""

import errno
import gc
import os
import sys
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TextIO

import typer

from reliseg.cli_corrupt import corrupt
from reliseg.cli_deploy import export, predict
from reliseg.cli_options import (
    Actors,
    Checkpoint,
    CommandOptions,
    Config,
    Full,
    GpusPerModel,
    Log,
    OnError,
    Out,
    Pictures,
    RayAddress,
    Save,
    Verify,
    Workers,
    with_options,
)
from reliseg.cli_options import reporter as new_reporter
from reliseg.cli_plan import plan as plan_command
from reliseg.cli_report import card, compare, figures, gate, report, table
from reliseg.cli_upkeep import merge, prune
from reliseg.errors import ConfigError, IncompleteError, ReliSegError, lacks_memory, one_line, shorten_words, suggestion
from reliseg.runtime.printable import printable, replace_unprintable
from reliseg.runtime.process.interruption import ending_soon

if TYPE_CHECKING:
    from reliseg.plan.plan import Plan
    from reliseg.report.json_log import JsonLog
    from reliseg.report.terminal import Terminal
    from reliseg.run.execute import Engine

app = typer.Typer(
    name="reliseg",
    help="Measure how far a semantic segmentation model can be trusted, and make it more trustworthy.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

_INTERRUPTED, _TERMINATED = 130, 143
"""The exit codes after Ctrl-C and after SIGTERM."""
_LESS_MEMORY = "give fewer --workers or a smaller batch, then start the same command again"
_LONG_WORD = 400
"""Words of so many characters hide, on a terminal, what is said of them."""
_CommandLineError: type[Exception] = typer.BadParameter.__mro__[2]
"""What typer raises for all that is wrong with options and arguments: it has no public name."""

KINDS = ("models", "datasets", "labels", "metrics", "scores", "calibrations", "corruptions", "protocols")
"""What `reliseg list` lists."""


def _print_version(requested: bool) -> None:
    if requested:
        from importlib.metadata import version

        _say(f"reliseg {version('reliseg')}", sys.stdout)
        raise typer.Exit


@app.callback()
def _main_options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Measure how far a semantic segmentation model can be trusted, and make it more trustworthy."""


@app.command()
@with_options()
def run(
    *,
    config: Config = None,
    out: Out = None,
    options: CommandOptions,
    save: Save = None,
    pictures: Pictures = None,
    verify: Verify = False,
    on_error: OnError = "stop",
    checkpoint: Checkpoint = 60.0,
    stage: Annotated[
        Literal["sample", "fit", "evaluate", "measure"] | None,
        typer.Option(help="Do one stage alone: see reliseg plan."),
    ] = None,
    part: Annotated[str | None, typer.Option(metavar="K/N", help="Do a part of the --stage alone, like 3/40.")] = None,
    per: Annotated[
        Literal["shard", "scene", "domain", "model"] | None,
        typer.Option(help="What the parts are, as reliseg plan prints them; without it, N equal parts."),
    ] = None,
    engine: Annotated[
        Literal["local", "ray"], typer.Option(help="Who does the work: this process, or workers of a Ray cluster.")
    ] = "local",
    address: RayAddress = None,
    gpus_per_model: GpusPerModel = None,
    actors: Actors = None,
    log: Log = "text",
) -> None:
    """Evaluate models on data sets: from a configuration file, or from --model and --data, or by a --protocol."""
    from reliseg.config.schema import render_config
    from reliseg.config.short_form import split_list
    from reliseg.plan.build import plan_from_config
    from reliseg.plan.parts import parse_part
    from reliseg.run.depot.open import open_depot
    from reliseg.run.execute import Run
    from reliseg.run.stages import PartOfRun, conclude
    from reliseg.runtime.workers import decoding_threads

    is_part = stage not in (None, "measure") or bool(part or per)
    if (part or per) and stage is None:
        raise ConfigError("--part divides a stage; give --stage sample, fit, evaluate or measure too")
    if pictures and is_part:
        which = f"--stage {stage}" if stage != "measure" else "--part"
        raise ConfigError(f"--pictures shows results, and {which} makes none; give it with --stage measure alone")
    chosen = parse_part(part or "1/1", per)
    who = _engine(engine, address, gpus_per_model, actors)
    if who and stage:
        raise ConfigError("--stage is for processes that you start by hand; leave it out with --engine ray")
    checked, folder = options.configuration(config)
    place, depot = open_depot(options.run_folder(out, config, checked))
    plan = plan_from_config(checked, folder)
    kinds = tuple(split_list(save or ""))
    with new_reporter(log) as reporter:
        _announce(plan, reporter)
        text, threads = render_config(checked, folder), decoding_threads(options.workers)
        job = Run(plan, place, text, threads, kinds, reporter, verify, on_error, checkpoint, who, depot, pictures)
        if stage and is_part:
            PartOfRun(job, stage, chosen).execute()
            return
        try:
            found = conclude(job, with_models=True) if stage else job.execute()
        except IncompleteError:
            reporter.finish(place, depot.name(place))
            raise
        reporter.finish(place, depot.name(place), found)


@app.command()
def results(
    run: Annotated[str, typer.Argument(metavar="RUN", help="The folder of a run, or its address.")],
    config: Annotated[
        Path | None, typer.Argument(metavar="CONFIG.yaml", help="What is asked; by default, what was asked last.")
    ] = None,
    on_error: OnError = "stop",
    parquet: Annotated[
        bool, typer.Option("--parquet", help="Also write results.parquet and images.parquet, for data frames.")
    ] = False,
    log: Log = "text",
) -> None:
    """Write the tables of what is stored, without any network: other metrics, or models and domains of those there."""
    from reliseg.config.schema import read_config, render_config
    from reliseg.plan.build import plan_from_config
    from reliseg.results.frames import check_parquet
    from reliseg.results.parquet import write_parquet_tables
    from reliseg.run.depot.open import open_depot
    from reliseg.run.execute import Run
    from reliseg.run.folder import RunFolder, look_at_run
    from reliseg.run.stages import conclude

    if parquet:
        check_parquet("--parquet")
    folder, depot = open_depot(run)
    look_at_run(RunFolder(folder), depot)
    path = config or RunFolder(folder).config
    checked = read_config(path)
    plan = plan_from_config(checked, path.parent)
    with new_reporter(log) as reporter:
        _announce(plan, reporter)
        job = Run(plan, folder, render_config(checked, path.parent), progress=reporter, on_error=on_error, depot=depot)
        found, problems = None, tuple[str, ...]()
        try:
            found = conclude(job)
        except IncompleteError as error:
            problems = error.lines
        if parquet:
            depot.put(*write_parquet_tables(folder))
        reporter.finish(folder, depot.name(folder), found)
        if problems:
            raise IncompleteError(*problems)


app.command("plan")(plan_command)


def _engine(
    name: Literal["local", "ray"], address: str | None, gpus_per_model: float | None, actors: int | None
) -> "Engine | None":
    """Return who does the work; None is this process. A ConfigError for options that say nothing to it."""
    if name == "ray":
        from reliseg.run.engines.ray_engine import RayEngine

        return RayEngine(address, gpus_per_model, actors)
    given = {"--address": address, "--gpus-per-model": gpus_per_model, "--actors": actors}
    lost = [option for option, value in given.items() if value is not None]
    if lost:
        raise ConfigError(f"{lost[0]} is for --engine ray; add that, or leave {lost[0]} out")
    return None


@app.command()
@with_options(leave_out=("score",))
def check(*, config: Config = None, options: CommandOptions, full: Full = False, log: Log = "text") -> None:
    """Find mistakes before a long run: in paths, pairs, sizes, ids, classes and weights."""
    from reliseg.plan.build import plan_from_config
    from reliseg.run.check.preflight import report
    from reliseg.runtime.workers import decoding_threads

    checked, folder = options.configuration(config)
    plan = plan_from_config(checked, folder)
    with new_reporter(log) as reporter:
        _announce(plan, reporter)
        problems = report(plan, full=full, workers=decoding_threads(options.workers), progress=reporter)
    for problem in problems:
        _complain(problem)
    if problems:
        raise typer.Exit(2)


app.command()(predict)
app.command()(export)
app.command()(report)
app.command()(figures)
app.command()(table)
app.command()(corrupt)
app.command()(merge)
app.command()(prune)
app.command()(card)
app.command()(compare)
app.command()(gate)


@app.command("list")
def list_(
    kind: Annotated[str | None, typer.Argument(metavar="KIND", help=f"What to list: {', '.join(KINDS)}.")] = None,
) -> None:
    """List what a configuration can name, for example the metrics."""
    if kind not in KINDS:
        known = suggestion(kind or "", KINDS)
        raise ConfigError(f"list: unknown kind {kind!r}; {known}" if kind else f"list: say what to list; {known}")
    from reliseg.config.protocol import protocol_lines
    from reliseg.report.listing import listing_lines

    for line in protocol_lines() if kind == "protocols" else listing_lines(kind):
        _say(line, sys.stdout)


@app.command()
def status(
    run: Annotated[str | None, typer.Argument(metavar="RUN", help="The folder of a run, or its address.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON, for programs.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Print it anew until no process is at work.")] = False,
) -> None:
    """Show what the processes of a run do: its stages, their speed, the time left. They may be on other machines."""
    from reliseg.report.status import print_status
    from reliseg.run.depot.open import watched_folder
    from reliseg.run.status import read_status

    if run is None:
        raise ConfigError("status: give the folder of a run, as the --out of reliseg run")
    with watched_folder(run) as look:
        print_status(run, lambda: read_status(look(), run), as_json=as_json, watch=watch)


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder for scenes, results and pictures.")] = Path("runs/demo"),
    workers: Workers = None,
) -> None:
    """Draw street scenes and evaluate a small network on them, in clear weather, fog, night, rain and snow."""
    from reliseg.demo.run import run_demo
    from reliseg.report.terminal import Terminal
    from reliseg.runtime.workers import decoding_threads

    with Terminal() as terminal:
        closing = run_demo(out, workers=decoding_threads(workers), progress=terminal)
        terminal.finish(out / "run")
    for line in closing:
        _say(line, sys.stdout)


def main() -> None:
    """Run the command: every deliberate error becomes one plain line and an exit code."""
    from reliseg.runtime.malloc import tune_malloc

    tune_malloc()
    gc.set_threshold(10_000)  # with the usual 700, imports alone start 200 searches for circles of objects
    for stream in (sys.stdout, sys.stderr):
        replace_unprintable(stream)
    with ending_soon(_last_words) as interruption:
        code = _exit_code()
    interruption.end(code)


def _last_words(code: int) -> None:
    """Say why the command ends, where nothing has been said yet, and write what waits to be written."""
    if code in (_INTERRUPTED, _TERMINATED):
        if sys.stderr is not None and sys.stderr.isatty() and not _logs_json():
            sys.stderr.write("\x1b[?25h")  # the cursor, which progress may have hidden
        _complain("interrupted; the same command continues where it stopped")
    if _logs_json():
        _json_log().end(code)
    _let_go(sys.stdout)
    _let_go(sys.stderr)


def _exit_code() -> int:
    """Run the command and say what went wrong; return the exit code."""
    try:
        return app(prog_name="reliseg", standalone_mode=False) or 0
    except SystemExit as ended:  # nobody reads the output any more
        return ended.code if isinstance(ended.code, int) else 1
    except (typer.Abort, KeyboardInterrupt):
        return _INTERRUPTED
    except _CommandLineError as error:
        return _complain_of_usage(error)
    except ReliSegError as error:
        for line in error.lines:
            _complain(line)
        return error.exit_code
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            _complain(f"{error.filename}: the name is too long; correct it, or give a shorter one")
            return ConfigError.exit_code
        where = f"{error.filename or 'disk'}: " if error.strerror else ""
        reason = error.strerror or one_line(error) or type(error).__name__
        _complain(f"{where}{reason}; check path, permissions and disk space, then start again")
    except Exception as error:
        if lacks_memory(error):
            _complain(f"not enough memory ({one_line(error) or 'the system gives no more'}); {_LESS_MEMORY}")
            return 1
        if os.environ.get("RELISEG_DEBUG"):
            raise
        kind, text = type(error).__name__, one_line(error)
        _complain(f"unexpected {kind}: {text}; set RELISEG_DEBUG=1 to see where, and please report it")
    return 1


def _complain_of_usage(error: Any) -> int:
    """Say what is wrong with the words of the command line; where there are none, print the help."""
    if type(error).__name__ == "NoArgsIsHelpError":
        error.show()
    else:
        context = getattr(error, "ctx", None)
        text = error.format_message().replace(". Did", "; did").replace("Input should", "it should")
        text = " ".join(text.split()).rstrip(".?")
        _complain(f"{text[:1].lower()}{text[1:]}; see {context.command_path if context else 'reliseg'} --help")
    return int(error.exit_code)


def _let_go(stream: TextIO | None) -> None:
    """Write what waits in a stream. Where it cannot be written, drop it: the interpreter would complain at its end."""
    if stream is None:  # closed by whoever started the command
        return
    try:
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _logs_json() -> bool:
    """Tell if the command was given `--log json`: also what is wrong with its other words is said so."""
    return "--log=json" in sys.argv or ("--log", "json") in pairwise(sys.argv)


def _json_log() -> "JsonLog":
    from reliseg.report.json_log import JsonLog

    return JsonLog()


def _complain(line: str) -> None:
    if _logs_json():
        _json_log().error(line)
        return
    with suppress(OSError):  # nobody can be told; the exit code stays
        _say(f"reliseg: {shorten_words(line, _LONG_WORD)}", sys.stderr)


def _say(line: str, stream: TextIO | None) -> None:
    """Write a line in the stream's own encoding; typer writes UTF-8 where that is ASCII."""
    if stream is not None:
        stream.write(f"{printable(line)}\n")
        stream.flush()


def _announce(plan: "Plan", reporter: "JsonLog | Terminal") -> None:
    """Note which protocol this is, what was changed of it, and which metrics are left out."""
    from reliseg.config.settings import left_out_families

    for line in left_out_families(plan.settings):
        reporter.note(line)
    if plan.protocol:
        changed = f", changed: {', '.join(plan.protocol['changed'])}" if plan.protocol["changed"] else ""
        reading = f", reading {plan.protocol['reading']}" if "reading" in plan.protocol else ""
        reporter.note(f"protocol {plan.protocol['name']}, version {plan.protocol['version']}{reading}{changed}")


if __name__ == "__main__":
    main()
