"""The compiled twins of transforms do to float32 logits what `transform` does in float64."""

import numpy as np
import pytest
from helpers.compiled_twins import COLUMNS, KEEP_ARGMAX, METHODS, dirichlet, random_calibration, rounding, twins, vector
from helpers.worlds import space
from hypothesis import given, settings
from hypothesis import strategies as st

from reliseg.calibration.methods.dirichlet import DirichletMap
from reliseg.calibration.methods.selective import ScaledSelectively, _output, _standardise
from reliseg.calibration.methods.vector import ScaledVector
from reliseg.kernels import reference
from reliseg.kernels.cpu import transformed
from reliseg.kernels.cpu.parallel import ParallelKernel
from reliseg.labels import Projection
from reliseg.prediction import Prediction
from reliseg.stats import Layout
from reliseg.stats.built_in_scores import BUILT_IN_SCORES
from reliseg.stats.fixed import real


@pytest.mark.parametrize("pixels", [1, 256, 700])
@pytest.mark.parametrize("columns", COLUMNS)
@pytest.mark.parametrize("method", METHODS)
def test_a_twin_does_what_the_definition_says(method, columns, pixels):
    for seed, spread in enumerate((0.01, 1.0, 8.0, 60.0)):
        fitted = random_calibration(method, seed, columns)
        g = np.random.default_rng(seed + 10)
        z = (spread * g.standard_normal((columns, pixels)) + g.normal(0, spread, pixels)).astype(np.float32)
        single, double = twins(fitted, z)
        np.testing.assert_allclose(single, double, rtol=2e-6, atol=rounding(fitted, z))


@pytest.mark.slow
@pytest.mark.parametrize("method", KEEP_ARGMAX)
@given(
    seed=st.integers(0, 9999),
    columns=st.sampled_from(COLUMNS[1:]),
    step=st.sampled_from([0.0, 1.0]),
    spread=st.sampled_from([1e-9, 1e-3, 3.0, 1000.0]),
)
@settings(max_examples=30, deadline=None)
def test_every_pixel_keeps_its_argmax_ties_too(method, seed, columns, step, spread):
    g = np.random.default_rng(seed)
    z = g.normal(0, spread, (columns, 300))
    z = (np.round(z / spread / step) * step * spread if step else z).astype(np.float32)
    wanted = z.argmax(axis=0)
    single, _ = twins(random_calibration(method, seed, columns), z)
    assert np.isfinite(single).all()
    np.testing.assert_array_equal(single.argmax(axis=0), wanted)


@pytest.mark.parametrize("method", METHODS)
def test_pixels_do_not_know_of_each_other(method):
    """Whatever stands beside it, a pixel gets the same bytes: blocks may be cut anywhere."""
    fitted = random_calibration(method, 0, 7)
    z = np.random.default_rng(0).normal(0, 4, (7, 900)).astype(np.float32)
    whole, _ = twins(fitted, z)
    order = np.random.default_rng(1).permutation(900)
    parts = [twins(fitted, np.ascontiguousarray(z[:, some]))[0] for some in np.split(order, [1, 3, 300, 556])]
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), whole[:, order])


@pytest.mark.parametrize("method", METHODS)
def test_extreme_logits_stay_finite(method):
    z = np.random.default_rng(0).choice([-16000.0, -90.0, 0.0, 1e-30, 16000.0], (19, 600)).astype(np.float32)
    fitted = random_calibration(method, 0, 19)
    single, double = twins(fitted, z)
    assert np.isfinite(single).all()
    np.testing.assert_allclose(single, double, rtol=2e-6, atol=rounding(fitted, z))


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_an_image_is_counted_as_the_reference_counts_it_on_any_number_of_threads(method, monkeypatch):
    monkeypatch.setattr(transformed, "_PIXELS", 500)
    g = np.random.default_rng(2)
    prediction = Prediction(g.normal(0, 3, (7, 9, 17)).astype(np.float32), (45, 66))
    truth = g.choice([0, 1, 2, 3, 4, 5, 6, 254, 255], (45, 66)).astype(np.uint8)
    layout = Layout(7, tuple(BUILT_IN_SCORES))
    view = random_calibration(method, 2, 7)(prediction).view()
    found = []
    for threads in (1, 3):
        kernel = ParallelKernel(layout, threads)
        row = kernel.observe(view, truth, "a")
        found.append((kernel.take(), row))
    (one, row), (three, row_of_three) = found
    assert row == row_of_three
    for name, array in one.arrays().items():
        np.testing.assert_array_equal(three.arrays()[name], array, err_msg=name)
    want, want_row = reference.observe(view, truth, "a", layout)
    np.testing.assert_array_equal(one.top.confusion, want.top.confusion)
    np.testing.assert_array_equal(one.flips.counts, want.flips.counts)
    assert (want.flips.counts == 0) == (method in KEEP_ARGMAX)
    np.testing.assert_array_equal(row.pixels, want_row.pixels)
    np.testing.assert_allclose(real(row.losses[0]), real(want_row.losses[0]), rtol=1e-5)
    np.testing.assert_allclose(real(row.score_sums[0]), real(want_row.score_sums[0]), rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("kind", [ScaledVector, DirichletMap])
def test_only_live_columns_are_mapped(kind):
    g = np.random.default_rng(3)
    fitted = (vector if kind is ScaledVector else dirichlet)(g, 5)
    projection = Projection.of(space(4), space(5), (4, 1, 1, 2))
    prediction = Prediction(g.normal(0, 3, (4, 6, 7)).astype(np.float32), (6, 7), projection=projection)
    z = reference.projected_logits(prediction.view(), 6)
    single = z[[1, 2, 4]].astype(np.float32)
    transform = fitted(prediction).transform
    transform.in_place(single)
    np.testing.assert_allclose(single, transform(z)[[1, 2, 4]], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("columns", COLUMNS)
def test_selective_calls_what_its_definition_calls(columns):
    for seed, spread in enumerate((0.1, 3.0, 50.0)):
        g = np.random.default_rng(seed)
        features = columns + min(3, columns)
        parts = (
            *(g.normal(-5, 2, features), g.uniform(1, 5, features)),
            *(g.normal(0, 0.4, (16, features + 1)), g.normal(0, 1, 17)),
        )
        z = g.normal(0, spread, (columns, 31, 40)).astype(np.float32)
        decides, _ = _output(_standardise(z.reshape(columns, -1).astype(np.float64), *parts[:2]), *parts[2:])
        middle = np.quantile(np.unique(decides), np.linspace(0.3, 0.7, 401), method="nearest")
        widest = np.diff(middle).argmax()
        parts[3][-1] -= middle[widest : widest + 2].mean()  # no pixel is so close that rounding decides
        fitted = ScaledSelectively(3.0, 0.5, columns + 1, tuple(range(columns)), *map(np.float32, parts), 0.1, 0.5)
        found = fitted(Prediction(z, (31, 40))).pixel_factors
        assert set(np.unique(found)) <= {np.float32(1 / 3), np.float32(2)}
        wrong = fitted.find_wrong(z.reshape(columns, -1).astype(np.float64))
        np.testing.assert_array_equal(found.ravel() == np.float32(1 / 3), wrong)
        assert columns == 1 or 0.05 < wrong.mean() < 0.95
