"""The options that commands share, and a configuration made of them. Everything slow is imported when it is used."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import wraps
from inspect import Signature, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from reliseg.errors import ConfigError

if TYPE_CHECKING:
    from reliseg.config.schema import RunConfig
    from reliseg.report.json_log import JsonLog
    from reliseg.report.terminal import Terminal

Config = Annotated[Path | None, typer.Argument(metavar="CONFIG.yaml", help="The configuration file.")]
Out = Annotated[
    str | None,
    typer.Option(
        metavar="PATH",
        help="Folder for the results, runs/NAME by default, or s3://BUCKET/PATH; an interrupted run continues there.",
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(min=1, help="Threads that read images ahead of the model. Default: one per core, at most 8."),
]
Save = Annotated[
    str | None,
    typer.Option(
        help="Also save files of each sample: prediction,color,confidence,logits,image; the first three of a "
        "calibration too, as in confidence@ts@camvid/cal."
    ),
]
Pictures = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=1000,
        metavar="N",
        help="Keep pictures of the N worst images of each model and domain for the report.",
    ),
]
Log = Annotated[
    Literal["text", "json"],
    typer.Option(help="What standard error gets: text for people, or json, an object a line, for programs."),
]
OnError = Annotated[
    Literal["stop", "skip"],
    typer.Option(help="Where images of a domain cannot be evaluated: give no results, or those of the others."),
]
Verify = Annotated[bool, typer.Option("--verify", help="Hash every file again, also those that seem unchanged.")]
Checkpoint = Annotated[
    float,
    typer.Option(min=0, help="Seconds of work that a crash costs at most: what is counted by then is stored."),
]
RayAddress = Annotated[
    str | None,
    typer.Option("--address", help="The cluster of --engine ray, HOST:PORT or auto. Default: one on this machine."),
]
GpusPerModel = Annotated[
    float | None, typer.Option(min=0, help="GPUs of each worker of --engine ray. Default: 1 where models use GPUs.")
]
Actors = Annotated[
    int | None, typer.Option(min=1, help="Workers of --engine ray at a time. Default: as many as there is room for.")
]
Full = Annotated[bool, typer.Option("--full", help="Read every file, and run every model on every image.")]


@dataclass(frozen=True)
class CommandOptions:
    """The options that say what is evaluated and how: a configuration without a file, and what overrides a file."""

    model: Annotated[
        list[str] | None,
        typer.Option(help="A model: KIND:WHERE[,KEY=VALUE...], e.g. hf:my/segformer. Repeat for more."),
    ] = None
    data: Annotated[
        list[str] | None, typer.Option(help="A data set: SPEC=ROOT[,domain=NAME...][,KEY=VALUE...]. Repeat for more.")
    ] = None
    calibrate: Annotated[
        str | None, typer.Option(help="Calibration methods, e.g. ts,class_ts; needs --calibrate-on.")
    ] = None
    calibrate_on: Annotated[list[str] | None, typer.Option(help="DATA/DOMAIN to fit calibrations on.")] = None
    calibrate_from: Annotated[
        list[str] | None, typer.Option(help="Load calibrations: the folder of a run, or a file in its calibrations/.")
    ] = None
    test: Annotated[
        list[str] | None,
        typer.Option(help="DATA/DOMAIN to test on. Default: all domains that calibrations are not fitted on."),
    ] = None
    reference: Annotated[
        str | None, typer.Option(help="The in-domain DATA/DOMAIN that the others are compared with.")
    ] = None
    score: Annotated[
        str | None, typer.Option(help="Confidence scores, e.g. msp,neg_entropy: see reliseg list scores.")
    ] = None
    protocol: Annotated[str | None, typer.Option(help="A predefined study: see reliseg list protocols.")] = None
    reading: Annotated[
        str | None,
        typer.Option(help="How the protocol is read where a study did not do what it says: scripts or text."),
    ] = None
    without: Annotated[list[str] | None, typer.Option(help="DATA[/DOMAIN] of the protocol to leave out.")] = None
    workers: Workers = None
    device: Annotated[str | None, typer.Option(help="Where the models run: auto, cpu, cuda or cuda:0, cuda:1 ..")] = (
        None
    )
    limit: Annotated[int | None, typer.Option(min=1, help="Use only the first N samples of each domain.")] = None

    def configuration(self, path: Path | None) -> tuple["RunConfig", Path]:
        """Return the configuration of a file, or of the short form, and where its relative paths start."""
        from reliseg.config.schema import parse_config, parse_settings, read_config

        overrides = {k: v for k, v in {"device": self.device, "limit": self.limit}.items() if v is not None}
        parse_settings(overrides, where="command line")
        if path is not None and self != CommandOptions(workers=self.workers, device=self.device, limit=self.limit):
            raise ConfigError("give either a CONFIG.yaml or --model and --data (or --protocol), not both")
        config = read_config(path) if path else parse_config(self.content(), where="command line")
        return config.model_copy(update=overrides), path.parent if path else Path()

    def run_folder(self, out: str | None, path: Path | None, config: "RunConfig") -> str:
        """Return the folder of a run or its address, by default a folder that is named after its configuration."""
        name = path.stem if path else f"{config.models[0].name}-{self.protocol or config.datasets[0].name}"
        return out or str(Path("runs") / name)

    def content(self) -> dict[str, Any]:
        """Return what a configuration file would say."""
        from reliseg.config.short_form import dataset_section, model_section, split_list

        if self.protocol:
            return self._protocol_content(self.protocol, self.model or [], self.data or [])
        if not self.model or not self.data:
            raise ConfigError("give a CONFIG.yaml, or at least one --model KIND:WHERE and one --data SPEC=ROOT")
        if self.reading:
            raise ConfigError("--reading chooses how a protocol is read; give --protocol too")
        if self.without and not self.protocol:
            raise ConfigError("--without leaves out parts of a protocol; give --protocol too")
        if self.calibrate and not self.calibrate_on:
            raise ConfigError("--calibrate needs --calibrate-on DATA/DOMAIN, the data to fit the calibration on")
        content: dict[str, Any] = {
            "models": [model_section(text) for text in self.model],
            "datasets": [dataset_section(text) for text in self.data],
            "test": {"on": self.test or None, "reference": self.reference},
        }
        if self.calibrate_on:
            methods = ["identity", *split_list(self.calibrate or "ts")]
            content["calibration"] = [{"on": self.calibrate_on, "methods": methods}]
        if self.calibrate_from:
            content.setdefault("calibration", []).extend({"load": path} for path in self.calibrate_from)
        if self.score:
            content["scores"] = split_list(self.score)
        return content

    def _protocol_content(self, name: str, models: list[str], data: list[str]) -> dict[str, Any]:
        """Return a protocol's configuration; what it fixes is refused."""
        from reliseg.config.protocol import read_protocol
        from reliseg.config.short_form import dataset_section, model_section, split_list

        protocol = read_protocol(name, self.reading)
        if not models:
            raise ConfigError(f"--protocol {name}: give at least one --model KIND:WHERE, the model to evaluate")
        for option, value in (
            ("--calibrate-on", self.calibrate_on),
            ("--test", self.test),
            ("--reference", self.reference),
        ):
            if value:
                raise ConfigError(
                    f"{option}: {name} decides this itself; leave out parts of it with --without DATA[/DOMAIN]"
                )
        datasets = [dataset_section(text) for text in data]
        for section in datasets:
            if "domains" in section:
                raise ConfigError(
                    f"--data {section['name']}: {name} names the domains; leave some out with --without DATA/DOMAIN"
                )
            if section["spec"] == section["name"]:
                del section["spec"]
        return protocol.configuration(
            [model_section(text) for text in models],
            datasets,
            without=self.without or (),
            methods=split_list(self.calibrate or ""),
            scores=split_list(self.score or ""),
        )


