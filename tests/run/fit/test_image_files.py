"""Whole images on disk: which are selected, and that they come back as they were."""

from pathlib import Path

import numpy as np
import pytest
from helpers.worlds import space
from hypothesis import given, settings
from hypothesis import strategies as st

from reliseg.kernels import reference
from reliseg.labels import Projection
from reliseg.prediction import Prediction
from reliseg.run.fit.image_files import StoredImage, StoredImages, save_image, select_images

ids = st.lists(st.text("abc/", min_size=1, max_size=6), unique=True, max_size=30)


@given(names=ids, seed=st.integers(0, 9), most=st.integers(0, 20), order=st.randoms(use_true_random=False))
@settings(max_examples=50, deadline=None)
def test_the_choice_depends_on_seed_and_ids_alone(names, seed, most, order):
    selected = select_images(names, seed, most)
    assert selected <= set(names)
    assert len(selected) == min(most, len(names))
    shuffled = list(names)
    order.shuffle(shuffled)
    assert select_images(shuffled, seed, most) == selected
    assert select_images(names, seed, most + 1) >= selected  # more images: the same, and others


def test_another_seed_chooses_others():
    names = [f"a/{i}" for i in range(100)]
    assert len({select_images(names, seed, 10) for seed in range(5)}) == 5


@pytest.mark.parametrize("with_image", [False, True])
def test_an_image_comes_back_as_it_was_stored(tmp_path, with_image):
    g = np.random.default_rng(0)
    projection = Projection.of(space(4), space(3), (0, 1, 1, -1))
    logits = g.normal(0, 3, (4, 3, 5)).astype(np.float32)
    image = g.integers(0, 256, (9, 13, 3), np.uint8)
    truth = g.integers(0, 3, (9, 13)).astype(np.uint8)
    before = Prediction(logits, (9, 13), True, projection=projection, image=image)
    for i in ("b", "a"):
        save_image(tmp_path / "x" / i, before, truth, image=with_image)
    stored = StoredImages.of([StoredImage(i, tmp_path / "x" / i, True, projection, with_image) for i in ("b", "a")])
    assert len(stored) == 2
    assert [i.id for i in stored] == ["a", "b"]
    assert [i.id for i in stored[1:]] == ["b"]
    after = stored[0]
    assert isinstance(after.prediction.logits, np.memmap)
    np.testing.assert_array_equal(after.truth, truth)
    z, selected = (reference.full_logits(p.view(), 4) for p in (before, after.prediction))
    np.testing.assert_array_equal(selected, z)
    if with_image:
        np.testing.assert_array_equal(after.prediction.image, image)
    else:
        assert after.prediction.image is None


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="open files are counted where Linux lists them")
def test_stored_images_hold_no_file_open(tmp_path):
    """A memory-mapped array is an open file, and a process may have 1024: images are opened one by one."""
    before = Prediction(np.zeros((2, 1, 1), np.float32), (1, 1))
    save_image(tmp_path / "one", before, np.zeros((1, 1), np.uint8), image=False)
    projection = Projection.of(space(2), space(2), (0, 1))
    stored = StoredImages.of([StoredImage(f"{i:05d}", tmp_path / "one", False, projection, False) for i in range(50)])
    opened = []
    for image in stored:
        assert image.truth[0, 0] == 0
        opened.append(len(list(Path("/proc/self/fd").iterdir())))
    assert max(opened) - min(opened) <= 2
