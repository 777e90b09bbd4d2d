"""Pickles read without running anything: what is plain comes out as it went in, and nothing a file says is believed."""

import argparse
import collections
import io
import os
import pickle
import pickletools
import struct
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliseg.models.checkpoints.pickle_machine import PickleMachine
from reliseg.models.checkpoints.plain_names import plain_names
from reliseg.models.checkpoints.stand_ins import Allowance, DamagedError, LeftOut, Named

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


def machine(data: bytes) -> PickleMachine:
    return PickleMachine(io.BytesIO(data), len(data), plain_names(Allowance(len(data))), lambda what: what)


def load(data: bytes) -> Any:
    return machine(data).load()


scalars = (
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text() | st.binary()
)
keys = st.text() | st.integers(-(2**40), 2**40) | st.binary() | st.booleans() | st.none()
values = st.recursive(
    scalars | st.sets(st.text()) | st.frozensets(st.integers(-9, 9)) | st.binary().map(bytearray),
    lambda parts: (
        st.lists(parts) | st.dictionaries(keys, parts) | st.tuples(parts) | st.tuples(parts, parts, parts, parts)
    ),
)


@given(value=values, protocol=st.sampled_from(PROTOCOLS))
def test_plain_values_come_out_as_they_went_in(value: Any, protocol: int) -> None:
    assert load(pickle.dumps(value, protocol)) == value


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_shared_and_circular_values_stay_so(protocol: int) -> None:
    inner: list[Any] = [1]
    value = {"a": inner, "b": inner, "c": collections.OrderedDict(x=inner)}
    inner.append(value)
    found = load(pickle.dumps(value, protocol))
    assert found["a"] is found["b"] is found["c"]["x"]
    assert found["a"][1] is found


def test_texts_of_python_2_are_read() -> None:
    assert load(b"(dp0\nS'a\\x41\\n'\np1\nI7\nsU\x03\xe4bcK\x02s.") == {"aA\n": 7, "\xe4bc": 2}
    assert load(b"(lp0\nI01\naI00\naL123L\naF1.5\na.") == [True, False, 123, 1.5]


def test_each_step_of_pickles_is_known_but_buffers_of_other_files() -> None:
    codes = {op.code.encode("latin-1") for op in pickletools.opcodes}
    assert codes - set(PickleMachine._STEPS) == {b".", b"\x97"}
    assert set(PickleMachine._STEPS) <= codes


class Runner:
    """Opens a file when it is unpickled, in one of three ways."""

    def __init__(self, path: Path, way: str) -> None:
        self.path, self.way = str(path), way

    def __reduce__(self) -> tuple[Any, ...]:
        if self.way == "reduce":
            return os.system, (f"touch {self.path}",)
        if self.way == "state":
            return argparse.Namespace, (), {"path": self.path}
        return Runner, (Path(self.path), "build"), {"path": self.path}

    def __setstate__(self, state: dict[str, Any]) -> None:
        Path(state["path"]).touch()


