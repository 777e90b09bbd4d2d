"""Units: images or scenes, their sums, and the sums of all others."""

from collections.abc import Sequence

import numpy as np
import pytest
from helpers.worlds import world

from reliseg.metrics import units as units_module
from reliseg.metrics.units import Drawn, ShardRows, UnitImage, UnitRows, Units, roles_of, sums_of_groups
from reliseg.stats import SampleTable
from reliseg.stats.bins import ROLES, VOID_ROLE

WORLD = world(70, images=20, pixels=1500)
TABLE = WORLD.table()


def images(scenes: int) -> list[UnitImage]:
    return [UnitImage(name, f"scene-{i % scenes}", f"sha-{i}") for i, name in enumerate(TABLE.ids)]


def test_scenes_are_the_units_from_eight_on_where_they_are_fewer_than_images():
    kinds = {n: Units.of_table(TABLE, images(n), WORLD.layout).kind for n in (1, 7, 8, 19, 20)}
    assert kinds == {1: "images", 7: "images", 8: "scenes", 19: "scenes", 20: "images"}


def test_sums_of_a_scene_are_those_of_its_images():
    units = Units.of_table(TABLE, images(8), WORLD.layout)
    every = Units.of_table(TABLE, images(1), WORLD.layout)
    assert units.names == tuple(sorted(f"scene-{i}" for i in range(8)))
    for i, name in enumerate(units.names):
        mine = [k for k, image in enumerate(images(8)) if image.scene == name]
        np.testing.assert_array_equal(units.of_image[mine], i)
        np.testing.assert_array_equal(units.rows.classes[i], every.rows.classes[mine].sum(axis=0))
        np.testing.assert_array_equal(units.rows.ranks["msp"][i], every.rows.ranks["msp"][mine].sum(axis=0))


@pytest.mark.parametrize("group", [[0, 1, 2, 3], [2, 0, 3, 1], [1, 0, 1, 1], [0, 0, 0, 0]])
def test_groups_are_summed_in_the_order_of_their_numbers_also_where_each_image_is_one(group):
    rows = np.random.default_rng(0).integers(0, 9, (4, 3)).astype(np.uint32)
    found = sums_of_groups(rows, np.array(group), max(group) + 1)
    wanted = [rows[np.array(group) == k].sum(axis=0) for k in range(max(group) + 1)]
    np.testing.assert_array_equal(found, wanted)


def test_the_units_with_a_class_are_counted_for_what_is_right_what_is_there_and_what_is_predicted():
    units = Units.of_table(TABLE, images(8), WORLD.layout)
    for number, of_units in enumerate(units.rows.classes.swapaxes(0, 1)):
        wanted = [np.count_nonzero(of_class) for of_class in of_units.T]
        assert units.with_classes[number].tolist() == wanted


def test_rows_hold_what_the_table_counts():
    units = Units.of_table(TABLE, images(1), WORLD.layout)
    assert units.names == TABLE.ids
    np.testing.assert_array_equal(units.rows.known, TABLE.bin_counts.sum(axis=1))
    np.testing.assert_array_equal(units.rows.classes[:, 0].sum(axis=1), TABLE.bin_right.sum(axis=1))
    for s, score in enumerate(WORLD.scores):
        roles = ROLES if score == "msp" else VOID_ROLE
        whole = np.zeros(TABLE.coarse[:, s, :roles].shape)
        whole[:, :, units.coarse_bins[score]] = units.rows.ranks[score]
        np.testing.assert_array_equal(whole, TABLE.coarse[:, s, :roles])


def test_sums_without_each_unit_and_the_unit_are_the_total():
    units = Units.of_table(TABLE, images(8), WORLD.layout)
    for name in ("classes", "bins", "losses"):
        rows, others = getattr(units.rows, name), getattr(units.without_each, name)
        np.testing.assert_allclose(rows + others, np.broadcast_to(getattr(units.total, name), rows.shape))
    assert list(units.without_each.ranks) == list(WORLD.scores)
    assert len(units.without_each.ranks) == len(WORLD.scores)
    np.testing.assert_array_equal(
        units.without_each.ranks["msp"] + units.rows.ranks["msp"],
        np.broadcast_to(units.total.ranks["msp"], units.rows.ranks["msp"].shape),
    )


def put_scores(rows: ShardRows, places: Sequence[int], table: SampleTable) -> None:
    """Put the coarse bins of all scores."""
    for s, score in enumerate(WORLD.scores):
        counts = table.coarse[:, s, : roles_of(score)].astype(np.uint32)
        filled = np.flatnonzero(counts.any(axis=(0, 1)))
        rows.put_score(places, score, filled, counts[:, :, filled])


