"""The silent receiver of progress takes all that a run tells, and says nothing; a relay tells it in plain form."""

import inspect

import pytest

from reliseg.runtime.progress import Progress, Relay, Silent, Stage

METHODS = ("begin", "advance", "end_shard", "note")


def test_it_receives_what_a_run_tells_and_prints_nothing(capsys):
    silent = Silent()
    silent.begin("net on street/day", 3)
    silent.begin("net on street/day", 3, Stage("evaluate", "net", "street/day", 1))
    silent.advance()
    silent.advance(2)
    silent.end_shard(1)
    silent.note("one sample has no pixels")
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("receiver", [Silent, Relay])
def test_it_has_the_methods_of_the_protocol(receiver):
    methods = inspect.getmembers(Progress, inspect.isfunction)
    assert {name for name, _ in methods} >= set(METHODS)
    for name in METHODS:
        assert inspect.signature(getattr(receiver, name)) == inspect.signature(getattr(Progress, name))


def test_a_listener_hears_of_every_sample_also_of_those_that_were_done_and_that_come_at_once():
    heard = []

    class Listener:
        def begin(self, title, total):
            heard.append((title, total))

        def advance(self):
            heard.append(1)

        def note(self, text):
            heard.append(text)

    relay = Relay(Listener())
    relay.begin("net on street/day", 9, Stage("evaluate", "net", "street/day", 2))
    relay.advance()
    relay.advance(3)
    relay.end_shard()
    relay.note("hm")
    assert heard == [("net on street/day", 9), 1, 1, 1, 1, 1, 1, "hm"]
