"""The parts of an identity: content is, names and places are not."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from helpers.plans import SilentModel, dataset_of, target_of
from helpers.worlds import space

from reliseg.calibration import Unchanged
from reliseg.data import DataSet, Sample
from reliseg.data.augment import Copy, Photometric
from reliseg.labels import ColorMap, LabelMap, LabelSpace
from reliseg.plan.plan import Target
from reliseg.run.predict.identity import (
    codes_of_scores,
    identity_of_calibration,
    parts_of_predictions,
)
from reliseg.run.predict.model_facts import ModelFacts
from reliseg.run.predict.plugin_code import parts_of_code
from reliseg.scores.base import SCORES, Score
from reliseg.stats import Layout


def dataset(**changes: object) -> DataSet:
    return replace(dataset_of({"day": ["s/1"]}), **changes)  # type: ignore[arg-type]


def parts(data: DataSet, model: SilentModel | None = None, batch: int = 1) -> dict[str, str]:
    return parts_of_predictions(ModelFacts.of(model or SilentModel()), [target_of(data, "day")], batch)


def colors(*, name: str = "test", unlisted_is_void: bool = False, red: int = 0) -> ColorMap:
    palette = ((red + 9, 0, 0), (1, 0, 0), (2, 0, 0))
    return ColorMap.of(LabelSpace(name, space(3).classes, palette), unlisted_is_void=unlisted_is_void)


IDS = {c: c for c in range(3)}
CHANGES: dict[str, tuple[Callable[[], dict[str, str]], set[str]]] = {
    "a model": (lambda: parts(dataset(), SilentModel("other")), {"model"}),
    "batches": (lambda: parts(dataset(), batch=2), {"batch"}),
    "a known id": (lambda: parts(dataset(label_map=LabelMap.of({0: 0, 1: 1, 3: 2}))), {"label map"}),
    "a void id": (lambda: parts(dataset(label_map=LabelMap.of(IDS, void=[9]))), {"label map"}),
    "unlisted ids": (lambda: parts(dataset(label_map=LabelMap.of(IDS, unlisted_is_void=True))), {"label map"}),
    "the encoding": (lambda: parts(dataset(encoding="red")), {"label map"}),
    "colors": (lambda: parts(dataset(label_map=colors())), {"label map"}),
    "a projection": (lambda: parts(dataset(projections={"test": (0, 1, -1)})), {"projection"}),
    "more classes": (lambda: parts(dataset(labels=space(4), projections={"test": (0, 1, 2)})), {"projection"}),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_a_change_is_seen_in(change: str) -> None:
    now, changed = CHANGES[change]
    before, after = parts(dataset()), now()
    assert {name for name in before if before[name] != after[name]} == changed


def test_colors_count_and_the_name_of_their_palette_does_not() -> None:
    first = parts(dataset(label_map=colors()))
    assert parts(dataset(label_map=colors(name="another"))) == first
    assert parts(dataset(label_map=colors(red=1))) != first
    assert parts(dataset(label_map=colors(unlisted_is_void=True))) != first


def test_names_and_places_are_no_part() -> None:
    renamed = replace(space(3), name="another")
    moved = dataset(name="other", root=Path("elsewhere"), labels=renamed)
    assert parts(moved, SilentModel(labels=renamed)) == parts(dataset())


def test_how_copies_are_made_is_a_part() -> None:
    def copied(augmentation: Photometric) -> dict[str, str]:
        data = dataset()
        (sample,) = data.domains["day"].samples
        copy: Sample = replace(sample, id="s/1~1", copy=Copy(sample.id, 1, augmentation))
        domain = replace(data.domains["day"], samples=(sample, copy))
        return parts_of_predictions(ModelFacts.of(SilentModel()), [Target(data, domain)], 1)

    first = copied(Photometric())
    assert first["augmentation"] != parts(dataset())["augmentation"]
    assert copied(Photometric(seed=1))["augmentation"] != first["augmentation"]
    assert copied(Photometric()) == first


def test_the_code_of_a_score_that_a_package_brings_is_told_by_score(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert codes_of_scores(Layout(3, ("msp", "margin"))) == {}
    source = tmp_path / "own.py"

    def with_code(text: str) -> dict[str, str]:
        source.write_text(text)
        return codes_of_scores(Layout(3, ("msp", "own")))

    get = SCORES.get
    monkeypatch.setattr(type(SCORES), "get", lambda self, name: Score if name == "own" else get(name))
    monkeypatch.setattr("inspect.getsourcefile", lambda plugin: str(source))
    one = with_code("1")
    assert list(one) == ["own"]
    assert with_code("2") != one
    assert with_code("1") == one


def test_the_code_of_models_and_calibrations_of_another_package_is_a_part(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    source = tmp_path / "own.py"
    monkeypatch.setattr("inspect.getsourcefile", lambda plugin: str(source))

    class Own(Unchanged):
        """A calibration of another package."""

    def with_code(text: str) -> tuple[dict[str, str], str]:
        source.write_text(text)
        return parts_of_code([Own()]), identity_of_calibration(Own())

    one, two = with_code("1"), with_code("2")
    assert one[0] != two[0]
    assert one[1] != two[1]
    assert with_code("1") == one
    assert parts_of_code([Unchanged()]) == {}
    assert identity_of_calibration(Unchanged()) == Unchanged().fingerprint()
