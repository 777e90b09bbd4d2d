"""Names that stand in files, and what keys and copies may be."""

import pytest

from reliseg.models.checkpoints.stand_ins import Allowance, DamagedError, Names, full_name, is_scalar, made_dict


@pytest.mark.parametrize(
    ("module", "name", "full"),
    [
        ("__builtin__", "set", "builtins.set"),
        ("copy_reg", "_reconstructor", "copyreg._reconstructor"),
        ("numpy.core.multiarray", "scalar", "numpy._core.multiarray.scalar"),
        ("numpy.corex", "a", "numpy.corex.a"),
        ("a" * 200, "b", "a" * 117 + "..."),
    ],
)
def test_names_are_those_of_today(module: str, name: str, full: str) -> None:
    assert full_name(module, name) == full


def test_names_of_two_kinds_are_joined() -> None:
    both = Names({"a": list}, ("b",)) | Names({"c": dict})
    assert all(map(both.has, "abc"))
    assert not both.has("d")


def test_keys_are_scalars() -> None:
    assert all(map(is_scalar, ("a", b"a", 1, 1.5, None, True)))
    assert not any(map(is_scalar, ((), frozenset(), 2**60, -(2**60))))
    assert made_dict(["a", 1, (), 2]) == {"a": 1}
    for items in (["a"], [[], 1], [{}, 1], [set(), 1]):
        with pytest.raises(DamagedError):
            made_dict(items)


def test_an_allowance_ends() -> None:
    allowance = Allowance(1000)
    allowance.spend(1 << 20)
    with pytest.raises(DamagedError):
        allowance.spend(10_000)
