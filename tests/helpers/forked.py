"""Commands in processes that are forked from one that has imported the package: they begin within milliseconds.

Each is a process of its own, with its own arguments, environment, folder and outputs: it can be killed and ends as any
other does. What it does not do is start Python and import the package, which takes seconds. Where that is what is
tested, a process is started as usual.
"""

import json
import os
import select
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

COMMAND = "from reliseg.cli import main; main()"
_WITH_NAME = "import sys; sys.path.insert(0, {tests!r}); from helpers.forked import ask; ask({socket!r})"
_LONGEST = 1 << 20


@dataclass(frozen=True)
class Ended:
    """How a process has ended: minus the signal where it was killed."""

    exit_code: int
    out: str
    said: str


@dataclass(frozen=True)
class Forks:
    """The process that forks others, by its socket."""

    socket: Path

    def run(
        self,
        arguments: Sequence[object] = (),
        code: str = COMMAND,
        *,
        environment: Mapping[str, str] | None = None,
        kill_after: float | None = None,
        number: int = signal.SIGKILL,
    ) -> Ended:
        """Run code with these arguments, the command where none is given; send it a signal after so many seconds."""
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as said, Path(os.devnull).open() as nothing:
            descriptors = (nothing.fileno(), out.fileno(), said.fileno())
            with _asked(self.socket, code, arguments, environment or os.environ, descriptors) as connection:
                pid = int(connection.recv(_LONGEST))
                if kill_after is not None and not select.select([connection], [], [], kill_after)[0]:
                    os.kill(pid, number)
                exit_code = int(connection.recv(_LONGEST))
            for file in (out, said):
                file.seek(0)
            return Ended(exit_code, out.read().decode(), said.read().decode())

    def write_program(self, path: Path) -> None:
        """Write a program that is `reliseg` for a shell."""
        tests = str(Path(__file__).parents[1])
        code = _WITH_NAME.format(tests=tests, socket=str(self.socket))
        path.write_text(f'#!/bin/sh\nexec {shlex.join([sys.executable, "-S", "-c", code])} "$@"\n')
        path.chmod(0o755)


@contextmanager
def forks() -> Iterator[Forks]:
    """Start the process, and end it afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "socket"
        paths = os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])
        code = f"import sys; from helpers.forked import serve; sys.exit(serve({str(path)!r}))"
        with subprocess.Popen(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONPATH": paths},
            stdin=subprocess.PIPE,  # it ends where this is closed
            stdout=subprocess.PIPE,
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            yield Forks(path)
            process.communicate()


def serve(path: str) -> int | str | None:
    """Fork a process for all that ask, until standard input ends; the exit code, in a forked process its own."""
    _import_all()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen()
        print("ready", flush=True)
        while listening in select.select([listening, sys.stdin], [], [])[0]:
            connection, _ = listening.accept()
            keeper = os.fork()
            if not keeper:
                listening.close()
                return _keep(connection)
            connection.close()
            _reap()
    return 0


def ask(path: str) -> None:
    """Be the command for a shell: run it with the arguments, outputs, folder and environment of this process."""
    with _asked(Path(path), COMMAND, sys.argv[1:], os.environ, (0, 1, 2)) as connection:
        connection.recv(_LONGEST)
        sys.exit(int(connection.recv(_LONGEST)))


@contextmanager
def _asked(
    path: Path,
    code: str,
    arguments: Sequence[object],
    environment: Mapping[str, str],
    descriptors: Sequence[int],
) -> Iterator[socket.socket]:
    """Ask for a process; what comes back is its id, and then its exit code."""
    asked = {
        "code": code,
        "arguments": [str(a) for a in arguments],
        "environment": dict(environment),
        "folder": str(Path.cwd()),
    }
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(str(path))
        data = json.dumps(asked).encode() + b"\n"
        socket.send_fds(connection, [data[:1]], list(descriptors))
        connection.sendall(data[1:])
        yield connection


def _keep(connection: socket.socket) -> int | str | None:
    """Fork the process itself, and tell how it ends, whatever ends it."""
    data, descriptors, *_ = socket.recv_fds(connection, 1, 3)
    while not data.endswith(b"\n"):
        data += connection.recv(_LONGEST)
    pid = os.fork()
    if pid:
        connection.sendall(str(pid).encode())
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        connection.sendall(str(code).encode())
        os._exit(0)
    connection.close()
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.stdout, sys.stderr = (os.fdopen(n, "w", buffering=1, encoding="utf-8", closefd=False) for n in (1, 2))
    asked = json.loads(data)
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    sys.argv = ["reliseg", *asked["arguments"]]
    exec(asked["code"], {"__name__": "__main__"})
    return 0


def _import_all() -> None:
    """Import what a run imports, and load its kernels, so that no forked process does; by a run."""
    import reliseg
    import reliseg.cli
    import reliseg.report.terminal
    import reliseg.run.stages
    from helpers.street import make_street

    with tempfile.TemporaryDirectory() as folder:
        street = make_street(Path(folder) / "street", cal=1, day=1, dusk=1)
        reliseg.run_config(street.config, Path(folder) / "out")
    assert threading.active_count() == 1, "a forked process has no other thread, and waits for it"


def _reap() -> None:
    """Forget keepers that have ended."""
    while True:
        try:
            if not os.waitpid(-1, os.WNOHANG)[0]:
                return
        except ChildProcessError:
            return
