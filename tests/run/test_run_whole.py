"""Whole images for calibrators that train on them: which, kept how, and a run that trains on stored predictions."""

from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from helpers.street import SIZE, Street, ask_for_all, make_street
from PIL import Image

import reliseg
from reliseg.errors import IncompleteError
from reliseg.results import Results
from reliseg.run.fit.image_files import save_image, select_images
from reliseg.runtime.progress import Silent

pytestmark = pytest.mark.slow

METHODS = ["ts", "lts(epochs=20, rate=1e-2)", "selective"]
NAMES = {"identity", "ts@street/cal", "lts(epochs=20,rate=0.01)@street/cal", "selective@street/cal"}


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Street:
    street = ask_for_all(make_street(tmp_path_factory.mktemp("street"), cal=10, day=3, dusk=2))
    content = street.content()
    content["calibration"][0]["methods"] = METHODS
    street.write(content)
    for domain, start, count in (("val", 0, 10), ("train", 1000, 3), ("test", 2000, 2)):
        for i in range(start, start + count):
            _bright_is_too_sure(street, domain, i)
    return street


def _bright_is_too_sure(street: Street, domain: str, i: int) -> None:
    """The right half of the image is bright, and its logits are four times too large."""
    width = SIZE[1]
    image = np.full((*SIZE, 3), 30, np.uint8)
    image[:, width // 2 :] = 220
    image[0, 0] = *divmod(i, 256), 0  # no two files are equal
    Image.fromarray(image).save(street.image(domain, i))
    with np.load(street.logits(domain, i)) as stored:
        logits = stored["logits"]
    logits[:, :, logits.shape[2] // 2 :] *= 4
    np.savez(street.logits(domain, i), logits=logits)


@pytest.fixture(scope="module")
def whole(street: Street) -> Path:
    out = street.root / "whole"
    reliseg.run_config(street.config, out, workers=1)
    return out


@pytest.mark.slow
def test_a_run_trains_on_stored_predictions_and_their_images(whole):
    """The stored model reads no image: they are decoded for the calibration."""
    results = Results.read(whole / "results.json")
    assert {r.calibration for r in results} == NAMES
    for domain in ("day", "dusk"):
        for calibration in NAMES:
            assert results.value("flip_rate", domain=domain, calibration=calibration) == 0
            assert results.value("miou", domain=domain, calibration=calibration) == results.value(
                "miou", domain=domain, calibration="identity"
            )
    by_name = {c: results.value("nll", domain="day", calibration=c) for c in NAMES}
    assert len(set(by_name.values())) == len(NAMES)
    assert by_name["lts(epochs=20,rate=0.01)@street/cal"] < by_name["ts@street/cal"] < by_name["identity"]
    assert by_name["selective@street/cal"] < by_name["identity"]
    assert not (whole / "samples").exists()


@pytest.mark.slow
def test_two_workers_and_batches_train_to_the_same_bytes(street, whole):
    out = street.root / "two"
    reliseg.run_config(street.config, out, workers=2)
    assert (out / "results.csv").read_bytes() == (whole / "results.csv").read_bytes()


# Ends the process when so many images are kept, or when training begins.
_KILLED = """
import os, reliseg.run.fit.shard_sampling as fitting, reliseg
from pathlib import Path
save_image, n = fitting.save_image, [0]
def counted(*values, **named):
    n[0] += 1
    if n[0] == {after}:
        os._exit(9)
    save_image(*values, **named)
fitting.save_image = counted
class Watch:
    def begin(self, title, total):
        if {after} == 0 and "training lts" in title:
            os._exit(9)
    def advance(self): pass
    def note(self, text): pass
reliseg.run_config(Path({config!r}), Path({out!r}), workers=1, progress=Watch())
"""


@pytest.mark.slow
@pytest.mark.parametrize("after", [9, 0], ids=["second shard", "training"])
def test_a_run_killed_while_images_are_kept_gives_the_bytes_of_the_whole(street, whole, tmp_path, after, forks):
    out = tmp_path / "out"
    code = _KILLED.format(after=after, config=str(street.config), out=str(out))
    assert forks.run(code=code).exit_code == 9
    kept = sorted((out / "samples").rglob("*.labels.npy"))
    assert kept
    reliseg.run_config(street.config, out, workers=1)
    assert (out / "results.csv").read_bytes() == (whole / "results.csv").read_bytes()
    assert not (out / "samples").exists()


@pytest.mark.slow
def test_images_that_are_kept_are_at_most_so_many(street, whole, tmp_path, monkeypatch):
    monkeypatch.setattr("reliseg.run.fit.requests.select_images", lambda names, seed: select_images(names, seed, 4))
    seen = []
    monkeypatch.setattr(
        "reliseg.run.fit.shard_sampling.save_image",
        lambda *values, **named: seen.append(values[0]) or save_image(*values, **named),
    )
    reliseg.run_config(street.config, tmp_path / "out", workers=1)
    assert len(seen) == 4


def test_nothing_is_kept_and_no_image_read_where_nothing_needs_them(tmp_path, monkeypatch):
    street = ask_for_all(make_street(tmp_path / "street", cal=3, day=1, dusk=1))
    seen = []
    monkeypatch.setattr("reliseg.run.fit.shard_sampling.save_image", lambda *values, **named: seen.append(values))
    monkeypatch.setattr("reliseg.data.decode._rgb", lambda *values: seen.append(values))
    reliseg.run_config(street.config, tmp_path / "out", workers=1)
    assert not seen


def test_a_leaf_without_images_reads_none(tmp_path, monkeypatch):
    street = ask_for_all(make_street(tmp_path / "street", cal=4, day=1, dusk=1))
    content = street.content()
    content["calibration"][0]["methods"] = ["lts(inputs=logits, epochs=1)"]
    street.write(content)
    seen = []
    monkeypatch.setattr("reliseg.data.decode._rgb", lambda *values: seen.append(values))
    reliseg.run_config(street.config, tmp_path / "out", workers=1)
    assert not seen


def test_what_cannot_be_trained_on_is_said_and_the_rest_goes_on(tmp_path):
    street = ask_for_all(make_street(tmp_path / "street", cal=1, day=1, dusk=1))
    content = street.content()
    content["calibration"][0]["methods"] = ["lts"]
    street.write(content)
    with pytest.raises(
        IncompleteError, match=r"net on street/cal: lts needs at least 2 images with known pixels, .* has 1;"
    ):
        reliseg.run_config(street.config, tmp_path / "out", workers=1)


def test_training_without_gain_is_said(tmp_path):
    street = ask_for_all(make_street(tmp_path / "street", cal=3, day=1, dusk=1))
    content = street.content()
    content["calibration"][0]["methods"] = ["lts(rate=1e5, epochs=1)"]
    street.write(content)

    class Told(Silent):
        said: ClassVar[list[str]] = []
        begun: ClassVar[list[str]] = []

        def begin(self, title: str, total: int) -> None:
            self.begun.append(f"{title}: {total}")

        def note(self, text: str) -> None:
            self.said.append(text)

    reliseg.run_config(street.config, tmp_path / "out", workers=1, progress=Told())
    assert "net: training lts: 1" in Told.begun
    assert any("did not lower the loss of the held-out images" in line for line in Told.said)


def test_predictions_come_with_their_image_of_the_same_size(tmp_path):
    from reliseg.config.schema import read_config
    from reliseg.plan.build import plan_from_config
    from reliseg.run.predict.stream import PredictionStream

    street = ask_for_all(make_street(tmp_path / "street", cal=2, day=1, dusk=1))
    plan = plan_from_config(read_config(street.config), street.root)
    target, model = plan.fits[0].on[0], plan.models[0].load()
    for images in (False, True):
        for found in PredictionStream(model, 1, 2).predictions(
            target.dataset, target.domain.samples, decode_images=images
        ):
            image = found.prediction.image
            assert (image is not None) == images
            if image is not None:
                assert image.shape == (*SIZE, 3)
                path = street.root / "data" / found.loaded.sample.image
                np.testing.assert_array_equal(image, np.asarray(Image.open(path).convert("RGB")))
