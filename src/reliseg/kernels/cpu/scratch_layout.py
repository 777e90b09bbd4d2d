"""The layout of the scratch space in which the stages of a block pass values of its pixels on."""

from reliseg.kernels.cpu.row_blocks import PIXELS
from reliseg.runtime.arithmetic import U64

ROW = PIXELS + 16
"""Floats from one class to the next in the buffer of logits: not a power of two, for the cache's sake."""

# Slots lie at compile-time distances in one array: LLVM then knows that they do not overlap. Indices are
# unsigned, as negative ones would have to be wrapped round.
(
    MAX,  # the largest logit; 0 once the buffer holds distances from it
    TOP,  # the largest logit, calibrated
    ARG,  # its row
    OWN,  # the logit of the pixel's label, -inf where that has none
    JOINED,  # exponentials of a group
    SCALE,  # what the logits are multiplied by
    ODDS,  # r, the sum of exp(z - max) over all rows but the largest
    SQUARE,  # the sum of their squares
    SECOND,  # the largest of them
    SLOPE,  # the sum of exp(z - max) (max - z)
    SURE,  # the largest probability, 1 / (1 + r)
    KNOWN_SURE,  # the same, 0 where the pixel is not known
    LOG,  # log(1 + r)
    LOSS,  # negative log-likelihood; 0 where the pixel is not known, as the next one
    BRIER,
    SCORE,  # the value of one score
) = (U64(i * PIXELS) for i in range(16))
FLOATS = 16 * PIXELS

(
    LABEL,
    OWN_ROW,  # the row of the label, -1 where it has none
    ROLE,
    CELL,  # the place in the table of label, prediction and bin
    UNITS,  # the largest probability in fixed point, 0 where there is no pixel
    ODDS_BIN,  # the fine bin of r
    BIN,  # the fine bin of one score
    PLACE,  # its place in the table of fine bins
    CONFIDENT,  # 0: not confidently wrong, 1: above 0.90, 2: above 0.99
    AMOUNT,  # what a pixel counts for one class: itself, and a hit
) = (U64(i * PIXELS) for i in range(10))
INTEGERS = 10 * PIXELS
