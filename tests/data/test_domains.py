import pytest

from reliseg.errors import ConfigError, DataError


def ids(dataset, domain):
    return [sample.id for sample in dataset.domains[domain].samples]


@pytest.mark.parametrize(
    ("domain", "expected"),
    [
        ({}, ["a/1", "a/2", "b/1", "b/3"]),
        ({"scene": "a"}, ["a/1", "a/2"]),
        ({"scenes": ["a"]}, ["a/1", "a/2"]),
        ({"scenes": ["b", "a"]}, ["a/1", "a/2", "b/1", "b/3"]),
        ({"stem": [1]}, ["a/1", "b/1"]),
        ({"samples": ["b/3", "a/1"]}, ["a/1", "b/3"]),
        ({"exclude": ["b/3"]}, ["a/1", "a/2", "b/1"]),
        ({"scene": "b", "exclude": "b/3"}, ["b/1"]),
    ],
)
def test_filters(domain, expected, flat, opened):
    assert ids(opened("folder", flat, domains={"d": domain}), "d") == expected


def test_only_a_domain_of_the_spec_may_be_named_without_saying_what_it_holds(flat, opened):
    assert ids(opened("folder", flat, domains={"all": None}), "all") == ["a/1", "a/2", "b/1", "b/3"]
    with pytest.raises(ConfigError, match="no domain 'al'; did you mean 'all'"):
        opened("folder", flat, domains={"al": None})


def test_a_union_holds_each_sample_once_in_order(flat, opened):
    domains = {
        "all": {"union": ["later", "b"]},
        "later": {"union": ["a", "b"]},
        "b": {"scene": "b"},
        "a": {"scene": "a"},
    }
    dataset = opened("folder", flat, domains=domains)
    assert list(dataset.domains) == ["all", "later", "b", "a"]
    assert ids(dataset, "all") == ["a/1", "a/2", "b/1", "b/3"]
    assert dataset.domains["all"].union == ("later", "b")


def test_a_union_may_name_domains_of_the_spec(tree, opened):
    names = ("fog/val/s1/s1_1", "night/val/s2/s2_1", "rain/val/s3/s3_1")
    root = tree(*(f"rgb_anon/{n}_rgb_anon.png" for n in names), masks={f"gt/{n}_gt_labelIds.png": 7 for n in names})
    dataset = opened("acdc", root, domains={"adverse": {"union": ["fog", "night"]}})
    assert ids(dataset, "adverse") == ["s1/s1_1", "s2/s2_1"]
    assert ids(dataset, "fog") == ["s1/s1_1"]


def test_the_default_split_holds_where_none_is_given(tree, opened):
    names = ("train/s/1", "val/s/2")
    root = tree(
        *(f"leftImg8bit/{n}_leftImg8bit.png" for n in names),
        masks={f"gtFine/{n}_gtFine_labelIds.png": 7 for n in names},
    )
    domains = {"plain": {}, "train": {"split": "train"}, "both": {"split": ["train", "val"]}, "val": {"scene": "s"}}
    dataset = opened("cityscapes", root, domains=domains)
    assert {d: ids(dataset, d) for d in domains} == {
        "plain": ["s/2"], "train": ["s/1"], "both": ["s/1", "s/2"], "val": ["s/2"],
    }  # fmt: skip


def test_annotations_none_reads_no_masks(tree, opened):
    root = tree("images/1.png", "images/2.png", masks={"masks/1.png": 0, "masks/3.png": 0})
    domain = opened("folder", root, annotations="none").domains["all"]
    assert [(s.id, s.mask) for s in domain.samples] == [("all/1", None), ("all/2", None)]
    assert not domain.annotated
    mixed = opened("folder", root, domains={"in": {"samples": ["all/1"]}, "out": {"annotations": "none"}})
    assert mixed.domains["in"].samples[0].mask == "masks/1.png"
    assert mixed.domains["out"].samples[0].mask is None


def test_a_spec_without_masks_is_for_annotations_none(tree, opened, tmp_path):
    (tmp_path / "bare.toml").write_text('labels = "camvid"\nimage = "{stem}.png"\n[domains]\nall = {}\n')
    root = tree("1.png")
    assert ids(opened("bare.toml", root, folder=root, annotations="none"), "all") == ["all/1"]
    with pytest.raises(ConfigError, match=r"bare/all: the spec has no mask templates"):
        opened("bare.toml", root, folder=root)


