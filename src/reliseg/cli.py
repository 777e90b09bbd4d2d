"""The command `reliseg`. Everything slow is imported inside the commands: `--help` answers at once."""

import os
import sys
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reliseg.errors import ConfigError, IncompleteError, ReliSegError

if TYPE_CHECKING:
    from reliseg.config.schema import RunConfig
    from reliseg.plan.plan import Plan
    from reliseg.report.terminal import Terminal

app = typer.Typer(
    name="reliseg",
    help="Measure how far a semantic segmentation model can be trusted, and make it more trustworthy.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

_INTERRUPTED = 130
"""The exit code after Ctrl-C."""

Config = Annotated[Path | None, typer.Argument(metavar="[CONFIG.yaml]", help="A configuration file.")]
Out = Annotated[Path | None, typer.Option(help="Folder of the run; an interrupted run goes on there.")]
Workers = Annotated[
    int | None, typer.Option(min=1, help="Threads that decode ahead of the model; by default one per core, at most 8.")
]
Device = Annotated[str | None, typer.Option(help="auto, cpu, cuda or cuda:i.")]
Limit = Annotated[int | None, typer.Option(min=1, help="Only the first N samples of each domain.")]
Models = Annotated[list[str] | None, typer.Option("--model", help="KIND:WHERE[,KEY=VALUE...], e.g. hf:folder")]
Data = Annotated[list[str] | None, typer.Option("--data", help="SPEC=ROOT[,domain=NAME...][,KEY=VALUE...]")]
Methods = Annotated[str | None, typer.Option("--calibrate", help="Calibrations, e.g. ts; needs --calibrate-on.")]
MethodsOn = Annotated[list[str] | None, typer.Option("--calibrate-on", help="DATA/DOMAIN to fit them on.")]
MethodsFrom = Annotated[
    list[str] | None, typer.Option("--calibrate-from", help="A run's folder, or a record in its calibrations/.")
]
Test = Annotated[list[str] | None, typer.Option("--test", help="DATA/DOMAIN to report; by default all the rest.")]
Reference = Annotated[str | None, typer.Option(help="DATA/DOMAIN that the others are compared with.")]
Scores = Annotated[str | None, typer.Option("--score", help="Scores, e.g. msp,neg_entropy.")]
ProtocolName = Annotated[str | None, typer.Option("--protocol", help="A whole study: see reliseg list protocols.")]
Without = Annotated[list[str] | None, typer.Option(help="DATA[/DOMAIN] of the protocol to leave out.")]
Save = Annotated[str | None, typer.Option(help="Also write: prediction,color,confidence,logits,image.")]


class Kind(StrEnum):
    """What `reliseg list` lists."""

    models = "models"
    datasets = "datasets"
    labels = "labels"
    metrics = "metrics"
    scores = "scores"
    calibrations = "calibrations"
    protocols = "protocols"


def _print_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"reliseg {version('reliseg')}")
        raise typer.Exit


@app.callback()
def _main_options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print it.")
    ] = False,
) -> None:
    """Measure how far a semantic segmentation model can be trusted, and make it more trustworthy."""


@app.command()
def run(
    config: Config = None,
    out: Out = None,
    model: Models = None,
    data: Data = None,
    calibrate: Methods = None,
    calibrate_on: MethodsOn = None,
    calibrate_from: MethodsFrom = None,
    test: Test = None,
    reference: Reference = None,
    score: Scores = None,
    protocol: ProtocolName = None,
    without: Without = None,
    workers: Workers = None,
    device: Device = None,
    limit: Limit = None,
    save: Save = None,
) -> None:
    """Evaluate models on data sets: from a configuration file, or from --model and --data, or by a --protocol."""
    from reliseg.config.schema import render_config
    from reliseg.plan.build import plan_from_config
    from reliseg.report.terminal import Terminal
    from reliseg.run.execute import Run
    from reliseg.runtime.workers import decoding_threads

    given = CommandOptions(
        model, data, calibrate, calibrate_on, calibrate_from, test, reference, score, protocol, without
    )
    checked, folder = _configuration(config, given, device=device, limit=limit)
    name = config.stem if config else f"{checked.models[0].name}-{protocol or checked.datasets[0].name}"
    place = out or Path("runs") / name
    plan = plan_from_config(checked, folder)
    kinds = tuple(k.strip() for k in save.split(",")) if save else ()
    with Terminal() as terminal:
        _announce(plan, terminal)
        text, threads = render_config(checked, folder), decoding_threads(workers)
        job = Run(plan, place, text, workers=threads, save=kinds, progress=terminal)
        try:
            job.execute()
        except IncompleteError:
            terminal.finish(place)
            raise
        terminal.finish(place)


