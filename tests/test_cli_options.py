"""The options that commands share: a configuration of words, and commands that take its fields."""

from inspect import signature
from pathlib import Path

import pytest

from reliseg.cli_options import CommandOptions, with_options
from reliseg.errors import ConfigError


def test_options_say_what_a_file_would() -> None:
    content = CommandOptions(
        model=["stored:a/b"], data=["camvid=c"], calibrate_on=["camvid/val"], score="msp"
    ).content()
    assert [m["name"] for m in content["models"]] == ["b"]
    assert content["calibration"] == [{"on": ["camvid/val"], "methods": ["identity", "ts"]}]
    assert content["scores"] == ["msp"]


def test_a_file_and_options_that_say_the_same_are_refused() -> None:
    with pytest.raises(ConfigError, match="not both"):
        CommandOptions(model=["stored:a"]).configuration(Path("a.yaml"))


def test_a_command_takes_the_fields_in_the_place_of_options() -> None:
    found = []

    @with_options(leave_out=("score",))
    def command(*, first: int, options: CommandOptions, last: int = 3) -> None:
        found.append((first, options, last))

    names = list(signature(command).parameters)
    assert names[0] == "first"
    assert names[-1] == "last"
    assert "model" in names
    assert "score" not in names
    shared = dict.fromkeys(names[1:-1]) | {"limit": 3}
    command(first=1, last=2, **shared)
    assert found == [(1, CommandOptions(limit=3), 2)]
