"""The fused kernel's elementary functions, to their last bits."""

import numpy as np
import pytest
from numba import njit
from numba.core.errors import TypingError

from reliseg.runtime import arithmetic


def applied(function, values, *arguments):
    return np.array([function(v, *arguments) for v in np.asarray(values, np.float32)])


def test_exp():
    x = np.concatenate([np.linspace(-87, 0, 20001), -np.logspace(-9, 0, 2001)]).astype(np.float32)
    want = np.exp(x.astype(np.float64))
    assert (np.abs(applied(arithmetic.exp, x) / want - 1) <= (2 + np.abs(x) / 6) * 1e-7).all()
    assert applied(arithmetic.exp, [0.0, -0.0]).tolist() == [1, 1]
    assert (applied(arithmetic.exp, [-88, -1e4, -1e30, -np.inf]) <= 2.0**-125).all()


def test_exp_has_no_bias():
    """Its mean error is what sums over millions of pixels keep."""
    x = -np.random.default_rng(0).uniform(0, 5, 20000).astype(np.float32)
    assert abs((applied(arithmetic.exp, x) / np.exp(x.astype(np.float64)) - 1).mean()) < 1e-7


def test_log():
    u = np.concatenate([np.linspace(1.001, 260, 20001), 1 + np.logspace(-6.9, 0, 2001)]).astype(np.float32)
    want = np.log(u.astype(np.float64))
    assert np.abs(applied(arithmetic.log, u) / want - 1).max() <= 1e-7
    assert arithmetic.log(np.float32(1)) == 0


@njit
def _larger(a, b, out):
    for x in range(len(a)):
        out[x] = arithmetic.choose(a[x] > b[x], a[x], b[x])


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.int32, np.int64])
def test_choose_gives_the_second_where_the_first_is_true_and_else_the_third(kind):
    a, b = np.random.default_rng(0).integers(-9, 9, (2, 100)).astype(kind)
    out = np.empty_like(a)
    _larger(a, b, out)
    np.testing.assert_array_equal(out, np.maximum(a, b))


def test_choose_takes_two_of_one_kind():
    a = np.ones(3, np.float32)
    with pytest.raises(TypingError):
        _larger(a, a.astype(np.int64), a)
