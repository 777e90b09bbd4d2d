"""The device kernel against reference and CPU kernel. `kernels/gpu/test_kernel.py` runs this file in its own process.

That process has TRITON_INTERPRET=1 before anything imports Triton, or a GPU: the tests are the same.
"""

import json
import os
from dataclasses import replace

import numpy as np
import pytest
import torch

from helpers import kernel_agreement
from helpers.devices import run_on
from helpers.kernel_agreement import assert_agrees, without_classes
from helpers.kernel_images import ALL, GROUPS, assert_same_bytes, image, view_of
from helpers.street import make_street
from reliseg.kernels.cpu.kernel import Kernel
from reliseg.kernels.gpu import kernel
from reliseg.kernels.gpu.kernel import TritonKernel
from reliseg.run.evaluate.device_kernels import Kernels
from reliseg.stats import DeviceLogits, Layout, PixelStatistics, SampleTable
from reliseg.stats.fixed import VALUE_LIMIT, real
from reliseg.stats.pixels import limb_arrays
from reliseg.stats.samples import LIMB_COLUMNS

DEVICE = torch.device("cpu" if os.environ.get("TRITON_INTERPRET") == "1" else "cuda")
LIMBS = {name for name in limb_arrays() | LIMB_COLUMNS if not name.startswith(("losses", "score_sums", "confidence"))}


def on_device(view):
    return replace(view, logits=DeviceLogits(torch.tensor(view.logits, device=DEVICE)))


def run(view, truth, layout):
    one = TritonKernel(layout, DEVICE)
    row = one.observe(on_device(view), truth, "a")
    return one.statistics(), row


@pytest.fixture(autouse=True)
def _agreement_is_that_of_the_device_kernel(monkeypatch):
    monkeypatch.setattr(kernel_agreement, "run", run)


def assert_like_the_cpu(view, truth, layout):
    """Within the bounds of float32 of the reference; and next to the CPU kernel, whose arithmetic it shares."""
    got, row = assert_agrees(view, truth, layout)
    cpu = Kernel(replace(layout, by_label=True, sets=True))
    want_row = cpu.observe(view, truth, "a")
    want = cpu.statistics().arrays() | want_row.arrays()
    few = 2 + truth.size // 500
    sums = 1e-6 * max(1, np.abs(view.logits).max() * view.inverse_temperatures.max() / 16) * truth.size
    for name, array in (got.arrays() | row.arrays()).items():
        wanted = want[name]
        if name.startswith("ranks") or name in (
            "coarse",
            "label_coarse",
            "set_labels",
            "set_others",
        ):  # few pixels cross any one edge
            assert np.abs(np.cumsum(array - wanted, axis=-1)).max() <= few, name
        elif name == "confidence.sums":
            assert np.abs(np.cumsum(real(array) - real(wanted))).max() <= sums + few, name
        elif name in LIMBS:
            assert np.abs(real(array) - real(wanted)).sum() <= sums + 2 * few, name
        elif name != "losses.impossible" and name.startswith(("losses", "score_sums")):
            assert np.abs(real(array) - real(wanted)).max(initial=0) <= sums, name
        else:
            assert np.abs(array - wanted).sum() <= 2 * few, name


SHAPES = [
    pytest.param((3, 9), (12, 36), id="x4"),
    pytest.param((2, 4), (16, 32), id="x8"),
    pytest.param((8, 40), (8, 40), id="x1"),
    pytest.param((3, 9), (7, 35), id="odd"),
    pytest.param((20, 70), (7, 37), id="down"),
    pytest.param((1, 1), (7, 33), id="native 1 x 1"),
    pytest.param((5, 1), (9, 3), id="one native column"),
    pytest.param((1, 5), (1, 34), id="one row"),
    pytest.param((5, 5), (9, 1), id="one column"),
    pytest.param((8, 8), (1, 1), id="one pixel"),
]
"""A tile has 8 x 32 pixels: most images end inside a second one, and one has four."""


@pytest.mark.parametrize(("native", "size"), SHAPES)
def test_any_ratio_of_sizes(native, size):
    logits, truth = image(1, 3, native, size)
    for align in (False, True):
        assert_like_the_cpu(view_of(logits, size, align=align), truth, Layout(3, ("msp",)))


