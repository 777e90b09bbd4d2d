"""Keys and numbers that are drawn by them."""

import numpy as np

from reliseg.corruptions.draws import key_of, uniform


def test_a_key_depends_on_seed_image_and_kind():
    keys = {tuple(key_of(*args)) for args in ((0, "a", "fog"), (1, "a", "fog"), (0, "b", "fog"), (0, "a", "snow"))}
    assert len(keys) == 4
    assert all(0 <= word < 1 << 32 for key in keys for word in key)


def test_numbers_fill_their_range_evenly():
    drawn = [uniform(key_of(0, str(i), "fog"), 1, -45, 45) for i in range(2000)]
    assert min(drawn) >= -45
    assert max(drawn) < 45
    assert np.allclose(np.quantile(drawn, [0.25, 0.5, 0.75]), [-22.5, 0, 22.5], atol=3)
