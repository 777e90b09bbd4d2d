"""Laws that every corruption meets by being there."""

import hashlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from helpers.corruption_images import metres, picture

from reliseg.corruptions import CORRUPTIONS, SEVERITIES, Corrupted
from reliseg.corruptions.draws import key_of

KINDS = CORRUPTIONS.shipped_names()
IMAGE = picture(61, 83)
FAR = metres(IMAGE)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (2, 3), (40, 33)])
def test_an_image_of_any_size_keeps_it(kind, size):
    for severity in SEVERITIES:
        image = picture(*size)
        out = Corrupted(kind, severity)(image, "a/b", metres(image))
        assert out.shape == (*size, 3)
        assert out.dtype == np.uint8


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(1, 1800), (1500, 2)])
def test_so_has_one_that_is_hardly_more_than_a_line(kind, size):
    image = picture(*size)
    assert Corrupted(kind, 5)(image, "a/b", metres(image)).shape == (*size, 3)


@pytest.mark.parametrize("kind", KINDS)
def test_the_image_itself_is_left_as_it_was_and_may_be_any_view(kind):
    before = IMAGE.copy()
    expected = Corrupted(kind, 3)(before, "a/b", FAR)
    frozen = IMAGE.copy()
    frozen.flags.writeable = False
    wide = np.zeros((61, 90, 3), np.uint8)
    wide[:, :83] = IMAGE
    assert np.array_equal(before, IMAGE)
    for view in (frozen, wide[:, :83], np.asfortranarray(IMAGE)):
        assert np.array_equal(Corrupted(kind, 3)(view, "a/b", FAR), expected)


@pytest.mark.parametrize("kind", KINDS)
def test_many_threads_in_any_order_make_the_same_bytes(kind):
    ids = [f"scene/{number}" for number in range(8)]
    one = {i: hashlib.sha256(Corrupted(kind, 4)(IMAGE, i, FAR)).digest() for i in ids}
    with ThreadPoolExecutor(4) as pool:
        many = pool.map(lambda i: hashlib.sha256(Corrupted(kind, 4)(IMAGE, i, FAR)).digest(), reversed(ids))
    assert list(many) == [one[i] for i in reversed(ids)]


@pytest.mark.parametrize("kind", sorted({*KINDS} - {"frost"}))  # whose ice may have the image's own brightness
def test_a_higher_severity_changes_an_image_more(kind):
    image = np.array(picture(200, 240) // 2 + 40)
    changes = [abs(Corrupted(kind, s)(image, "a/b", metres(image)).astype(int) - image).mean() for s in (1, 3, 5)]
    assert changes == sorted(changes)
    assert changes[0] > 0


@pytest.mark.parametrize("kind", KINDS)
def test_corrupted_twice_is_another_random_image_where_something_is_drawn(kind):
    drawn = {Corrupted(kind, 3, seed)(IMAGE, i, FAR).tobytes() for seed, i in ((0, "a/b"), (1, "a/b"), (0, "a/c"))}
    steady = {"defocus_blur", "zoom_blur", "brightness", "contrast", "pixelate", "jpeg_compression", "depth_fog"}
    assert len(drawn) == (1 if kind in steady else 3)


def test_what_a_file_says_of_itself_is_enough_for_a_list():
    kinds = {name: CORRUPTIONS.get(name) for name in KINDS}
    published = [name for name, kind in kinds.items() if kind.published]
    assert len(published) == 15
    assert {kind.family for kind in kinds.values()} == {"noise", "blur", "weather", "digital"}
    assert not any(kind().problem((6000, 8000)) for kind in kinds.values())


def test_a_side_that_jpeg_cannot_have_is_refused_and_no_other_kind_minds():
    refused = [name for name in KINDS if CORRUPTIONS.get(name)().problem((1, 70_000))]
    assert refused == ["jpeg_compression"]


def test_the_same_numbers_are_drawn_for_all_severities():
    key = key_of(0, "a/b", "impulse_noise")
    low, high = (CORRUPTIONS.get("impulse_noise")()(np.full((64, 64, 3), 100, np.uint8), s, key) for s in (1, 5))
    assert ((low != 100) & (high == 100)).mean() < 0.03
