"""Augmented copies: what may be drawn, from what, and that copies are samples of their own with one image file."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from reliseg.data import load
from reliseg.data.augment import FACTORS, SHIFT, Photometric, PhotometricRelis
from reliseg.errors import ConfigError, DataError

AUGMENT = {"kind": "photometric"}
PICTURE = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)


def draw_copies(draws, count=600, image=PICTURE, kind=Photometric):
    return [kind(draws=draws)(image, f"s/{i}", 1) for i in range(count)]


def luma(image):
    return image @ np.array([0.299, 0.587, 0.114])


def step_of(image):
    """Return the one step that makes this image from PICTURE, recognised by its pixels alone, and its amounts."""
    z = image.astype(float)
    p = PICTURE.astype(float)
    if (image == PICTURE).all():
        return "nothing", ()
    if (np.ptp(z, axis=2) == 0).all():
        assert np.abs(z[..., 0] - luma(p)).max() <= 1
        return "grey", ()
    shift = np.median((z - p)[((image > 0) & (image < 255)).all(axis=2)], axis=0)
    if (np.clip(p + shift, 0, 255) == z).all():
        return "shift", tuple(shift)
    grey, mean = luma(p)[..., None], luma(p).mean()
    inside = (image > 2) & (image < 253)
    for name, base in (("brightness", np.zeros_like(p)), ("color", grey + 0 * p), ("contrast", mean + 0 * p)):
        x = (p - base)[inside]
        factor = ((z - base)[inside] * x).sum() / (x**2).sum()
        if np.abs(np.clip(base + factor * (p - base), 0, 255) - z).max() < 2.5:
            return name, (factor,)
    raise AssertionError("no step gives this image")


def test_a_draw_is_one_of_six_steps_equally_likely_in_the_ranges_of_the_study():
    steps = [step_of(image) for image in draw_copies(1)]
    names = [name for name, _ in steps]
    assert set(names) == {"nothing", "grey", "shift", "brightness", "color", "contrast"}
    for name in set(names):
        assert 60 <= names.count(name) <= 145  # of 600; 100 are expected, the deviation is 9
    shifts = np.array([amounts for name, amounts in steps if name == "shift"])
    assert np.abs(shifts).max() <= SHIFT
    assert shifts.min() < -100
    assert shifts.max() > 100
    assert len(np.unique(shifts, axis=0)) == len(shifts)
    assert (shifts.std(axis=1) > 0).mean() > 0.9  # channels are shifted apart
    for name in ("brightness", "color", "contrast"):
        factors = np.array([amounts[0] for other, amounts in steps if other == name])
        assert factors.min() > FACTORS[0] - 0.02
        assert factors.max() < FACTORS[1] + 0.02
        assert factors.min() < 0.4
        assert factors.max() > 1.6


def is_grey_of_scripts(image):
    weighted = PICTURE.astype(int) @ np.array([30, 50, 11]) // 100
    return (image == weighted[..., None]).all()


def test_the_steps_of_the_scripts_draw_a_level_first_and_factors_of_90_and_have_a_grey_of_their_own():
    copies = draw_copies(1, count=3000, kind=PhotometricRelis)
    grey = [is_grey_of_scripts(image) for image in copies]
    steps = [step_of(image) for image, is_grey in zip(copies, grey, strict=True) if not is_grey]
    names = ["grey"] * sum(grey) + [name for name, _ in steps]
    assert set(names) == {"nothing", "grey", "shift", "brightness", "color", "contrast"}
    for name in set(names):
        assert 410 <= names.count(name) <= 590  # of 3000; 500 are expected, the deviation is 20
    shifts = np.array([amounts for name, amounts in steps if name == "shift"])
    assert shifts.min() > -SHIFT
    assert shifts.max() < SHIFT - 1
    widest = np.abs(shifts).max(axis=1)  # half of the levels are at most 60, so that most shifts are small
    assert 0.55 < (widest <= 60).mean() < 0.75
    kinds = (ImageEnhance.Brightness, ImageEnhance.Color, ImageEnhance.Contrast)
    expected = {  # 0.2 and 1.8 are among the 90
        np.array(kind(Image.fromarray(PICTURE)).enhance(factor)).tobytes()
        for kind in kinds
        for factor in np.linspace(*FACTORS, 90)
    }
    rest = [image for image, is_grey in zip(copies, grey, strict=True) if not is_grey]
    drawn = {i.tobytes() for i, (name, _) in zip(rest, steps, strict=True) if name not in ("nothing", "shift")}
    assert drawn <= expected
    assert len(drawn) > 0.95 * len(expected)


def test_the_two_kinds_have_their_own_number_of_copies_and_draw_otherwise(flat, open_data):
    Image.fromarray(PICTURE).save(flat / "images/a/1.png")
    Image.fromarray(np.zeros(PICTURE.shape[:2], np.uint8)).save(flat / "masks/a/1.png")
    domains = {"d": {"samples": ["a/1"], "augment": {"kind": "photometric_relis"}}}
    samples = open_data("folder", flat, domains=domains).domains["d"].samples
    assert len(samples) == 15
    assert repr(samples[0].copy.augmentation) == "PhotometricRelis(copies=15, draws=3, seed=0)"
    assert repr(Photometric()) == "Photometric(copies=3, draws=3, seed=0)"
    pictures = [PhotometricRelis()(PICTURE, "a/1", k).tobytes() for k in range(1, 16)]
    assert len(set(pictures)) > 10
    assert pictures == [PhotometricRelis()(PICTURE, "a/1", k).tobytes() for k in range(1, 16)]


def test_draws_follow_one_another():
    """Three draws change nothing but once in 216, and begin with the one draw that is made alone."""
    three = draw_copies(3)
    assert 0 < sum((image == PICTURE).all() for image in three) <= 10
    alone = [step_of(image)[0] for image in draw_copies(1)]
    later_unlike_first = [i for i, step in enumerate(alone) if step == "grey" and np.ptp(three[i], axis=2).any()]
    assert 0.2 < len(later_unlike_first) / alone.count("grey") < 0.4  # 10 / 36: a shift, and no grey after it


def test_a_copy_depends_on_seed_id_and_number_alone():
    copy = Photometric()(PICTURE, "s/1", 1)
    Photometric()(PICTURE, "s/2", 1)
    assert (Photometric()(PICTURE, "s/1", 1) == copy).all()
    others = [
        Photometric()(PICTURE, "s/1", 2),
        Photometric()(PICTURE, "s/2", 1),
        Photometric(seed=1)(PICTURE, "s/1", 1),
    ]
    assert not any((other == copy).all() for other in others)
    assert copy.dtype == np.uint8
    assert copy.shape == PICTURE.shape


def test_copies_replace_the_originals_and_keep_mask_file_and_hash(flat, open_data):
    Image.fromarray(PICTURE[:4, :6]).save(flat / "images/a/1.png")
    dataset = open_data("folder", flat, domains={"plain": {}, "copies": {"scene": "a", "augment": AUGMENT}})
    samples = dataset.domains["copies"].samples
    assert [s.id for s in samples] == [f"a/{i}~{k}" for i in (1, 2) for k in (1, 2, 3)]
    assert {s.scene for s in samples} == {"a"}
    assert [s.image for s in samples] == ["images/a/1.png"] * 3 + ["images/a/2.png"] * 3
    original = load(dataset, dataset.domains["plain"].samples[0])
    for sample in samples[:3]:
        loaded = load(dataset, sample)
        assert loaded.sha256 == original.sha256
        assert (loaded.truth == original.truth).all()
        assert (loaded.image == Photometric()(original.image, "a/1", sample.copy.number)).all()
        assert load(dataset, sample, image=False).image is None
    assert (load(dataset, replace(samples[0], copy=None)).image == original.image).all()


def test_options_and_ids_of_originals(flat, open_data):
    augment = {**AUGMENT, "copies": 1, "draws": 2, "seed": 7}
    domains = {"d": {"samples": ["a/1"], "augment": augment}, "e": {"scene": "b", "augment": augment}}
    dataset = open_data("folder", flat, domains=domains | {"both": {"union": ["d", "e"]}})
    (sample,) = dataset.domains["d"].samples
    assert sample.copy.augmentation == Photometric(copies=1, draws=2, seed=7)
    assert [s.id for s in dataset.domains["both"].samples] == ["a/1~1", "b/1~1", "b/3~1"]


@pytest.mark.parametrize(
    ("augment", "message"),
    [
        ("photometric", r"d: augment: write \{kind: photometric"),
        ({"copies": 3}, "kinds: photometric"),
        ({"kind": "photometrc"}, "did you mean 'photometric'"),
        ({"kind": "photometric", "copys": 3}, "did you mean 'copies'"),
        ({"kind": "photometric", "copies": 0}, "copies is 0; give a whole number from 1"),
        ({"kind": "photometric", "copies": 10**9}, "copies is 1000000000; give at most 1000"),
        ({"kind": "photometric", "draws": 1001}, "draws is 1001; give at most 1000"),
        ({"kind": "photometric", "seed": -1}, "seed is -1; give a whole number from 0"),
        ({"kind": "photometric", "draws": True}, "draws is True"),
    ],
)
def test_what_is_wrong_is_said(flat, open_data, augment, message):
    with pytest.raises(ConfigError, match=message):
        open_data("folder", flat, domains={"d": {"augment": augment}})


def test_one_id_is_never_two_pictures(flat, open_data):
    domains = {"d": {"augment": AUGMENT}, "e": {"augment": {**AUGMENT, "seed": 1}}}
    with pytest.raises(DataError, match="a/1~1 is augmented in two ways"):
        open_data("folder", flat, domains=domains)


def test_a_union_may_not_hold_other_keys_beside(flat, open_data):
    with pytest.raises(ConfigError, match="a union has no other keys"):
        open_data("folder", flat, domains={"d": {}, "u": {"union": ["d"], "augment": AUGMENT}})
