"""Configurations, specs, label spaces and label maps."""

import ast
import tomllib
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any, ClassVar

import numpy as np
import yaml
from helpers.worlds import space

from fuzz.kind_base import Kind
from fuzz.mutations import damage_text

CONFIGURATION = """
models:
  - name: net-1
    kind: stored
    where: 0016E5
    labels: camvid
    args: {a: 1, b: [x, 0x1F], c: "on"}
  - {name: "0001", kind: stored, where: b, labels: cityscapes}
datasets:
  - name: street
    spec: camvid
    root: data
    domains:
      cal: {split: val, scenes: [0016E5, 0001, +1]}
      day: {split: train}
calibration:
  - {on: [street/cal], methods: [identity, ts]}
test: {on: [street/day], reference: street/day}
scores: [msp, neg_entropy]
seed: 3
sample: {per_image: 100}
"""

DETECTRON2 = """
MODEL:
  META_ARCHITECTURE: "MaskFormer"
  BACKBONE: {FREEZE_AT: 0, NAME: D2SwinTransformer}
  PIXEL_MEAN: [123.675, 116.280, 103.530]
  PIXEL_STD: !!python/tuple [58.395, 57.120, 57.375]
  MASK_FORMER:
    NHEADS: 8
    PRE_NORM: False
    SIZE_DIVISIBILITY: 32
    TEST: {SEMANTIC_ON: True, PANOPTIC_ON: False}
INPUT:
  MIN_SIZE_TRAIN: !!python/object/apply:eval ["[int(x * 0.1 * 1024) for x in range(5, 21)]"]
  MIN_SIZE_TEST: 1024
  MAX_SIZE_TEST: 2048
  CROP: {SIZE: (512, 1024)}
  FORMAT: RGB
"""


class Configuration(Kind):
    file = "study.yaml"

    def originals(self) -> Sequence[bytes]:
        return [CONFIGURATION.encode()]

    def damage(self, random: Random, data: bytes) -> bytes:
        for _ in range(random.choice((1, 1, 2, 3))):
            try:
                data = damage_text(random, data)
            except UnicodeDecodeError:
                return data
        return data

    def read(self) -> Any:
        from reliseg.config.schema import read_config

        return read_config(self.path)

    def check(self, data: bytes, found: Any) -> None:
        """Names are the text that stands in the file, as a reader finds it that takes every scalar for a text."""
        from reliseg.config.schema import read_config, render_config

        said = yaml.load(data.decode("utf-8-sig"), yaml.CBaseLoader)
        assert [m.name for m in found.models] == [m["name"] for m in said["models"]]
        assert [m.where for m in found.models] == [m["where"] for m in said["models"]]
        assert [d.name for d in found.datasets] == [d["name"] for d in said["datasets"]]
        assert found.seed == int(said.get("seed", 0))
        (self.folder / "again.yaml").write_text(render_config(found, self.folder), encoding="utf-8")
        again = read_config(self.folder / "again.yaml")
        assert again.model_dump(exclude={"models", "datasets"}) == found.model_dump(exclude={"models", "datasets"})
        assert [m.args for m in again.models] == [m.args for m in found.models]
        assert [d.domains for d in again.datasets] == [d.domains for d in found.datasets]


SPEC = """
labels = "labels.toml"
image = ["{weather}/{scene}/img/{stem}.jpg", "{weather}/{scene}/img/{stem}.png"]
mask = "{weather}/{scene}/ann/{stem}_ids.png"
id = "{weather}-{stem}"

[fields]
weather = "sun|rain"

[label_map]
known = { 7 = 0, 8 = 1, 11 = 2 }
unknown = [20, 21]
void = [0, 255]

[default]
weather = "sun"

[domains]
sun = {}
rain = { weather = "rain" }
"""


class Detectron2Configuration(Configuration):
    file = "config.yaml"

    def originals(self) -> Sequence[bytes]:
        return [DETECTRON2.encode()]

    def read(self) -> Any:
        from helpers import detectron2_published as published

        from reliseg.models.detectron2.architecture import read_architecture
        from reliseg.models.detectron2.settings import read_settings

        network = read_architecture(published.swin_large_mask2former())
        return read_settings(self.path, {}, network, cityscapes=True)

    def check(self, data: bytes, found: Any) -> None:
        """What stands in the file holds, as a reader finds it that knows nothing of Python's tags."""
        from reliseg.models.detectron2.settings import DEFAULTS

        said = yaml.load(data.decode("utf-8-sig"), yaml.CBaseLoader)
        for name, default in DEFAULTS.items():
            part = said
            for key in name.split("."):
                part = part.get(key) if isinstance(part, Mapping) else None
            if isinstance(part, str) and part and isinstance(default, str):
                assert found.of(name) == part
            if part is None:
                assert found.of(name) == default or "RESNETS" in name
        assert found.of("INPUT.MIN_SIZE_TEST") >= 0
        assert found.shortest_edge["short"] <= found.shortest_edge["long"]
        assert found.of("MODEL.BACKBONE.NAME") == "D2SwinTransformer"


