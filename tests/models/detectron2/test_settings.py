"""Settings of detectron2's configurations, read as data."""

from pathlib import Path

import pytest
from helpers import detectron2_published as published

from reliseg.errors import ModelError
from reliseg.models.detectron2.architecture import read_architecture
from reliseg.models.detectron2.settings import DEFAULTS, read_settings
from reliseg.models.detectron2.tensors import plain_name
from reliseg.models.inference.resizing import target_size
from reliseg.models.options import FitWithin

SWIN = read_architecture(published.swin_large_mask2former())
R101C = read_architecture({plain_name(name): shape for name, shape in published.r101c_maskformer().items()})
BASE = """
MODEL:
  BACKBONE: {FREEZE_AT: 0, NAME: build_resnet_backbone}
  PIXEL_MEAN: [123.675, 116.280, 103.530]
  PIXEL_STD: [58.395, 57.120, 57.375]
  RESNETS: {STRIDE_IN_1X1: False, RES5_MULTI_GRID: [1, 1, 1]}
INPUT:
  MIN_SIZE_TRAIN: !!python/object/apply:eval ["[int(x * 0.1 * 1024) for x in range(5, 21)]"]
  MIN_SIZE_TEST: 1024
  MAX_SIZE_TEST: 2048
  CROP: {SIZE: (512, 1024)}
  FORMAT: "RGB"
"""
SWIN_CONFIG = """
_BASE_: ../base.yaml
MODEL:
  META_ARCHITECTURE: MaskFormer
  BACKBONE: {NAME: D2SwinTransformer}
  MASK_FORMER: {NHEADS: 8, SIZE_DIVISIBILITY: 32, TEST: {SEMANTIC_ON: True, PANOPTIC_ON: False}}
"""


def written(folder, text, name="config.yaml"):
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def settings(config=None, network=SWIN, *, cityscapes=True, **stated):
    return read_settings(
        config, {name.replace("__", "."): value for name, value in stated.items()}, network, cityscapes=cityscapes
    )


def test_without_a_configuration_those_of_the_published_ones_hold():
    found = settings()
    assert found.shortest_edge == {"short": 1024, "long": 2048}
    assert found.of("MODEL.PIXEL_MEAN") == (123.675, 116.28, 103.53)
    assert found.of("INPUT.FORMAT") == "RGB"
    assert found.masks == "input"
    assert found.of("MODEL.RESNETS.RES5_MULTI_GRID") is None
    assert settings(network=R101C).of("MODEL.RESNETS.RES5_MULTI_GRID") == (1, 2, 4)
    assert found.files == ()


def test_the_size_of_images_is_known_for_the_classes_of_cityscapes_alone():
    assert settings(cityscapes=False).shortest_edge is None


def test_a_configuration_is_read_with_those_that_it_is_based_on_and_nothing_in_it_runs(tmp_path):
    base = written(tmp_path, BASE.replace("eval", "os.system"), "base.yaml")
    config = written(tmp_path, SWIN_CONFIG, "swin/config.yaml")
    found = settings(config)
    assert found.of("MODEL.BACKBONE.NAME") == "D2SwinTransformer"
    assert found.of("MODEL.PIXEL_STD") == (58.395, 57.12, 57.375)
    assert found.shortest_edge == {"short": 1024, "long": 2048}
    assert found.files == (config.resolve(), base.resolve())


def test_what_a_configuration_leaves_out_is_as_in_detectron2(tmp_path):
    found = settings(written(tmp_path, "MODEL: {BACKBONE: {NAME: D2SwinTransformer}}"))
    assert found.of("INPUT.FORMAT") == "BGR"
    assert found.of("MODEL.PIXEL_MEAN") == (103.53, 116.28, 123.675)
    assert found.shortest_edge == {"short": 800, "long": 1333}


