"""Stored predictions, and the weights of networks."""

import ast
import io
import json
import pickle
import pickletools
import re
import struct
import zipfile
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from random import Random
from types import ModuleType
from typing import Any, ClassVar

import numpy as np
from helpers.worlds import space

from fuzz.kind_base import SIZE, Kind
from fuzz.mutations import damage_bytes, damage_json, damage_zip
from reliseg.kernels.reference import log_probabilities


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

        from reliseg.models.checkpoints.loading import load_weights

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
    """The same as a file of torch, alone and among what training tools write."""

    file = "weights.pth"

    def originals(self) -> Sequence[bytes]:
        import torch

        super().originals()
        state = {k: torch.from_numpy(v) for k, v in self.state.items()}
        whole = {"state_dict": state, "epoch": 3, "args": Namespace(lr=0.1), "best": np.float64(0.7)}
        whole["history"] = [np.arange(4.0), {"a": {1, 2}}, (None, True, 2**70, "text", b"bytes")]
        files = []
        for content, zipped in ((state, True), (whole, True), (state, False), (whole, False)):
            buffer = io.BytesIO()
            torch.save(content, buffer, _use_new_zipfile_serialization=zipped)
            files.append(buffer.getvalue())
        return files

    def damage(self, random: Random, data: bytes) -> bytes:
        if data[:2] != b"PK":
            return damage_bytes(random, data)
        choice = random.random()
        if choice < 0.4:
            return damage_pickle_in_archive(random, data)
        return (damage_zip if choice < 0.7 else damage_bytes)(random, data)

    def check(self, data: bytes, found: Any) -> None:
        """An archive's checksums are right, and the numbers are those that torch gives with Python's unpickler."""
        if data[:2] == b"PK":
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                assert archive.testzip() is None, "accepted, though a checksum is wrong"
            data = repacked(data)
        try:
            content = read_by_torch(data)
        except (RuntimeError, UnicodeDecodeError, MemoryError):  # of names in archives, and of numbers that it believes
            return
        assert any(are_equal(found, state) for state in dicts_in(content)), "other numbers are read"


class Pickle(Checkpoint):
    """Arrays in a pickle."""

    file = "weights.pkl"

    def originals(self) -> Sequence[bytes]:
        Weights.originals(self)
        content = {"model": self.state, "__author__": "somebody", "args": Namespace(lr=0.1), "best": np.float32(0.7)}
        return [pickle.dumps(content, protocol) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)]

    def damage(self, random: Random, data: bytes) -> bytes:
        return damage_bytes(random, data)

    def check(self, data: bytes, found: Any) -> None:
        """The numbers are those of bytes in the file, of some type and order."""
        texts = [part for _, part, _ in pickletools.genops(data) if isinstance(part, str | bytes | bytearray)]
        parts = [part.encode("latin-1", "ignore") if isinstance(part, str) else part for part in texts]
        for values in found.values():
            assert any(values.size in counts_of(part, values) for part in parts), "other numbers are read"


def counts_of(content: bytes, values: np.ndarray) -> Iterator[int]:
    """How many numbers some bytes are, of each type by which they are these."""
    for order in "<>":
        for code in ("f4", "i4", "u4", "f2", "i2", "u2", "f8", "i8", "u8", "i1", "u1", "b1"):
            kind = np.dtype(order + code)
            if len(content) == values.size * kind.itemsize:
                with np.errstate(all="ignore"):
                    numbers = np.frombuffer(content, kind).astype(np.float32)
                if any(np.array_equal(numbers, values.ravel(turn), equal_nan=True) for turn in "CF"):
                    yield len(numbers)


def dicts_in(content: Any) -> Iterator[dict[str, Any]]:
    """All dicts by keys of dicts: the damage may have changed a key."""
    if isinstance(content, dict):
        yield content
        for part in content.values():
            yield from dicts_in(part)


def are_equal(found: Mapping[str, np.ndarray], state: Mapping[str, Any]) -> bool:
    """Tell if the numbers that were found are those of a state dict, under any prefix."""
    whole = {key: value for key, value in state.items() if isinstance(key, str) and hasattr(value, "shape")}
    return all(
        any(key.endswith(name) and np.array_equal(values, plain(value), equal_nan=True) for key, value in whole.items())
        for name, values in found.items()
    )


def plain(value: Any) -> np.ndarray:
    """An array or a tensor as an array of floats."""
    return np.asarray(value.float() if hasattr(value, "float") else value, np.float32)


class Inert(pickle.Unpickler):
    """Python's unpickler with the few names of tensors, and an empty object for all others."""

    SAFE = re.compile(
        r"(collections\.OrderedDict|torch\.Size|torch\._utils\._rebuild_(tensor_v2|parameter)|torch\.\w+Storage)$"
    )

    def find_class(self, module: str, name: str) -> Any:
        if self.SAFE.match(f"{module}.{name}"):
            return super().find_class(module, name)
        return type("Gone", (Gone,), {})


class Gone:
    """Takes anything, and keeps nothing."""

    def __new__(cls, *rest: Any, **named: Any) -> "Gone":
        return super().__new__(cls)

    def __init__(self, *rest: Any, **named: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        pass

    def __setitem__(self, key: Any, value: Any) -> None:
        pass

    def append(self, item: Any) -> None:
        pass

    def extend(self, items: Any) -> None:
        pass


def read_by_torch(data: bytes) -> Any:
    """What torch reads where it takes the unpickler above."""
    import torch

    inert = ModuleType("inert")
    inert.Unpickler = Inert  # type: ignore[attr-defined]
    inert.load = lambda file, **options: Inert(file, **options).load()  # type: ignore[attr-defined]
    return torch.load(io.BytesIO(data), map_location="cpu", weights_only=False, pickle_module=inert)


def repacked(data: bytes) -> bytes:
    """The archive with the parts that hold numbers alone, not packed, as torch wants it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as archive, zipfile.ZipFile(buffer, "w") as written:
        [folder] = {name.partition("/")[0] for name in archive.namelist() if name.endswith("/data.pkl")}
        for name in dict.fromkeys(archive.namelist()):
            if re.match(r"(data\.pkl|byteorder|data/.*)$", name.removeprefix(f"{folder}/")):
                written.writestr(name, archive.read(name))
        written.writestr(f"{folder}/version", "3")
    return buffer.getvalue()


def damage_pickle_in_archive(random: Random, data: bytes) -> bytes:
    """Damage the part that names tensors and gives their shapes, under a checksum that is right."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as archive, zipfile.ZipFile(buffer, "w") as written:
        for name in archive.namelist():
            content = archive.read(name)
            written.writestr(name, damage_bytes(random, content) if name.endswith("/data.pkl") else content)
    return buffer.getvalue()