@pytest.mark.parametrize(
    ("domains", "message"),
    [
        ({"d": {"scens": ["a"]}}, "x/d: unknown key 'scens'; did you mean 'scenes'"),
        ({"d": {"split": "val"}}, "x/d: unknown key 'split'"),
        ({"d": {"scene": "a", "scenes": "a"}}, "scene and scenes are the same"),
        ({"d": {"scene": []}}, "x/d: scene: give a name or a list of names"),
        ({"d": {"scene": {"a": 1}}}, "give a name or a list of names"),
        ({"d": {"stem": True}}, "give a name or a list of names"),
        ({"d": {"annotations": "some"}}, "annotations is 'required' or 'none'"),
        ({"d": {"union": ["e"]}, "e": {"union": "d"}}, "union contains itself"),
        ({"d": {"union": ["ee"]}, "eee": {}}, "union of unknown domain 'ee'; did you mean 'eee'"),
        ({"d": {"union": ["e"], "scene": "a"}, "e": {}}, "union stands alone"),
        ({"d": {"union": ["e", "f"]}, "e": {}, "f": {"annotations": "none"}}, "with and without annotations"),
        ({"d/e": {}}, "domain name 'd/e'"),
        ({}, "x: no domains"),
    ],
)
def test_wrong_domains(domains, message, flat, opened):
    with pytest.raises(ConfigError, match=message):
        opened("folder", flat, name="x", domains=domains)


@pytest.mark.parametrize(
    ("domain", "message"),
    [
        ({"scene": "c"}, "x/d: no scene 'c' below .*; known: a, b"),
        ({"scene": ["a", "bb"]}, "no scene 'bb' below .*; did you mean 'b'"),
        ({"scene": "b", "stem": "2"}, "no stem '2' in scene b below .*; known: 1, 3"),
        ({"scene": ["a", "b"], "stem": "3"}, "no scene 'a' in stem 3 below .*; known: b"),
        ({"samples": ["a/1", "a/9"]}, "samples: a/9 not among the 4 samples; did you mean 'a/"),
        ({"scene": "b", "samples": ["a/1"]}, "samples: a/1 not among the 2 samples of scene b"),
        ({"exclude": ["a/9"]}, "exclude: a/9 not among"),
        ({"scene": "a", "exclude": ["a/1", "a/2"]}, "x/d: no image is left"),
    ],
)
def test_what_is_asked_for_must_exist(domain, message, flat, opened):
    with pytest.raises(DataError, match=message):
        opened("folder", flat, name="x", domains={"d": domain})


def test_a_domain_without_images_says_what_was_searched_and_what_is_there(flat, opened):
    with pytest.raises(
        DataError, match=r"cityscapes/val: no image matches leftImg8bit/.* \(there are the folders images, masks\)"
    ):
        opened("cityscapes", flat)


def test_many_names_are_cut_short(tree, opened):
    root = tree(*(f"images/{i:02}.png" for i in range(20)))
    with pytest.raises(DataError, match=r"did you mean 'all/19'\? known: all/00, all/01, all/02 and 17 more"):
        opened("folder", root, annotations="none", domains={"d": {"samples": ["all/199"]}})


def test_a_missing_root(opened, tmp_path):
    with pytest.raises(
        DataError, match=r"camvid: root .*nowhere is not a folder; it should hold \{split\}/\{stem\}\.png"
    ):
        opened("camvid", tmp_path / "nowhere")


def test_names_are_checked(opened, flat):
    with pytest.raises(ConfigError, match=r"data set name '\.\./x'"):
        opened("folder", flat, name="../x")


def test_projections_are_checked_when_the_source_is_known(opened, flat):
    with pytest.raises(ConfigError, match="folder: projection camvid -> cityscapes: 2 entries for the 11 classes"):
        opened("folder", flat, projection={"camvid": [0, 1]})
    dataset = opened("folder", flat, projection={"mine": [0, -1], "camvid": [0] * 11})
    assert dataset.projections["mine"] == (0, -1)


def test_a_data_set_gives_its_projection_or_the_default(opened, flat):
    from reliseg.labels import label_space

    camvid = label_space("camvid")
    dataset = opened("folder", flat, projection={"camvid": [0] * 11})
    assert dataset.projection(camvid).groups == (0,) * 11
    assert dataset.projection(label_space("cityscapes")).is_identity
