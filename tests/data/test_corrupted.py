"""Corrupted copies of domains, and their samples."""

import hashlib

import numpy as np
import pytest
from helpers import s3_server
from helpers.plans import dataset_of
from helpers.street import add_depth, make_street
from PIL import Image

import reliseg
from reliseg.corruptions import Corrupted
from reliseg.data import corrupt_sample, corrupted_dataset, corrupted_name, load, load_clean, sample_sha256
from reliseg.data.decode import check_sizes
from reliseg.errors import ConfigError, DataError, SampleError

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


DEPTH_FOG = Corrupted("depth_fog", 4)


@pytest.fixture
def deep(tmp_path):
    street = make_street(tmp_path, cal=1, day=2, dusk=1)
    return reliseg.open_dataset(str(add_depth(street)), street.root / "data", domains={"day": {"split": "train"}})


def foggy(dataset):
    return corrupted_dataset(dataset, "day", DEPTH_FOG).domains["day+depth_fog-4"].samples


def test_fog_from_depth_reads_the_map_beside_the_image(deep):
    sample = foggy(deep)[1]
    clean, found = load_clean(deep, sample), load(deep, sample)
    assert clean.metres[0, 0] == 2
    assert clean.metres[-1, -1] > 4
    assert np.array_equal(found.image, DEPTH_FOG(clean.image, sample.id, clean.metres))
    assert found.metres is None
    assert not np.array_equal(found.image, clean.image)


def test_the_bytes_of_the_map_are_among_those_of_the_sample_and_the_image_is_the_clean_one(deep):
    sample = foggy(deep)[0]
    found = load(deep, sample)
    contents = [(deep.root / path).read_bytes() for path in (sample.image, sample.mask, sample.depth.map)]
    assert found.sha256 == hashlib.sha256(b"".join(contents)).hexdigest()
    assert found.image_sha256 == hashlib.sha256(contents[0]).hexdigest()
    assert sample_sha256(deep, sample) == (found.sha256, found.image_sha256)
    assert load(deep, sample, image=False).sha256 == found.sha256


def test_a_data_set_whose_spec_names_no_depth_is_refused_in_one_line(street):
    with pytest.raises(
        ConfigError, match=r"camvid/day\+depth_fog-4: depth_fog needs to know .* give it a table \[depth\]"
    ):
        foggy(street)


@pytest.mark.parametrize(
    ("picture", "problem"),
    [
        (Image.new("I;16", (5, 5), 9), "the depth map has height 5, width 5, and the image height 24, width 32"),
        (Image.new("RGB", (32, 24)), "the depth map is in RGB mode; give a grey one of 16 or 8 bits"),
        (Image.new("I;16", (32, 24)), "no pixel has a depth: all are holes"),
    ],
)
def test_a_depth_map_that_cannot_be_one_is_named(deep, picture, problem):
    sample = foggy(deep)[0]
    picture.save(path := deep.root / sample.depth.map)
    with pytest.raises(SampleError, match=problem) as raised:
        load(deep, sample)
    assert str(path) in str(raised.value)


def test_of_a_lossy_depth_map_no_number_is_what_it_was(deep):
    sample = foggy(deep)[0]
    Image.new("L", (32, 24), 9).save(deep.root / sample.depth.map, "JPEG")
    with pytest.raises(SampleError, match="the depth map is a JPEG"):
        check_sizes(deep, sample)


def test_depth_maps_in_an_object_store_are_those_of_a_folder(deep, s3):
    here = foggy(deep)[0]
    files = {path: (deep.root / path).read_bytes() for path in here.files}
    s3_server.put(s3, "maps", {f"street/{path}": content for path, content in files.items()})
    spec = deep.root.parent / "deep.toml"
    there = reliseg.open_dataset(str(spec), "s3://maps/street", domains={"day": {"split": "train"}})
    (sample,) = foggy(there)
    found, expected = load(there, sample), load(deep, here)
    assert np.array_equal(found.image, expected.image)
    assert found.sha256 == expected.sha256
    s3_server.put(s3, "bare", {f"street/{path}": files[path] for path in here.files[:2]})
    bare = reliseg.open_dataset(str(spec), "s3://bare/street", domains={"day": {"split": "train"}})
    with pytest.raises(DataError, match="1 image without depth map"):
        foggy(bare)
