"""Class maps of a graph are those of the definition, in each order; networks of mask classification are exported."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers.exported import agreement_in_memory, noise, predictor_of
from scipy.special import softmax

from reliseg.calibration.methods.ts import Scaled
from reliseg.deploy.export import masks as module
from reliseg.deploy.export.export import export
from reliseg.deploy.export.masks import class_maps, logs_of, shares_of
from reliseg.deploy.export.wishes import Wishes
from reliseg.errors import ConfigError
from reliseg.kernels import reference_masks
from reliseg.kernels.rows.masks import NetworkInput
from reliseg.models.options import Augmented, Pad, Slide
from reliseg.models.torch.network import Queries

ORDERS = reference_masks.ORDERS
SIZES = {
    "as it is": ((32, 48), (32, 48), (32, 48)),
    "padded": ((32, 64), (29, 50), (29, 50)),
    "padded and resized": ((32, 64), (29, 50), (41, 70)),
}


def queries_of(seed=0, size=(8, 12), steep=6.0) -> Queries:
    g = torch.Generator().manual_seed(seed)
    return Queries(torch.randn(2, 5, 4, generator=g), steep * torch.randn(2, 5, *size, generator=g))


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("order", ORDERS)
def test_class_maps_are_those_of_the_definition(order, sizes, monkeypatch):
    padded, seen, image = SIZES[sizes]
    queries = queries_of()
    monkeypatch.setattr(module, "_NUMBERS", 5 * image[1] * 7)  # some rows after the other
    logs = logs_of(class_maps(queries, order, NetworkInput(padded, seen), image))
    for own, classes, masks in zip(logs, queries.classes.double(), queries.masks.double(), strict=True):
        p = softmax(classes.numpy(), axis=1)[:, :-1]
        expected = reference_masks.class_maps(masks.numpy(), p, order, (padded, seen, image))
        np.testing.assert_allclose(own.numpy(), reference_masks.logits_of_maps(expected), atol=2e-5)


def test_masks_far_below_0_are_told_apart_down_to_the_bound():
    """The sigmoid of ONNX Runtime is cut off at 18, and float32 ends at 2**-126."""
    masks = torch.tensor([-200.0, -80.0, -60.0, -20.0]).view(1, 1, 2, 2)
    queries = Queries(torch.tensor([[[0.0, 1.0, -2.0, 0.5]]]), masks)
    logs = logs_of(class_maps(queries, "native", NetworkInput((2, 2), (2, 2)), (2, 2)))[0]
    p = softmax([0.0, 1.0, -2.0, 0.5])[:-1]
    expected = reference_masks.logits_of_maps(p[:, None, None] / (1 + np.exp(-masks[0].double().numpy())))
    np.testing.assert_allclose(logs.numpy(), expected, rtol=1e-6)


def test_shares_are_class_maps_divided_by_their_sum():
    maps = class_maps(queries_of(), "native", NetworkInput((8, 12), (8, 12)), (8, 12))
    torch.testing.assert_close(shares_of(maps) / 2.0**64, maps / maps.sum(dim=1, keepdim=True))
    nothing = shares_of(torch.zeros(1, 4, 1, 1)) / 2.0**64
    torch.testing.assert_close(nothing, torch.full_like(nothing, 0.25))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory):
    from helpers.hugging_face import save_network
    from helpers.hugging_face_families import UNIVERSAL

    processor = {"image_processor_type": "MaskFormerImageProcessor", "size": {"shortest_edge": 64, "longest_edge": 128}}
    return save_network(tmp_path_factory.mktemp("net"), UNIVERSAL["maskformer"](), processor)


def predictor_with(folder, **options):
    from reliseg.models.kinds.hf import HuggingFaceModel

    model = HuggingFaceModel.load(replace(folder, **options))
    predictor = predictor_of(model, Scaled(2.0))
    return replace(predictor, dataset=replace(predictor.dataset, labels=model.labels))


WAYS = {
    "padded": {},
    "resized": {"resize": (64, 80)},
    "before the sigmoid": {"resize": (64, 80), "masks": "image"},
    "as the library does it": {"masks": "native", "pad": Pad(1), "resize": "processor"},
    "windows": {"slide": Slide((64, 64), (48, 40))},
    "windows of probabilities": {"slide": Slide((64, 64), (48, 40), "probabilities")},
    "mirrored": {"tta": Augmented(flip=True)},
}


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_a_graph_classifies_masks_as_the_model_does(way, folder):
    found = agreement_in_memory(predictor_with(folder, **WAYS[way]), [noise(70, 90, seed=1), noise(70, 90, seed=2)])
    assert found.problem is None
    assert found.largest < 2e-5
    assert found.undecided < 0.05 * found.pixels


@pytest.mark.slow
@pytest.mark.parametrize("form", ["onnx", "pt2"])
def test_a_network_of_mask_classification_is_exported(form, folder, tmp_path):
    exported = export(
        predictor_with(folder), Wishes(form), [noise(70, 90), noise(70, 90, seed=1)], tmp_path / f"a.{form}"
    )
    assert exported.agreement.largest < 2e-5
    assert exported.agreement.undecided < 0.05 * exported.agreement.pixels


@pytest.mark.slow
def test_its_graph_has_one_size(folder, tmp_path):
    with pytest.raises(ConfigError, match=r"model net .*, or classifies masks, which a graph does for one size alone"):
        export(predictor_with(folder), Wishes("pt2", dynamic=True), [noise(70, 90)], tmp_path / "a.pt2")