@pytest.mark.parametrize("smooth", [False, True])
@pytest.mark.parametrize(("classes", "size"), [(1, (16, 32)), (2, (16, 32)), (19, (9, 32))])
def test_numbers_of_classes(classes, size, smooth):
    logits, truth = image(classes, classes, (8, 16), size, smooth=smooth)
    assert_like_the_cpu(view_of(logits, truth.shape), truth, Layout(classes, ("msp", "margin")))


def test_as_many_classes_as_there_may_be():
    logits, truth = image(253, 253, (1, 8), (4, 32))
    assert_like_the_cpu(view_of(logits, truth.shape), truth, Layout(253, ("msp",)))


@pytest.mark.parametrize("case", GROUPS)
def test_projection_and_temperature(case):
    classes, groups = GROUPS[case]
    logits, truth = image(3, classes, (5, 9), (7, 33), model=len(groups))
    view = view_of(logits, truth.shape, groups=groups, columns=classes + 1, factors=np.linspace(0.4, 1.9, classes + 1))
    assert_like_the_cpu(view, truth, Layout(classes, ALL))


@pytest.mark.parametrize("groups", [None, [0, 1, 1, 2]])
def test_factors_of_pixels(groups):
    classes = 4 if groups is None else 3
    logits, truth = image(3, classes, (5, 9), (7, 33), model=4)
    factors = np.random.default_rng(0).uniform(0.3, 3, truth.shape).astype(np.float32)
    view = view_of(logits, truth.shape, groups=groups, columns=classes + 1, factors=np.linspace(0.4, 1.9, classes + 1))
    assert_like_the_cpu(replace(view, pixel_factors=factors), truth, Layout(classes, ALL))


@pytest.mark.parametrize("factor", [1 / 20, 20.0])
def test_temperature_bounds(factor):
    logits, truth = image(4, 5, (5, 9), (7, 33))
    assert_like_the_cpu(view_of(logits, truth.shape, factors=np.full(6, factor)), truth, Layout(5, ALL))


@pytest.mark.parametrize("groups", [None, [0, 1, 1, 2, 3]])
@pytest.mark.parametrize("spread", [1e-4, 30.0, 16000.0])
def test_extreme_logits(spread, groups):
    classes = 5 if groups is None else 4
    g = np.random.default_rng(5)
    logits = spread * g.uniform(-1, 1, (5, 4, 9))
    truth = g.integers(0, classes, (8, 18)).astype(np.uint8)
    assert_agrees(view_of(logits, truth.shape, groups=groups, columns=classes + 1), truth, Layout(classes, ALL))


@pytest.mark.parametrize("values", [[0, 0, 0], [1.25, 1.25, -3], [-7, 2, 2], [4.5] * 15])
def test_constants_and_exact_ties(values):
    """Ties go to the lowest column, constants are exact, and every pixel of a tile falls into one bin."""
    logits = np.broadcast_to(np.float32(values)[:, None, None], (len(values), 2, 10)).copy()
    truth = np.random.default_rng(6).integers(0, len(values), (8, 40)).astype(np.uint8)
    assert_same_counts(view_of(logits, truth.shape), truth, Layout(len(values), ALL))


def test_joined_ties():
    logits = np.broadcast_to(np.float32([3, 1, 1, 1, 1, 0])[:, None, None], (6, 2, 10)).copy()
    truth = np.random.default_rng(6).integers(0, 4, (8, 40)).astype(np.uint8)
    view = view_of(logits, truth.shape, groups=[4, 1, 1, 2, 2, 3], columns=5)
    assert_same_counts(view, truth, Layout(4, ALL))


def test_probabilities_beside_each_edge():
    p = np.outer(np.arange(1, 15) / 15, 1 + np.array([-1e-5, 1e-5])).ravel()
    logits = np.stack([np.log(p), np.log1p(-p)])[:, None].repeat(3, axis=1).astype(np.float32)
    truth = np.add.outer(np.arange(3), np.arange(len(p))).astype(np.uint8) % 2
    assert_same_counts(view_of(logits, truth.shape), truth, Layout(2, ("msp",)))


def assert_same_counts(view, truth, layout):
    got, _ = assert_agrees(view, truth, layout, exact=True)
    cpu = Kernel(layout)
    cpu.observe(view, truth, "a")
    want = cpu.statistics()
    np.testing.assert_array_equal(got.top.counts, want.top.counts)
    np.testing.assert_array_equal(got.classwise.counts, want.classwise.counts)
    np.testing.assert_array_equal(got.classwise.hits, want.classwise.hits)


