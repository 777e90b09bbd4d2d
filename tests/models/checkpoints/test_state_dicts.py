"""State dicts in a checkpoint: where they are, under which prefix, and how a configuration names them."""

from typing import Any

import pytest
import torch

from reliseg.models.checkpoints.state_dicts import mapping_places, own_names, states_at, states_in

T = torch.zeros(1)
OWN = ("head.weight", "head.bias")


def named(prefix: str) -> dict[str, torch.Tensor]:
    return {prefix + name: T for name in OWN}


@pytest.mark.parametrize(
    ("content", "places"),
    [
        (named(""), [""]),
        ({"a": named(""), "b": {"c": named("model.")}}, ["a", "b.c.model."]),
        (named("student.") | named("teacher."), ["student.", "teacher."]),
        (named("model._orig_mod."), ["model."]),
        ({"optimizer": {"state": {0: {"exp_avg": T}}}}, []),
        ({"other": T}, []),
    ],
)
def test_states_are_found_with_their_prefixes(content: dict[str, Any], places: list[str]) -> None:
    states = states_in(content, OWN)
    assert [state.place for state in states] == places
    assert all(set(state.tensors) == set(OWN) for state in states)


def test_those_with_most_names_come_first() -> None:
    assert [s.place for s in states_in({"part": {"head.bias": T}, "all": named("")}, OWN)] == ["all", "part"]


def test_a_checkpoint_that_holds_itself_ends() -> None:
    content: dict[str, Any] = named("")
    content["again"] = content
    assert len(states_in(content, OWN)) == 1
    assert mapping_places(content) == [""]


def test_places_are_those_of_mappings_with_tensors() -> None:
    assert mapping_places({"epoch": 1, "meta": {"x": 1}, "a": {"b": named("")}}) == ["a.b"]
    [state] = states_at({"a": named("net.")}, ["a"])
    assert sorted(state.tensors) == ["net.head.bias", "net.head.weight"]


@pytest.mark.parametrize(
    ("key", "fits"),
    [("a", True), ("a.net", True), ("a.net.", True), ("net", True), ("", False), ("a.ne", False), ("b", False)],
)
def test_a_key_names_a_place_or_what_it_lies_in(key: str, fits: bool) -> None:
    [state] = states_in({"a": named("net.")}, OWN)
    assert state.is_at(key) is fits


def test_names_of_compiled_and_parallel_networks_are_those_of_checkpoints() -> None:
    assert own_names(["module._orig_mod.head.bias"]) == {"head.bias": "module._orig_mod.head.bias"}
    assert own_names(["module.a", "b"]) == {"module.a": "module.a", "b": "b"}
    assert own_names([]) == {}
