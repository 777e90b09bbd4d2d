"""Decoded images that wait for their next corruption."""

from dataclasses import replace

import numpy as np
from helpers.plans import dataset_of

from reliseg.corruptions import Corrupted
from reliseg.data import DecodedSample, corrupted_dataset
from reliseg.run.predict.clean_images import CleanImages

WORLD = dataset_of({"day": ["a/1", "a/2", "a/3"]})
SAMPLES = [replace(s, corruption=Corrupted("fog", 1)) for s in WORLD.domains["day"].samples]


def decoded(sample):
    return DecodedSample(sample.clean, (2, 5), np.zeros((2, 5, 3), np.uint8), None, "ab", "a")


def test_a_sample_is_found_under_another_corruption_while_its_files_are_in_the_same_state():
    images, sample = CleanImages(), SAMPLES[0]
    images.keep(WORLD, kept := decoded(sample), sample, "now")
    other = replace(sample, corruption=Corrupted("snow", 5))
    assert images.find(WORLD, other, "now") is kept
    assert images.find(WORLD, other, "later") is None
    assert images.find(replace(WORLD), other, "now") is None
    assert images.find(WORLD, SAMPLES[1], "now") is None


def test_what_is_not_corrupted_or_may_change_unseen_is_not_kept():
    images, sample = CleanImages(), SAMPLES[0]
    images.keep(WORLD, decoded(sample), sample.clean, "now")
    images.keep(WORLD, decoded(sample), sample, "")
    assert images.find(WORLD, sample, "now") is None
    assert images.find(WORLD, sample, "") is None


def test_the_image_that_was_asked_for_longest_ago_goes_where_there_is_no_room():
    images = CleanImages(limit=20)
    for sample in SAMPLES[:2]:
        images.keep(WORLD, decoded(sample), sample, "now")
    images.find(WORLD, SAMPLES[0], "now")
    images.keep(WORLD, decoded(SAMPLES[0]), SAMPLES[0], "now")
    images.keep(WORLD, decoded(SAMPLES[2]), SAMPLES[2], "now")
    assert [images.find(WORLD, s, "now") is not None for s in SAMPLES] == [True, False, True]
    CleanImages(limit=5).keep(WORLD, decoded(SAMPLES[0]), SAMPLES[0], "now")


def test_a_clean_image_is_kept_for_its_copies_as_no_model_can_change_it():
    copied = corrupted_dataset(WORLD, "day", Corrupted("fog", 1))
    images, clean = CleanImages(), decoded(SAMPLES[0])
    images.keep(copied, clean, SAMPLES[0].clean, "now")
    clean.image[:] = 9
    assert not images.find(copied, SAMPLES[0], "now").image.any()
    assert images.find(copied, SAMPLES[0].clean, "now") is None