def test_sure_to_the_last_bit_and_still_ordered():
    margins = np.linspace(17.5, 40, 200)
    logits = np.stack([margins, np.zeros(200)])[:, None].astype(np.float32)
    got, row = assert_agrees(view_of(logits, (1, 200)), np.zeros((1, 200), np.uint8), Layout(2, ALL), exact=True)
    assert real(row.bin_confidence[0, -1]) == 200
    assert (got.ranks["msp"].counts > 0).sum() > 190


@pytest.mark.parametrize("value", [0, 254, 255])
def test_one_role_only(value):
    logits, truth = image(7, 3, (5, 9), (7, 33))
    assert_agrees(view_of(logits, truth.shape), np.full_like(truth, value), Layout(3, ("msp",)))


def test_unreachable_label_has_the_limit_as_loss_and_probability_0():
    logits, truth = image(8, 3, (5, 9), (7, 33), model=2)
    view = view_of(logits, truth.shape, groups=[0, 2], columns=4)
    got, _ = run(view, np.full_like(truth, 1), Layout(3, ("msp",)))
    assert real(got.losses.nll) == VALUE_LIMIT * truth.size
    assert got.classwise.counts[1].tolist() == [truth.size] + [0] * 14
    assert got.classwise.hits[1].tolist() == [truth.size] + [0] * 14
    assert not got.classwise.probability[1].any()


def test_sums_of_the_largest_scores_have_room():
    """max_logit up to 2**14 / (1/20): 2**42 units a pixel, and of both signs."""
    logits = np.full((1, 2, 2), -(2.0**14), np.float32)
    view = view_of(logits, (24, 64), factors=np.full(2, 20.0))
    _, row = run(view, np.zeros((24, 64), np.uint8), Layout(1, ("msp", "max_logit")))
    assert real(row.score_sums[0, 1, 1]) == -20 * 2.0**14 * 24 * 64
    assert (row.score_sums[..., 1] >= 0).all()
    assert (row.score_sums[..., 1] < 1 << 32).all()


@pytest.mark.parametrize("scores", [("msp",), ("margin", "msp"), tuple(reversed(ALL))])
def test_scores_do_not_depend_on_each_other(scores):
    logits, truth = image(9, 3, (5, 9), (7, 31))
    some, row = run(view_of(logits, truth.shape), truth, Layout(3, scores))
    every, full_row = run(view_of(logits, truth.shape), truth, Layout(3, ALL))
    assert tuple(some.ranks) == scores
    for i, score in enumerate(scores):
        np.testing.assert_array_equal(some.ranks[score].counts, every.ranks[score].counts)
        np.testing.assert_array_equal(row.coarse[:, i], full_row.coarse[:, ALL.index(score)])
        np.testing.assert_array_equal(row.score_sums[:, i], full_row.score_sums[:, ALL.index(score)])
    assert_same_bytes(replace(some, ranks={}), replace(every, ranks={}))


IMAGES = [((3, 10), (9, 33)), ((3, 3), (9, 31)), ((7, 9), (7, 9)), ((1, 1), (1, 1))]
LAYOUT = Layout(4, ("msp", "margin"), by_label=True, sets=True)


def observe_number(n, one):
    logits, truth = image(n, 4, *IMAGES[n])
    groups, factors = ([0, 1, 4, 2], np.full(5, 0.8)) if n % 2 else (None, None)
    view = view_of(logits, truth.shape, groups=groups, factors=factors)
    return one.observe(on_device(view) if isinstance(one, TritonKernel) else view, truth, str(n))


@pytest.fixture(scope="module")
def whole():
    """The rows of all images, and their statistics."""
    one = TritonKernel(LAYOUT, DEVICE)
    return [observe_number(n, one) for n in range(4)], one.statistics()


def test_two_runs_are_equal_to_the_bit_and_so_is_any_split_in_any_order(whole):
    rows, statistics = whole
    merged = PixelStatistics.zero(LAYOUT)
    tables = []
    for part in ((2, 0), (3, 1)):
        one = TritonKernel(LAYOUT, DEVICE)
        tables += [observe_number(n, one) for n in part]
        merged = one.statistics() + merged
    assert_same_bytes(merged, statistics)
    assert SampleTable.union(tables) == SampleTable.union(rows)


