"""The words of `reliseg predict`; tests/deploy/files/test_predict.py carries it out."""

import pytest

from reliseg.cli_deploy import predict


def test_help_lists_what_can_be_written(command):
    code, out, _ = command("predict", "--help")
    assert code == 0
    for word in ("--images", "--calibration", "--write", "--device", "probabilities"):
        assert word in out
    assert predict.__doc__ in " ".join(out.split())


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("predict",), "missing argument 'RUN'"),
        (("predict", "run"), "missing option '--images'"),
        (("predict", "run", "--images", "a.png"), "missing option '--out'"),
    ],
)
def test_words_that_lack_are_named(words, problem, command):
    code, _, err = command(*words)
    assert code == 2
    assert problem in err


def test_a_place_without_images_is_said_before_a_network_is_loaded(command, tmp_path):
    code, _, err = command("predict", tmp_path, "--images", tmp_path / "nothing", "--out", tmp_path / "out")
    assert code == 2
    assert "nothing: no such folder, list or image" in err