@pytest.mark.parametrize("most", [5, 2048], ids=["groups", "images"])
def test_a_shard_is_put_together_from_pieces_in_any_order(monkeypatch, most):
    monkeypatch.setattr(units_module, "MOST_UNITS", most)
    whole = collected(images(1))
    rows = ShardRows(len(TABLE.ids), WORLD.layout)
    for places in ([3, 0, 19, 7], [i for i in range(20) if i not in (3, 0, 19, 7)]):
        table = SampleTable.from_arrays(
            [TABLE.ids[i] for i in places], {n: a[places] for n, a in TABLE.arrays().items()}
        )
        rows.put(places, table)
        put_scores(rows, places, table)
    together = UnitRows(images(1), WORLD.layout)
    together.add(rows.packed())
    found = together.units()
    for score in WORLD.scores:
        np.testing.assert_array_equal(found.coarse_bins[score], whole.coarse_bins[score])
        np.testing.assert_array_equal(found.rows.ranks[score], whole.rows.ranks[score], strict=True)


def test_shards_are_put_together_whatever_bins_each_has():
    whole = Units.of_table(TABLE, images(1), WORLD.layout)
    halves = []
    for part in (slice(0, 7), slice(7, 20)):
        table = SampleTable.from_arrays(TABLE.ids[part], {n: a[part] for n, a in TABLE.arrays().items()})
        rows, places = ShardRows(len(table.ids), WORLD.layout), list(range(len(table.ids)))
        rows.put(places, table)
        put_scores(rows, places, table)
        halves.append(rows.packed())
    found = Units.of(halves, images(1))
    assert (found.names, found.digests) == (whole.names, whole.digests)
    for score in WORLD.scores:
        np.testing.assert_array_equal(found.coarse_bins[score], whole.coarse_bins[score])
        np.testing.assert_array_equal(found.rows.ranks[score], whole.rows.ranks[score])


def test_the_digest_of_a_unit_changes_with_the_files_of_its_images_alone():
    before = Units.of_table(TABLE, images(8), WORLD.layout).digests
    changed = [UnitImage(im.name, im.scene, "other" if i == 3 else im.digest) for i, im in enumerate(images(8))]
    after = Units.of_table(TABLE, changed, WORLD.layout).digests
    assert [a == b for a, b in zip(before, after, strict=True)] == [i != 3 for i in range(8)]


def test_numbers_of_images_are_summed_without_those_that_have_none():
    units = Units.of_table(TABLE, images(8), WORLD.layout)
    values = np.arange(20.0)
    values[[0, 8]] = np.nan
    sums, counts = units.sums(values)
    assert (sums[0], counts[0]) == (16.0, 1)  # images 0, 8, 16
    assert (sums.sum(), counts.sum()) == (pytest.approx(np.nansum(values)), 18)


def packed_shards(sizes):
    rows = []
    for places in np.split(np.arange(len(TABLE.ids)), np.cumsum(sizes)[:-1]):
        part = ShardRows(len(places), WORLD.layout)
        table = SampleTable.from_arrays(
            [TABLE.ids[i] for i in places], {k: a[places] for k, a in TABLE.arrays().items()}
        )
        part.put(range(len(places)), table)
        put_scores(part, range(len(places)), table)
        rows.append(part.packed())
    return rows


def collected(every):
    rows = UnitRows(every, WORLD.layout)
    for shard in packed_shards([7, 9, 4]):
        rows.add(shard)
    return rows.units()


@pytest.mark.parametrize("scenes", [1, 8])
def test_more_images_or_scenes_than_units_are_left_out_in_groups_by_their_names(monkeypatch, scenes):
    plain = collected(images(scenes))
    monkeypatch.setattr(units_module, "MOST_UNITS", 5)
    units = collected(images(scenes))
    assert units.kind == "groups"
    assert 1 < len(units) == len(set(units.of_image)) <= 5
    for here in range(len(units)):
        mine = np.unique(plain.of_image[units.of_image == here])
        np.testing.assert_array_equal(units.rows.bins[here], plain.rows.bins[mine].sum(axis=0))
        for table, sums in units.rows.by_class.items():
            np.testing.assert_array_equal(sums[here], plain.rows.by_class[table][mine].sum(axis=0))
        for score, counts in units.rows.ranks.items():
            np.testing.assert_array_equal(counts[here], plain.rows.ranks[score][mine].sum(axis=0))
    np.testing.assert_array_equal(units.images.ranks["msp"], plain.images.ranks["msp"])
    for score, bins in units.coarse_bins.items():
        np.testing.assert_array_equal(bins, plain.coarse_bins[score])
    assert units.total.losses.tolist() == plain.total.losses.tolist()


def test_the_group_of_an_image_depends_on_nothing_but_its_name(monkeypatch):
    monkeypatch.setattr(units_module, "MOST_UNITS", 5)
    for order in (1, -1):
        every = images(1)[::order]
        drawn = Drawn.of(every)
        groups = {image.name: drawn.names[k] for image, k in zip(every, drawn.of_image, strict=True)}
        assert groups == {name: f"group {units_module._hash(name) % 5:04}" for name in TABLE.ids}


def test_up_to_as_many_images_are_units_themselves(monkeypatch):
    monkeypatch.setattr(units_module, "MOST_UNITS", len(TABLE.ids))
    assert Drawn.of(images(1)).kind == "images"
