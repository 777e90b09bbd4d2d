import re

import numpy as np
import pytest

from reliseg.data import dataset_names, load
from reliseg.data.spec import read_spec
from reliseg.errors import ConfigError, SampleError
from reliseg.labels import UNKNOWN, VOID

CITYSCAPES_IDS = [7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33]
IDD_IDS = {0: 0, 2: 1, 4: 11, 5: 12, 6: 17, 7: 18, 9: 13, 10: 14, 11: 15, 14: 3, 15: 4, 18: 7, 19: 6, 20: 5}
IDD_IDS |= {22: 2, 24: 8, 25: 10}

# spec -> images, masks (path: raw id), the samples of each default domain
LAYOUTS = {
    "cityscapes": (
        ["leftImg8bit/val/frankfurt/frankfurt_000000_000294_leftImg8bit.png"],
        {"gtFine/val/frankfurt/frankfurt_000000_000294_gtFine_labelIds.png": 7},
        {"val": ["frankfurt/frankfurt_000000_000294"]},
    ),
    "acdc": (
        [
            "rgb_anon/fog/val/GOPR0476/GOPR0476_frame_000001_rgb_anon.png",
            "rgb_anon/night/val/GOPR0356/GOPR0356_frame_000002_rgb_anon.png",
            "rgb_anon/rain/val/GOPR0402/GOPR0402_frame_000003_rgb_anon.png",
            "rgb_anon/rain/train/GOPR0400/GOPR0400_frame_000004_rgb_anon.png",
            "rgb_anon/snow/val/GOPR0122/GOPR0122_frame_000005_rgb_anon.png",
            "rgb_anon/snow/train/GOPR0604/GOPR0604_frame_000006_rgb_anon.png",
        ],
        {
            "gt/fog/val/GOPR0476/GOPR0476_frame_000001_gt_labelIds.png": 7,
            "gt/night/val/GOPR0356/GOPR0356_frame_000002_gt_labelIds.png": 7,
            "gt/rain/val/GOPR0402/GOPR0402_frame_000003_gt_labelIds.png": 7,
            "gt/rain/train/GOPR0400/GOPR0400_frame_000004_gt_labelIds.png": 7,
            "gt/snow/val/GOPR0122/GOPR0122_frame_000005_gt_labelIds.png": 7,
            "gt/snow/train/GOPR0604/GOPR0604_frame_000006_gt_labelIds.png": 7,
        },
        {
            "fog": ["GOPR0476/GOPR0476_frame_000001"],
            "night": ["GOPR0356/GOPR0356_frame_000002"],
            "rain": ["GOPR0402/GOPR0402_frame_000003"],
            "snow": ["GOPR0122/GOPR0122_frame_000005"],
        },
    ),
    "idd": (
        [
            "leftImg8bit/val/119/903127_leftImg8bit.png",
            "leftImg8bit/val/119/frame0029_leftImg8bit.jpg",
            "leftImg8bit/val/120/frame0029.png",
            "leftImg8bit/val/121/frame0029.jpg",
        ],
        {
            "gtFine/val/119/903127_gtFine_labellevel3Ids.png": 0,
            "gtFine/val/119/frame0029_gtFine_labellevel3Ids.png": 0,
            "gtFine/val/120/frame0029_gtFine_labellevel3Ids.png": 0,
            "gtFine/val/121/frame0029_gtFine_labellevel3Ids.png": 0,
        },
        {"val": ["119/903127", "119/frame0029", "120/frame0029", "121/frame0029"]},
    ),
    "camvid": (
        ["val/0016E5_07959.png", "test/Seq05VD_f00000.png", "test/0001TP_008550.png", "train/0006R0_f00930.png"],
        {"valannot/0016E5_07959.png": 3, "testannot/Seq05VD_f00000.png": 3, "testannot/0001TP_008550.png": 11},
        {"val": ["0016E5/0016E5_07959"], "test": ["0001TP/0001TP_008550", "Seq05VD/Seq05VD_f00000"]},
    ),
    "bdd100k": (
        ["images/10k/val/7d06fefd-f7be05a6.jpg", "images/10k/test/ac6d4f42-00000000.jpg"],
        {"labels/sem_seg/masks/val/7d06fefd-f7be05a6.png": 18},
        {"val": ["all/7d06fefd-f7be05a6"]},
    ),
    "folder": (
        ["images/one.png", "images/two.JPG", "images/trip/three.jpeg"],
        {"masks/one.png": 0, "masks/two.png": 18, "masks/trip/three.png": 255},
        {"all": ["all/one", "all/two", "trip/three"]},
    ),
}


