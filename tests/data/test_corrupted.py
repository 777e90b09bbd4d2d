"""Corrupted copies of domains, and their samples."""

import numpy as np
import pytest
from helpers.plans import dataset_of
from helpers.street import make_street
from PIL import Image

import reliseg
from reliseg.corruptions import Corrupted
from reliseg.data import corrupt_sample, corrupted_dataset, corrupted_name, load, load_clean
from reliseg.errors import SampleError

FOG = Corrupted("fog", 3)


def test_a_corrupted_domain_has_the_samples_of_the_clean_one():
    dataset = corrupted_dataset(dataset_of({"day": ["a/1", "b/2"], "dusk": ["c/3"]}), "day", FOG)
    assert list(dataset.domains) == ["day", "dusk", "day+fog-3"]
    copy = dataset.domains[corrupted_name("day", FOG)]
    assert (copy.clean, copy.corruption) == ("day", FOG)
    assert [s.clean for s in copy.samples] == list(dataset.domains["day"].samples)
    assert {s.corruption for s in copy.samples} == {FOG}


def test_a_corrupted_union_unites_corrupted_domains():
    dataset = dataset_of({"day": ["a/1"], "dusk": ["c/3"]}, unions={"both": ("day", "dusk")})
    domains = corrupted_dataset(dataset, "both", FOG).domains
    assert domains["both+fog-3"].union == ("day+fog-3", "dusk+fog-3")
    assert {"day+fog-3", "dusk+fog-3"} <= set(domains)


@pytest.fixture
def street(tmp_path):
    street = make_street(tmp_path, cal=1, day=2, dusk=1)
    return reliseg.open_dataset("camvid", street.root / "data", domains={"day": {"split": "train"}})


def test_a_corrupted_sample_is_its_clean_one_but_for_the_image(street):
    sample = corrupted_dataset(street, "day", FOG).domains["day+fog-3"].samples[1]
    clean, found = load(street, sample.clean), load(street, sample)
    assert np.array_equal(found.image, FOG(clean.image, sample.id))
    assert (found.sha256, found.image_sha256, found.size) == (clean.sha256, clean.image_sha256, clean.size)
    assert np.array_equal(found.truth, clean.truth)
    again = corrupt_sample(street, load_clean(street, sample), sample)
    assert np.array_equal(again.image, found.image)
    assert found.sample == sample


def test_where_no_image_is_wanted_none_is_corrupted(street):
    sample = corrupted_dataset(street, "day", FOG).domains["day+fog-3"].samples[0]
    assert load(street, sample, image=False).image is None


def test_an_image_that_cannot_be_corrupted_is_named(street):
    path = street.root / street.domains["day"].samples[0].image
    for file in (path, street.root / street.domains["day"].samples[0].mask):
        Image.new("L", (66_000, 1)).save(file)
    sample = (
        corrupted_dataset(street, "day", Corrupted("jpeg_compression", 1)).domains["day+jpeg_compression-1"].samples[0]
    )
    with pytest.raises(SampleError, match=r"sides of at most 65500: leave out jpeg_compression") as raised:
        load(street, sample)
    assert str(path) in str(raised.value)
