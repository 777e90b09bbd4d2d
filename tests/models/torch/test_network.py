"""From images to predictions in torch: settings, and what a stack of logits must be."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from reliseg.errors import ModelError
from reliseg.labels import LabelSpace
from reliseg.models.torch.network import Network, Output, Queries
from reliseg.models.torch.normalisation import Normalisation

CPU = torch.device("cpu")
LABELS = LabelSpace("two", ("a", "b"), ((0, 0, 0), (1, 1, 1)))
IMAGES = list(np.random.default_rng(0).integers(0, 256, (2, 8, 12, 3), np.uint8))


def halve(pixels: Tensor) -> Output:
    """Logits at half the size, and the mean color as the feature."""
    return pixels[:, :, ::2, ::2], pixels.mean(dim=(2, 3))


def test_one_prediction_per_image_of_its_size() -> None:
    plain = Normalisation((0.0,) * 3, (1.0,) * 3, divisor=1.0)
    predictions = Network(halve, plain, CPU, threads=1)(IMAGES)
    for prediction, image in zip(predictions, IMAGES, strict=True):
        np.testing.assert_array_equal(prediction.logits, image[::2, ::2].transpose(2, 0, 1))
        np.testing.assert_allclose(prediction.feature, image.mean(axis=(0, 1)), rtol=1e-5)
        assert prediction.size == (8, 12)


def test_without_a_feature_there_is_none() -> None:
    [prediction] = Network(lambda x: (x, None), Normalisation(), CPU, threads=1)(IMAGES[:1])
    assert prediction.feature is None


def test_half_precision_computes_in_it_and_gives_float32() -> None:
    layer = torch.nn.Conv2d(3, 3, 1)
    dtypes = []

    def forward(pixels: Tensor) -> Output:
        logits = layer(pixels)
        dtypes.append(logits.dtype)
        return logits, logits.mean(dim=(2, 3))

    [prediction] = Network(forward, Normalisation(), CPU, threads=1, precision="bfloat16")(IMAGES[:1])
    assert dtypes == [torch.bfloat16]
    assert (prediction.logits.dtype, prediction.feature.dtype) == (np.float32, np.float32)


def test_the_forward_pass_has_its_threads_and_the_caller_keeps_its_own() -> None:
    before = torch.get_num_threads()
    threads = []

    def forward(pixels: Tensor) -> Output:
        threads.append(torch.get_num_threads())
        return pixels, None

    Network(forward, Normalisation(), CPU, threads=before + 1)(IMAGES)
    assert threads == [before + 1]
    assert torch.get_num_threads() == before
    assert float(np.float32(1e-40) * np.float32(1)) > 0


@pytest.mark.parametrize(
    ("output", "text"),
    [(lambda x: x[0], "a tensor of 3 x 8 x 12 for 2 images"), (lambda x: x[:1], "a tensor of 1 x 3 x 8 x 12")],
)
def test_an_output_that_is_no_stack_of_logits(output: Any, text: str) -> None:
    with pytest.raises(ModelError, match=f"gives {text}.*, not N x C x h x w"):
        Network(lambda x: (output(x), None), Normalisation(), CPU, threads=1)(IMAGES)


def test_an_unknown_precision_is_refused() -> None:
    with pytest.raises(ModelError, match="precision is 'float8'; use float32, bfloat16, float16"):
        Network(halve, Normalisation(), CPU, threads=1, precision="float8")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("output", "text"),
    [
        (lambda x: x.to(torch.int64), "a tensor of int64"),
        (lambda x: x > 0, "a tensor of bool"),
        (lambda x: torch.complex(x, x), "a tensor of complex64"),
        (lambda x: x.to_sparse(), "a tensor of layout sparse_coo"),
        (lambda x: torch.nested.nested_tensor(list(x)), "a nested tensor"),
        (lambda x: torch.quantize_per_tensor(x, 0.1, 0, torch.quint8), r"a quantised tensor \(quint8\)"),
        (lambda x: x.to("meta"), r"a tensor without content \(device meta\)"),
    ],
)
@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors:UserWarning")
@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor:UserWarning")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_an_output_that_is_no_plain_tensor_of_floats_is_named(output: Any, text: str) -> None:
    with pytest.raises(ModelError, match=f"^gives {text}, not floating-point logits N x C x h x w"):
        Network(lambda x: (output(x), None), Normalisation(), CPU, threads=1)(IMAGES)


def test_a_forward_that_switches_gradients_on_is_read_all_the_same() -> None:
    weight = torch.ones(1, requires_grad=True)

    def forward(pixels: Tensor) -> Output:
        with torch.inference_mode(False), torch.enable_grad():
            return pixels.clone() * weight, None

    [prediction] = Network(forward, Normalisation((0.0,) * 3, (1.0,) * 3, 1.0), CPU, threads=1)(IMAGES[:1])
    np.testing.assert_array_equal(prediction.logits, IMAGES[0].transpose(2, 0, 1))


def test_what_a_forward_prints_goes_to_the_error_stream(capsys: pytest.CaptureFixture[str]) -> None:
    def forward(pixels: Tensor) -> Output:
        print("in forward")
        return pixels, None

    Network(forward, Normalisation(), CPU, threads=1)(IMAGES)
    assert capsys.readouterr() == ("", "in forward\n")


def network_of_queries(forward, **changes):
    options = {"device": torch.device("cpu"), "threads": 1, "pad": 32, "masks": ("input", LABELS)}
    return Network(lambda pixels: as_output(*forward(pixels)), Normalisation(), **(options | changes))


def as_output(classes, masks, feature):
    return Queries(classes, masks), feature


def drawn(number=2, size=(40, 50)):
    return list(np.random.default_rng(0).integers(1, 256, (number, *size, 3), np.uint8))


def queries_of(pixels, classes=3):
    n, _, height, width = pixels.shape
    g = torch.Generator().manual_seed(0)
    masks = torch.randn(n, 5, height // 4, width // 4, generator=g)
    return torch.randn(n, 5, classes, generator=g), masks, pixels.mean(dim=(2, 3))


def test_normalised_images_are_padded_with_zeros_below_and_to_the_right():
    seen = []

    def forward(pixels):
        seen.append(pixels.clone())
        return queries_of(pixels)

    network_of_queries(forward)(drawn())
    (pixels,) = seen
    assert pixels.shape == (2, 3, 64, 64)
    assert torch.equal(pixels[:, :, :40, :50], Normalisation()(drawn(), torch.device("cpu")))
    assert not pixels[:, :, 40:].any()
    assert not pixels[:, :, :, 50:].any()


def test_class_maps_are_those_of_the_masks_cut_to_the_image():
    predictions = network_of_queries(queries_of)(drawn())
    assert [p.logits.shape for p in predictions] == [(2, 40, 50)] * 2
    assert [p.size for p in predictions] == [(64, 64)] * 2  # of the network's input
    classes, masks, _ = queries_of(torch.zeros(2, 3, 64, 64))
    masks = torch.nn.functional.interpolate(masks, size=(64, 64), mode="bilinear", align_corners=False).sigmoid()
    maps = torch.einsum("nqc,nqhw->nchw", classes.softmax(-1)[..., :-1], masks)[..., :40, :50]
    for own, prediction in zip(maps, predictions, strict=True):
        assert np.allclose(np.exp(np.asarray(prediction.logits)), own.numpy(), atol=1e-5)


def test_features_belong_to_their_drawn():
    predictions = network_of_queries(queries_of, pad=1)(drawn())
    for prediction, image in zip(predictions, drawn(), strict=True):
        mean = Normalisation()([image], torch.device("cpu")).mean(dim=(2, 3))[0].numpy()
        assert np.allclose(prediction.feature, mean, atol=1e-5)
    assert network_of_queries(lambda p: (*queries_of(p)[:2], None))(drawn(1))[0].feature is None


def test_queries_of_other_classes_are_refused():
    with pytest.raises(ModelError, match="gives 4 numbers for the classes of a query"):
        network_of_queries(lambda pixels: queries_of(pixels, classes=4))(drawn())


def test_queries_of_a_network_that_should_give_logits_are_refused():
    with pytest.raises(ModelError, match="gives queries and masks, and no logits"):
        network_of_queries(queries_of, masks=None)(drawn())
