"""Runs whose logits lie on a device that no kernel counts on; those with one are in `interpreted_triton_kernel.py`."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from helpers.devices import run_on
from helpers.street import make_street

from reliseg.prediction import Prediction
from reliseg.run.evaluate.domain_pass import _counted
from reliseg.stats import DeviceLogits

PATIENCE = 20.0


def test_results_are_those_of_the_cpu_and_one_note_says_so(tmp_path, monkeypatch):
    street = make_street(tmp_path, cal=2, day=3, dusk=3)
    want, nothing = run_on(None, street, tmp_path / "cpu", monkeypatch)
    got, notes = run_on(torch.device("cpu"), street, tmp_path / "device", monkeypatch)
    assert got.to_csv() == want.to_csv()
    assert not [line for line in nothing if "kernel" in line]
    assert len([line for line in notes if "no kernel for cpu" in line]) == 1
    for out, kernels in {"cpu": {}, "device": {"cpu": "numba"}}.items():
        assert json.loads((tmp_path / out / "manifest.json").read_text())["device_kernels"] == kernels


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
        rows = list(_counted(None, calibrated, dict.fromkeys(calibrated, Waiting()), pool))
    assert rows == [("identity", "device"), ("one", "1.0"), ("two", "2.0")]
    assert threads["device"] is threading.current_thread()
