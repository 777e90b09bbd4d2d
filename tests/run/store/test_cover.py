"""Whatever pieces lie in a place, those that are used hold each sample once, and what is missing completes them."""

from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from reliseg.run.store.cover import BASE, CLASSWISE, Piece, cover, same_parts
from reliseg.run.store.piece_files import PieceHead, StoredHead
from reliseg.stats import Layout
from reliseg.stats.pixels import EXTRAS

IDS = ("a", "b", "c", "d")
LAYOUT = Layout(3, ("msp", "margin", "own"))
CODES = {"own": "2"}


def piece(name: str, samples: str, layout: Layout = LAYOUT, code: str = "2") -> Piece:
    codes = {"own": code} if "own" in layout.scores else {}
    return Piece(Path(name), StoredHead(PieceHead(dict.fromkeys(samples, ""), {}, {}, "", codes), layout))


@st.composite
def pieces(draw: st.DrawFn) -> list[Piece]:
    found = []
    for number in range(draw(st.integers(0, 6))):
        samples = "".join(sorted(draw(st.sets(st.sampled_from([*IDS, "x"]), min_size=1))))
        others = draw(st.sets(st.sampled_from(["margin", "own", "max_logit"])))
        layout = Layout(3, ("msp", *sorted(others))).with_extras(draw(st.sets(st.sampled_from(EXTRAS))))
        found.append(piece(f"{number}.zip", samples, layout, draw(st.sampled_from(["1", "2"]))))
    return found


@given(lying=pieces(), extras=st.sets(st.sampled_from(EXTRAS)), wanted=st.sets(st.sampled_from(["margin", "own"])))
def test_whatever_lies_there_evaluating_what_is_missing_completes_it(
    lying: list[Piece], extras: set[str], wanted: set[str]
) -> None:
    layout = Layout(3, ("msp", *sorted(wanted))).with_extras(extras)
    before = cover(lying, IDS, layout, CODES)
    every = list(lying)
    if before.missing:
        every.append(piece("new.zip", "".join(sorted(before.missing.samples)), before.missing.layout))
    after = cover(every, IDS, layout, CODES)
    assert after.missing is None
    assert after.is_even
    assert after.samples == set(IDS)
    for part, used in after.sources.items():
        samples = sorted(i for p in used for i in p.samples)
        assert samples == list(IDS), part
        assert all(p.holds(part, CODES) for p in used)


def test_no_sample_is_counted_twice_and_the_larger_piece_is_used() -> None:
    found = cover([piece("1", "ab"), piece("2", "bcd"), piece("3", "a")], IDS, LAYOUT, CODES)
    assert [p.path.name for p in found.pieces()] == ["2", "3"]
    assert found.missing is None


def test_a_piece_with_a_sample_that_is_not_here_is_not_used() -> None:
    found = cover([piece("1", "abx")], IDS, LAYOUT, CODES)
    assert not found.pieces()
    assert found.missing
    assert found.missing.samples == set(IDS)


def test_what_all_pieces_lack_alike_is_all_that_is_missing() -> None:
    without = replace(LAYOUT, scores=("msp",), classwise=False)
    found = cover([piece("1", "abcd", without)], IDS, LAYOUT, CODES)
    assert found.missing
    assert found.missing.samples == set(IDS)
    assert found.missing.layout == replace(LAYOUT, classwise=True)
    assert not found.is_even
    only = cover([piece("1", "abc")], IDS, LAYOUT, CODES)
    assert only.missing
    assert only.missing.samples == {"d"}
    assert only.is_even
    assert only.samples == {"a", "b", "c"}


def test_a_score_of_another_code_is_missing_and_the_others_are_not() -> None:
    found = cover([piece("1", "abcd", code="1")], IDS, LAYOUT, CODES)
    assert found.missing
    assert found.missing.layout.scores == ("msp", "own")
    assert not found.missing.layout.classwise
    assert found.sources["margin"]
    assert not found.sources["own"]


def test_parts_are_those_that_are_asked_for() -> None:
    assert set(cover([], IDS, LAYOUT, CODES).sources) == {BASE, CLASSWISE, *LAYOUT.scores}
    assert set(cover([], IDS, Layout(3, ("msp",), classwise=False), {}).sources) == {BASE, "msp"}


def test_pieces_of_the_same_statistics_can_be_joined() -> None:
    assert same_parts([])
    assert same_parts([piece("1", "a"), piece("2", "b")])
    assert not same_parts([piece("1", "a"), piece("2", "b", code="1")])
    assert not same_parts([piece("1", "a"), piece("2", "b", replace(LAYOUT, classwise=False))])
