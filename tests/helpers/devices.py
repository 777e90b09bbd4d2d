"""Runs whose logits lie on a device."""

from dataclasses import replace

import torch

import reliseg
from reliseg.models.kinds.stored import StoredModel
from reliseg.runtime.progress import Silent
from reliseg.stats import DeviceLogits


class Notes(Silent):
    """What the user was told."""

    def __init__(self):
        self.lines = []

    def note(self, text):
        self.lines.append(text)


def run_on(device, street, out, monkeypatch):
    """The results and the notes of a run; logits go to the device as those of a network there would stay."""
    notes, predict = Notes(), StoredModel.predict

    def kept(self, inputs):
        found = predict(self, inputs)
        return [replace(p, logits=DeviceLogits(torch.tensor(p.logits, device=device))) for p in found]

    with monkeypatch.context() as patch:
        if device is not None:
            patch.setattr(StoredModel, "predict", kept)
        return reliseg.run_config(street.config, out, workers=1, progress=notes), notes.lines
