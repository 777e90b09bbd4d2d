"""What a run stores: pieces of statistics and fitted calibrations."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from random import Random
from typing import Any, ClassVar

import numpy as np

from fuzz.kind_base import SIZE, Kind
from fuzz.mutations import damage_bytes, damage_json, damage_zip


class PieceFile(Kind):
    """The statistics of two samples, as a run stores them."""

    file = "00000.zip"

    @cached_property
    def world(self) -> Any:
        from reliseg.testing.worlds import drawn_world

        return drawn_world(1, pixels=60, images=2, scores=("msp", "margin"))

    @cached_property
    def observed(self) -> Any:
        from reliseg.run.store.piece_files import Observed
        from reliseg.stats import SampleTable

        (one, first), (two, second) = (self.world.observe(slice(30 * i, 30 * i + 30), f"s/{i}") for i in range(2))
        return Observed(one + two, SampleTable.union([first, second]))

    def originals(self) -> Sequence[bytes]:
        from reliseg.run.store.piece_files import PieceHead, save_piece

        hashes = {"s/0": "0" * 64, "s/1": "1" * 64}
        parts = {"model": "2" * 64, "label map": "3" * 64}
        self.head = PieceHead(hashes, {"s/0": "4" * 64}, parts, "5" * 64, {"own": "6" * 64}, {"processor": "p"})
        save_piece(self.path, self.head, self.observed)
        return [self.path.read_bytes()]

    def damage(self, random: Random, data: bytes) -> bytes:
        return (damage_zip if random.random() < 0.5 else damage_bytes)(random, data)

    def read(self) -> Any:
        from reliseg.run.store.piece_files import load_piece, verify_piece

        found = verify_piece(self.path)
        return None if found is None else (found, load_piece(self.path))

    def check(self, data: bytes, found: Any) -> None:
        verified, stored = found
        assert verified.head == stored.head == self.head
        assert verified.layout == self.world.layout
        observed = stored.observed
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


class PictureFile(Kind):
    """What a run keeps of a prediction to be looked at."""

    file = "0123456789abcdef0123456789abcdef.npz"

    def originals(self) -> Sequence[bytes]:
        from reliseg.results.pictures import ConfidencePicture

        draw = np.random.default_rng(0)
        truth, classes = (draw.integers(0, 3, SIZE).astype(np.uint8) for _ in range(2))
        ConfidencePicture.of(classes, draw.random(SIZE), truth).write(self.path)
        return [self.path.read_bytes()]

    def damage(self, random: Random, data: bytes) -> bytes:
        return (damage_zip if random.random() < 0.5 else damage_bytes)(random, data)

    def read(self) -> Any:
        from reliseg.results.pictures import ConfidencePicture

        return ConfidencePicture.read(self.path)

    def check(self, data: bytes, found: Any) -> None:
        with np.load(self.path) as arrays:
            assert all(np.array_equal(getattr(found, name), arrays[name]) for name in ("classes", "levels", "counts"))


class PictureIndexFile(Kind):
    """Which pictures of a run show what."""

    file = "pictures/index.json"

    def originals(self) -> Sequence[bytes]:
        from reliseg.results.pictures import PictureClasses, PictureEntry, PictureIndex

        name = "0123456789abcdef0123456789abcdef.npz"
        entry = PictureEntry("net", "d", "day", "s/1", 1, False, name, {"identity": name})
        self.path.parent.mkdir(exist_ok=True)
        return [PictureIndex(1, 2, {"d": PictureClasses(["a"], [[0, 0, 9]], True)}, [entry]).to_json().encode()]

    def damage(self, random: Random, data: bytes) -> bytes:
        return (damage_json if random.random() < 0.7 else damage_bytes)(random, data)

    def read(self) -> Any:
        from reliseg.results.pictures import PictureIndex

        return PictureIndex.read(self.folder)

    def check(self, data: bytes, found: Any) -> None:
        assert json.loads(found.to_json()) == json.loads(data)
