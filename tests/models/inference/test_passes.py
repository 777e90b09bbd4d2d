"""A user is told when dropout changes nothing."""

import numpy as np
import pytest
import torch
from helpers.rows import StoredRows

from reliseg.labels import label_space
from reliseg.models import Augmented, Input, ModelOptions
from reliseg.models.inference.passes import SeenPasses
from reliseg.models.kinds.python import PythonModel

NOTE = "gives the same in every pass of mc_dropout"


class Net(torch.nn.Module):
    """Dropout on the way to the logits, or beside it."""

    def __init__(self, on_the_way):
        super().__init__()
        self.body, self.head = torch.nn.Conv2d(3, 8, 3, stride=4, padding=1), torch.nn.Conv2d(8, 11, 1)
        self.beside, self.on_the_way = torch.nn.Dropout(0.5), on_the_way

    def forward(self, pixels):
        deep = self.body(pixels)
        dropped = self.beside(deep)
        return {"out": self.head(dropped if self.on_the_way else deep), "aux": dropped}


@pytest.mark.parametrize("tta", [None, Augmented(flip=True)])
@pytest.mark.parametrize("on_the_way", [False, True])
def test_layers_of_dropout_that_do_not_reach_the_output_are_noted(on_the_way, tta):
    torch.manual_seed(0)
    options = ModelOptions("net", "python", "net", labels=label_space("camvid"), mc_dropout=3, tta=tta)
    model = PythonModel.of(Net(on_the_way), options)
    assert not any(NOTE in note for note in model.notes())  # nothing was asked for yet
    image = np.random.default_rng(0).integers(0, 256, (32, 48, 3), np.uint8)
    model.predict([Input("a", (32, 48), image)])
    assert any(NOTE in note for note in model.notes()) is not on_the_way


def test_one_image_for_which_passes_differ_is_enough():
    seen, zeros, ones = SeenPasses(), StoredRows(np.zeros((2, 3, 4))), StoredRows(np.ones((2, 3, 4)))
    assert seen.notes() == []
    seen.add([zeros, zeros])
    assert NOTE in seen.notes()[0]
    seen.add([zeros, zeros, ones])
    assert seen.notes() == []
    seen.forget()
    seen.add([ones, ones])
    assert NOTE in seen.notes()[0]
