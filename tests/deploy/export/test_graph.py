"""What graphs read beside logits."""

import numpy as np
import pytest
from helpers.exported import Net, model_of, predictor_of

from reliseg.calibration.fitting.clusters import Centres
from reliseg.calibration.methods.cluster_ts import ScaledByCluster
from reliseg.calibration.methods.lts import ScaledLocally
from reliseg.calibration.methods.ts import Scaled
from reliseg.deploy.export.graph import reads_feature, reads_image


def local(images: int) -> ScaledLocally:
    return ScaledLocally(
        temperature=1.3,
        columns=12,
        live=tuple(range(11)),
        logit_weights=np.zeros((7 + images, 11, 5, 5), np.float32),
        logit_bias=np.zeros(7 + images, np.float32),
        image_weights=np.zeros((images, 3, 5, 5), np.float32),
        image_bias=np.zeros(images, np.float32),
        held_out=(1.0, 0.9),
        images=3,
    )


CLUSTERS = ScaledByCluster(Centres(np.eye(2), "l2"), np.array([[1.0], [2.0]]), False)


@pytest.mark.parametrize(
    ("calibration", "image", "feature"),
    [(Scaled(2.0), False, False), (CLUSTERS, False, True), (local(0), False, False), (local(1), True, False)],
)
def test_only_lts_reads_images_and_only_clusters_read_features(calibration, image, feature):
    head = predictor_of(model_of(Net()), calibration).head()
    assert (reads_image(head), reads_feature(head)) == (image, feature)
