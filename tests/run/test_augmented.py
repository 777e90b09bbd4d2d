"""Runs that are fitted on augmented copies: the model is given them, and they are no way around the leakage guard."""

import json
from pathlib import Path

import numpy as np
import pytest
from helpers.street import Street, make_street
from PIL import Image

import reliseg
from reliseg.config.schema import read_config, render_config
from reliseg.data import DataOptions, load, open_dataset
from reliseg.errors import ConfigError, ModelError
from reliseg.plan.build import plan_from_config
from reliseg.run.execute import Run

AUGMENT = {"kind": "photometric", "copies": 2}
BUILD = """
import numpy as np

def build():
    weights = np.random.default_rng(0).normal(0, 0.02, (11, 3))
    return lambda image: np.einsum("kc,hwc->khw", weights, image[::4, ::4].astype(float)).astype(np.float32)
"""


@pytest.fixture
def street(tmp_path: Path) -> Street:
    """The street's images seen by a model of their colors, fitted on copies."""
    found = make_street(tmp_path / "street", cal=4, day=3, dusk=3)
    (found.root / "colors.py").write_text(BUILD)
    content = found.content()
    content["models"] = [{"name": "net", "kind": "python", "where": "colors.py:build", "labels": "camvid"}]
    content["datasets"][0]["domains"]["cal"]["augment"] = AUGMENT
    found.write(content)
    return found


@pytest.mark.slow
def test_the_model_is_given_the_copies_whatever_the_workers(street: Street, tmp_path: Path) -> None:
    outs = [tmp_path / f"out{workers}" for workers in (1, 3)]
    for workers, out in zip((1, 3), outs, strict=True):
        reliseg.run_config(street.config, out, workers=workers)
    assert (outs[0] / "results.csv").read_bytes() == (outs[1] / "results.csv").read_bytes()
    records = [json.loads((out / "calibrations/net/ts@street-cal.json").read_text()) for out in outs]
    assert records[0] == records[1]
    assert list(records[0]["samples"]["street/cal"]) == [f"s0/s0_{i:04d}~{k}" for i in range(4) for k in (1, 2)]
    content = street.content()
    content["datasets"][0]["domains"]["cal"].pop("augment")
    street.write(content)
    reliseg.run_config(street.config, tmp_path / "plain")
    plain = json.loads((tmp_path / "plain/calibrations/net/ts@street-cal.json").read_text())
    assert set(plain["samples"]["street/cal"].values()) == set(records[0]["samples"]["street/cal"].values())
    assert plain["parameters"] != records[0]["parameters"]


def test_what_the_model_was_given_can_be_saved(street: Street, tmp_path: Path) -> None:
    config = read_config(street.config)
    plan = plan_from_config(config, street.root)
    Run(plan, tmp_path / "out", render_config(config, street.root), save=("image",)).execute()
    saved = tmp_path / "out" / "saved" / "net" / "street"
    dataset = open_dataset(
        DataOptions("camvid", street.root / "data", domains={"cal": {"split": "val", "augment": AUGMENT}})
    )
    samples = dataset.domains["cal"].samples
    for sample in samples:
        pixels = load(dataset, sample).image
        assert (np.array(Image.open(saved / "cal" / f"{sample.id}_image.png")) == pixels).all()
    assert len(list(saved.rglob("*.png"))) == len(samples) + 6


def test_an_image_is_not_tested_after_a_fit_on_its_copy(street: Street) -> None:
    content = street.content()
    content["datasets"][0]["domains"]["again"] = {"split": "val"}
    content["test"]["on"] = ["street/again"]
    street.write(content)
    with pytest.raises(ConfigError, match="street/again shares 4 samples with street/cal"):
        reliseg.run_config(street.config, street.root / "out")


def test_stored_predictions_of_copies_are_asked_for_by_name(tmp_path: Path) -> None:
    street = make_street(tmp_path / "street", cal=4, day=3, dusk=3)
    content = street.content()
    content["datasets"][0]["domains"]["cal"]["augment"] = AUGMENT
    street.write(content)
    with pytest.raises(ModelError, match=r"8 samples without a stored prediction of their own \(s0/s0_0000~1, "):
        reliseg.run_config(street.config, tmp_path / "out")
