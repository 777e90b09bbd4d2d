"""What a fitted calibration says of itself: parameters, and a fingerprint that stored statistics are compared by."""

import numpy as np
import pytest
from helpers.calibration_samples import random_part, sample_of

from reliseg.calibration import CALIBRATORS, Unchanged, calibrator
from reliseg.calibration.fitting.clusters import Centres
from reliseg.calibration.methods.class_ts import ScaledByClass
from reliseg.calibration.methods.cluster_ts import ScaledByCluster
from reliseg.calibration.methods.ts import Scaled


def by_cluster(centre):
    return ScaledByCluster(Centres(np.array([[centre, 0.0]])), np.ones((1, 1)), soft=False)


def test_a_fingerprint_is_that_of_the_type_and_every_bit_of_the_parameters():
    different = [
        Unchanged(),
        Scaled(1.0),
        Scaled(np.nextafter(1.0, 2)),
        Scaled(1.0, "ece"),
        ScaledByClass((1.0,)),
        by_cluster(1.0),
        by_cluster(np.nextafter(1.0, 2)),
    ]
    assert len({c.fingerprint() for c in different}) == len(different)
    assert Scaled(1.0).fingerprint() == Scaled(1.0).fingerprint()
    assert by_cluster(1.0).fingerprint() == by_cluster(1.0).fingerprint()


def test_another_process_computes_the_same_fingerprint():
    """Stored statistics of earlier versions are used again only while this stays."""
    assert Scaled(1.5).fingerprint() == "04460789582388a5e0655a94d4f9d15c7c47e792872d54d33f912c6e919a0e4c"


@pytest.mark.parametrize("name", CALIBRATORS.names())
def test_what_a_method_needs_is_known_before_it_is_fitted(name):
    method = CALIBRATORS.get(name)()
    assert method.least_images >= 1
    assert not method.needs_image or method.needs_whole_images
    assert all(isinstance(seed, int) for seed in method.usual_seeds())
    assert hasattr(method, "seed") or not method.usual_seeds()


def test_a_calibration_has_nothing_to_note_by_default():
    fitted = calibrator("vector").fit(sample_of(random_part(0)))
    assert fitted.notes() == []
    assert not fitted.needs_image
    assert fitted.parameters().keys() == {"scales", "biases"}
