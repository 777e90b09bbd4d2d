"""What an exported file is given for images."""

import numpy as np
import pytest
from helpers.deployed import predictor_in_memory
from helpers.exported import Net, model_of, noise, predictor_of

from reliseg.calibration.fitting.clusters import Centres
from reliseg.calibration.methods.cluster_ts import ScaledByCluster
from reliseg.deploy.export.cases import Cases
from reliseg.deploy.export.wishes import Wishes
from reliseg.errors import ModelError
from reliseg.models.options import Augmented

CLUSTERS = ScaledByCluster(Centres(np.eye(8)[:2], "l2"), np.array([[1.0], [2.0]]), False)


@pytest.mark.parametrize(
    ("wishes", "calibration", "shapes"),
    [
        (Wishes(), None, {"image": (2, 18, 26, 3)}),
        (Wishes(head_only=True), None, {"logits": (2, 11, 5, 7)}),
        (Wishes(head_only=True), CLUSTERS, {"logits": (2, 11, 5, 7), "feature": (2, 8)}),
        (Wishes(head_only=True, dynamic=True), None, {"logits": (2, 11, 5, 7), "image": (2, 18, 26, 3)}),
    ],
)
def test_a_file_is_given_images_or_what_its_head_reads(wishes, calibration, shapes):
    predictor = predictor_of(model_of(Net(), feature="body"), calibration)
    case = Cases(predictor, predictor.head(), wishes).of([noise(18, 26), noise(18, 26, seed=1)])
    assert {name: array.shape for name, array in case.inputs.items()} == shapes
    assert case.size == (18, 26)


def test_a_mean_of_views_is_given_as_probabilities_at_the_size_of_the_image():
    predictor = predictor_of(model_of(Net(), tta=Augmented(flip=True)))
    case = Cases(predictor, predictor.head(), Wishes(head_only=True)).of([noise(18, 26)])
    np.testing.assert_allclose(case.inputs["logits"].sum(axis=1), 1, atol=1e-5)
    assert case.inputs["logits"].shape == (1, 11, 18, 26)


@pytest.mark.parametrize("head_only", [False, True])
def test_a_feature_that_lacks_is_said_with_the_way_to_have_one(head_only):
    predictor = predictor_in_memory(CLUSTERS)
    cases = Cases(predictor, predictor.head(), Wishes(head_only=head_only))
    with pytest.raises(
        ModelError, match=r"net gives no feature of images, which ts needs; name a layer .*feature: LAYER$"
    ):
        cases.of([noise(18, 26)])
