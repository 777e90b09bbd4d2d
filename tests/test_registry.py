"""Registries: a file's name is the name; other projects add theirs by entry points."""

import inspect
import sys
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest

from reliseg import registry
from reliseg.calibration import CALIBRATORS, calibrator
from reliseg.config.schema import parse_settings
from reliseg.config.settings import left_out_families
from reliseg.errors import ConfigError, PluginError
from reliseg.metrics import METRICS
from reliseg.models import MODELS
from reliseg.registry import Registry, origin_text, plugin_errors, shipped_files
from reliseg.report.listing import listing_lines
from reliseg.scores import SCORES, Score

ALL = {r.kind: r for r in (METRICS, SCORES, CALIBRATORS)}
every_registry = pytest.mark.parametrize("each", ALL.values(), ids=ALL)


@every_registry
def test_every_name_has_one_concrete_class_of_its_file(each):
    names = each.names()
    assert names == sorted(set(names))
    assert names
    classes = [each.get(name) for name in names]
    assert len(set(classes)) == len(classes)
    for name, kind in zip(names, classes, strict=True):
        assert kind.__module__ == f"{each.package}.{each.folder}.{name}"
        assert not inspect.isabstract(kind)
        assert kind()  # made without parameters
        assert kind.__doc__


@every_registry
def test_private_files_and_the_interface_are_no_entries(each):
    assert "base" not in each.names()
    assert not [name for name in each.names() if name.startswith("_")]


@every_registry
def test_hyphens_stand_for_underscores(each):
    for name in each.names():
        assert each.get(name.replace("_", "-")) is each.get(name)


@pytest.mark.parametrize(
    ("each", "name", "near"),
    [
        (METRICS, "misclasification", "misclassification"),
        (METRICS, "calibration-eror", "calibration_error"),
        (SCORES, "max_logits", "max_logit"),
        (CALIBRATORS, "tss", "ts"),
    ],
)
def test_an_unknown_name_suggests_the_nearest(each, name, near):
    with pytest.raises(ConfigError) as caught:
        each.get(name)
    message = str(caught.value)
    assert f"unknown {each.kind} {name!r}; did you mean {near!r}?" in message
    assert all(known in message for known in each.names())
    assert "\n" not in message


def test_a_name_unlike_any_lists_all_without_a_guess():
    with pytest.raises(ConfigError) as caught:
        SCORES.get("xyzzy")
    assert "did you mean" not in str(caught.value)
    assert "msp" in str(caught.value)


class Foreign(Score):
    """A score of another project."""

    def __call__(self, logits):
        return logits.min(axis=0)


class Unfinished(Score):
    """A score that lacks its one method."""


def fresh(monkeypatch, *entries):
    """The scores' registry as it is with these entry points."""

    monkeypatch.setattr(registry, "entry_points", lambda: EntryPoints(entries))
    monkeypatch.setitem(sys.modules, "foreign_scores", sys.modules[__name__])
    return Registry("reliseg.scores", "methods", "Score", "score", trial=SCORES.trial)


class Demanding(Score):
    """A score that cannot be made without parameters."""

    def __init__(self, strength):
        self.strength = strength

    def __call__(self, logits):
        return logits.max(axis=0)


class Leaving(Score):
    """A score that ends the process when it is made."""

    def __init__(self):
        raise SystemExit("no licence")

    def __call__(self, logits):
        return logits.max(axis=0)


def test_entry_points_add_names_that_are_loaded_when_asked_for(monkeypatch):
    mine = EntryPoint("my-score", "foreign_scores:Foreign", "reliseg.scores")
    elsewhere = EntryPoint("other", "foreign_scores:Foreign", "reliseg.metrics")
    shipped = SCORES.names()
    scores = fresh(monkeypatch, mine, elsewhere)
    assert scores.names() == sorted([*shipped, "my_score"])
    assert scores.get("my-score") is scores.get("my_score") is Foreign
    assert scores.faults == {}


BROKEN = {
    "no_such_module_at_all:X": "cannot be imported (ModuleNotFoundError: No module named 'no_such_module_at_all')",
    "foreign_scores:Nothing": "cannot be imported (AttributeError: ",
    "foreign_scores:test_files_are_listed_without_being_imported": "is no subclass of reliseg.scores.Score",
    "foreign_scores:Registry": "is no subclass of reliseg.scores.Score",
    "foreign_scores:Unfinished": "does not define __call__",
    "foreign_scores:Demanding": "cannot be used (TypeError: Demanding.__init__() missing 1 required positional",
    "foreign_scores:Leaving": "cannot be used (SystemExit: no licence)",
}


