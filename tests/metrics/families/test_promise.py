"""What was kept of promises, by the definition; intervals against numbers that are computed again without a unit."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.worlds import world

from reliseg.conformal import Promise, PromisedThreshold
from reliseg.metrics.families.promise import KeptPromises
from reliseg.metrics.image_pixels import ImagePixels
from reliseg.metrics.units import UnitImage, Units

DRAWN = world(3, images=12, pixels=900, scores=("msp",))
SCENES = [f"d/s{i % 9}" for i in range(12)]
"""Nine scenes: three have two images."""


def state(*promises, scenes=None, keep=None):
    kept = np.arange(12) if keep is None else keep
    drawn = DRAWN.only(np.isin(DRAWN.image, kept))
    table = drawn.table()
    names = [f"d/{i}" for i in kept] if scenes is None else [f"{scenes[i]}/{i}" for i in kept]
    images = [UnitImage(name, name.rpartition("/")[0] if scenes else name, "") for name in names]
    return replace(drawn.domain(), units=Units.of_table(table, images, drawn.layout), promises=promises)


def at(bins, risk=0.1, units="images", **more):
    return PromisedThreshold(Promise(risk), "d/cal", units, 50, bins, **more)


def values(domain):
    return {v.metric: v for v in KeptPromises().compute(domain, None)}


def test_kept_coverage_and_risk_are_those_of_the_pixels():
    found = values(state(at(240)))
    pixels = ImagePixels.of(state().units)
    wrong, right = pixels.accepted(240)
    assert found["promised_share"].value == 0.1
    assert found["kept_share"].value == pytest.approx(np.mean(wrong / pixels.counted), rel=1e-12)
    assert found["coverage"].value == (wrong + right).sum() / pixels.counted.sum()
    assert found["accepted_risk"].value == wrong.sum() / (wrong + right).sum()
    assert found["kept_share"].definition == "promise/kept/mean-over-images/risk=0.1"


def test_scenes_count_alike_however_many_images_they_have():
    found = values(state(at(240, units="scenes"), scenes=SCENES))["kept_share"]
    kept = ImagePixels.of(state().units).kept(240)
    means = [np.mean([kept[i] for i in range(12) if SCENES[i] == scene]) for scene in set(SCENES)]
    assert found.value == pytest.approx(np.mean(means), rel=1e-12)
    assert found.definition == "promise/kept/mean-over-scenes/risk=0.1"


def test_each_promise_has_its_own_rows():
    found = KeptPromises().compute(state(at(240), at(200, 0.05)), None)
    kept = {v.definition: v.value for v in found if v.metric == "kept_share"}
    assert kept["promise/kept/mean-over-images/risk=0.05"] < kept["promise/kept/mean-over-images/risk=0.1"]


def test_where_nothing_is_accepted_all_is_kept_and_there_is_no_risk():
    found = values(state(at(0)))
    assert (found["kept_share"].value, found["coverage"].value) == (0, 0)
    assert found["accepted_risk"].why == "no pixel is accepted"


def test_without_a_threshold_the_reason_stands_in_its_place():
    found = values(state(at(None, why="too few")))
    assert found["promised_share"].value == 0.1
    assert {found[name].why for name in ("kept_share", "coverage", "accepted_risk")} == {"too few"}
    assert values(state())["kept_share"].why == "no promise is made here; see accept:"


@pytest.mark.parametrize("drawn", ["images", "scenes"])
@pytest.mark.parametrize("scenes", [None, SCENES])
def test_replicates_are_the_numbers_without_each_unit(drawn, scenes):
    promise = at(240, units=drawn)
    domain = state(promise, scenes=scenes)
    units = domain.units
    assert units.kind == ("images" if scenes is None else "scenes")
    found = {r.metric: r for r in KeptPromises().replicates(domain, None)}
    for name in ("kept_share", "coverage", "accepted_risk"):
        assert found[name].centre == pytest.approx(values(domain)[name].value, rel=1e-12)
        for unit in range(len(units)):
            keep = np.flatnonzero(units.of_image != unit)
            again = values(state(promise, scenes=scenes, keep=keep))[name].value
            assert found[name].lefts[0][unit] == pytest.approx(again, rel=1e-9)