def test_every_spec_that_ships_has_a_layout_here():
    assert dataset_names() == sorted(LAYOUTS)


@pytest.mark.parametrize("name", sorted(LAYOUTS))
def test_layout_gives_domains_scenes_and_ids(name, tree, open_data):
    images, masks, domains = LAYOUTS[name]
    dataset = open_data(name, tree(*images, masks=masks))
    assert {d: [s.id for s in domain.samples] for d, domain in dataset.domains.items()} == domains
    for domain in dataset.domains.values():
        for sample in domain.samples:
            assert sample.scene == sample.id.split("/")[0]
            assert load(dataset, sample).truth is not None


@pytest.mark.parametrize("spec", ["acdc", "cityscapes"])
def test_cityscapes_raw_ids(spec):
    label_map = _label_map(spec)
    expected = np.full(256, VOID)
    expected[CITYSCAPES_IDS] = range(19)
    listed = [*range(34), 255]
    assert label_map(np.array([listed], np.uint8)).tolist() == [expected[listed].tolist()]


def test_idd_roles():
    expected = {raw: IDD_IDS.get(raw, UNKNOWN if raw in (8, 16, 17, 23) else VOID) for raw in [*range(26), 255]}
    mapped = _label_map("idd")(np.array([list(expected)], np.uint8))
    assert mapped.tolist() == [list(expected.values())]
    assert set(mapped.ravel()) - {UNKNOWN, VOID} == set(range(19)) - {9, 16}  # terrain and train never occur


@pytest.mark.parametrize(("spec", "known", "void"), [("camvid", 11, 11), ("bdd100k", 19, 255), ("folder", 19, 255)])
def test_identity_maps(spec, known, void):
    mapped = _label_map(spec)(np.array([[*range(known), void]], np.uint8))
    assert mapped.tolist() == [[*range(known), VOID]]


@pytest.mark.parametrize(("spec", "raw"), [("idd", 26), ("camvid", 12), ("cityscapes", 34), ("bdd100k", 19)])
def test_an_id_outside_the_map_names_file_id_and_count(spec, raw, tree, open_data):
    images, masks, _ = LAYOUTS[spec]
    root = tree(*images, masks=dict.fromkeys(masks, raw))
    dataset = open_data(spec, root)
    sample = next(iter(dataset.domains.values())).samples[0]
    with pytest.raises(SampleError, match=rf"{re.escape(sample.mask)}: id {raw} \(24 pixels\) is not in the label map"):
        load(dataset, sample)
    lenient = open_data(spec, root, unlisted="void")
    assert (load(lenient, sample).truth == VOID).all()


def test_acdc_reads_the_condition_from_its_place(tree, open_data):
    images, masks, _ = LAYOUTS["acdc"]
    root = tree(*images, masks=masks)
    train = open_data("acdc", root, domains={"x": {"split": "train", "condition": "rain"}, "snow": {"split": "train"}})
    assert [s.id for s in train.domains["x"].samples] == ["GOPR0400/GOPR0400_frame_000004"]
    assert [s.id for s in train.domains["snow"].samples] == ["GOPR0604/GOPR0604_frame_000006"]