@pytest.mark.parametrize("value", BROKEN)
def test_a_plug_in_that_is_broken_is_named_with_its_package(monkeypatch, value):
    scores = fresh(monkeypatch, EntryPoint("mine", value, "reliseg.scores"))
    assert "mine" in scores.names()
    with pytest.raises(ConfigError) as refusal:
        scores.get("mine")
    package = value.partition(":")[0]
    text = str(refusal.value)
    assert text.startswith(f"score 'mine' of the package {package} {BROKEN[value]}")
    assert text.endswith(f"; update or uninstall {package}")
    assert "\n" not in text
    assert scores.faults == {"mine": text.removeprefix("score 'mine' ")}
    assert scores.get("msp") is SCORES.get("msp")


def install(folder, monkeypatch, module, **entries):
    """Install a small distribution, `halo-metrics`, with these entry points as GROUP=NAME:CLASS."""
    (folder / "halo_metrics.py").write_text(module)
    info = folder / "halo_metrics-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: halo-metrics\nVersion: 1.0\n")
    lines = [f"[reliseg.{group}]\n{name} = halo_metrics:{value}\n" for group, (name, value) in entries.items()]
    (info / "entry_points.txt").write_text("".join(lines))
    monkeypatch.syspath_prepend(str(folder))
    for each in (METRICS, SCORES, CALIBRATORS, MODELS):
        for cached in ("_entries", "faults"):
            monkeypatch.delitem(vars(each), cached, raising=False)


@pytest.fixture(autouse=True)
def forget_plugins(monkeypatch):
    """Let no test leave its plug-ins in the registries."""
    yield
    monkeypatch.undo()
    sys.modules.pop("halo_metrics", None)
    for each in (METRICS, SCORES, CALIBRATORS, MODELS):
        vars(each).pop("_entries", None)
        vars(each).pop("faults", None)


UNFINISHED = """
from reliseg.metrics import Metric
from reliseg.scores import Score
from reliseg.calibration import Calibrator
from reliseg.models import Model

class HaloMetric(Metric):
    def compute(self, domain, reference):
        return []

class HaloScore(Score): ...
class HaloCalibrator(Calibrator): ...
class HaloModel(Model): ...
"""


@pytest.mark.parametrize(
    ("module", "fault"), [(UNFINISHED, "does not define"), ("import nowhere", "cannot be imported")]
)
def test_an_installed_plug_in_that_is_broken_stops_nothing_but_its_own_use(tmp_path, monkeypatch, module, fault):
    entries = {
        "metrics": ("halo", "HaloMetric"),
        "scores": ("halo", "HaloScore"),
        "calibration": ("halo", "HaloCalibrator"),
        "models": ("halo", "HaloModel"),
    }
    before = parse_settings({}).metrics
    usual = {kind: list(listing_lines(kind)) for kind in ("metrics", "scores", "calibrations", "models")}
    install(tmp_path, monkeypatch, module, **entries)
    for kind, lines in usual.items():
        (line,) = (one for one in listing_lines(kind) if one not in lines and one.startswith("halo"))
        assert f"of the package halo-metrics {fault}" in line
        assert line.endswith("; update or uninstall halo-metrics")
    settings = parse_settings({})
    assert settings.metrics == before
    (note,) = left_out_families(settings)
    assert note.startswith(f"without the metric 'halo' of the package halo-metrics {fault}")
    assert left_out_families(parse_settings({"metrics": ["drop"]})) == []
    for content in ({"metrics": ["halo"]}, {"scores": ["halo"]}):
        with pytest.raises(ConfigError, match="'halo' of the package halo-metrics"):
            parse_settings(content)
    with pytest.raises(ConfigError, match="did you mean"):
        parse_settings({"metrics": ["hallo"]})
    with pytest.raises(ConfigError, match="'halo' of the package halo-metrics"):
        calibrator("halo")


