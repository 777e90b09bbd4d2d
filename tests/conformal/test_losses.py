"""Losses of images, by how much is accepted."""

import numpy as np
import pytest

from reliseg.conformal import losses_of, means_of_units


def test_losses_are_shares_of_all_counted_pixels_and_begin_with_nothing():
    losses = losses_of(np.array([[1, 0, 3], [0, 2, 0]]), np.array([8, 4]))
    assert losses.tolist() == [[0, 1 / 8, 1 / 8, 4 / 8], [0, 0, 2 / 4, 2 / 4]]


@pytest.mark.parametrize(("lost", "counted"), [([[1, 0]], [0]), ([[1, 2]], [2]), ([[-1, 2]], [2])])
def test_what_is_no_loss_is_refused(lost, counted):
    with pytest.raises(ValueError, match="an image"):
        losses_of(np.array(lost), np.array(counted))


def test_a_scene_loses_what_its_images_lose_on_average():
    losses = np.array([[0, 0.2], [0, 0.4], [0.1, 0.6]])
    assert means_of_units(losses, np.array([1, 1, 0])).tolist() == [[0.1, 0.6], [0, pytest.approx(0.3)]]