@pytest.mark.parametrize("way", ["reduce", "build", "state"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_nothing_runs_and_its_name_is_told(tmp_path: Path, protocol: int, way: str) -> None:
    reader = machine(pickle.dumps({"a": 1, "b": [Runner(tmp_path / "ran", way)], "c": 3}, protocol))
    found = reader.load()
    assert isinstance(found["b"][0], LeftOut)
    assert (found["a"], found["c"]) == (1, 3)
    name = {"reduce": "posix.system", "build": f"{__name__}.Runner", "state": "argparse.Namespace"}[way]
    assert found["b"][0].name == name
    assert name in reader.left_out
    assert not (tmp_path / "ran").exists()


def test_a_name_alone_stays_a_name() -> None:
    found = load(pickle.dumps({"optimizer": os.system, "type": int}))
    assert isinstance(found["optimizer"], Named)
    assert found["type"].name == "builtins.int"


def test_what_is_left_out_takes_items_keys_and_states() -> None:
    class_of = b"cevil\nThing\n"
    assert isinstance(load(class_of + b")R(K\x01K\x02e(K\x01K\x02u}b."), LeftOut)
    assert isinstance(load(class_of + b")\x81(K\x01\x90K\x01aK\x01K\x02s."), LeftOut)
    assert isinstance(load(class_of + b")}U\x01aK\x01s\x92."), LeftOut)
    assert isinstance(load(b"(K\x01ievil\nThing\n."), LeftOut)
    assert isinstance(load(b"(" + class_of + b"K\x01o."), LeftOut)
    assert isinstance(load(class_of + b")R)R."), LeftOut)


def number(size: int, width: int) -> bytes:
    return size.to_bytes(width, "little")


BOMBS = {
    "a long text": b"X" + number(2**32 - 1, 4),
    "a longer text": b"\x8d" + number(2**62, 8),
    "long bytes": b"\x8e" + number(2**40, 8),
    "a long array of bytes": b"\x96" + number(2**40, 8),
    "a long number": b"\x8b" + number(2**31 - 1, 4) + bytes(5000),
    "a number of many digits": b"I" + b"1" * 5000 + b"\n.",
    "a far place of memory": b"K\x01r" + number(2**31 - 1, 4),
    "a line without end": b"c" + b"a" * 3_000_000,
    "no place of memory": b"j" + number(7, 4) + b".",
    "an empty stack": b"R.",
    "no mark": b"t.",
    "a tuple of nothing": b"\x87.",
    "keys of a number": b"K\x01K\x02K\x03s.",
    "items of a text": b"U\x01aK\x03a.",
    "members of a list": b"](K\x03\x90.",
    "a key alone": b"}(K\x01u.",
    "a name of numbers": b"K\x01K\x02\x93.",
    "no pickle": b"\xff",
    "an unknown protocol": b"\x80\x06N.",
    "nothing": b"",
    "nothing but a frame": b"\x80\x04\x95" + number(2**40, 8),
}


@pytest.mark.parametrize("name", BOMBS)
def test_what_a_file_claims_is_not_believed(name: str) -> None:
    tracemalloc.start()
    began = time.monotonic()
    try:
        with pytest.raises(DamagedError):
            load(BOMBS[name])
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()
    assert time.monotonic() - began < 2


def test_keys_that_would_take_for_ever_are_left_out() -> None:
    """Each tuple holds the one before twice: its hash takes twice as long."""
    doubled = b"K\x01" + b"".join(b"2\x86" for _ in range(200))
    found = load(b"}(U\x01aK\x01" + doubled + b"K\x02u.")
    assert found == {"a": 1}
    deep = b")" + b"\x85" * 300_000
    assert load(b"}(U\x01aK\x01" + deep + b"K\x02u.") == {"a": 1}
    assert load(b"\x8f(K\x01" + deep + b"\x90.") == {1}
    assert load(b"(K\x01" + deep + b"\x91.") == {1}


def test_whole_numbers_that_share_a_hash_are_no_keys() -> None:
    items = b"".join(
        b"\x8a\x0a" + (k * (2**61 - 1)).to_bytes(10, "little", signed=True) + b"N" for k in range(1, 30_000)
    )
    began = time.monotonic()
    assert load(b"}(" + items + b"u.") == {}
    assert time.monotonic() - began < 3


def test_copies_of_what_a_file_holds_are_counted() -> None:
    text = b"\x8d" + number(1_000_000, 8) + b"a" * 1_000_000 + b"q\x000"
    encode = b"c_codecs\nencode\nq\x010"
    many = b"(" + b"h\x01h\x00U\x06latin1\x86R" * 10_000 + b"l."
    with pytest.raises(DamagedError, match="many copies"):
        load(text + encode + many)
    items = b"](" + b"K\x01" * 100_000 + b"eq\x000cbuiltins\nset\nq\x010("
    with pytest.raises(DamagedError, match="many copies"):
        load(items + b"h\x01h\x00\x85R" * 10_000 + b"l.")


def test_arguments_are_a_tuple_of_a_few() -> None:
    items = b"](" + b"K\x01" * 100 + b"e"
    with pytest.raises(DamagedError, match="no tuple"):
        load(b"cbuiltins\ndict\n" + items + b"R.")
    assert isinstance(load(b"ccollections\nOrderedDict\n(" + b"K\x01" * 100 + b"tR."), LeftOut)


def test_a_stream_of_steps_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reliseg.models.checkpoints.pickle_machine._MOST_STEPS", 1000)
    with pytest.raises(DamagedError, match="too many parts"):
        load(b"]" * 2000 + b".")
    monkeypatch.setattr("reliseg.models.checkpoints.pickle_machine._MOST_SETS", 100)
    with pytest.raises(DamagedError, match="too many parts"):
        load(b"\x8f" * 200 + b".")


def test_pickles_of_one_file_are_read_in_turn() -> None:
    reader = machine(pickle.dumps(1) + pickle.dumps("two"))
    assert [reader.load(), reader.load()] == [1, "two"]


def test_a_network_is_known_by_its_state() -> None:
    state = {"_modules": {}, "_parameters": {}}
    assert load(b"cnet\nNet\n)\x81" + pickle.dumps(state, 2)[2:-1] + b"b.").is_network


def test_a_number_that_is_no_float_is_a_float() -> None:
    assert load(b"G" + struct.pack(">d", float("inf")) + b".") == float("inf")
