"""The kinds of files that are read: how one is made and damaged, what reliseg reads, and what is in it in truth."""

import ast
import io
import json
import struct
import tomllib
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from random import Random
from typing import Any, ClassVar

import numpy as np
import yaml
from helpers.worlds import space
from PIL import Image

from fuzz.mutations import damage_bytes, damage_json, damage_png, damage_text, damage_zip
from fuzz.png_reader import DamagedError, UnknownError, read_png
from reliseg.data import DataSet, DecodedSample, Domain, Sample, load
from reliseg.kernels.reference import log_probabilities
from reliseg.labels import ColorMap, LabelMap, LabelSpace

SIZE = (12, 16)


@dataclass
class Kind(ABC):
    """A kind of file."""

    folder: Path
    file: ClassVar[str]
    """Its path below the folder."""

    @abstractmethod
    def originals(self) -> Sequence[bytes]:
        """Return files as they should be."""

    @abstractmethod
    def damage(self, random: Random, data: bytes) -> bytes:
        """Return the file with some damage."""

    @abstractmethod
    def read(self) -> Any:
        """Return what reliseg makes of the file; None where it counts as not there; raise what it raises."""

    @abstractmethod
    def check(self, data: bytes, found: Any) -> None:
        """Fail if what was read is not what the bytes say by an independent reading."""

    @property
    def path(self) -> Path:
        return self.folder / self.file


def saved(array: np.ndarray, kind: str, **options: Any) -> bytes:
    """An array as a picture file."""
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, kind, **options)
    return buffer.getvalue()


def indexed(array: np.ndarray, colors: int = 12) -> bytes:
    """Ids as a palette PNG."""
    picture = Image.fromarray(array)
    picture.putpalette([c * k % 256 for c in range(colors) for k in (3, 5, 7)])
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def by_png(data: bytes) -> tuple[int, np.ndarray, np.ndarray | None] | None:
    """What an independent reader finds, which must find something; None where it does not know the kind."""
    try:
        return read_png(data)
    except UnknownError:
        return None
    except DamagedError as error:
        raise AssertionError(f"accepted, though damaged: {error}") from error


def one_sample(root: Path, label_map: LabelMap | ColorMap | None = None, labels: LabelSpace | None = None) -> DataSet:
    """A data set of one image, with its mask if a map says how to read that."""
    sample = Sample("s/1", "s", "image", None if label_map is None else "mask")
    labels = labels or space(3)
    domain = Domain("day", (sample,), annotated=label_map is not None)
    encoding = "color" if isinstance(label_map, ColorMap) else "index"
    return DataSet("world", root, labels, label_map or LabelMap.of({0: 0}), {"day": domain}, {}, encoding)


def loaded(dataset: DataSet) -> DecodedSample:
    """The sample of a data set of one."""
    (domain,) = dataset.domains.values()
    return load(dataset, domain.samples[0])


class PngImage(Kind):
    file = "image"

    def originals(self) -> Sequence[bytes]:
        random = np.random.default_rng(0)
        rgb = random.integers(0, 255, (*SIZE, 3), np.uint8)
        alpha = random.integers(0, 255, (*SIZE, 4), np.uint8)
        return [saved(rgb, "PNG"), saved(rgb[..., 0], "PNG"), saved(alpha, "PNG"), indexed(rgb[..., 0] % 12)]

    def damage(self, random: Random, data: bytes) -> bytes:
        return (damage_png if random.random() < 0.6 else damage_bytes)(random, data)

    def read(self) -> Any:
        return loaded(one_sample(self.folder)).image

    def check(self, data: bytes, found: Any) -> None:
        known = by_png(data)
        if known is None:
            return
        color, samples, palette = known
        if color == 3:
            assert palette is not None
            assert np.array_equal(found, palette[samples[..., 0]])
        else:
            rgb = samples[..., :3] if color in (2, 6) else np.repeat(samples[..., :1], 3, axis=2)
            assert np.array_equal(found, rgb * scale_of(data, color))


