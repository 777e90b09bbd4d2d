"""Files of both formats are written with facts, and run."""

import json

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

from reliseg.deploy.export.files import KEY, graph_of
from reliseg.deploy.export.tracing import trace


class Plain(nn.Module):
    def forward(self, image):
        return image.float().mean(dim=3), image.amax(dim=3)


def written(path):
    images = torch.zeros(1, 4, 5, 3, dtype=torch.uint8)
    unwritten = graph_of(trace(Plain(), {"image": images}, "net", dynamic=False), path.suffix[1:], ["a", "b"], "net")
    unwritten.save(path, {})
    unwritten.save(path, {"format": 1, "name": "é"})
    return unwritten.open(path)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["onnx", "pt2"])
def test_a_file_runs_and_has_its_facts(form, tmp_path):
    path = tmp_path / f"a.{form}"
    images = np.random.default_rng(0).integers(0, 256, (3, 4, 5, 3), np.uint8)
    maps = written(path).run({"image": images})
    np.testing.assert_allclose(maps["a"], images.mean(axis=3), rtol=1e-6)
    np.testing.assert_array_equal(maps["b"], images.max(axis=3))
    if form == "onnx":
        stored = onnxruntime.InferenceSession(path).get_modelmeta().custom_metadata_map[KEY]
    else:
        extra = {f"{KEY}.json": ""}
        torch.export.load(path, extra_files=extra)
        stored = extra[f"{KEY}.json"]
    assert json.loads(stored) == {"format": 1, "name": "é"}