def command_words(path: Path | None, out: str, options: CommandOptions, others: Mapping[str, Any]) -> list[str]:
    """Return the words of a command that says the same in full: `others` are options that are no fields of `options`.

    Those that are None or false, and those of `others` that say what is the default, are left out.
    """
    words = [] if path is None else [str(path) if not str(path).startswith("-") else f"./{path}"]
    words += ["--out", out]
    given = vars(options) | {name: value for name, value in others.items() if value != _DEFAULTS.get(name)}
    for name, value in given.items():
        option = f"--{name.replace('_', '-')}"
        if value is True:
            words.append(option)
        elif value is not None and value is not False:
            words += [word for one in (value if isinstance(value, list) else [value]) for word in (option, str(one))]
    return words


_DEFAULTS = {"on_error": "stop", "checkpoint": 60.0, "log": "text"}


def with_options(leave_out: Collection[str] = ()) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Put the fields of CommandOptions, but some, in the place of a command's parameter `options`."""
    shared = [p for p in signature(CommandOptions).parameters.values() if p.name not in leave_out]

    def expand(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def run_command(**values: Any) -> None:
            options = CommandOptions(**{p.name: values.pop(p.name) for p in shared})
            command(options=options, **values)

        own = signature(command).parameters.values()
        every = [p.replace(kind=p.KEYWORD_ONLY) for mine in own for p in (shared if mine.name == "options" else [mine])]
        run_command.__signature__ = Signature(every)  # type: ignore[attr-defined]
        return run_command

    return expand


def reporter(log: str) -> "JsonLog | Terminal":
    """Return who is told what a command does."""
    if log == "json":
        from reliseg.report.json_log import JsonLog

        return JsonLog()
    from reliseg.report.terminal import Terminal

    return Terminal()
