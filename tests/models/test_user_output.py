"""Standard output stays free of what a user's code prints."""

import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from reliseg.models.user_output import stdout_as_stderr


def test_what_is_printed_inside_goes_to_the_error_stream(capsys: pytest.CaptureFixture[str]) -> None:
    stdout = sys.stdout
    with stdout_as_stderr():
        print("inside")
        with stdout_as_stderr():
            print("deeper")
        print("inside", file=sys.stdout, flush=True)
    print("outside")
    assert sys.stdout is stdout
    assert capsys.readouterr() == ("outside\n", "inside\ndeeper\ninside\n")


def test_it_ends_with_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    stdout = sys.stdout
    with pytest.raises(ValueError, match="seven"), stdout_as_stderr():
        raise ValueError("seven")
    assert sys.stdout is stdout


def test_other_threads_print_where_they_did(capsys: pytest.CaptureFixture[str]) -> None:
    stdout = sys.stdout
    begun, printed = Event(), Event()

    def user() -> None:
        with stdout_as_stderr():
            begun.set()
            assert printed.wait(10)
            print("user")

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(user)
        assert begun.wait(10)
        print("table")
        printed.set()
        future.result()
    assert sys.stdout is stdout
    assert capsys.readouterr() == ("table\n", "user\n")


def test_threads_that_a_users_code_starts_print_to_the_error_stream(capsys: pytest.CaptureFixture[str]) -> None:
    with stdout_as_stderr(), ThreadPoolExecutor(1) as pool:
        pool.submit(print, "from a thread").result()
    assert capsys.readouterr() == ("", "from a thread\n")
