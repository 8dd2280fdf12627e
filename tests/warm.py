"""The real command without its start-up: a process that has loaded the program already is forked for each command.

A command of the suite takes a second of processor time before its first line of work, and the suite gives hundreds. The
fork runs ``config.cli.main`` as a process of its own, with its own arguments, environment, folder and streams. What
is about processes (kills, signals, several at once) starts the command in earnest: ``Installation.start``.
"""

from __future__ import annotations

import array
import gc
import io
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

ROOT = Path(__file__).parent.parent
_LARGEST = 1 << 20


class Begun:
    """A command that was begun: ``pid`` is its process."""

    def __init__(self, pid: int, done: socket.socket) -> None:
        self.pid, self._done = pid, done

    def wait(self, seconds: float) -> int:
        """Its exit status, once it has ended. Raises TimeoutError."""
        with self._done:
            self._done.settimeout(seconds)
            return int(self._done.recv(32) or b"-9")


class Warm:
    """One such process; it ends with the process that made it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ours: socket.socket | None = None

    def tell(self, words: Sequence[str], environment: Mapping[str, str], seconds: float) -> tuple[int, bytes, bytes]:
        """Exit status (less than nought: the signal that ended it), standard output and error of one command.

        Raises TimeoutError, and the command is killed.
        """
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            begun = self.begin(words, environment, out, err)
            try:
                status = begun.wait(seconds)
            except TimeoutError:
                os.kill(begun.pid, signal.SIGKILL)
                raise
            out.seek(0)
            err.seek(0)
            return status, out.read(), err.read()

    def begin(self, words: Sequence[str], environment: Mapping[str, str], out: IO[bytes], err: IO[bytes]) -> Begun:
        """One command that runs by itself from now on, and writes into these files."""
        done, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        request = json.dumps({"words": list(words), "environment": dict(environment)}).encode()
        with theirs, self._lock:
            fds = [out.fileno(), err.fileno(), theirs.fileno()]
            self._server().sendmsg([request], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))])
        done.settimeout(300)
        return Begun(int(done.recv(32)), done)

    def _server(self) -> socket.socket:
        if self._ours is None:
            self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with theirs:
                self._ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _LARGEST)
                subprocess.Popen([sys.executable, __file__, str(theirs.fileno())], pass_fds=[theirs.fileno()], cwd=ROOT)
        return self._ours


def _serve(server: socket.socket) -> None:
    sys.path[:1] = [str(ROOT), str(ROOT / "tests")]
    gc.disable()
    from importlib import import_module

    import config.commands

    for module in sorted(set(config.commands._COMMANDS.values())):
        import_module(f"config.commands.{module}")
    import migrated

    # Unlike what is started in earnest, a new archive's catalogue begins as a copy.
    with tempfile.TemporaryDirectory(prefix="mahfuz-warm-") as folder:
        migrated.by_copying(migrated.template(Path(folder) / "catalogue.sqlite"))
        gc.freeze()
        _answer(server)


def _answer(server: socket.socket) -> None:
    while True:
        request, fds, _, _ = socket.recv_fds(server, _LARGEST, 3)
        if not request:
            return
        if os.fork() == 0:
            server.close()
            _watch_over(json.loads(request), fds)
        for fd in fds:
            os.close(fd)
        _reap()


def _watch_over(request: dict[str, object], fds: list[int]) -> None:
    """Fork once more and wait, so that a command that is killed has a status too; never returns."""
    done = socket.socket(fileno=fds[2])
    pid = os.fork()
    if pid == 0:
        done.close()
        _command(request, fds)
    done.send(str(pid).encode())
    _, status = os.waitpid(pid, 0)
    done.send(str(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)


def _command(request: dict[str, object], fds: list[int]) -> None:
    """Be the command; never returns."""
    status = 1
    try:
        nothing = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((nothing, 0), (fds[0], 1), (fds[1], 2)):
            os.dup2(source, target)
        os.environ.clear()
        os.environ.update(request["environment"])  # type: ignore[call-overload]
        time.tzset()
        sys.stdout = io.TextIOWrapper(os.fdopen(1, "wb", closefd=False), encoding="utf-8")
        sys.stderr = io.TextIOWrapper(
            os.fdopen(2, "wb", closefd=False), encoding="utf-8", errors="backslashreplace", line_buffering=True
        )
        sys.argv = ["mahfuz", *request["words"]]  # type: ignore[misc]
        from config.cli import main

        gc.enable()
        main()
        status = 0
    except SystemExit as left:
        status = left.code if isinstance(left.code, int) else 0 if left.code is None else 1
    except BaseException:  # noqa: BLE001  (as an interpreter does at its end)
        import traceback

        traceback.print_exc()
    finally:
        import contextlib

        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def _reap() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
