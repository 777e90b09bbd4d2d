"""The definitions of maps of windows and means, on cases that are known without them."""

import numpy as np
import pytest

from reliseg.kernels import reference_rows as ref


def test_a_ramp_stays_a_ramp():
    ramp = np.arange(5.0).reshape(1, 1, 5)
    np.testing.assert_allclose(ref.resized(ramp, (1, 9), True).ravel(), np.linspace(0, 4, 9))
    np.testing.assert_allclose(ref.resized(ramp, (1, 10), False).ravel()[1:-1], np.linspace(0.25, 3.75, 8))


def test_two_windows_share_what_both_cover():
    one, two = np.zeros((1, 1, 3)), np.ones((1, 1, 3))
    np.testing.assert_allclose(ref.window_mean([(0, 0, one), (0, 1, two)], (1, 4)).ravel(), [0, 0.5, 0.5, 1])
    np.testing.assert_allclose(ref.window_mean([(0, 0, two)], (1, 2)).ravel(), [1, 1])  # it reaches over the edge


def test_entropies_of_a_fair_coin():
    fair, sure = np.zeros((2, 1, 1)), np.array([50.0, -50]).reshape(2, 1, 1)
    assert ref.entropy(ref.softmax(fair)).item() == pytest.approx(np.log(2))
    assert ref.expected_entropy([fair, sure]).item() == pytest.approx(np.log(2) / 2)
    assert ref.mutual_information([sure, -sure]).item() == pytest.approx(np.log(2))
    assert ref.entropy(np.array([1.0, 0]).reshape(2, 1, 1)).item() == 0
    np.testing.assert_allclose(ref.mean_probability([sure, -sure]).ravel(), [0.5, 0.5])