@app.command()
def check(
    config: Config = None,
    model: Models = None,
    data: Data = None,
    calibrate: Methods = None,
    calibrate_on: MethodsOn = None,
    calibrate_from: MethodsFrom = None,
    test: Test = None,
    reference: Reference = None,
    protocol: ProtocolName = None,
    without: Without = None,
    workers: Workers = None,
    device: Device = None,
    limit: Limit = None,
    full: Annotated[bool, typer.Option("--full", help="Decode everything, and run every model on it.")] = False,
) -> None:
    """Find everything that can be wrong before a long run: paths, pairs, sizes, ids, classes, weights."""
    from reliseg.plan.build import plan_from_config
    from reliseg.report.terminal import Terminal
    from reliseg.run.check.preflight import report
    from reliseg.runtime.workers import decoding_threads

    given = CommandOptions(
        model, data, calibrate, calibrate_on, calibrate_from, test, reference, None, protocol, without
    )
    checked, folder = _configuration(config, given, device=device, limit=limit)
    plan = plan_from_config(checked, folder)
    with Terminal() as terminal:
        _announce(plan, terminal)
        problems = report(plan, full=full, workers=decoding_threads(workers), progress=terminal)
    for problem in problems:
        _complain(problem)
    if problems:
        raise typer.Exit(2)


@app.command("list")
def list_(kind: Annotated[Kind, typer.Argument(help="What to list.")]) -> None:
    """List what can be named in a configuration, a line each."""
    from reliseg.config.protocol import protocol_lines
    from reliseg.report.listing import listing_lines

    for line in protocol_lines() if kind is Kind.protocols else listing_lines(kind.value):
        typer.echo(line)


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder for scenes, run and pictures.")] = Path("runs/demo"),
    workers: Workers = None,
) -> None:
    """Draw street scenes, evaluate a small network on them in clear weather, fog, night, rain and snow."""
    from reliseg.demo.run import run_demo
    from reliseg.report.terminal import Terminal
    from reliseg.runtime.workers import decoding_threads

    with Terminal() as terminal:
        closing = run_demo(out, workers=decoding_threads(workers), progress=terminal)
        terminal.finish(out / "run")
    typer.echo(closing)


def main() -> None:
    """The entry point: every deliberate error is one plain line and an exit code."""
    try:
        app()
    except SystemExit as ended:
        if ended.code == _INTERRUPTED:
            _complain("interrupted; the same command goes on where it stopped")
        raise
    except ReliSegError as error:
        for line in str(error).splitlines():
            _complain(line)
        sys.exit(error.exit_code)
    except OSError as error:
        _complain(f"{error.filename or 'disk'}: {error.strerror}; mend that, and the same command goes on")
        sys.exit(1)
    except Exception as error:
        if os.environ.get("RELISEG_DEBUG"):
            raise
        text = " ".join(str(error).split())
        _complain(f"unexpected {type(error).__name__}: {text}; RELISEG_DEBUG=1 shows where, please report it")
        sys.exit(1)


def _complain(line: str) -> None:
    typer.echo(f"reliseg: {line}", err=True)


def _announce(plan: "Plan", terminal: "Terminal") -> None:
    """A line that says which protocol this is, and what was changed of it."""
    if plan.protocol:
        changed = f", changed: {', '.join(plan.protocol['changed'])}" if plan.protocol["changed"] else ""
        terminal.note(f"protocol {plan.protocol['name']}, version {plan.protocol['version']}{changed}")


