"""A process ends soon after Ctrl-C or SIGTERM, whatever its threads do, and says so once."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from helpers.street import make_street

from reliseg.runtime.process.interruption import ending_soon

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of another system")

SCRIPT = """
import signal, sys, threading, time
from concurrent.futures import ThreadPoolExecutor
from reliseg.runtime.process.interruption import ending_soon
signal.signal(signal.SIGINT, signal.default_int_handler)

def say(code):
    print("last words", code, flush=True)

def leave():
    print("begun", flush=True)
    time.sleep(60)

def wait_for_thread():
    with ThreadPoolExecutor(1) as pool:
        pool.submit(time.sleep, 60)
        print("begun", flush=True)

def ignore():
    print("begun", flush=True)
    while True:
        try:
            time.sleep(60)
        except KeyboardInterrupt:
            pass

def leave_a_thread():
    threading.Thread(target=time.sleep, args=(60,)).start()
    leave()

def wait_in_c():
    import ctypes
    print("begun", flush=True)
    libc = ctypes.CDLL(None)
    for _ in range(60):
        libc.usleep(999_000)

with ending_soon(say) as interruption:
    try:
        globals()[sys.argv[1]]()
        code = 0
    except KeyboardInterrupt:
        code = 130
interruption.end(code)
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("work", ["leave", "wait_for_thread", "ignore", "leave_a_thread", "wait_in_c"])
@pytest.mark.parametrize("twice", [False, True])
def test_whatever_a_process_does_it_ends_within_two_seconds_and_says_so_once(work, number, code, twice):
    command = [sys.executable, "-c", SCRIPT, work]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        time.sleep(0.1)
        begun = time.monotonic()
        process.send_signal(number)
        if twice:
            time.sleep(0.2)
            process.send_signal(number)
        out, err = process.communicate(timeout=30)
        taken = time.monotonic() - begun
    assert (out, err, process.returncode) == (f"last words {code}\n", "", code)
    assert taken < 2


def test_without_a_signal_nothing_is_different_afterwards():
    said = []
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    threads = set(threading.enumerate())
    for code in (0, 2, 130):
        with ending_soon(said.append) as interruption:
            pass
        with pytest.raises(SystemExit) as ended:
            interruption.end(code)
        assert ended.value.code == code
    assert said == [0, 2, 130]
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
    assert set(threading.enumerate()) == threads


def test_a_signal_that_is_ignored_stays_ignored():
    script = SCRIPT.replace("signal.default_int_handler", "signal.SIG_IGN").replace("time.sleep(60)", "time.sleep(2)")
    command = [sys.executable, "-c", script, "leave"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=30)[0] == "last words 0\n"
    assert process.returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("line", ["time.sleep(20)", "end = time.time() + 20\n        while time.time() < end: pass"])
def test_a_run_whose_network_takes_twenty_seconds_ends_within_two(tmp_path: Path, number: int, line: str) -> None:
    street = make_street(tmp_path / "street", cal=2, day=4, dusk=2)
    (street.root / "slow.py").write_text(
        "import time, numpy as np\ncalls = []\n\ndef build():\n    def model(image):\n        calls.append(1)\n"
        "        if len(calls) < 8:\n            return np.zeros((11, 6, 8), np.float32)\n"
        f"        print('busy', flush=True)\n        {line}\n"
        "        return np.zeros((11, 6, 8), np.float32)\n    return model\n"
    )
    content = street.content()
    content["models"] = [{"name": "slow", "kind": "python", "where": "slow.py:build", "labels": "camvid"}]
    content["calibration"] = []
    street.write(content)
    command = [sys.executable, "-m", "reliseg", "run", str(street.config), "--out", str(tmp_path / "out")]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)
    ) as process:
        assert process.stderr is not None
        while (said := process.stderr.readline()) != "busy\n":
            assert said, process.wait()
        time.sleep(0.1)
        begun = time.monotonic()
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
        taken = time.monotonic() - begun
    assert err == "reliseg: interrupted; the same command continues where it stopped\n"
    assert process.returncode == 128 + number
    assert taken < 2
    assert os.listdir(tmp_path / "out")  # noqa: PTH208
