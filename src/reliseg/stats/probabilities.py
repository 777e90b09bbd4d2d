"""The logarithms of the least probabilities, where a model gives probabilities in the place of logits.

Probabilities are read as float32. A probability of 0 has no logarithm: it counts as the least positive float32,
2**-149, for the argmax, rankings and calibrations. It is told from that number by one step of float32, and where the
label has it, the negative log-likelihood is undefined (`Losses.impossible`).
"""

import numpy as np

LEAST_PROBABILITY = 2.0**-149
LEAST_LOG = float(np.float32(np.log(LEAST_PROBABILITY)))
"""-103.28: the logarithm of the least positive float32, and of what is interpolated to less."""
LOG_ZERO = float(np.nextafter(np.float32(LEAST_LOG), np.float32(-np.inf)))
"""What stands for the logarithm of 0: the float32 below."""
LEAST_MAP = 2.0**-126
"""The least normal float32: a class map of mask classification that is less counts as that when its log is taken."""
