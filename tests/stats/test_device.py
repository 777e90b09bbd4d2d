"""Logits that stay on a device: everything but the device's kernel takes them for an array."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers.kernel_images import ALL, assert_same_bytes, image, mixed
from helpers.worlds import space

from reliseg.data import DecodedSample, Sample
from reliseg.kernels import reference
from reliseg.kernels.cpu import transformed
from reliseg.kernels.cpu.kernel import Kernel
from reliseg.labels import Projection
from reliseg.models.prediction_files import save_logits
from reliseg.prediction import LOGIT_LIMIT, Prediction, sample_pixels
from reliseg.run.evaluate.device_kernels import Kernels
from reliseg.run.evaluate.observer import Observer
from reliseg.run.export import label_and_confidence
from reliseg.stats import DeviceLogits, Layout

LAYOUT = Layout(4, ALL)


@pytest.fixture
def logits():
    return image(3, 4, (5, 7), (17, 23))[0]


@pytest.fixture
def truth():
    return image(3, 4, (5, 7), (17, 23))[1]


def kept(logits):
    return DeviceLogits(torch.tensor(logits))


def test_it_looks_like_the_array(logits):
    found = kept(logits)
    assert (found.shape, found.ndim, found.size, len(found)) == (logits.shape, 3, logits.size, 4)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(np.asarray(found), logits)
    assert np.asarray(found, np.float64).dtype == np.float64
    assert float(abs(found).max()) == np.abs(logits).max()


def test_it_is_copied_once_and_not_before_it_is_asked_for(logits):
    class Counting:
        copies = 0
        shape, dtype = logits.shape, torch.float32

        def cpu(self):
            self.copies += 1
            return torch.tensor(logits)

    tensor = Counting()
    found = DeviceLogits(tensor)
    assert (found.ndim, len(found), tensor.copies) == (3, 4, 0)
    first = np.asarray(found)
    assert np.asarray(found) is not None
    assert tensor.copies == 1
    assert not first.flags.writeable
    copied = np.array(found)
    copied[:] = 0
    np.testing.assert_array_equal(np.asarray(found), logits)


@pytest.mark.parametrize("spread", [1.0, np.nan, np.inf, 2 * LOGIT_LIMIT])
def test_what_cannot_be_counted_is_told_alike(logits, spread):
    logits[2, 1, 1] = spread
    on_cpu, on_device = (Prediction(z, (17, 23)) for z in (logits, kept(logits)))
    assert on_device.problem() == on_cpu.problem()
    assert (on_cpu.problem() is None) == (spread == 1.0)


def test_every_reader_sees_the_same(logits, truth, tmp_path):
    found = {}
    for name, z in {"cpu": logits, "device": kept(logits)}.items():
        prediction = Prediction(z, (17, 23))
        view = prediction.view()
        save_logits(tmp_path / f"{name}.npz", prediction)
        kernel = Kernel(LAYOUT)
        found[name] = [
            *sample_pixels(prediction, truth, 50, np.random.default_rng(0)),
            *label_and_confidence(prediction),
            reference.full_logits(view, 5),
            *kernel.observe(view, truth, "a").arrays().values(),
            *transformed.observe(kernel, replace(view, transform=mixed), truth, "b", 5).arrays().values(),
            *kernel.statistics().arrays().values(),
            np.load(tmp_path / f"{name}.npz")["logits"],
        ]
    for got, want in zip(found["device"], found["cpu"], strict=True):
        np.testing.assert_array_equal(got, want)


def observed(logits, truth, notes):
    """A sample with and one without a transform, as a run counts them."""
    observer = Observer(LAYOUT, Kernels(notes.append))
    rows = []
    for number, transform in enumerate([None, mixed]):
        sample = Sample(id=f"a/{number}", scene="a", image="", mask=None)
        loaded = DecodedSample(sample=sample, size=(17, 23), image=None, truth=truth, sha256="", image_sha256="")
        projection = Projection.of(space(4), space(4), (0, 1, 2, 3))
        rows.append(observer.observe(loaded, Prediction(logits, (17, 23), projection=projection, transform=transform)))
    return observer, rows


def test_a_run_without_a_kernel_for_the_device_counts_on_the_cpu(logits, truth):
    notes = []
    want, want_rows = observed(logits, truth, notes)
    assert not notes
    got, rows = observed(kept(logits), truth, notes)
    assert len(notes) == 1
    assert rows == want_rows
    assert_same_bytes(got.take(), want.take())
