"""The maps of one image: classes, confidence, scores, probabilities by rows."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers.heads import prediction_with
from helpers.worlds import space
from scipy.special import softmax

from reliseg.calibration.methods.ts import Scaled
from reliseg.conformal import Promise, PromisedThreshold
from reliseg.deploy.acceptance import Acceptance
from reliseg.deploy.result import CalibratedImage
from reliseg.errors import ConfigError
from reliseg.kernels.reference import full_logits
from reliseg.prediction import Prediction
from reliseg.stats.bins import SET_BINS, set_edges
from reliseg.stats.device import DeviceLogits


def result_of(prediction=None, last=150_000):
    calibrated = Scaled(2.0)(prediction_with() if prediction is None else prediction)
    return CalibratedImage.of("a.png", calibrated, Acceptance("msp", last, "street/cal"))


def test_maps_agree_with_each_other():
    result = result_of()
    p = result.probabilities()
    assert p.dtype == np.float32
    np.testing.assert_array_equal(p.argmax(axis=0), result.classes)
    np.testing.assert_allclose(p.max(axis=0), result.confidence, atol=2e-6)
    np.testing.assert_allclose(p.sum(axis=0), 1, atol=1e-6)
    np.testing.assert_array_equal(result.accepted, result.confidence >= np.float32(result.acceptance.confidence))
    np.testing.assert_array_equal(result.score("msp"), result.confidence)


def test_probabilities_of_some_rows_are_those_of_all():
    result = result_of(prediction_with(size=(70, 26)))
    whole = result.probabilities()
    np.testing.assert_array_equal(result.probabilities(slice(5, 9)), whole[:, 5:9])
    np.testing.assert_array_equal(result.probabilities(slice(-2, None)), whole[:, -2:])
    assert result.probabilities(slice(9, 9)).shape == (4, 0, 26)
    rows, blocks = zip(*result.probability_blocks(), strict=True)
    np.testing.assert_array_equal(np.concatenate(blocks, axis=1), whole)
    assert rows[0].start == 0


def test_probabilities_of_a_large_image_come_in_blocks_of_8_mib():
    result = result_of(prediction_with(size=(3000, 400)))
    sizes = [(block.nbytes, rows.stop - rows.start) for rows, block in result.probability_blocks()]
    assert len(sizes) > 1
    assert max(size for size, _ in sizes) <= 8 << 20
    assert sum(rows for _, rows in sizes) == 3000


def test_other_has_its_probability_behind_the_classes_where_a_class_of_the_model_goes_there():
    joined = result_of(prediction_with(classes=5, groups=(0, 1, 1, 2, -1), target=space(3)))
    assert len(joined.probabilities()) == 4
    assert (joined.classes == 255).any()
    unreachable = result_of(prediction_with(classes=3, groups=(0, 0, 2), target=space(3))).probabilities()
    assert len(unreachable) == 3
    assert not unreachable[1].any()


def test_scores_are_those_of_the_calibrated_logits():
    result = result_of()
    z = full_logits(result.prediction.view(), result.prediction.columns)[:4]
    np.testing.assert_allclose(result.score("max_logit").ravel(), z.max(axis=0), atol=1e-5)
    entropy = (softmax(z, axis=0) * np.log(softmax(z, axis=0))).sum(axis=0)
    np.testing.assert_allclose(result.score("neg_entropy").ravel(), entropy, atol=1e-5)


def test_scores_that_come_with_a_prediction_are_those_that_came():
    own = np.random.default_rng(0).uniform(size=(18, 26)).astype(np.float32)
    result = result_of(replace(prediction_with(), score_maps={"neg_mutual_information": lambda rows: own[rows]}))
    np.testing.assert_array_equal(result.score("neg_mutual_information"), own)


def test_a_score_that_cannot_be_had_is_refused():
    with pytest.raises(ConfigError, match="did you mean 'msp'"):
        result_of().score("mps")
    with pytest.raises(ConfigError, match="rba is not given by this model; it comes with"):
        result_of().score("rba")
    p = np.full((3, 2, 2), 1 / 3, np.float32)
    with pytest.raises(ConfigError, match="max_logit needs logits, and this model gives probabilities"):
        result_of(Prediction.of_probabilities(p, (4, 4))).score("max_logit")


def test_without_a_threshold_accepted_says_why():
    result = CalibratedImage.of("a.png", prediction_with(), Acceptance(why="the split gave none"))
    assert result.confidence.shape == (18, 26)
    with pytest.raises(ConfigError, match="the split gave none"):
        _ = result.accepted


def test_a_result_holds_neither_the_image_nor_memory_of_a_device():
    tensor = torch.tensor(prediction_with().logits)
    result = result_of(replace(prediction_with(), logits=DeviceLogits(tensor)))
    assert isinstance(result.prediction.logits, np.ndarray)
    assert result.prediction.image is None
    assert result.size == (18, 26)
    assert len(result.feature) == 5


def test_sets_hold_the_predicted_class_and_those_that_are_probable_enough():
    result = result_of()
    for left_out, above in ((1, set_edges()[SET_BINS]), (200, set_edges()[SET_BINS - 199]), (SET_BINS + 1, 0.5)):
        promised = PromisedThreshold(Promise(0.1, of_sets=True), "street/cal", n=50, bins=left_out)
        sets = replace(result, acceptance=result.acceptance.with_sets([promised])).sets()
        p = result.probabilities()
        assert (sets == ((p > above) | (p == p.max(axis=0)))).all()
        assert result.acceptance.with_sets([promised]).facts()["sets"]["probability_above"] == above
    whole = replace(result, acceptance=result.acceptance.with_sets([replace(promised, bins=0)]))
    assert whole.sets(slice(0, 2)).all()


def test_without_a_promise_there_are_no_sets():
    with pytest.raises(ConfigError, match="the run makes no promise of them; ask for sets:"):
        result_of().sets()
    lost = PromisedThreshold(Promise(0.1, of_sets=True), "street/cal", why="too few images")
    with pytest.raises(ConfigError, match="no sets of classes are known: too few images"):
        replace(result_of(), acceptance=Acceptance().with_sets([lost])).sets()
