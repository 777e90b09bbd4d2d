"""From outputs for windows, views and passes to one prediction, against the same in torch and plain NumPy."""

import numpy as np
import pytest
import torch
from helpers.rows import StoredRows
from torch.nn.functional import interpolate

from reliseg.kernels.reference_rows import mean_probability, softmax
from reliseg.labels import LabelSpace
from reliseg.models import Augmented, FitWithin, Input, ModelOptions, Slide
from reliseg.models.image_predictor import ImagePredictor
from reliseg.models.inference.composing import at_image, compose, mean_prediction, rows_of
from reliseg.models.inference.modes import Inference
from reliseg.models.torch.network import Network, Queries
from reliseg.models.torch.normalisation import Normalisation
from reliseg.prediction import Prediction

SPACE = LabelSpace("three", ("a", "b", "c"), ((0, 0, 0),) * 3)
STRIDE = 4
IMAGE = np.random.default_rng(0).integers(0, 256, (45, 70, 3), np.uint8)
TORCH = torch.nn.Sequential(
    torch.nn.Conv2d(3, 8, 5, stride=STRIDE, padding=2), torch.nn.Tanh(), torch.nn.Dropout(0.4), torch.nn.Conv2d(8, 3, 1)
).eval()


def tensor_of(image):
    return Normalisation()([np.ascontiguousarray(image)], torch.device("cpu"))


def native(image):
    with torch.inference_mode():
        return TORCH(tensor_of(image)) * 4


def predictor(align=False, values=None, **options):
    """Return the predictor of a small network whose logits are at stride 4."""

    def forward(pixels):
        z = TORCH(pixels) * 4
        return (z.softmax(1) if values == "probabilities" else z), pixels.mean(dim=(2, 3))

    inference = Inference.of(ModelOptions("net", "python", "x", **options))
    network = Network(forward, Normalisation(), torch.device("cpu"), 1, pad=inference.pad, module=TORCH)
    return ImagePredictor(
        "net", SPACE, network, repr, align, values, inference=inference, run_with_dropout=network.with_dropout
    )


def predicted(align=False, values=None, image=IMAGE, **options):
    [prediction] = predictor(align, values, **options)([Input("a/b", image.shape[:2], image)])
    return prediction


def maps(prediction):
    return np.asarray(rows_of(prediction), np.float64)


def up(z, size, align):
    return interpolate(z.double(), size, mode="bilinear", align_corners=align)