@pytest.mark.parametrize("name", ["SEM_SEG_POSTPROCESSING_BEFORE_INFERENCE", "PANOPTIC_ON", "INSTANCE_ON"])
def test_masks_are_brought_to_the_image_where_the_configuration_asks_for_it_before_inference(tmp_path, name):
    written(tmp_path, BASE, "base.yaml")
    text = SWIN_CONFIG.replace("{SEMANTIC_ON: True, PANOPTIC_ON: False}", f"{{{name}: True}}")
    assert settings(written(tmp_path, text, "swin/config.yaml")).masks == "image"
    assert settings(**{f"MODEL__MASK_FORMER__TEST__{name}": True}).masks == "image"


def test_settings_that_a_user_states_stand_over_those_of_the_configuration(tmp_path):
    written(tmp_path, BASE, "base.yaml")
    config = written(tmp_path, SWIN_CONFIG, "swin/config.yaml")
    found = settings(config, INPUT__MIN_SIZE_TEST=512, MODEL__PIXEL_MEAN="[1, 2, 3]")
    assert found.shortest_edge == {"short": 512, "long": 2048}
    assert found.of("MODEL.PIXEL_MEAN") == (1.0, 2.0, 3.0)
    assert settings(INPUT__MIN_SIZE_TEST=0).shortest_edge == {"short": 0, "long": 2048}  # images keep their size then


def test_a_longest_edge_below_the_shortest_binds_both():
    """detectron2 brings the shorter side to the one, and makes the image smaller where the longer exceeds the other."""
    found = settings(INPUT__MIN_SIZE_TEST=1024, INPUT__MAX_SIZE_TEST=800).shortest_edge
    assert found == {"short": 800, "long": 800}
    assert target_size(FitWithin(**found), (100, 200)) == (400, 800)


def test_tuples_are_read_in_every_way_that_yaml_of_python_writes_them(tmp_path):
    means = "PIXEL_MEAN: !!python/tuple [1.0, 2.0, 3.0]\n  PIXEL_STD: (4, 5, 6)"
    text = f"MODEL:\n  BACKBONE: {{NAME: D2SwinTransformer}}\n  {means}\n"
    found = settings(written(tmp_path, text))
    assert (found.of("MODEL.PIXEL_MEAN"), found.of("MODEL.PIXEL_STD")) == ((1.0, 2.0, 3.0), (4.0, 5.0, 6.0))


def test_multi_grid_and_dilation_of_res4_count_for_the_backbone_of_deeplab_alone(tmp_path):
    grid = "RESNETS: {RES5_MULTI_GRID: [1, 2, 4], RES4_DILATION: 2, RES5_DILATION: 4}"
    text = f"MODEL:\n  BACKBONE: {{NAME: build_resnet_deeplab_backbone}}\n  {grid}\n"
    found = settings(written(tmp_path, text), R101C)
    assert found.of("MODEL.RESNETS.RES5_MULTI_GRID") == (1, 2, 4)
    assert found.of("MODEL.RESNETS.RES4_DILATION") == 2


