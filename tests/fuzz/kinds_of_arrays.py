"""Stored predictions, and the weights of networks."""

import ast
import io
import json
import struct
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from random import Random
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
