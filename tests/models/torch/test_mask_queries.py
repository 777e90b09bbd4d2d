"""Output of mask classification: what transformers and detectron2 make of it, and refusals in one line."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from helpers.mask_queries import detectron2_class_maps, drawn

from reliseg.errors import ModelError
from reliseg.kernels.rows.mask_scores import MaskScores
from reliseg.labels import LabelSpace
from reliseg.models.torch.mask_queries import MaskClassification

LABELS = LabelSpace("six", tuple("abcdef"), tuple((i, i, i) for i in range(6)))
NATIVE, INPUT, IMAGE = (16, 24), (64, 96), (75, 110)


def output(images=2, queries=9, classes=6, native=NATIVE):
    parts = [drawn(seed, queries, classes, native) for seed in range(images)]
    z, m = (torch.from_numpy(np.stack(part)) for part in zip(*parts, strict=True))
    return z, m


def assert_class_maps(rows, theirs):
    """Class maps agree to 1e-5, and the argmax wherever they differ by more."""
    ours = rows.linear().rows(slice(None))
    theirs = theirs.numpy()
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5)
    first, second = np.sort(theirs, axis=0)[:-3:-1]
    clear = first - second > 2e-5
    assert clear.mean() > 0.99
    np.testing.assert_array_equal(rows.rows(slice(None)).argmax(axis=0)[clear], theirs.argmax(axis=0)[clear])


def test_input_and_image_are_what_detectron2_computes():
    z, m = output()
    padded, seen = INPUT, (60, 90)
    for order, before in (("input", False), ("image", True)):
        for i, rows in enumerate(MaskClassification(order, padded, seen)(z, m, LABELS)):
            for image in (IMAGE, seen):
                theirs = detectron2_class_maps(z[i], m[i], (padded, seen, image), before)
                assert_class_maps(rows.brought_to(image), theirs)


@pytest.mark.parametrize(
    ("module", "name", "order"),
    [
        ("maskformer", "MaskFormerImageProcessorPil", "native"),
        ("oneformer", "OneFormerImageProcessorPil", "native"),
        ("mask2former", "Mask2FormerImageProcessorPil", "384"),
        ("eomt", "EomtImageProcessorPil", "window"),
    ],
)
@pytest.mark.parametrize("image", [IMAGE, (64, 64), (31, 50)])
def test_native_384_and_window_are_what_transformers_computes(module, name, order, image):
    z, m = output()
    window = (64, 64)
    processor = getattr(pytest.importorskip(f"transformers.models.{module}.image_processing_pil_{module}"), name)
    more = {"size": {"shortest_edge": window[0], "longest_edge": None}} if module == "eomt" else {}
    raw = SimpleNamespace(class_queries_logits=z, masks_queries_logits=m, patch_offsets=None)
    self = processor.__new__(processor)  # what it makes of output depends on no setting of how images are read
    theirs = self.post_process_semantic_segmentation(raw, [image] * 2, return_segmentation_scores=True, **more)
    for rows, wanted in zip(MaskClassification(order, window, window)(z, m, LABELS), theirs, strict=True):
        assert_class_maps(rows.brought_to(image), wanted.segmentation_scores)


def test_other_precisions_are_read_as_float32():
    z, m = output(1)
    (rows,) = MaskClassification("input", INPUT, INPUT)(z.bfloat16(), m.half(), LABELS)
    (same,) = MaskClassification("input", INPUT, INPUT)(z.bfloat16().float(), m.half().float(), LABELS)
    np.testing.assert_array_equal(rows.rows(slice(None)), same.rows(slice(None)))


def test_later_changes_of_the_networks_memory_change_nothing():
    z, m = output(1)
    (rows,) = MaskClassification("native", INPUT, INPUT)(z, m, LABELS)
    kept = m.clone()
    m.zero_()
    np.testing.assert_array_equal(rows.masks, kept[0])


def test_scores_have_the_size_and_the_order_of_the_rows():
    z, m = output(1)
    (rows,) = MaskClassification("input", INPUT, (60, 90))(z, m, LABELS)
    maps = detectron2_class_maps(z[0], m[0], (INPUT, (60, 90), IMAGE), False).numpy()
    scores = MaskScores(rows.brought_to(IMAGE).with_no_object()).by_name()
    np.testing.assert_allclose(scores["rba"](slice(None)), np.tanh(maps).sum(axis=0), atol=1e-5)
    share = scores["no_object"](slice(20, 30))
    assert share.shape == (10, IMAGE[1])
    assert ((share > 0) & (share < 1)).all()


@pytest.mark.parametrize(
    ("classes", "masks", "message"),
    [
        ((9, 7), (2, 9, 4, 4), "gives classes of queries of shape 9 x 7, not images x queries x (classes + 1)"),
        ((2, 0, 7), (2, 9, 4, 4), "gives classes of queries of shape 2 x 0 x 7, not"),
        ((2, 9, 7), (9, 4, 4), "gives masks of shape 9 x 4 x 4, not images x queries x height x width"),
        ((2, 9, 7), (2, 8, 4, 4), "gives classes of 2 x 9 queries and masks of 2 x 8; give one mask for each query"),
        ((2, 9, 6), (2, 9, 4, 4), "gives 6 numbers for the classes of a query, where label space six needs 7"),
        ((2, 9, 8), (2, 9, 4, 4), "set labels to the classes it was trained with"),
    ],
)
def test_output_of_another_shape_is_refused_in_one_line(classes, masks, message):
    with pytest.raises(ModelError) as raised:
        MaskClassification("input", INPUT, INPUT)(torch.zeros(classes), torch.zeros(masks), LABELS)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("part", [0, 1])
def test_queries_that_are_not_finite_are_refused(value, part):
    z, m = output(1)
    (z, m)[part][0, 3, 2] = value
    with pytest.raises(ModelError, match=f"gives {('classes', 'masks')[part]} of queries that are NaN or infinite"):
        MaskClassification("input", INPUT, INPUT)(z, m, LABELS)


def test_an_unknown_order_and_an_image_larger_than_its_input_are_refused():
    with pytest.raises(ModelError, match="use one of input, image, native, 384, window"):
        MaskClassification("outer", INPUT, INPUT)
    with pytest.raises(ModelError, match="an image of 64 x 97 does not fit an input of 64 x 96"):
        MaskClassification("input", INPUT, (64, 97))