@pytest.mark.parametrize(
    ("text", "network", "message"),
    [
        ("_BASE_: there.yaml", SWIN, r"the _BASE_ of the configuration, .*there\.yaml, cannot be read .*whole config"),
        ("_BASE_: config.yaml", SWIN, "its _BASE_ leads back to"),
        ("[1, 2", SWIN, "not valid YAML"),
        ("- a", SWIN, "not a configuration of detectron2"),
        (
            "MODEL: {META_ARCHITECTURE: MaskRCNN, BACKBONE: {NAME: D2SwinTransformer}}",
            SWIN,
            "is of MaskRCNN; this kind",
        ),
        (
            "MODEL: {BACKBONE: {NAME: D2SwinTransformer}}",
            R101C,
            "NAME is D2SwinTransformer, and the tensors are of build_res",
        ),
        ("MODEL: {BACKBONE: {NAME: build_resnet_backbone}}", R101C, "the tensors are of build_resnet_deeplab_backbone"),
        ("MODEL: {BACKBONE: {NAME: build_resnet_backbone}}", SWIN, "the tensors are of D2SwinTransformer"),
        (
            "MODEL: {BACKBONE: {NAME: D2SwinTransformer}, MASK_FORMER: {NHEADS: 4}}",
            SWIN,
            "NHEADS is 4 and .* has 8 heads",
        ),
        (
            "MODEL: {BACKBONE: {NAME: D2SwinTransformer}, PIXEL_MEAN: [1, 2]}",
            SWIN,
            r"PIXEL_MEAN is \[1, 2\]; give a value",
        ),
        ("MODEL: {BACKBONE: {NAME: D2SwinTransformer}, PIXEL_STD: open('a')}", SWIN, "PIXEL_STD is open"),
        (
            "MODEL: {BACKBONE: {NAME: build_mine}}",
            R101C,
            "NAME is build_mine, which is not known here; if it builds what",
        ),
        ("INPUT: {MIN_SIZE_TEST: large}", SWIN, "MIN_SIZE_TEST is large; give a value such as 800"),
        (
            "MODEL: {BACKBONE: {NAME: D2SwinTransformer}, MASK_FORMER: {TEST: {SEMANTIC_INFERENCE_METHOD: iterative}}}",
            SWIN,
            "which leaves out queries; set it to probabilistic",
        ),
    ],
)
def test_a_configuration_that_cannot_be_carried_out_is_refused(tmp_path, text, network, message):
    with pytest.raises(ModelError, match=message):
        settings(written(tmp_path, text), network)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("INPUT.FORMAT", "L"),
        ("INPUT.FORMAT", ""),
        ("INPUT.MIN_SIZE_TEST", -1),
        ("INPUT.MIN_SIZE_TEST", True),
        ("INPUT.MAX_SIZE_TEST", 0),
        ("INPUT.MAX_SIZE_TEST", 10**30),
        ("MODEL.RESNETS.RES5_DILATION", 3),
        ("MODEL.RESNETS.RES5_MULTI_GRID", [1, 0, 4]),
        ("MODEL.MASK_FORMER.NHEADS", 0),
        ("MODEL.MASK_FORMER.PRE_NORM", 1),
        ("MODEL.MASK_FORMER.SIZE_DIVISIBILITY", "(2,"),
        ("MODEL.PIXEL_STD", "[[1], 2, 3]"),
    ],
)
def test_a_value_that_no_network_has_is_refused(name, value):
    with pytest.raises(ModelError, match=rf"{name} is .*; give a value such as"):
        read_settings(None, {name: value}, R101C, cityscapes=True)


def test_heads_must_divide_the_width_of_the_layers():
    with pytest.raises(ModelError, match="NHEADS is 7, and does not divide the width of the layers, 256"):
        settings(network=R101C, MODEL__MASK_FORMER__NHEADS=7)


def test_a_setting_that_matters_nothing_here_is_not_stated():
    with pytest.raises(
        ModelError, match=r"unknown setting 'INPUT\.MIN_SIZE_TST' in args; did you mean 'INPUT\.MIN_SIZE_TEST'"
    ):
        settings(INPUT__MIN_SIZE_TST=3)


def test_a_configuration_that_is_no_file_is_named(tmp_path):
    with pytest.raises(ModelError, match=r"cannot be read .*; give a YAML file"):
        settings(Path(tmp_path))


def test_aliases_that_repeat_one_another_cost_nothing(tmp_path):
    lines = ["a0: &a0 {MODEL: 1}", *(f"a{i}: &a{i} {{x: *a{i - 1}, y: *a{i - 1}, z: *a{i - 1}}}" for i in range(1, 60))]
    text = "\n".join([*lines, "MODEL: {BACKBONE: {NAME: D2SwinTransformer}}", ""])
    assert settings(written(tmp_path, text)).values.keys() == DEFAULTS.keys()
