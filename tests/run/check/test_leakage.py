"""What a calibration was fitted on is not what it is tested on, whatever the file is called and wherever it lies."""

import json
import shutil

import numpy as np
import pytest
from helpers.street import make_street
from PIL import Image

import reliseg
from reliseg.config.schema import parse_settings
from reliseg.errors import ConfigError, DataError, IncompleteError, ModelError
from reliseg.plan.build import ReportedTargets, build_plan
from reliseg.plan.plan import Fit, Target
from reliseg.results import Results
from reliseg.run.check.leakage import shared_scenes
from reliseg.runtime.progress import Silent

pytestmark = pytest.mark.slow


class Notes(Silent):
    """What a user is told, and the stages of the run."""

    def __init__(self):
        self.said, self.stages = [], []

    def note(self, text):
        self.said.append(text)

    def begin(self, title, total):
        self.stages.append(title)


@pytest.fixture
def street(tmp_path):
    return few_numbers(make_street(tmp_path / "street", cal=4, day=4, dusk=4))


def few_numbers(street):
    """The street of which no more is asked than that there are rows, and how likely the truth is."""
    street.write(street.content() | {"metrics": ["likelihood"], "scores": ["msp"]})
    return street


def copy_images(street, *, mask=True):
    """The images of two calibration frames, under other names and in another split; their masks are others."""
    for i, j in ((1, 2001), (3, 2002)):
        shutil.copy(street.image("val", i), street.image("test", j))
        if mask:
            shutil.copy(street.mask("val", i), street.mask("test", j))


def fitted(street):
    """A run that fitted on the four calibration frames, before anything was copied."""
    reliseg.run_config(street.config, street.root / "fitted")
    return street.root / "fitted"


def loading(street, folder, **test):
    content = street.content()
    content["calibration"] = [{"load": str(folder)}]
    content["test"] |= test
    street.write(content)


@pytest.mark.parametrize("mask", [True, False], ids=["with its mask", "with another mask"])
def test_a_copied_image_is_refused_before_anything_long(street, tmp_path, mask):
    loading(street, fitted(street))
    copy_images(street, mask=mask)
    notes = Notes()
    with pytest.raises(DataError) as caught:
        reliseg.run_config(street.config, tmp_path / "out", progress=notes)
    assert str(caught.value) == (
        "street/dusk shares 2 images with street/cal, which a loaded calibration was fitted on "
        "(s285/s285_2001, s286/s286_2002); test on other images, or name street/dusk in test: allow_seen:"
    )
    assert not (tmp_path / "out").exists()
    assert "street/dusk: comparing with the images that calibrations were fitted on" in notes.stages


def test_an_allowed_domain_is_tested_and_said_in_the_results(street, tmp_path):
    folder = fitted(street)
    loading(street, folder, allow_seen=["street/dusk"])
    copy_images(street)
    reliseg.run_config(street.config, tmp_path / "out")
    seen = {"street/dusk": {"street/cal": ["s285/s285_2001", "s286/s286_2002"]}}
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["seen"] == seen
    assert json.loads((tmp_path / "out" / "results.json").read_text())["provenance"]["seen"] == seen
    assert json.loads((folder / "manifest.json").read_text())["seen"] == {}
    assert {r.domain for r in Results.read(tmp_path / "out" / "results.json")} == {"day", "dusk"}


def test_a_copy_is_found_in_the_pass_of_the_run_that_fits(street, tmp_path):
    copy_images(street, mask=False)
    with pytest.raises(IncompleteError) as caught:
        reliseg.run_config(street.config, tmp_path / "out")
    assert "net on street/dusk: could not evaluate 2 samples" in str(caught.value)
    assert (
        "s285/s285_2001: this is the same image as s0/s0_0001, which ts@street/cal was fitted on; remove one of them, "
        "or name street/dusk in test: allow_seen:"
    ) in str(caught.value)
    assert {r.domain for r in Results.read(tmp_path / "out" / "results.json")} == {"day"}
    content = street.content()
    content["test"]["allow_seen"] = ["street/dusk"]
    street.write(content)
    results = reliseg.run_config(street.config, tmp_path / "allowed")
    assert {r.domain for r in results} == {"day", "dusk"}
    seen = json.loads((tmp_path / "allowed" / "manifest.json").read_text())["seen"]
    assert seen == {"street/dusk": {"street/cal": ["s285/s285_2001", "s286/s286_2002"]}}


def test_the_calibration_split_itself_is_tested_only_by_name(street, tmp_path):
    content = street.content()
    content["test"] = {"on": ["street/cal"]}
    street.write(content)
    with pytest.raises(ConfigError, match=r"shares 4 samples .* or name street/cal in test: allow_seen:"):
        reliseg.run_config(street.config, tmp_path / "out")
    content["test"] = {"allow_seen": ["street/cal"]}
    street.write(content)
    results = reliseg.run_config(street.config, tmp_path / "out")
    assert {r.domain for r in results} == {"cal", "day", "dusk"}
    nll = [results.value("nll", domain="cal", calibration=c) for c in ("identity", "ts@street/cal")]
    assert nll[1] <= nll[0]
    content["test"] = {"on": ["street/day"], "allow_seen": ["street/cal"]}
    street.write(content)
    with pytest.raises(ConfigError, match="allow_seen: street/cal is not tested"):
        reliseg.run_config(street.config, tmp_path / "untested")