def slid_in_torch(image, crop, stride, align, average="logits"):
    """Slide as mmsegmentation defines it, written out: sums over windows divided by their number."""
    height, width = image.shape[:2]
    total, number = torch.zeros(1, 3, height, width).double(), torch.zeros(height, width)
    for y in range(max(height - crop[0] + stride[0] - 1, 0) // stride[0] + 1):
        for x in range(max(width - crop[1] + stride[1] - 1, 0) // stride[1] + 1):
            bottom, right = min(y * stride[0] + crop[0], height), min(x * stride[1] + crop[1], width)
            top, left = max(bottom - crop[0], 0), max(right - crop[1], 0)
            part = up(native(image[top:bottom, left:right]), (bottom - top, right - left), align)
            total[:, :, top:bottom, left:right] += part.softmax(1) if average == "probabilities" else part
            number[top:bottom, left:right] += 1
    return total / number


@pytest.mark.parametrize("align", [False, True])
@pytest.mark.parametrize(("crop", "stride"), [((24, 32), (17, 20)), ((64, 64), (40, 40)), ((45, 30), (45, 30))])
def test_windows_are_averaged_as_mmsegmentation_does_it(align, crop, stride):
    prediction = predicted(align, slide=Slide(crop, stride))
    expected = slid_in_torch(IMAGE, crop, stride, align)[0].numpy()
    np.testing.assert_allclose(maps(prediction), expected, atol=1e-4)
    assert not prediction.is_of_probabilities
    assert prediction.size == (45, 70)


def test_windows_of_a_resized_image_are_brought_to_the_image_after_they_are_averaged():
    prediction = predicted(True, slide=Slide((24, 32), (17, 20)), resize=FitWithin(91, 50))
    seen = Inference.of(ModelOptions("net", "python", "x", resize=FitWithin(91, 50))).resizing(IMAGE)
    assert seen.shape[:2] == (50, 78)
    expected = up(slid_in_torch(seen, (24, 32), (17, 20), True), (45, 70), True)[0].numpy()
    np.testing.assert_allclose(maps(prediction), expected, atol=1e-4)


def test_probabilities_of_windows_can_be_averaged():
    prediction = predicted(slide=Slide((24, 32), (17, 20), average="probabilities"))
    expected = slid_in_torch(IMAGE, (24, 32), (17, 20), False, "probabilities")[0].numpy()
    np.testing.assert_allclose(np.exp(maps(prediction)), expected, atol=1e-6)
    assert prediction.is_of_probabilities


def test_windows_of_a_model_that_gives_probabilities_are_averaged_as_such():
    prediction = predicted(values="probabilities", slide=Slide((24, 32), (17, 20)))
    np.testing.assert_allclose(np.exp(maps(prediction)).sum(axis=0), 1, atol=1e-5)
    assert prediction.is_of_probabilities


def test_the_feature_is_the_mean_of_the_windows_or_that_of_the_image():
    whole = tensor_of(IMAGE).mean(dim=(2, 3))[0].numpy()
    windows = predicted(slide=Slide((45, 35), (45, 35)))  # two of equal size
    np.testing.assert_allclose(windows.feature, whole, atol=1e-5)
    uneven = predicted(slide=Slide((24, 32), (17, 20)))
    assert abs(uneven.feature - whole).max() > 1e-4
    np.testing.assert_allclose(predicted(slide=Slide((24, 32), (17, 20), feature="image")).feature, whole, atol=1e-6)


@pytest.mark.parametrize("scales", [(1.0,), (0.5, 1.0, 1.5)])
def test_mirror_images_and_scales_are_averaged_as_probabilities(scales):
    prediction = predicted(tta=Augmented(flip=True, scales=scales))
    members = []
    resizing = Inference().resizing
    for scale in scales:
        seen = resizing(IMAGE, scale)
        members.append(up(native(seen), (45, 70), False)[0].numpy())
        members.append(up(native(seen[:, ::-1]), (45, 70), False).flip(3)[0].numpy())
    np.testing.assert_allclose(np.exp(maps(prediction)), mean_probability(members), atol=1e-5)
    assert set(prediction.score_maps) == {"neg_mutual_information", "neg_expected_entropy"}
    assert prediction.score_maps["neg_mutual_information"](slice(3, 9)).shape == (6, 70)


@pytest.mark.parametrize("align", [False, True])
@pytest.mark.parametrize("scale", [0.5, 2.0])
@pytest.mark.parametrize("flip", [False, True])
def test_probabilities_that_a_network_gives_are_averaged_as_they_are(align, scale, flip):
    prediction = predicted(align, "probabilities", tta=Augmented(flip=flip, scales=(scale, 1.5)))
    members = []
    for seen in (Inference().resizing(IMAGE, s) for s in (scale, 1.5)):
        members.append(up(native(seen).softmax(1), (45, 70), align))
        if flip:
            members.append(up(native(seen[:, ::-1]).softmax(1), (45, 70), align).flip(3))
    np.testing.assert_allclose(np.exp(maps(prediction)), torch.cat(members).mean(0).numpy(), atol=1e-5)
    alone = predicted(align, "probabilities", tta=Augmented(flip=False, scales=(scale,)))
    np.testing.assert_allclose(np.exp(maps(alone)), members[0][0].numpy(), atol=1e-5)
    assert alone.is_of_probabilities


def test_passes_with_dropout_average_the_probabilities_that_a_network_gives():
    prediction = predicted(values="probabilities", mc_dropout=3, seed=3)
    of_logits = predicted(mc_dropout=3, seed=3)
    for one, z in zip(prediction.logits.members, of_logits.logits.members, strict=True):
        expected = up(torch.from_numpy(z.maps)[None].softmax(1), (45, 70), False)[0].numpy()
        np.testing.assert_allclose(np.exp(np.asarray(one)), expected, atol=1e-5)


def test_padding_is_seen_by_the_network_and_cut_off_again():
    from reliseg.models import Pad

    prediction = predicted(True, pad=Pad(16))
    padded = torch.nn.functional.pad(tensor_of(IMAGE), (0, 10, 0, 3))
    with torch.inference_mode():
        expected = up(TORCH(padded) * 4, (48, 80), True)[:, :, :45, :70][0].numpy()
    np.testing.assert_allclose(maps(prediction), expected, atol=1e-4)


def test_dropout_is_drawn_anew_for_each_pass_and_equally_for_each_image():
    one, again = (predicted(mc_dropout=5, seed=3) for _ in range(2))
    np.testing.assert_array_equal(maps(one), maps(again))
    assert abs(maps(one) - maps(predicted(mc_dropout=5, seed=4))).max() > 1e-3
    assert one.score_maps["neg_mutual_information"](slice(None)).min() < -1e-3
    [other] = predictor(mc_dropout=5, seed=3)([Input("a/other", IMAGE.shape[:2], IMAGE)])
    assert abs(maps(one) - maps(other)).max() > 1e-3  # by the id of the sample
    assert len(one.logits.members) == 5


def test_a_single_view_at_another_scale_stays_logits():
    prediction = predicted(tta=Augmented(scales=(0.5,)))
    assert not prediction.is_of_probabilities
    expected = up(native(Inference().resizing(IMAGE, 0.5)), (45, 70), False)[0].numpy()
    np.testing.assert_allclose(maps(prediction), expected, atol=1e-4)


def masks_of(pixels):
    generator = torch.Generator().manual_seed(int(pixels.sum().item() * 100) % 1000)
    masks = torch.randn(1, 6, pixels.shape[2] // 4, pixels.shape[3] // 4, generator=generator)
    return Queries(torch.randn(1, 6, 4, generator=generator), masks), pixels.mean(dim=(2, 3))


@pytest.mark.parametrize("average", ["logits", "probabilities"])
def test_class_maps_of_windows_are_averaged_and_scores_are_those_of_the_mean(average):
    inference = Inference.of(ModelOptions("net", "python", "x", slide=Slide((32, 40), (32, 30), average)))
    network = Network(masks_of, Normalisation(), torch.device("cpu"), 1, masks=("window", SPACE))
    model = ImagePredictor("net", SPACE, network, repr, None, inference=inference, of_masks=True)
    [prediction] = model([Input("a", (45, 70), IMAGE)])
    total, number, shares = np.zeros((4, 45, 70)), np.zeros((45, 70)), np.zeros((3, 45, 70))
    for rows in (slice(0, 32), slice(13, 45)):
        for columns in (slice(0, 40), slice(30, 70)):
            queries, _ = masks_of(tensor_of(IMAGE[rows, columns]))
            masks = up(queries.masks, (32, 40), False).sigmoid()
            maps_of_window = torch.einsum("qc,qhw->chw", queries.classes[0].double().softmax(-1), masks[0]).numpy()
            total[:, rows, columns] += maps_of_window
            shares[:, rows, columns] += maps_of_window[:3] / maps_of_window[:3].sum(axis=0)
            number[rows, columns] += 1
    s = total / number
    expected = s[:3] if average == "logits" else shares / number
    np.testing.assert_allclose(np.exp(maps(prediction)), expected, rtol=1e-4, atol=1e-6)
    assert model.gives_scores == ("rba", "no_object")
    np.testing.assert_allclose(prediction.score_maps["rba"](slice(None)), np.tanh(s[:3]).sum(axis=0), atol=1e-5)
    share = s[:3].sum(axis=0) / s.sum(axis=0)
    np.testing.assert_allclose(prediction.score_maps["no_object"](slice(None)), share, atol=1e-5)


def test_an_output_of_the_images_own_size_stays_an_array():
    output = Prediction(np.zeros((3, 5, 7), np.float32), (20, 28), align_corners=True)
    assert at_image(output, (20, 28), (40, 56), through_input=False).logits is output.logits
    assert at_image(output, (20, 28), (20, 28), through_input=True).logits is output.logits
    twice = at_image(output, (20, 28), (40, 56), through_input=True)
    assert twice.logits.shape == (3, 40, 56)


def test_two_interpolations_are_not_one():
    z = np.random.default_rng(1).normal(size=(3, 5, 7)).astype(np.float32)
    twice = at_image(Prediction(z, (20, 28)), (20, 28), (33, 41), through_input=True)
    expected = up(up(torch.from_numpy(z)[None], (20, 28), False), (33, 41), False)[0].numpy()
    np.testing.assert_allclose(np.asarray(twice.logits), expected, atol=1e-5)


def test_a_mean_of_finished_predictions_has_their_probabilities():
    logits = [np.random.default_rng(i).normal(size=(3, 4, 5)).astype(np.float32) for i in range(2)]
    mean = mean_prediction([StoredRows(z) for z in logits], (4, 5), None)
    np.testing.assert_allclose(
        np.exp(np.asarray(mean.logits)), mean_probability([z.astype(float) for z in logits]), atol=1e-6
    )


def test_a_composed_prediction_of_one_window_is_that_of_the_image():
    calls = []

    def ask(image, number):
        calls.append((image.shape, number))
        return Prediction(np.ones((3, 4, 5), np.float32), image.shape[:2])

    inference = Inference.of(ModelOptions("net", "python", "x", slide=Slide((100, 100), (50, 50))))
    prediction = compose(IMAGE, inference, ask)
    assert calls == [((45, 70, 3), 0)]
    np.testing.assert_allclose(softmax(maps(prediction)), 1 / 3)
