"""Queries and masks of a network become predictions of the images that it was given."""

import numpy as np
import pytest
import torch

from reliseg.errors import ModelError
from reliseg.labels import LabelSpace
from reliseg.models.torch.normalisation import Normalisation
from reliseg.models.torch.query_network import QueryNetwork

LABELS = LabelSpace("two", ("a", "b"), ((0, 0, 0), (1, 1, 1)))


def network(forward, **changes):
    options = {"device": torch.device("cpu"), "threads": 1, "precision": "float32", "order": "input", "multiple": 32}
    return QueryNetwork(forward=forward, normalisation=Normalisation(), labels=LABELS, **(options | changes))


def images(number=2, size=(40, 50)):
    return list(np.random.default_rng(0).integers(1, 256, (number, *size, 3), np.uint8))


def answer(pixels, classes=3):
    n, _, height, width = pixels.shape
    g = torch.Generator().manual_seed(0)
    masks = torch.randn(n, 5, height // 4, width // 4, generator=g)
    return torch.randn(n, 5, classes, generator=g), masks, pixels.mean(dim=(2, 3))


def test_normalised_images_are_padded_with_zeros_below_and_to_the_right():
    seen = []

    def forward(pixels):
        seen.append(pixels.clone())
        return answer(pixels)

    network(forward)(images())
    (pixels,) = seen
    assert pixels.shape == (2, 3, 64, 64)
    assert torch.equal(pixels[:, :, :40, :50], Normalisation()(images(), torch.device("cpu")))
    assert not pixels[:, :, 40:].any()
    assert not pixels[:, :, :, 50:].any()


def test_class_maps_are_those_of_the_masks_cut_to_the_image():
    predictions = network(answer)(images())
    assert [p.logits.shape for p in predictions] == [(2, 40, 50)] * 2
    assert [p.size for p in predictions] == [(40, 50)] * 2
    classes, masks, _ = answer(torch.zeros(2, 3, 64, 64))
    masks = torch.nn.functional.interpolate(masks, size=(64, 64), mode="bilinear", align_corners=False).sigmoid()
    maps = torch.einsum("nqc,nqhw->nchw", classes.softmax(-1)[..., :-1], masks)[..., :40, :50]
    for own, prediction in zip(maps, predictions, strict=True):
        assert np.allclose(np.exp(np.asarray(prediction.logits)), own.numpy(), atol=1e-5)


def test_features_belong_to_their_images():
    predictions = network(answer, multiple=1)(images())
    for prediction, image in zip(predictions, images(), strict=True):
        mean = Normalisation()([image], torch.device("cpu")).mean(dim=(2, 3))[0].numpy()
        assert np.allclose(prediction.feature, mean, atol=1e-5)
    assert network(lambda p: (*answer(p)[:2], None))(images(1))[0].feature is None


def test_queries_of_other_classes_are_refused():
    with pytest.raises(ModelError, match="gives 4 numbers for the classes of a query"):
        network(lambda pixels: answer(pixels, classes=4))(images())