def scale_of(data: bytes, color: int) -> int:
    """What grey of few bits is multiplied with to be seen."""
    return {1: 255, 2: 85, 4: 17}.get(data[24], 1) if color == 0 else 1


class JpegImage(Kind):
    file = "image"

    def originals(self) -> Sequence[bytes]:
        rgb = np.random.default_rng(1).integers(0, 255, (*SIZE, 3), np.uint8)
        return [saved(rgb, "JPEG"), saved(rgb, "JPEG", progressive=True), saved(rgb[..., 0], "JPEG")]

    def damage(self, random: Random, data: bytes) -> bytes:
        return damage_bytes(random, data)

    def read(self) -> Any:
        return loaded(one_sample(self.folder)).image

    def check(self, data: bytes, found: Any) -> None:
        """A JPEG has no checksums: only that it is whole, upright, and read as it is."""
        with Image.open(io.BytesIO(data)) as picture:
            assert picture.getexif().get(274, 1) == 1
            assert np.array_equal(found, np.asarray(picture.convert("RGB")))


class OtherImage(JpegImage):
    """Other formats, whose own checksums are few: they are decoded as they are, or refused."""

    def originals(self) -> Sequence[bytes]:
        rgb = np.random.default_rng(2).integers(0, 255, (*SIZE, 3), np.uint8)
        return [saved(rgb, kind) for kind in ("BMP", "TIFF", "GIF", "PPM", "TGA")] + [saved(rgb, "WEBP", lossless=True)]


class IndexMask(Kind):
    file = "mask"
    IDS: ClassVar[Mapping[int, int]] = {0: 0, 1: 1, 2: 2, 7: 254, 9: 255}

    def originals(self) -> Sequence[bytes]:
        ids = np.random.default_rng(3).choice(np.array(list(self.IDS), np.uint8), SIZE)
        (self.folder / "image").write_bytes(saved(np.zeros((*SIZE, 3), np.uint8), "PNG"))
        return [saved(ids, "PNG"), indexed(ids)]

    def damage(self, random: Random, data: bytes) -> bytes:
        return (damage_png if random.random() < 0.5 else damage_bytes)(random, data)

    def read(self) -> Any:
        return loaded(one_sample(self.folder, LabelMap.of({0: 0, 1: 1, 2: 2}, unknown=[7], void=[9]))).truth

    def check(self, data: bytes, found: Any) -> None:
        known = by_png(data)
        if known is None:
            return
        color, samples, _ = known
        assert color in (0, 3)
        assert samples.shape[:2] == SIZE
        assert np.array_equal(found, np.vectorize(self.IDS.__getitem__)(samples[..., 0]))


class ColorMask(Kind):
    file = "mask"
    COLORS = ((255, 0, 0), (0, 255, 0), (0, 0, 255))

    def originals(self) -> Sequence[bytes]:
        (self.folder / "image").write_bytes(saved(np.zeros((*SIZE, 3), np.uint8), "PNG"))
        colors = np.array(self.COLORS, np.uint8)
        return [saved(colors[np.random.default_rng(4).integers(0, 3, SIZE)], "PNG")]

    def damage(self, random: Random, data: bytes) -> bytes:
        return (damage_png if random.random() < 0.6 else damage_bytes)(random, data)

    def read(self) -> Any:
        labels = LabelSpace("colors", ("a", "b", "c"), self.COLORS)
        return loaded(one_sample(self.folder, ColorMap.of(labels), labels)).truth

    def check(self, data: bytes, found: Any) -> None:
        known = by_png(data)
        if known is None:
            return
        color, samples, palette = known
        rgb = samples[..., :3] if palette is None or color != 3 else palette[samples[..., 0]]
        ids = {c: i for i, c in enumerate(self.COLORS)}
        assert np.array_equal(found, [[ids[tuple(pixel)] for pixel in row] for row in rgb.tolist()])


