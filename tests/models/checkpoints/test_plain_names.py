"""Plain containers and arrays of NumPy in pickles: their numbers come out, and nothing of NumPy's is called by name."""

import io
import pickle
from collections import Counter, OrderedDict, defaultdict
from typing import Any

import numpy as np
import pytest

from reliseg.models.checkpoints.pickle_machine import PickleMachine
from reliseg.models.checkpoints.plain_names import plain_names
from reliseg.models.checkpoints.stand_ins import Allowance, DamagedError, LeftOut

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


def load(data: bytes) -> Any:
    return PickleMachine(io.BytesIO(data), len(data), plain_names(Allowance(len(data))), lambda what: what).load()


ARRAYS = [
    np.arange(6, dtype=np.float32).reshape(2, 3),
    np.asfortranarray(np.arange(6).reshape(2, 3)),
    np.arange(24.0).reshape(2, 3, 4)[:, ::2],
    np.arange(5, dtype=">i2"),
    np.zeros((0, 3)),
    np.array(3.5),
    np.array([True, False]),
    np.array([1 + 2j]),
    np.float16([1, 2]),
    np.uint8([7]),
]


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: f"{array.dtype}{array.shape}")
def test_arrays_come_out_as_they_went_in(array: np.ndarray, protocol: int) -> None:
    found = load(pickle.dumps({"a": array}, protocol))["a"]
    assert isinstance(found, np.ndarray)
    assert found.dtype.newbyteorder("=") == array.dtype.newbyteorder("=")
    assert np.array_equal(found, array)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("number", [np.float32(1.5), np.float64(2.5), np.int64(-3), np.bool_(True), np.complex64(1j)])
def test_numbers_of_numpy_become_those_of_python(number: Any, protocol: int) -> None:
    found = load(pickle.dumps(number, protocol))
    assert found == number
    assert type(found) in (int, float, bool, complex)


def test_the_names_of_numpy_1_are_known() -> None:
    for protocol in PROTOCOLS:
        data = pickle.dumps(np.arange(3), protocol)
        if protocol < 4:  # which states the lengths of names
            assert np.array_equal(load(data.replace(b"numpy._core", b"numpy.core")), np.arange(3))
    old = (
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        b"(K\x01K\x02\x85cnumpy\ndtype\nU\x02f4K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        b"\x89U\x08\x00\x00\x80\x3f\x00\x00\x00\x40tb."
    )  # of Python 2
    assert load(old).tolist() == [1, 2]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_containers_are_plain(protocol: int) -> None:
    value = {
        "a": OrderedDict(x=1),
        "b": defaultdict(list, y=[2]),
        "c": Counter("aab"),
        "d": {1, 2},
        "e": bytearray(b"x"),
    }
    found = load(pickle.dumps(value, protocol))
    assert found == {"a": {"x": 1}, "b": {"y": [2]}, "c": {"a": 2, "b": 1}, "d": {1, 2}, "e": b"x"}
    assert type(found["a"]) is type(found["b"]) is dict


def test_ordered_dicts_of_python_2_are_lists_of_pairs() -> None:
    assert load(b"ccollections\nOrderedDict\n((lU\x01aK\x01\x86aU\x01bK\x02\x86atR.") == {"a": 1, "b": 2}


class Own(np.ndarray):
    pass


@pytest.mark.parametrize(
    "array", [np.array([{}, []], dtype=object), np.array(["a"]), np.array([(1, 2.0)], dtype="i4,f8"), np.array([b"x"])]
)
def test_arrays_of_other_things_than_numbers_have_no_content(array: np.ndarray) -> None:
    for protocol in PROTOCOLS:
        found = load(pickle.dumps({"a": array, "b": 1}, protocol))
        assert found["b"] == 1
        assert isinstance(found["a"], LeftOut) or found["a"].size == 0


def test_arrays_of_other_classes_are_left_out() -> None:
    for array in (
        np.arange(3).view(Own),
        np.ma.masked_array([1, 2], [True, False]),
        np.array([1, 2]).view(np.recarray),
    ):
        assert isinstance(load(pickle.dumps([array]))[0], LeftOut)


DTYPE = b"cnumpy\ndtype\nU\x02f4K\x00K\x01\x87R"
EMPTY = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"


@pytest.mark.parametrize(
    "data",
    [
        EMPTY + b"(K\x01K\x03\x85" + DTYPE + b"\x89U\x04abcdtb.",  # too few
        EMPTY + b"(K\x01J\xff\xff\xff\xff\x85" + DTYPE + b"\x89U\x04abcdtb.",
        EMPTY + b"(K\x01U\x01a\x85" + DTYPE + b"\x89U\x04abcdtb.",
        EMPTY + b"(K\x01(" + b"K\x01" * 100 + b"t" + DTYPE + b"\x89U\x04abcdtb.",
        EMPTY + b"(K\x01\x8a\x05\x00\x00\x00\x00\x10\x8a\x05\x00\x00\x00\x00\x10\x86" + DTYPE + b"\x89U\x04abcdtb.",
        EMPTY + b"(K\x01K\x01\x85" + DTYPE + b"\x89]tb.",
        EMPTY + b"K\x01b.",
        DTYPE + b"(K\x03U\x01?tb.",
        b"cnumpy._core.multiarray\nscalar\n" + DTYPE + b"C\x02ab\x86R.",
        b"cnumpy._core.numeric\n_frombuffer\n(C\x02ab" + DTYPE + b"K\x01\x85U\x01CtR.",
        b"c_codecs\nencode\nU\x01aU\x03rot\x86R.",
        b"c_codecs\nencode\nK\x01\x85R.",
        b"cbuiltins\nbytearray\nK\x09\x85R.",
        b"cbuiltins\nset\nK\x09\x85R.",
        b"ccollections\nOrderedDict\n](K\x01K\x02e\x85R.",
        b"ccollections\nOrderedDict\nU\x01aU\x01bU\x01c\x87R.",
    ],
)
def test_what_is_no_array_and_no_container_is_damaged(data: bytes) -> None:
    with pytest.raises(DamagedError):
        load(data)