@dataclass(frozen=True)
class CommandOptions:
    """The short form: a configuration without a file."""

    models: list[str] | None
    data: list[str] | None
    methods: str | None
    fitted_on: list[str] | None
    loaded: list[str] | None
    test: list[str] | None
    reference: str | None
    scores: str | None
    protocol: str | None
    without: list[str] | None

    def __bool__(self) -> bool:
        return any(vars(self).values())

    def content(self) -> dict[str, Any]:
        """As a configuration file would say it."""
        if self.protocol and self.models:
            return self._by_protocol(self.protocol, self.models, self.data or [])
        if not self.models or not self.data:
            raise ConfigError("give a CONFIG.yaml, or at least one --model KIND:WHERE and one --data SPEC=ROOT")
        if self.without and not self.protocol:
            raise ConfigError("--without leaves out parts of a --protocol; give one")
        if self.methods and not self.fitted_on:
            raise ConfigError("--calibrate needs --calibrate-on DATA/DOMAIN: what the calibration is fitted on")
        content: dict[str, Any] = {
            "models": [_model(text) for text in self.models],
            "datasets": [_dataset(text) for text in self.data],
            "test": {"on": self.test or None, "reference": self.reference},
        }
        if self.fitted_on:
            methods = ["identity", *_split(self.methods or "ts")]
            content["calibration"] = [{"on": self.fitted_on, "methods": methods}]
        if self.loaded:
            content["calibration"] = [*content.get("calibration", []), *({"load": path} for path in self.loaded)]
        if self.scores:
            content["scores"] = _split(self.scores)
        return content

    def _by_protocol(self, name: str, models: list[str], data: list[str]) -> dict[str, Any]:
        """A protocol's configuration; what it fixes is refused."""
        from reliseg.config.protocol import read_protocol

        for option, value in (
            ("--calibrate-on", self.fitted_on),
            ("--test", self.test),
            ("--reference", self.reference),
        ):
            if value:
                raise ConfigError(
                    f"{option}: {name} says this itself; leave out parts of it by --without DATA[/DOMAIN]"
                )
        datasets = [_dataset(text) for text in data]
        for section in datasets:
            if "domains" in section:
                raise ConfigError(
                    f"--data {section['name']}: {name} names the domains; leave some out by --without DATA/DOMAIN"
                )
            if section["spec"] == section["name"]:
                del section["spec"]
        return read_protocol(name).configuration(
            [_model(text) for text in models],
            datasets,
            without=self.without or (),
            methods=_split(self.methods or ""),
            scores=_split(self.scores or ""),
        )


def _configuration(
    path: Path | None, given: CommandOptions, *, device: str | None, limit: int | None
) -> tuple["RunConfig", Path]:
    """The configuration of a file or of the short form, and where its relative paths start."""
    from reliseg.config.schema import parse_config, read_config

    if path is not None and given:
        raise ConfigError("give either a CONFIG.yaml or --model and --data (or --protocol), not both")
    config = read_config(path) if path else parse_config(given.content(), where="command line")
    changed = {k: v for k, v in {"device": device, "limit": limit}.items() if v is not None}
    return config.model_copy(update=changed), path.parent if path else Path()


def _split(text: str) -> list[str]:
    """The parts between commas that stand in no bracket."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter in "([{") - (letter in ")]}")
        if letter == "," and depth <= 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts if part.strip()]


def _model(text: str) -> dict[str, Any]:
    """`KIND:WHERE[,KEY=VALUE...]` as a model's section."""
    kind, separator, rest = text.partition(":")
    where, *pairs = _split(rest) or [""]
    if not separator or not where:
        raise ConfigError(f"--model {text!r}: write KIND:WHERE[,KEY=VALUE...], e.g. hf:my/segformer")
    section = {"name": Path(where.partition(":")[0]).stem, "kind": kind, "where": where} | _pairs("--model", pairs)
    if "align_corners" in section:
        section["upsampling"] = {"align_corners": section.pop("align_corners")}
    return section


def _dataset(text: str) -> dict[str, Any]:
    """`SPEC=ROOT[,domain=NAME...][,KEY=VALUE...]` as a data set's section."""
    spec, separator, rest = text.partition("=")
    root, *pairs = _split(rest) or [""]
    if not separator or not root:
        raise ConfigError(f"--data {text!r}: write SPEC=ROOT[,domain=NAME...], e.g. camvid=data/camvid")
    domains = [p.partition("=")[2] for p in pairs if p.startswith("domain=")]
    section = {"name": Path(spec).stem, "spec": spec, "root": root}
    section |= _pairs("--data", [p for p in pairs if not p.startswith("domain=")])
    return section | ({"domains": dict.fromkeys(domains)} if domains else {})


def _pairs(option: str, pairs: list[str]) -> dict[str, Any]:
    """Return KEY=VALUE entries; values are read as in a file, so that `true` and `3` are what they look like."""
    from reliseg.config.yaml_files import parse_value

    values: dict[str, Any] = {}
    for pair in pairs:
        key, separator, value = pair.partition("=")
        if not separator:
            raise ConfigError(f"{option}: {pair!r} is not KEY=VALUE")
        values[key] = parse_value(value, where=f"{option}: {key}")
    return values


if __name__ == "__main__":
    main()