class Stored(Kind):
    """Stored logits, in an archive."""

    file = "stored/s/1.npz"
    array: ClassVar[str] = "logits"
    CLASSES: ClassVar[int] = 3

    @cached_property
    def values(self) -> np.ndarray:
        return np.random.default_rng(5).normal(0, 3, (self.CLASSES, 3, 4)).astype(np.float32)

    def originals(self) -> Sequence[bytes]:
        self.path.parent.mkdir(parents=True)
        plain, deflated, half = io.BytesIO(), io.BytesIO(), io.BytesIO()
        feature = np.linspace(0, 1, 4, dtype=np.float32)
        np.savez(plain, **{self.array: self.values}, align_corners=np.bool_(True), feature=feature)
        np.savez_compressed(deflated, **{self.array: self.values})
        np.savez(half, **{self.array: self.values.astype(np.float16)})
        return [plain.getvalue(), deflated.getvalue(), half.getvalue()]

    def damage(self, random: Random, data: bytes) -> bytes:
        return (damage_zip if random.random() < 0.6 else damage_bytes)(random, data)

    def read(self) -> Any:
        from reliseg.models import Input, ModelOptions
        from reliseg.models.kinds.stored import StoredModel

        options = ModelOptions("net", "stored", "stored", labels=space(self.CLASSES), folder=self.folder)
        (prediction,) = StoredModel.load(options).predict([Input("s/1", SIZE)])
        return None if prediction.problem() else prediction

    def check(self, data: bytes, found: Any) -> None:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            assert archive.testzip() is None, "accepted, though a checksum is wrong"
            arrays = {
                name: archive.read(f"{name}.npy")
                for name in (self.array, "align_corners", "feature")
                if f"{name}.npy" in archive.namelist()
            }
        self.compare(found, {name: array_of(content) for name, content in arrays.items()})

    def compare(self, found: Any, arrays: Mapping[str, np.ndarray]) -> None:
        with np.errstate(over="ignore"):
            assert np.array_equal(found.logits, arrays[self.array].astype(np.float32))
        assert found.align_corners == bool(arrays.get("align_corners", np.False_))
        if "feature" in arrays:
            assert np.array_equal(found.feature, arrays["feature"].astype(np.float32), equal_nan=True)


def array_of(content: bytes) -> np.ndarray:
    """An array in NumPy's format, by its specification."""
    assert content[:6] == b"\x93NUMPY"
    wide = content[6] >= 2
    length, start = (
        (struct.unpack_from("<I", content, 8)[0], 12) if wide else (struct.unpack_from("<H", content, 8)[0], 10)
    )
    header = ast.literal_eval(content[start : start + length].decode("latin-1").strip())
    values = np.frombuffer(content[start + length :], np.dtype(header["descr"]))
    return values.reshape(header["shape"], order="F" if header["fortran_order"] else "C")


class StoredArray(Stored):
    """Stored logits, as one array."""

    file = "stored/s/1.npy"

    def originals(self) -> Sequence[bytes]:
        self.path.parent.mkdir(parents=True)
        files = []
        for array in (self.values, np.asfortranarray(self.values), self.values.astype(">f4"), self.values.astype("f8")):
            buffer = io.BytesIO()
            np.save(buffer, array)
            files.append(buffer.getvalue())
        return files

    def damage(self, random: Random, data: bytes) -> bytes:
        return damage_bytes(random, data)

    def check(self, data: bytes, found: Any) -> None:
        self.compare(found, {"logits": array_of(data)})


class StoredProbabilities(Stored):
    array = "probabilities"

    @cached_property
    def values(self) -> np.ndarray:
        p = np.random.default_rng(6).dirichlet([0.3] * self.CLASSES, (3, 4)).transpose(2, 0, 1).astype(np.float32)
        p[:, 0, 0] = (0, 1, 0)
        return p

    def compare(self, found: Any, arrays: Mapping[str, np.ndarray]) -> None:
        p = arrays[self.array].astype(np.float64)
        assert p.min() >= 0
        assert np.allclose(p.sum(axis=0), 1, atol=0.02)
        # the stored numbers themselves are what is upsampled
        assert np.array_equal(found.probabilities, arrays[self.array].astype(found.probabilities.dtype))
        assert np.allclose(found.logits, log_probabilities(p, found.size, found.align_corners), rtol=1e-6, atol=1e-6)