def test_without_class_wise_statistics_all_others_are_the_same(whole):
    rows, want = whole
    some = TritonKernel(replace(LAYOUT, classwise=False), DEVICE)
    assert [observe_number(n, some) for n in range(4)] == [without_classes(row) for row in rows]
    assert want.classwise.counts.any()
    assert_same_bytes(some.statistics(), replace(want, classwise=None))


def test_counters_are_emptied_in_time(monkeypatch, whole):
    rows, statistics = whole
    monkeypatch.setattr(kernel, "_COUNTER_LIMIT", 300)  # the first image has 297 pixels
    emptied = TritonKernel(LAYOUT, DEVICE)
    assert [observe_number(n, emptied) for n in range(4)] == rows
    assert_same_bytes(emptied.statistics(), statistics)


def test_reset_forgets():
    one = TritonKernel(LAYOUT, DEVICE)
    assert_same_bytes(one.statistics(), PixelStatistics.zero(LAYOUT))
    row = observe_number(2, one)
    kept = one.statistics()
    before = {n: a.copy() for n, a in kept.arrays().items()}
    observe_number(3, one)
    one.reset()
    assert_same_bytes(one.statistics(), PixelStatistics.zero(LAYOUT))
    assert observe_number(2, one) == row
    assert_same_bytes(one.statistics(), kept)
    for name, array in kept.arrays().items():
        np.testing.assert_array_equal(array, before[name], err_msg=name)  # results are copies


def test_an_id_that_is_no_label_is_refused_and_nothing_counted():
    logits, truth = image(12, 4, (5, 9), (7, 33))
    truth[6, 11] = 4
    one = TritonKernel(LAYOUT, DEVICE)
    with pytest.raises(ValueError, match=r"img: 1 pixels of the truth .*0 to 3"):
        one.observe(on_device(view_of(logits, truth.shape)), truth, "img")
    assert_same_bytes(one.statistics(), PixelStatistics.zero(LAYOUT))


def test_read_only_and_strided_inputs():
    logits, truth = image(11, 4, (5, 9), (7, 33))
    want, row = run(view_of(logits, truth.shape), truth, LAYOUT)
    strided = torch.tensor(logits, device=DEVICE).permute(1, 2, 0).contiguous().permute(2, 0, 1)
    truth_f = np.asfortranarray(truth)
    truth_f.flags.writeable = False
    one = TritonKernel(LAYOUT, DEVICE)
    view = replace(view_of(logits, truth.shape), logits=DeviceLogits(strided))
    assert one.observe(view, truth_f, "a") == row
    assert_same_bytes(one.statistics(), want)


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")  # NumPy's, of the interpreter
def test_nan_leaves_no_table():
    """Predictions with NaN are refused before; should one come, counts are misplaced but no memory is."""
    logits, truth = image(13, 4, (5, 9), (7, 31))
    logits[:, 1:3, 3:6] = np.nan
    got, _ = run(view_of(logits, truth.shape), truth, Layout(4, ALL))
    assert got.top.counts.sum() == (truth < 254).sum()


def test_it_is_chosen_and_nothing_said():
    notes = []
    logits = on_device(view_of(np.zeros((4, 2, 2)), (2, 2))).logits
    assert isinstance(Kernels(notes.append).on_device(LAYOUT, logits), TritonKernel)
    assert not notes


def test_a_run_gives_the_results_of_the_cpu(tmp_path, monkeypatch):
    """`identity` and `ts` on the device; `vector` is a transform, for which logits come to the CPU."""
    street = make_street(tmp_path, cal=1, day=1, dusk=1)
    street.write(street.content() | {"calibration": [{"on": ["street/cal"], "methods": ["identity", "ts", "vector"]}]})
    want, _ = run_on(None, street, tmp_path / "cpu", monkeypatch)
    got, notes = run_on(DEVICE, street, tmp_path / "device", monkeypatch)
    assert not [line for line in notes if "kernel" in line]
    assert json.loads((tmp_path / "device" / "manifest.json").read_text())["device_kernels"] == {str(DEVICE): "triton"}
    compared = 0
    for a, b in zip(got, want, strict=True):
        assert (a.metric, a.domain, a.calibration, a.why) == (b.metric, b.domain, b.calibration, b.why)
        assert a.value == pytest.approx(b.value, abs=1e-5, rel=1e-4, nan_ok=True), (b.metric, b.domain, b.calibration)
        compared += b.why == "" and b.value != 0
    assert compared > 200
