"""Images with a margin, so that inner loops ask nothing at the edge."""

import numpy as np

from reliseg.corruptions.compiled.philox import U8
from reliseg.runtime.numba_compile import exact_njit
from reliseg.types import Image, Int64, UInt8


@exact_njit
def padded(image: Image, rows: Int64[np.ndarray, " r"], columns: Int64[np.ndarray, " k"]) -> UInt8[np.ndarray, "r n"]:
    """Return the rows and columns of the image that these are, 3 bytes a pixel; the middle is the image itself."""
    w = image.shape[1]
    m = (len(columns) - w) // 2
    out = np.empty((len(rows), 3 * len(columns)), U8)
    for y in range(len(rows)):
        source = image[rows[y]]
        out[y, 3 * m : 3 * (m + w)] = source.ravel()
        for x in range(m):
            for c in range(3):
                out[y, 3 * x + c] = source[columns[x], c]
                out[y, 3 * (m + w + x) + c] = source[columns[m + w + x], c]
    return out
