"""What a stored shard goes on with: the same model, calibrations and samples."""

import os
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from helpers.devices import Notes
from helpers.runs import piece_files
from helpers.street import make_street
from PIL import Image

import reliseg
from reliseg.calibration.methods.ts import Scaled, Temperature
from reliseg.errors import IncompleteError
from reliseg.prediction import Prediction
from reliseg.run.evaluate.domain_pass import CalibrationCounter
from reliseg.run.store.store import Store
from reliseg.stats import DeviceLogits

PATIENCE = 20.0


@pytest.fixture
def evaluated(tmp_path):
    street = make_street(tmp_path / "street", cal=2, day=3, dusk=1)
    out = tmp_path / "out"
    reliseg.run_config(street.config, out)
    return street, out, (out / "results.csv").read_bytes()


def test_a_calibration_of_other_parameters_under_the_same_name_has_pieces_of_its_own(evaluated, monkeypatch):
    street, out, before = evaluated
    pieces = piece_files(out, domain="street/day")
    fit = Temperature.fit
    monkeypatch.setattr(Temperature, "fit", lambda self, sample: Scaled(3.0))
    shutil.rmtree(out / "fitted")
    changed = reliseg.run_config(street.config, out).to_csv()
    assert changed.encode() != before
    assert len(piece_files(out, domain="street/day")) == len(pieces) + 1
    monkeypatch.setattr(Temperature, "fit", fit)
    shutil.rmtree(out / "fitted")
    reliseg.run_config(street.config, out)
    assert (out / "results.csv").read_bytes() == before
    assert len(piece_files(out, domain="street/day")) == len(pieces) + 1


def test_fingerprints_tell_types_and_parameters_apart():
    from reliseg.calibration import Unchanged

    one = Scaled(2.0)
    assert one.fingerprint() == Scaled(2.0).fingerprint()
    assert len({one.fingerprint(), Scaled(np.nextafter(2.0, 3)).fingerprint(), Unchanged().fingerprint()}) == 3
    assert Temperature().restore(one.parameters()).fingerprint() == one.fingerprint()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["mask", "logits"])
@pytest.mark.parametrize("domain", ["val", "test"])
def test_what_was_changed_since_is_read_again(evaluated, tmp_path, kind, domain):
    street, out, before = evaluated
    number = {"val": 0, "test": 2000}[domain]
    if kind == "mask":
        Image.fromarray(np.full((24, 32), 3, np.uint8)).save(street.mask(domain, number))
    else:
        np.savez(street.logits(domain, number), logits=np.load(street.logits(domain, number))["logits"][::-1])
    reliseg.run_config(street.config, out)
    reliseg.run_config(street.config, tmp_path / "anew")
    assert (out / "results.csv").read_bytes() == (tmp_path / "anew" / "results.csv").read_bytes() != before


@pytest.mark.slow
def test_what_is_evaluated_again_is_told_once_with_a_file(evaluated):
    street, out, before = evaluated
    path = street.logits("test", 2000)
    content = path.read_bytes()
    np.savez(path, logits=np.load(path)["logits"][::-1])
    for told in ([f"net on street/dusk: evaluating samples again: {path} changed"], []):
        heard = Notes()
        reliseg.run_config(street.config, out, progress=heard)
        assert [note for note in heard.lines if "again" in note] == told
    assert (out / "results.csv").read_bytes() != before
    path.write_bytes(content)
    reliseg.run_config(street.config, out)
    assert (out / "results.csv").read_bytes() == before


def test_newer_copies_of_the_same_images_and_masks_are_not_evaluated_again(evaluated):
    """As where each job of a cluster copies its data to a disk of its own."""
    street, out, before = evaluated
    later = time.time() + 60
    for path in (street.root / "data").rglob("*.png"):
        os.utime(path, (later, later))
    held = {path: path.stat().st_mtime_ns for path in out.rglob("*.*") if path.suffix in (".zip", ".json")}
    heard = Notes()
    reliseg.run_config(street.config, out, progress=heard)
    assert not [note for note in heard.lines if "again" in note]
    assert (out / "results.csv").read_bytes() == before
    kept = [path for path in held if path.stat().st_mtime_ns == held[path]]
    assert {path.parts[len(out.parts)] for path in kept} >= {"statistics"}
    assert all(path in kept for path in held if "statistics" in path.parts)


@pytest.mark.slow
def test_what_is_changed_while_it_is_counted_is_read_again(evaluated, tmp_path, monkeypatch):
    street, _, before = evaluated
    out = tmp_path / "changed"
    save = Store.save

    def changed_before_it_is_stored(self, place, head, observed):
        if head.named["domain"] == "street/dusk":
            Image.fromarray(np.full((24, 32), 3, np.uint8)).save(street.mask("test", 2000))
        return save(self, place, head, observed)

    monkeypatch.setattr(Store, "save", changed_before_it_is_stored)
    with pytest.raises(IncompleteError, match=r"2000\.png changed while the run went on"):
        reliseg.run_config(street.config, out)
    monkeypatch.undo()
    reliseg.run_config(street.config, out)
    assert (out / "results.csv").read_bytes() != before


def test_what_a_device_leaves_to_the_cpu_is_counted_beside_it():
    """Each waits for all others; a device does its own one after the other, on one thread."""
    met = threading.Barrier(3, timeout=PATIENCE)
    threads = {}

    class Waiting:
        def counts_on_device(self, prediction):
            return prediction.transform is None

        def observe(self, loaded, prediction):
            name = "device" if prediction.transform is None else str(prediction.transform(np.zeros((1, 1)))[0, 0])
            threads[name] = threading.current_thread()
            met.wait()
            return name

    plain = Prediction(DeviceLogits(torch.zeros(3, 2, 2)), (2, 2))
    changed = [Prediction(plain.logits, (2, 2), transform=lambda z, i=i: z + i) for i in (1, 2)]
    calibrated = {"identity": plain, "one": changed[0], "two": changed[1]}
    with ThreadPoolExecutor(2) as pool:
        rows = list(CalibrationCounter(dict.fromkeys(calibrated, Waiting()), pool).count(None, calibrated))
    assert rows == [("identity", "device"), ("one", "1.0"), ("two", "2.0")]
    assert threads["device"] is threading.current_thread()


def test_a_run_says_once_what_is_random_and_what_does_not_fit_the_image(tmp_path):
    street = make_street(tmp_path / "street", cal=2, day=3, dusk=1)
    generator, notes = np.random.default_rng(0), Notes()

    def padded_and_random(image):
        return generator.normal(size=(11, image.shape[1] // 4, image.shape[1] // 4))

    domains = {"day": {"split": "train"}, "dusk": {"split": "test"}}
    data = reliseg.open_dataset("camvid", street.root / "data", domains=domains)
    reliseg.evaluate(reliseg.open_model(padded_and_random, labels="camvid"), data, progress=notes)
    for part in ("other logits the second time", "which has other proportions; if the network pads images"):
        assert [part in line for line in notes.lines].count(True) == 1
