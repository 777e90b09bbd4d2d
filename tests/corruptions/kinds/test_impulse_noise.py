"""The corruption `impulse_noise`."""

import numpy as np
import pytest
from helpers.corruption_images import flat

from reliseg.corruptions import Corrupted


@pytest.mark.parametrize(("severity", "amount"), [(1, 0.03), (5, 0.27)])
def test_salt_and_pepper_share_the_published_amount(severity, amount):
    out = Corrupted("impulse_noise", severity)(flat(300, 300, 100), "a/b")
    assert set(np.unique(out)) == {0, 100, 255}
    for value in (0, 255):
        assert (out == value).mean() == pytest.approx(amount / 2, rel=0.05)
