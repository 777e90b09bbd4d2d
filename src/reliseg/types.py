"""Array types shared by all modules. The axes: c classes, h w native stride, H W image, p pixels, b bins."""

from typing import TypeAlias

import numpy as np
from jaxtyping import Float32, Float64, Int64, UInt8

Image: TypeAlias = UInt8[np.ndarray, "H W 3"]
"""8-bit RGB."""
Truth: TypeAlias = UInt8[np.ndarray, "H W"]
"""Ids of a label space, 254 for unknown and 255 for void pixels."""
Logits: TypeAlias = Float32[np.ndarray, "c h w"]
"""Logits at the model's own stride."""
Feature: TypeAlias = Float32[np.ndarray, " f"]
"""A pooled feature vector of one image."""
Counts: TypeAlias = Int64[np.ndarray, "..."]
"""Numbers of pixels or images."""
Limbs: TypeAlias = Int64[np.ndarray, "... 2"]
"""Exact sums in units of 2**-24 as two limbs: high, and low in [0, 2**32)."""
Block: TypeAlias = Float64[np.ndarray, "c p"]
"""Logits of p pixels at full resolution."""
LiveBlock: TypeAlias = Float32[np.ndarray, "l p"]
"""Logits of p pixels in float32, of the columns that some model class goes to."""
Factors: TypeAlias = Float32[np.ndarray, "H W"]
"""1/T of each pixel of an image: positive."""