@dataclass
class Weights(Kind):
    """The weights of a small network."""

    file = "weights.safetensors"
    state: dict[str, np.ndarray] = field(default_factory=dict)

    def originals(self) -> Sequence[bytes]:
        from safetensors.numpy import save

        random = np.random.default_rng(7)
        self.state = {"weight": random.normal(0, 1, (3, 4)).astype(np.float32), "bias": np.arange(3, dtype=np.float32)}
        return [save(self.state), save({f"module.{k}": v for k, v in self.state.items()})]

    def damage(self, random: Random, data: bytes) -> bytes:
        if random.random() < 0.5:
            return damage_bytes(random, data)
        (length,) = struct.unpack_from("<Q", data)
        header = damage_json(random, data[8 : 8 + length])
        return struct.pack("<Q", len(header)) + header + data[8 + length :]

    def read(self) -> Any:
        from torch import nn

        from reliseg.models.torch.weights import load_weights

        module = nn.Linear(4, 3)
        load_weights(module, self.path)
        return {name: value.detach().numpy() for name, value in module.state_dict().items()}

    def check(self, data: bytes, found: Any) -> None:
        (length,) = struct.unpack_from("<Q", data)
        header = json.loads(data[8 : 8 + length])
        kinds = {"F32": "<f4", "F64": "<f8", "F16": "<f2", "I32": "<i4", "I64": "<i8"}
        for name, facts in header.items():
            if name != "__metadata__":
                start, stop = facts["data_offsets"]
                values = np.frombuffer(data[8 + length + start : 8 + length + stop], kinds[facts["dtype"]])
                key = next(k for k in found if name.endswith(k))
                assert np.array_equal(found[key], values.reshape(facts["shape"]).astype(np.float32), equal_nan=True)


class Checkpoint(Weights):
    """The same as a file of torch."""

    file = "weights.pth"

    def originals(self) -> Sequence[bytes]:
        import torch

        super().originals()
        state = {k: torch.from_numpy(v) for k, v in self.state.items()}
        files = []
        for content, zipped in ((state, True), ({"state_dict": state, "epoch": 3}, True), (state, False)):
            buffer = io.BytesIO()
            torch.save(content, buffer, _use_new_zipfile_serialization=zipped)
            files.append(buffer.getvalue())
        return files

    def damage(self, random: Random, data: bytes) -> bytes:
        return (damage_zip if data[:2] == b"PK" and random.random() < 0.3 else damage_bytes)(random, data)

    def check(self, data: bytes, found: Any) -> None:
        """An archive's checksums are right. What has none is what torch's own restricted reader gives."""
        import torch

        if data[:2] == b"PK":
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                assert archive.testzip() is None, "accepted, though a checksum is wrong"
        content = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
        state = content.get("state_dict", content)
        assert all(np.array_equal(found[name], state[name].float().numpy(), equal_nan=True) for name in found)


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


