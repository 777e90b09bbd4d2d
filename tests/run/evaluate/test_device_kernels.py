"""Runs whose logits lie on a device that no kernel counts on; those with one are in `interpreted_triton_kernel.py`."""

import json

import torch
from helpers.devices import run_on
from helpers.street import make_street


def test_results_are_those_of_the_cpu_and_one_note_says_so(tmp_path, monkeypatch):
    street = make_street(tmp_path, cal=2, day=3, dusk=3)
    want, nothing = run_on(None, street, tmp_path / "cpu", monkeypatch)
    got, notes = run_on(torch.device("cpu"), street, tmp_path / "device", monkeypatch)
    assert got.to_csv() == want.to_csv()
    assert not [line for line in nothing if "kernel" in line]
    assert len([line for line in notes if "no kernel for cpu" in line]) == 1
    for out, kernels in {"cpu": {}, "device": {"cpu": "numba"}}.items():
        assert json.loads((tmp_path / out / "manifest.json").read_text())["device_kernels"] == kernels
