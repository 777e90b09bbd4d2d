"""Array types shared by all modules. The axes: c classes, h w native stride, H W image, p pixels, b bins.

Annotations like `Float32[np.ndarray, "h w"]` are jaxtyping's for type checkers and readers. When the program runs
nobody looks at shapes, and loading jaxtyping takes as long as numpy: an annotation is the class of the array then.
"""

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Bool as Bool
    from jaxtyping import Float as Float
    from jaxtyping import Float32 as Float32
    from jaxtyping import Float64 as Float64
    from jaxtyping import Int as Int
    from jaxtyping import Int16 as Int16
    from jaxtyping import Int32 as Int32
    from jaxtyping import Int64 as Int64
    from jaxtyping import UInt8 as UInt8
    from jaxtyping import UInt16 as UInt16
    from jaxtyping import UInt32 as UInt32
    from jaxtyping import UInt64 as UInt64
else:

    class _Shaped:
        def __class_getitem__(cls, array_and_shape: tuple[Any, str]) -> Any:
            return array_and_shape[0]

    Bool = Float = Float32 = Float64 = Int = Int16 = _Shaped
    Int32 = Int64 = UInt16 = UInt32 = UInt64 = UInt8 = _Shaped

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
