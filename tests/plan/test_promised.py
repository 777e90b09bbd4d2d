"""Which images promises rest on: chosen by a seed, in none of the fits, and enough of them."""

from itertools import pairwise

import pytest
from helpers.plans import dataset_of, target_of

from reliseg.config.requests import AcceptConfig
from reliseg.errors import ConfigError
from reliseg.plan.plan import Fit
from reliseg.plan.promised import notes_on, promise_grounds, size_of, units_of, with_halves_left_out

SINGLE = [f"s/{i}" for i in range(80)]
FRAMES = [f"s{i // 10}/{i}" for i in range(400)]
WORLD = dataset_of(
    {"cal": SINGLE, "frames": FRAMES, "more": SINGLE[40:] + [f"t/{i}" for i in range(40)], "own": ["o/1"] * 1}
    | {"large": [f"l/{i}" for i in range(60)]},
    unions={"both": ("cal", "frames")},
)


def fit(*domains, methods=("ts",)):
    return Fit(tuple(target_of(WORLD, d) for d in domains), methods)


def asked(risk=0.05, **more):
    return AcceptConfig.model_validate({"risk": risk} | more)


def grounds(*sections, fits=(), on=()):
    targets = [tuple(target_of(WORLD, d) for d in names) for names in (on or [()] * len(sections))]
    return promise_grounds(sections, fits, targets)


def ids(targets):
    return [(str(t), s.id) for t in targets for s in t.domain.samples]


def test_half_of_the_images_is_left_out_of_the_fit_and_makes_the_ground():
    (left,) = with_halves_left_out([fit("cal")], 0)
    (ground,) = grounds(asked(), fits=[left])
    out = [(str(m), s.id) for m in ground.members for s in ground.chosen(m)]
    assert (ground.name, size_of(ground), units_of(ground)) == ("world/cal", 40, "images")
    assert sorted(out + ids(left.read())) == sorted(ids(left.members()))
    assert len(ids(left.read())) == 40


def test_the_seed_decides_which_half_and_the_same_seed_decides_alike():
    halves = [ids(with_halves_left_out([fit("cal")], seed)[0].read()) for seed in (0, 0, 1)]
    assert halves[0] == halves[1] != halves[2]


def test_scenes_are_left_out_whole():
    (left,) = with_halves_left_out([fit("frames")], 0)
    scenes = {i.partition("/")[0] for _, i in ids(left.read())}
    assert len(scenes) == 20
    assert len(ids(left.read())) == 200
    (ground,) = grounds(asked(), fits=[left])
    assert (size_of(ground), units_of(ground)) == (20, "scenes")


def test_an_image_is_left_out_of_every_fit_or_of_none():
    fits = with_halves_left_out([fit("cal"), fit("more"), fit("both")], 0)
    read = {i for f in fits for _, i in ids(f.read())}
    out = {i for f in fits for m in f.members() for i in f.left_out[m]}
    assert not read & out
    assert all(abs(len(f.left_out[m]) - len(m.domain.samples) / 2) <= 10 for f in fits for m in f.members())
    for one, other in pairwise(fits):
        for member in set(one.members()) & set(other.members()):
            assert one.left_out[member] == other.left_out[member]


def test_domains_of_their_own_are_taken_whole_and_no_fit_loses_an_image():
    (ground,) = grounds(asked(), fits=[fit("cal")], on=[("large",)])
    assert (ground.name, size_of(ground), ground.left_out) == ("world/large", 60, {})


def test_several_promises_share_a_ground():
    (left,) = with_halves_left_out([fit("cal")], 0)
    (ground,) = grounds(asked(0.05), asked(0.2, confidence=0.9), fits=[left])
    assert [p.key for p in ground.promises] == ["risk=0.05", "risk=0.2,confidence=0.9"]


@pytest.mark.parametrize(
    ("sections", "fits", "on", "message"),
    [
        ([asked()], [], (), "accept: no calibration is fitted, so there is no split to leave images out of; name dom"),
        ([asked(), asked()], ["cal"], (), "accept: a risk of 0.05 is promised twice on world/cal; leave one of them"),
        ([asked(0.01)], ["cal"], (), "accept: a risk of 0.01 needs 99 images, and half of world/cal has 40; promise"),
        ([asked()], [], [("own",)], "needs 19 images, and world/own has 1; promise a larger risk, or name more images"),
        (
            [asked(0.02)],
            ["frames"],
            (),
            "a risk of 0.02 needs 49 scenes, and half of world/frames has 20, because images of a scene are alike; pro",
        ),
        (
            [asked(**{"class": "clas-1"})],
            ["cal"],
            (),
            "accept: class: world has no class 'clas-1'; did you mean 'class-1'",
        ),
        (
            [asked()],
            ["cal"],
            [("more",)],
            r"accept: on: world/more shares 40 samples with world/cal, which calibrations are fitted on \(first: s/40",
        ),
    ],
)
def test_what_cannot_be_promised_is_refused_in_one_line(sections, fits, on, message):
    left = with_halves_left_out([fit(d) for d in fits], 0) if not on else [fit(d) for d in fits]
    with pytest.raises(ConfigError, match=message) as raised:
        grounds(*sections, fits=left, on=on)
    assert "\n" not in str(raised.value)


def test_domains_without_annotation_are_refused():
    bare = dataset_of({"bare": SINGLE}, annotated=False)
    with pytest.raises(ConfigError, match="accept: on world/bare: this domain has no annotation; name an annotated"):
        promise_grounds([asked()], [], [(target_of(bare, "bare"),)])


def test_few_images_and_scenes_on_both_sides_are_said():
    (left,) = with_halves_left_out([fit("large")], 0)
    (ground,) = grounds(asked(), fits=[left])
    few, alike = notes_on(ground)
    assert few.startswith("accept: a risk of 0.05 on 30 images of world/large costs much more than it must; with")
    assert (
        "half of the images of world/large are left out of its calibrations, and they are of the same 1 scene" in alike
    )
    (whole,) = grounds(asked(), on=[("large",)])
    assert list(notes_on(whole)) == []
