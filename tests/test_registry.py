"""Registries: a file's name is the name; other projects add theirs by entry points."""

import inspect
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from reliseg import registry
from reliseg.calibration import CALIBRATORS
from reliseg.errors import ConfigError
from reliseg.metrics import METRICS
from reliseg.registry import Registry
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
    for name, found in zip(names, classes, strict=True):
        assert found.__module__ == f"{each.package}.{each.folder}.{name}"
        assert not inspect.isabstract(found)
        assert found()  # made without parameters
        assert found.__doc__


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


def fresh(monkeypatch, *entries):
    """The scores' registry as it is with these entry points."""

    def listed(*, group):
        return [e for e in entries if e.group == group]

    monkeypatch.setattr(registry, "entry_points", listed)
    return Registry("reliseg.scores", "methods", "Score", "score")


def test_entry_points_add_names_that_are_loaded_when_asked_for(monkeypatch):
    monkeypatch.setitem(sys.modules, "foreign_scores", sys.modules[__name__])
    mine = EntryPoint("my-score", "foreign_scores:Foreign", "reliseg.scores")
    elsewhere = EntryPoint("other", "foreign_scores:Foreign", "reliseg.metrics")
    broken = EntryPoint("broken", "no_such_module_at_all:X", "reliseg.scores")
    scores = fresh(monkeypatch, mine, elsewhere, broken)
    assert scores.names() == sorted([*SCORES.names(), "my_score", "broken"])
    assert scores.get("my-score") is scores.get("my_score") is Foreign
    with pytest.raises(ModuleNotFoundError):
        scores.get("broken")


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