class ShardFile(Kind):
    """The statistics of two samples, as a run stores them."""

    file = "00000.zip"

    @cached_property
    def world(self) -> Any:
        from reliseg.testing.worlds import drawn_world

        return drawn_world(1, pixels=60, images=2, scores=("msp", "margin"))

    @cached_property
    def observed(self) -> Any:
        from reliseg.run.evaluate.shard_files import Observed
        from reliseg.stats import SampleTable

        (one, first), (two, second) = (self.world.observe(slice(30 * i, 30 * i + 30), f"s/{i}") for i in range(2))
        return Observed(one + two, SampleTable.union([first, second]))

    def originals(self) -> Sequence[bytes]:
        from reliseg.run.evaluate.shard_files import ShardHead, save_shard

        hashes = {"s/0": "0" * 64, "s/1": "1" * 64}
        parts = {"model": "2" * 64, "label map": "3" * 64}
        self.head = ShardHead(hashes, {}, {}, parts, {"identity": "4" * 64, "ts@world/cal": "5" * 64})
        save_shard(self.path, self.head, [(name, self.observed) for name in self.head.calibrations])
        return [self.path.read_bytes()]

    def damage(self, random: Random, data: bytes) -> bytes:
        return (damage_zip if random.random() < 0.5 else damage_bytes)(random, data)

    def read(self) -> Any:
        from reliseg.run.evaluate.shard_files import load_head, load_shard

        head = load_head(self.path, self.world.layout)
        return None if head is None else (head, load_shard(self.path))

    def check(self, data: bytes, found: Any) -> None:
        head, stored = found
        assert head == stored.head == self.head
        for observed in stored.observed.values():
            assert observed.pixels == self.observed.pixels
            assert observed.samples.ids == self.observed.samples.ids
            arrays, expected = observed.samples.arrays(), self.observed.samples.arrays()
            assert all(np.array_equal(arrays[name], expected[name]) for name in expected)


@dataclass
class RecordFile(Kind):
    """The record of a fitted calibration, whose parameters are in it."""

    file = "ts@world-cal.json"
    method: ClassVar[str] = "ts"
    classes: ClassVar[tuple[str, ...]] = ("a", "b", "c")

    def calibration(self) -> Any:
        from reliseg.calibration.method_text import calibrator

        return calibrator(self.method).restore({"temperature": 1.5})

    def originals(self) -> Sequence[bytes]:
        from reliseg.calibration.records.record import Record, write_record

        hashes = {"world/cal": {"s/1": "0" * 64, "s/2": "1" * 64}}
        record = Record(
            method=self.method,
            calibration=self.calibration(),
            split="world/cal",
            label_space="test",
            classes=self.classes,
            model="net",
            fingerprint="f" * 64,
            model_files=("2" * 64,),
            seed=0,
            pixels=9,
            samples=hashes,
            images=hashes,
            parts={"model": "f" * 64, "label map": "3" * 64},
        )
        self.json = write_record(self.folder, record)
        self.intact = self.path.read_bytes()
        return [self.intact]

    def damage(self, random: Random, data: bytes) -> bytes:
        return (damage_json if random.random() < 0.7 else damage_bytes)(random, data)

    def read(self) -> Any:
        from reliseg.calibration.records.record import read_record

        return read_record(self.json)

    def check(self, data: bytes, found: Any) -> None:
        facts = json.loads(data)
        assert found.method == facts["method"]
        assert found.split == facts["fitted_on"]
        assert {d: dict(h) for d, h in found.samples.items()} == facts["samples"]
        for name, value in facts["parameters"].items():
            assert found.calibration.parameters()[name] == value


class RecordArrays(RecordFile):
    """The arrays beside a record: any damage is seen by their hash."""

    file = "cluster_ts(k=2)@world-cal.safetensors"
    method = "cluster_ts(k=2)"
    classes = ("a", "b", "c", "d")

    def calibration(self) -> Any:
        from reliseg.calibration.method_text import calibrator
        from reliseg.testing.samples import drawn_images, sample_for

        method = calibrator(self.method)
        return method.fit(sample_for(method, drawn_images(4)))

    def damage(self, random: Random, data: bytes) -> bytes:
        return damage_bytes(random, data)

    def check(self, data: bytes, found: Any) -> None:
        assert data == self.intact, "accepted, though changed"


KINDS: tuple[type[Kind], ...] = (
    PngImage,
    JpegImage,
    OtherImage,
    IndexMask,
    ColorMask,
    Stored,
    StoredArray,
    StoredProbabilities,
    Weights,
    Checkpoint,
    Configuration,
    SpecFile,
    LabelSpaceFile,
    LabelTable,
    ShardFile,
    RecordFile,
    RecordArrays,
)
