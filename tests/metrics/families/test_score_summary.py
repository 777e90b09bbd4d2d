"""Mean and percentiles of the scores of images."""

import numpy as np
import pytest
from helpers.metric_values import image_means
from helpers.worlds import SCORES, world

from reliseg.metrics.families.score_summary import ScoreSummary

IMAGES = world(21, images=12, pixels=360, spread=4.0)


@pytest.mark.parametrize("score", SCORES)
def test_score_summary_is_over_all_pixels_of_images(score):
    values = {
        v.metric: v.value for v in ScoreSummary().compute(IMAGES.domain(annotated=False), None) if v.score == score
    }
    means = image_means(IMAGES, score, known_only=False)
    # per pixel half a unit of 2**-24
    assert values["score_mean"] == pytest.approx(means.mean(), abs=6e-8)
    for p in (5, 50, 95):
        assert values[f"score_p{p}"] == pytest.approx(np.quantile(means, p / 100), abs=6e-8)
