import numpy as np

from reliseg.types import Float32, Truth


def test_an_annotation_is_the_class_of_the_array():
    assert Float32[np.ndarray, "h w"] is np.ndarray
    assert Truth is np.ndarray