def test_acdc_extra_folders_and_clear_twins(tree, open_data):
    stem = "GOPR0476/GOPR0476_frame_000001"
    root = tree(
        f"rgb_anon_trainvaltest/rgb_anon/fog/val/{stem}_rgb_anon.png",
        f"rgb_anon_trainvaltest/rgb_anon/fog/val_ref/{stem}_rgb_ref_anon.png",
        masks={
            f"gt_trainval/gt/fog/val/{stem}_gt_labelIds.png": 7,
            f"gt_trainval/gt/fog/val_ref/{stem}_gt_ref_labelIds.png": 7,
        },
    )
    dataset = open_data("acdc", root, domains={"fog": {}, "clear": {"condition": "fog", "split": "val_ref"}})
    assert [s.id for s in dataset.domains["fog"].samples] == [stem]
    assert [s.id for s in dataset.domains["clear"].samples] == [f"{stem}_ref"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("imgae = 'x'", "unknown key 'imgae'; did you mean 'image'"),
        ("mask = '{stem}'", "the key image is missing"),
        ("image = 'x.png'", "needs {stem}"),
        ("image = '/a/{stem}.png'", "relative to the root"),
        ("image = '../{stem}.png'", "relative to the root"),
        ("image = '{stem.png'", "needs {stem}"),
        ("image = '{a/{stem}.png'", "brace has no partner"),
        ("image = '{a b}/{stem}.png'", "not a field name"),
        ("image = []", "a name or a list of names"),
        ("image = '{stem}'\nfields = 3", "must be a table"),
        ("image = '{stem}'\n[fields]\nstme = 'x'", "unknown key 'stme'; did you mean 'stem'"),
        ("image = '{stem}'\n[fields]\nstem = '('", "not a regular expression"),
        ("image = '{stem}{x}'\n[fields]\nx = '(?P<stem>a)'", "not a regular expression"),
        ("image = '{stem}'\n[derive]\nscene = 'stem'", "must be a table of from and pattern"),
        ("image = '{stem}'\n[derive]\nscene = {from = 'stem', pattern = 'a'}", "needs a group"),
        ("image = '{stem}'\n[derive]\nscene = {from = 'stm', pattern = '(a)'}", "unknown key 'stm'"),
        (
            "image = '{stem}'\nmask = 'm/{stem}'\n[derive]\nscene = {from = 'city', pattern = '(.)'}\n"
            "city = {from = 'stem', pattern = '(..).*'}",
            "derive.scene: city is derived itself; derive scene from a field of a template",
        ),
        ("image = '{stem}'\nmask = 'm/{stem}'\n[fields]\nstm = 'a'", "known: scene, stem"),
        ("image = '{stem}'\n[default]\nsplit = 'val'", "unknown key 'split'"),
        ("image = '{stem}'\nid = '{frame}'", "unknown key 'frame'"),
        ("image = '{samples}/{stem}'", "cannot be called 'samples'"),
        ("image = '{stem}'\n[domains]\na = 3", "domains.a must be a table"),
        ("image = '{stem}'\n[domains]\na = {scens = 'x'}", "unknown key 'scens'; did you mean 'scenes'"),
        ("image = ", "Invalid value"),
        ("image = '{stem}'\n[domains]\na = {scenes = [16]}", "domains.a.scenes: 16 is no name; put it in quotes"),
        (
            "image = '{stem}'\n[domains]\na = {samples = 2024-01-01}",
            "domains.a.samples: datetime.date(2024, 1, 1) is no",
        ),
        ("image = '{stem}'\n[default]\nstem = 1_0", "default.stem: 10 is no name; put it in quotes"),
        ("image = '{stem}'\nid = 5", "id: give a text in quotes, not 5"),
        ("image = '{stem}'\n[fields]\nstem = 5", "fields.stem: give a text in quotes, not 5"),
        ("image = '{stem}'\n[fields]\nstem = 'a{99999999999999}'", "'a{99999999999999}' is not a regular expression"),
        (
            "image = '{stem}'\n[derive]\nscene = {from = 5, pattern = '(a)'}",
            "derive.scene: from: give a text in quotes",
        ),
        ("image = '{stem}'\nusual_void = 1.5", "usual_void is a share of the pixels, from 0 to 1, not 1.5"),
        ("image = '{stem}'\nusual_void = nan", "usual_void is a share of the pixels, from 0 to 1, not nan"),
        ("image = '{stem}'\nusual_void = '0.1'", "usual_void is a share of the pixels, from 0 to 1, not '0.1'"),
        ("image = '{stem}'\nusual_void = true", "usual_void is a share of the pixels, from 0 to 1, not True"),
    ],
)
def test_a_wrong_spec_is_one_line_with_its_path(text, message, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(text if text.startswith("imgae") else f'labels = "camvid"\n{text}')
    with pytest.raises(ConfigError, match=f"{re.escape(str(path))}: .*{re.escape(message)}") as caught:
        read_spec("mine.toml", tmp_path)
    assert "\n" not in str(caught.value)


def test_an_unknown_spec_suggests_the_nearest():
    with pytest.raises(ConfigError, match="'cityscape'; did you mean 'cityscapes'"):
        read_spec("cityscape")


def _label_map(spec):
    from reliseg.data.label_table import read_label_map
    from reliseg.labels import label_space

    parsed = read_spec(spec)
    return read_label_map(spec, parsed.label_map, label_space(parsed.labels), None)[1]
