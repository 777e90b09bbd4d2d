"""A run that is killed at any instant goes on, and ends with the results of one that was left alone."""

import random
import sys
from pathlib import Path

import pytest
from helpers.forked import Forks
from helpers.kills import Disturbance


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="processes are not killed so there")
def test_twenty_kills_at_random_instants_change_no_byte_of_the_results(tmp_path: Path, forks: Forks) -> None:
    disturbance = Disturbance(tmp_path, random.Random(0), forks)
    disturbance.kill(20)
    assert disturbance.done["killed"] == 20
    assert disturbance.done["compared"] >= 1


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="processes are not killed so there")
def test_kills_with_a_failing_disk_and_damaged_files_change_no_byte_of_the_results(
    tmp_path: Path, forks: Forks
) -> None:
    disturbance = Disturbance(tmp_path, random.Random(1), forks, with_faults=True)
    disturbance.kill(5)
    assert disturbance.done["killed"] == 5
