"""Opening a data set: names, root, projections, domains of the spec and of the options."""

import pytest

from reliseg.data import load
from reliseg.errors import ConfigError, DataError


def ids(dataset, domain):
    return [sample.id for sample in dataset.domains[domain].samples]


def test_only_a_domain_of_the_spec_may_be_named_without_saying_what_it_holds(flat, open_data):
    assert ids(open_data("folder", flat, domains={"all": None}), "all") == ["a/1", "a/2", "b/1", "b/3"]
    with pytest.raises(ConfigError, match="no domain 'al'; did you mean 'all'"):
        open_data("folder", flat, domains={"al": None})


def test_a_union_may_name_domains_of_the_spec(tree, open_data):
    names = ("fog/val/s1/s1_1", "night/val/s2/s2_1", "rain/val/s3/s3_1")
    root = tree(*(f"rgb_anon/{n}_rgb_anon.png" for n in names), masks={f"gt/{n}_gt_labelIds.png": 7 for n in names})
    dataset = open_data("acdc", root, domains={"adverse": {"union": ["fog", "night"]}})
    assert ids(dataset, "adverse") == ["s1/s1_1", "s2/s2_1"]
    assert ids(dataset, "fog") == ["s1/s1_1"]


def test_a_spec_without_masks_is_for_annotations_none(tree, open_data, tmp_path):
    (tmp_path / "bare.toml").write_text('labels = "camvid"\nimage = "{stem}.png"\n[domains]\nall = {}\n')
    root = tree("1.png")
    assert ids(open_data("bare.toml", root, folder=root, annotations="none"), "all") == ["all/1"]
    with pytest.raises(ConfigError, match=r"bare/all: the spec has no mask templates"):
        open_data("bare.toml", root, folder=root)


def test_a_missing_root(open_data, tmp_path):
    with pytest.raises(
        DataError, match=r"camvid: root .*nowhere is not a folder; it should hold \{split\}/\{stem\}\.png"
    ):
        open_data("camvid", tmp_path / "nowhere")


def test_names_are_checked(open_data, flat):
    with pytest.raises(ConfigError, match=r"data set name '\.\./x'"):
        open_data("folder", flat, name="../x")


def test_projections_are_checked_when_the_source_is_known(open_data, flat):
    with pytest.raises(ConfigError, match="folder: projection camvid -> cityscapes: 2 entries for the 11 classes"):
        open_data("folder", flat, projection={"camvid": [0, 1]})
    dataset = open_data("folder", flat, projection={"mine": [0, -1], "camvid": [0] * 11})
    assert dataset.projections["mine"] == (0, -1)


def test_a_user_spec_is_read_relative_to_the_configuration(tree, open_data, tmp_path):
    root = tree("data/rgb/x1.png", masks={"data/ids/x1.png": 4})
    (tmp_path / "mine.toml").write_text(
        'labels = "two.toml"\nimage = "rgb/{stem}.png"\nmask = "ids/{stem}.png"\n'
        "[label_map]\nknown = {4 = 1}\nunknown = [9]\n[domains]\nonly = {}\n"
    )
    (tmp_path / "two.toml").write_text('classes = ["road", "rest"]')
    dataset = open_data("mine.toml", "data", folder=root)
    assert dataset.name == "mine"
    assert dataset.labels.classes == ("road", "rest")
    assert (load(dataset, dataset.domains["only"].samples[0]).truth == 1).all()


def test_templates_of_the_configuration_replace_the_specs(tree, open_data):
    root = tree("city/a/1_rgb.png", masks={"city/a/1_ids.png": 0})
    dataset = open_data(
        "acdc", root, image="city/{scene}/{stem}_rgb.png", mask="city/{scene}/{stem}_ids.png", domains={"d": {}}
    )
    assert [s.id for s in dataset.domains["d"].samples] == ["a/1"]


def test_a_data_set_stays_where_it_was_opened(tree, open_data, tmp_path, monkeypatch):
    tree("here/images/1.png", "there/images/1.png", masks={"here/masks/1.png": 3, "there/masks/1.png": 4})
    monkeypatch.chdir(tmp_path / "here")
    dataset = open_data("folder", ".")
    monkeypatch.chdir(tmp_path / "there")
    assert (load(dataset, dataset.domains["all"].samples[0]).truth == 3).all()
