"""A process of its own that looks at publishers' files for us, so that none of them can exhaust, stop or crash us."""

from __future__ import annotations

import atexit
import json
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import structlog

log = structlog.get_logger(__name__)


class Examiner:
    """One child process that runs a script of ours, started when first asked, and again after it died or was too slow.

    The script stands beside this module and imports nothing of ours. It reads one JSON value a line and answers
    one JSON object a line. Threads may ask at once, and wait for each other. After a fork each process has its own.
    """

    def __init__(
        self, script: str, *arguments: str, seconds: float = 60.0, environment: Mapping[str, str] | None = None
    ) -> None:
        self.seconds = seconds
        self._script = script
        self._command = [sys.executable, "-I", str(Path(__file__).with_name(script)), *arguments]
        self._environment = dict(environment or {})  # and nothing of ours: there may be secrets in it
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0
        atexit.register(self.close)

    def ask(self, question: object) -> dict[str, Any] | None:
        """The answer; None when the process died over the question or took longer than ``seconds``."""
        with self._lock:
            process = self._running()
            assert process.stdin is not None
            try:
                process.stdin.write(json.dumps(question).encode() + b"\n")
                process.stdin.flush()
                line = self._line(process)
            except BrokenPipeError:
                line = b""
            if line.endswith(b"\n"):
                answer: dict[str, Any] = json.loads(line)
                if answer.pop("spent", False):  # it holds more memory than it should keep: the next is a new one
                    self._stop()
                return answer
            log.warning("an examiner gave no answer", script=self._script, ended=process.poll(), seconds=self.seconds)
            self._stop()
            return None

    def _line(self, process: subprocess.Popen[bytes]) -> bytes:
        """Its next line; what there is of it when the process ends or the time is over."""
        assert process.stdout is not None
        handle = process.stdout.fileno()
        waiting = select.poll()
        waiting.register(handle, select.POLLIN)
        end = time.monotonic() + self.seconds
        line = b""
        while not line.endswith(b"\n"):
            left = end - time.monotonic()
            if left <= 0 or not waiting.poll(left * 1000):
                break
            if not (part := os.read(handle, 1 << 16)):
                break
            line += part
        return line

    def close(self) -> None:
        """End the child process, if there is one and it is ours."""
        with self._lock:
            if self._owner == os.getpid():
                self._stop()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._owner != os.getpid():
            # After a fork the parent still talks through these pipes: they are not ours to use or to close.
            self._process, self._owner = None, os.getpid()
        if self._process is None or self._process.poll() is not None:
            self._stop()
            self._process = subprocess.Popen(  # noqa: S603  (our own script, no shell)
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=self._environment,
            )
        return self._process

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()