def test_a_union_is_allowed_only_where_its_members_are(street, tmp_path):
    copy_images(street)
    content = street.content()
    content["datasets"][0]["domains"]["both"] = {"union": ["day", "dusk"]}
    content["test"] = {"on": ["street/both"], "allow_seen": ["street/both"]}
    street.write(content)
    assert {r.domain for r in reliseg.run_config(street.config, tmp_path / "out")} == {"both"}
    content["test"]["on"].append("street/dusk")
    street.write(content)
    with pytest.raises(IncompleteError, match="street/both: no results, because street/dusk is incomplete"):
        reliseg.run_config(street.config, tmp_path / "both")


def test_python_refuses_and_allows(street):
    dataset = reliseg.open_dataset("camvid", street.root / "data", name="other", domains={"cal": {"split": "val"}})
    model = reliseg.open_model(f"stored:{street.root / 'logits'}", labels="camvid", name="net")
    folder = fitted(street)
    with pytest.raises(DataError, match="other/cal shares 4 images with street/cal"):
        reliseg.evaluate({"net": model}, dataset, calibrate_from=folder)
    results = reliseg.evaluate({"net": model}, dataset, calibrate_from=folder, allow_seen="other/cal")
    assert results.value("ece", calibration="ts@street/cal") >= 0


def test_shared_scenes_are_noted(street, tmp_path):
    content = street.content()
    content["datasets"][0]["domains"] |= {
        "first": {"split": "train", "scenes": ["s142"]},
        "second": {"split": "train", "scenes": ["s143"]},
    }
    for kind in (street.image, street.mask):
        shutil.copy(kind("train", 1000), kind("val", 0).with_name("s143_0009.png"))
    Image.fromarray(np.zeros((24, 32, 3), np.uint8)).save(street.image("val", 0).with_name("s143_0009.png"))
    with np.load(street.logits("train", 1000)) as stored:
        (street.root / "logits" / "s143").mkdir(exist_ok=True)
        np.savez(street.root / "logits" / "s143" / "s143_0009.npz", logits=stored["logits"])
    content["test"] = {"on": ["street/first", "street/second"]}
    street.write(content)
    expected = (
        "street/second shares scenes with street/cal, which calibrations are fitted on (s143): "
        "neighbouring frames are similar, so calibrations may look better than they are"
    )
    notes = Notes()
    reliseg.run_config(street.config, tmp_path / "out", progress=notes)
    assert [line for line in notes.said if "shares" in line] == [expected]
    loaded = Notes()
    content["calibration"] = [{"load": str(tmp_path / "out")}]
    street.write(content)
    reliseg.run_config(street.config, tmp_path / "again", progress=loaded)
    assert [line for line in loaded.said if "shares" in line] == [expected]


def test_one_id_in_two_data_sets_is_two_samples(street, tmp_path):
    """Both data sets have s0/s0_0000; a record that knew only the id would forget one of the images."""
    other = few_numbers(make_street(tmp_path / "more", cal=4, day=1, dusk=1))
    for i in range(4):
        Image.fromarray(np.full((24, 32, 3), i, np.uint8)).save(other.image("val", i))
    content = street.content()
    more = {**content["datasets"][0], "name": "more", "root": str(other.root / "data")}
    content["datasets"].append(more)
    content["calibration"][0]["on"] = ["street/cal", "more/cal"]
    street.write(content)
    with pytest.raises(ModelError, match=r"would serve two images, street/cal: s0/s0_0000 and more/cal: s0/s0_0000; "):
        reliseg.run_config(street.config, tmp_path / "out")
    for name, each in ("street", street), ("more", other):
        for i in range(4):
            target = street.root / "logits" / name / "cal" / each.logits("val", i).relative_to(each.root / "logits")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(each.logits("val", i), target)
    for i in range(4):
        street.logits("val", i).unlink()
    reliseg.run_config(street.config, tmp_path / "out")
    record = reliseg.load_calibration(tmp_path / "out" / "calibrations" / "net" / "ts@street-cal+more-cal.json")
    assert {domain: len(found) for domain, found in record.images.items()} == {"street/cal": 4, "more/cal": 4}
    assert len(record.seen()) == 8


def test_images_without_scene_share_none(tmp_path):
    """In a plain folder nothing says which images belong together."""
    for i, domain in enumerate(("a", "b")):
        for kind, array in (("images", np.full((4, 4, 3), i, np.uint8)), ("masks", np.zeros((4, 4), np.uint8))):
            (tmp_path / kind / domain).mkdir(parents=True)
            Image.fromarray(array).save(tmp_path / kind / domain / f"{i}.png")
    dataset = reliseg.open_dataset(
        "folder",
        tmp_path,
        labels="camvid",
        image="images/{split}/{stem}.{extension}",
        mask="masks/{split}/{stem}.png",
        domains={"a": {"split": "a"}, "b": {"split": "b"}},
    )
    targets = [Target(dataset, domain) for domain in dataset.domains.values()]
    fits = [Fit((targets[0],), ("ts",))]
    plan = build_plan((), {"folder": dataset}, fits, ReportedTargets(targets[1:]), parse_settings({}))
    assert not shared_scenes(plan)
