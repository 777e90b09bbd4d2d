"""The command and those who listen: wrong words, closed and narrow outputs, and orders to end."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers.street import make_street

from reliseg import cli

WORDS = {
    "unknown option": (["run", "--nope"], "no such option: --nope"),
    "unknown command": (["runn"], "no such command 'runn'; did you mean 'run'"),
    "too many arguments": (["run", "a.yaml", "b.yaml"], "b.yaml"),
    "an option of another command": (["check", "a.yaml", "--save", "color"], "no such option: --save"),
    "an option without its value": (["run", "--model"], "option '--model' requires an argument"),
    "limit 0": (["run", "a.yaml", "--limit", "0"], "'--limit'"),
    "a word for a limit": (["run", "a.yaml", "--limit", "few"], "'--limit'"),
    "workers below 1": (["check", "a.yaml", "--workers", "-1"], "'--workers'"),
    "nothing to list": (["list"], "list: say what to list; known: calibrations, datasets, labels, metrics"),
    "one metric": (["list", "metric"], "list: unknown kind 'metric'; did you mean 'metrics'? known: calibrations,"),
    "demo of what": (["demo", "x"], "see reliseg demo --help"),
}


@pytest.mark.parametrize("name", WORDS)
def test_wrong_words_are_one_line_that_says_what_to_do(name, monkeypatch, capsys):
    words, expected = WORDS[name]
    monkeypatch.setattr(sys, "argv", ["reliseg", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    out, err = capsys.readouterr()
    assert (ended.value.code, out) == (2, "")
    (line,) = err.splitlines()
    assert line.startswith("reliseg: ")
    assert expected in line
    assert "--help" in line or "known: " in line or "requires" in line


def test_no_words_are_answered_with_the_help(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["reliseg"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    assert "Usage: reliseg" in capsys.readouterr().err


def start(*words: object, **options) -> subprocess.Popen:
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": os.environ, **options}
    return subprocess.Popen([sys.executable, "-m", "reliseg", *map(str, words)], **options)


def test_a_reader_who_has_enough_ends_the_command_quietly():
    with start("list", "metrics") as process:
        assert process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode in (0, 1)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_an_output_that_cannot_be_written_is_said_once():
    with Path("/dev/full").open("w") as full, start("list", "metrics", stdout=full) as process:
        _, err = process.communicate()
    assert process.returncode == 1
    assert err.decode() == (
        "reliseg: disk: No space left on device; check path, permissions and disk space, then start again\n"
    )
    with Path("/dev/full").open("w") as full, start("list", "metric", stderr=full) as process:
        assert process.wait() == 2


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_what_an_encoding_cannot_write_is_replaced(encoding, tmp_path):
    name = "道\x1b[31m\nreliseg: fine\u202e\udce9.yaml"
    with start("check", name, env={**os.environ, "PYTHONIOENCODING": encoding}, cwd=tmp_path) as process:
        _, err = process.communicate()
    assert process.returncode == 2
    assert err.decode("ascii") == (
        r"reliseg: \u9053\x1b[31m\nreliseg: fine\u202e\xe9.yaml: cannot be read (no such file or directory); "
        "give the path of a YAML file\n"
    )


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_order_to_end_is_one_line_and_the_run_goes_on_later(tmp_path, number, code):
    street = make_street(tmp_path / "street", cal=3, day=4, dusk=4)
    (street.root / "slow.py").write_text(
        "import time, numpy as np\n\ndef build():\n    def model(image):\n"
        "        time.sleep(0.5)\n        return np.zeros((11, 6, 8), np.float32)\n    return model\n"
    )
    content = street.content()
    content["models"] = [{"name": "slow", "kind": "python", "where": "slow.py:build", "labels": "camvid"}]
    content["calibration"] = []
    street.write(content)
    with start("run", street.config, "--out", tmp_path / "out") as process:
        while not (line := process.stderr.readline()).startswith(b"slow on street/"):
            assert line, process.wait()
        time.sleep(0.2)
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
    assert err.decode() == "reliseg: interrupted; the same command continues where it stopped\n"
    assert process.returncode == code
    assert not list((tmp_path / "out").rglob("*.tmp"))