def test_a_plug_in_is_not_imported_by_a_run_that_names_others(tmp_path, monkeypatch):
    install(tmp_path, monkeypatch, UNFINISHED, metrics=("halo", "HaloMetric"), scores=("halo", "HaloScore"))
    settings = parse_settings({"metrics": ["drop", "segmentation"], "scores": ["msp"]})
    assert left_out_families(settings) == []
    assert "halo_metrics" not in sys.modules
    parse_settings({})
    assert "halo_metrics" in sys.modules


def test_an_installed_plug_in_that_works_is_among_all(tmp_path, monkeypatch):
    module = "from reliseg.metrics.families.flips import FlipRate\nclass Halo(FlipRate):\n    'Halos.'\n"
    install(tmp_path, monkeypatch, module, metrics=("halo", "Halo"))
    assert "halo" in parse_settings({}).metrics
    assert "halo: Halos." in list(listing_lines("metrics"))
    assert METRICS.faults == {}


@pytest.mark.parametrize("name", ["neg_entropy", "neg-entropy"])
def test_entry_points_do_not_replace_what_ships(monkeypatch, name):
    scores = fresh(monkeypatch, EntryPoint(name, "foreign:Foreign", "reliseg.scores"))
    assert scores.get("neg_entropy") is SCORES.get("neg_entropy")
    assert scores.names() == SCORES.names()


def make_package(parent: Path, name: str, base: str, files: dict[str, str]) -> None:
    """A package with an interface in `base.py` and plug-ins in the folder `kinds`."""
    (parent / name / "kinds").mkdir(parents=True)
    texts = {"__init__.py": "", "base.py": base, "kinds/__init__.py": ""}
    for file, text in (texts | {f"kinds/{file}": text for file, text in files.items()}).items():
        (parent / name / file).write_text(text)


@pytest.mark.parametrize(("classes", "count"), [("", 0), ("class A(I): ...\nclass B(I): ...\n", 2)])
def test_a_file_holds_exactly_one_class(tmp_path, monkeypatch, classes, count):
    name = f"kinds_{count}"
    one = {"one.py": f"from {name}.base import I\n{classes}"}
    make_package(tmp_path, name, "from abc import ABC\nclass I(ABC): ...\n", one)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(TypeError, match=f"exactly one I, not {count}"):
        Registry(name, "kinds", "I", "kind").get("one")


def test_files_are_listed_without_being_imported(tmp_path, monkeypatch):
    make_package(tmp_path, "lazy_kinds", "class I: ...\n", {"explodes.py": "raise RuntimeError\n"})
    monkeypatch.syspath_prepend(str(tmp_path))
    assert Registry("lazy_kinds", "kinds", "I", "kind").names() == ["explodes"]


def test_files_that_ship_are_listed_by_name_in_order():
    spaces = shipped_files("reliseg.labels", "spaces/*.toml")
    assert list(spaces) == sorted(spaces)
    assert {name: path.name for name, path in spaces.items()} == {name: f"{name}.toml" for name in spaces}
    assert "cityscapes" in spaces
    assert not shipped_files("reliseg.labels", "spaces/*.yaml")


HALO = """
from reliseg.metrics import Metric

class Halo(Metric):
    def quantities(self):
        raise KeyError("halo")

    def compute(self, domain, reference):
        return []
"""


def test_a_metric_whose_quantities_fail_is_broken(tmp_path, monkeypatch):
    install(tmp_path, monkeypatch, HALO, metrics=("halo", "Halo"))
    with pytest.raises(
        ConfigError, match=r"metric 'halo' of the package halo-metrics cannot be used \(KeyError: 'halo'"
    ):
        METRICS.get("halo")
    assert "halo" in METRICS.faults


def test_what_a_plug_in_raises_at_work_is_one_line_with_its_package():
    with (
        pytest.raises(PluginError, match=r"^Foreign of the package \w+ raised ValueError: seven; leave it out"),
        plugin_errors(Foreign()),
    ):
        raise ValueError("seven")


def test_errors_of_our_own_and_of_our_own_classes_pass():
    with pytest.raises(ConfigError), plugin_errors(Foreign()):
        raise ConfigError("ours")
    with pytest.raises(ValueError, match="seven"), plugin_errors(SCORES.get("msp")()):
        raise ValueError("seven")


def test_a_class_is_called_by_its_name_and_another_package():
    assert origin_text(SCORES.get("msp")) == SCORES.get("msp").__name__
    assert origin_text(Foreign) == f"Foreign of the package {__name__.partition('.')[0]}"