class SpecFile(Configuration):
    file = "farm.toml"

    def originals(self) -> Sequence[bytes]:
        return [SPEC.encode()]

    def read(self) -> Any:
        from reliseg.data.label_table import read_label_map
        from reliseg.data.spec import read_spec

        spec = read_spec(self.file, self.folder)
        return spec, read_label_map("farm", spec.label_map, space(3), None)

    def check(self, data: bytes, found: Any) -> None:
        table = tomllib.loads(data.decode("utf-8-sig"))
        spec, (encoding, label_map) = found
        assert spec.labels.endswith(table["labels"])
        check_label_map(table.get("label_map", {}), encoding, label_map)


def check_label_map(table: Mapping[str, Any], encoding: str, label_map: Any) -> None:
    """Every id has the role that the table says."""
    assert encoding == table.get("encoding", "index")
    if encoding == "color":
        return
    roles = label_map.table
    rest = 255 if table.get("unlisted") == "void" else -1
    said = {}
    known = table.get("known", "identity")
    pairs = {c: c for c in range(3)} if known == "identity" else known
    for raw, i in pairs.items():
        said[int(raw)] = i
    assert len(said) == len(pairs)
    for role, value, default in (("unknown", 254, []), ("void", 255, [255])):
        ids = table.get(role, default)
        assert isinstance(ids, list | tuple | set | frozenset), f"{role} is no list"
        for raw in ids:
            assert int(raw) not in said
            said[int(raw)] = value
    assert all(str(raw).isdecimal() and str(raw).isascii() for raw in said)
    assert {raw: int(roles[raw]) for raw in said} == {raw: int(i) for raw, i in said.items()}
    others = np.ones(len(roles), bool)
    others[list(said)] = False
    assert (roles[others] == rest).all()


class LabelSpaceFile(Configuration):
    file = "space.toml"

    def originals(self) -> Sequence[bytes]:
        return [
            b'classes = ["soil", "crop", "weed"]\nabsent = ["weed"]\npalette = [[0, 0, 0], [1, 2, 3], [255, 0, 9]]\n'
        ]

    def read(self) -> Any:
        from reliseg.labels import label_space

        return label_space(str(self.path))

    def check(self, data: bytes, found: Any) -> None:
        table = tomllib.loads(data.decode("utf-8-sig"))
        assert list(found.classes) == table["classes"]
        assert [found.classes[c] for c in sorted(found.absent)] == [
            c for c in table["classes"] if c in table.get("absent", [])
        ]
        if "palette" in table:
            assert [list(color) for color in found.palette] == table["palette"]


class LabelTable(Kind):
    """A label map as Python or YAML gives it, of any types, written as the repr of a dict."""

    file = "table"
    VALUES: ClassVar[tuple[Any, ...]] = (
        *(
            0,
            1,
            2,
            3,
            -1,
            254,
            255,
            65535,
            65536,
            10**30,
            True,
            None,
            1.0,
            1.5,
            float("nan"),
            "1",
            "01",
            "1_0",
            " 1",
            "+1",
        ),
        *(
            "0x1",
            "1e1",
            "\u0661",
            "12",
            "",
            "identity",
            [],
            [1],
            [1, 1],
            ["1", 1],
            {"1": 0, 1: 0},
            {0: 0, "00": 1},
            [[1]],
        ),
        *(
            {0: 0, 1: 1},
            {"0": 0, "1": 1},
            (1, 2),
            range(3),
            {1: "0"},
            {1: True},
            {True: 0},
            {1.0: 1},
            "error",
            "void",
            "index",
        ),
    )

    def originals(self) -> Sequence[bytes]:
        return [
            repr({"known": {0: 0, 1: 1, 2: 2}, "unknown": [3], "void": [255]}).encode(),
            repr({"known": "identity"}).encode(),
            repr({"known": {"0": 0, "7": 1}, "unlisted": "void"}).encode(),
        ]

    def damage(self, random: Random, data: bytes) -> bytes:
        table = ast.literal_eval(data.decode())
        for _ in range(random.choice((1, 1, 2))):
            key = random.choice(("known", "unknown", "void", "unlisted", "encoding", "other"))
            value = random.choice(self.VALUES)
            if key == "known" and isinstance(table.get("known"), dict) and random.random() < 0.6:
                keys = [v for v in self.VALUES if not isinstance(v, list | dict)]
                table["known"] = {**table["known"], random.choice(keys): value}
            elif isinstance(table.get(key), list) and random.random() < 0.6:
                table[key] = [*table[key], value]
            else:
                table[key] = value
        return repr(table).encode()

    def read(self) -> Any:
        from reliseg.data.label_table import read_label_map

        return read_label_map("world", eval_table(self.path.read_bytes()), space(3), None)

    def check(self, data: bytes, found: Any) -> None:
        check_label_map(eval_table(data), *found)


def eval_table(data: bytes) -> Any:
    return eval(data.decode(), {"__builtins__": {}}, {"nan": float("nan"), "range": range})
