"""The command and those who listen: wrong words, closed and narrow outputs, and orders to end."""

import os
import re
import resource
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
    "unknown device": (["check", "a.yaml", "--device", "gpu"], "device: unknown device 'gpu'; give auto, cpu, cuda"),
    "unknown protocol": (["run", "--protocol", "nope", "--model", "hf:x", "--data", "a=b,domain=c"], "known: relis"),
    "a protocol without model": (["run", "--protocol", "relis-cvpr2023"], "give at least one --model KIND:WHERE"),
    "nothing to list": (
        ["list"],
        "list: say what to list; known: calibrations, corruptions, datasets, labels, metrics",
    ),
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
    assert re.search("--help|known: |give |requires", line)


def test_no_words_are_answered_with_the_help(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["reliseg"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    assert "Usage: reliseg" in capsys.readouterr().err


def start(*words: object, **options) -> subprocess.Popen:
    def heed_interrupts() -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # also where the tests run in the background, which ignores them

    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    options = {**pipes, "env": os.environ, "preexec_fn": heed_interrupts, **options}
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


@pytest.mark.slow
def test_a_full_disk_is_one_line_that_names_the_file_and_the_run_goes_on_later(tmp_path, command):
    street = make_street(tmp_path / "street", cal=3, day=4, dusk=4)
    out = tmp_path / "out"
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))  # noqa: E731
    with start("run", street.config, "--out", out, preexec_fn=limit) as process:
        _, err = process.communicate()
    last = err.decode().splitlines()[-1]
    assert process.returncode == 1
    assert last.startswith("reliseg: ")
    assert last.endswith(": File too large; check path, permissions and disk space, then start again")
    assert command("run", street.config, "--out", out)[0] == 0


@pytest.mark.slow
@pytest.mark.parametrize("out", ["file", "file/in"])
def test_a_folder_that_cannot_be_written_is_found_before_anything_is_drawn_or_read(tmp_path, command, out):
    (tmp_path / "file").write_text("")
    for words in (["demo"], ["run", make_street(tmp_path / "street", cal=1, day=1, dusk=1).config]):
        code, _, err = command(*words, "--out", tmp_path / out)
        assert code == 2
        assert err == f"reliseg: {tmp_path / 'file'} is not a folder; give another --out\n"
