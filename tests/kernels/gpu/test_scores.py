"""The scores that the device kernel knows, as one number for the compiler."""

import pytest
from helpers.triton_process import needs_triton

from reliseg.stats.built_in_scores import BUILT_IN_SCORES

pytestmark = needs_triton


def test_scores_are_the_digits_of_a_number():
    from reliseg.kernels.gpu.scores import DIGIT, KINDS, digits

    scores = ("margin", "msp", "neg_energy")
    number = digits(scores)
    assert [number // DIGIT**i % DIGIT for i in range(3)] == [KINDS[score] for score in scores]
    assert max(KINDS.values()) < DIGIT
    assert set(KINDS) <= set(BUILT_IN_SCORES)


def test_a_score_that_it_lacks_is_refused_so_that_the_cpu_counts():
    from reliseg.kernels.gpu.scores import digits

    with pytest.raises(ValueError, match="the GPU's kernel has no score 'energy_of_mine'"):
        digits(("msp", "energy_of_mine"))
