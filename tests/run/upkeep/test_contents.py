"""What stores hold by name: they contradict each other where nothing is common."""

import sys

import pytest

from reliseg.run.upkeep.contents import Values


def values(*pairs: tuple[str, str], store: int = 0) -> Values:
    found = Values()
    for name, value in pairs:
        found.add(name, value, store)
    return found


@pytest.mark.parametrize(
    ("one", "other", "found"),
    [
        ([("a", "1")], [("a", "1")], None),
        ([("a", "1")], [("a", "2")], ("a", 0, 7)),
        ([("a", "1")], [("b", "2")], None),
        ([("a", "1"), ("a", "2")], [("a", "2"), ("a", "3")], None),
        ([("a", "1"), ("a", "2")], [("a", "3"), ("a", "4")], ("a", 0, 7)),
        ([], [("a", "1")], None),
        ([("\udce9", "\udce9")], [("\udce9", "1")], ("\udce9", 0, 7)),
    ],
)
def test_names_contradict_where_no_value_is_common(one, other, found):
    assert values(*one).contradiction(values(*other, store=7)) == found


def test_stores_that_were_looked_at_count_as_one():
    known = values(("a", "1"))
    known.update(values(("a", "1"), ("a", "2"), store=1))
    known.update(values(("b", "1"), store=2))
    assert known.contradiction(values(("a", "2"), store=3)) is None
    assert known.contradiction(values(("b", "2"), store=3)) == ("b", 2, 3)
    assert known.contradiction(values(("a", "3"), store=3)) == ("a", 0, 3)


def test_a_name_takes_few_bytes():
    entry = values(("a", "1"))._entries["a"]
    assert sys.getsizeof(entry) < 60
