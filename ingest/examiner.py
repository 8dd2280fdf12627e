"""A process of its own that looks at publishers' files for us, so that none of them can exhaust, stop or crash us."""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any


class Examiner:
    """One child process that runs a script of ours, started when first asked, and again after it died or was too slow.

    The script stands beside this module and imports nothing of ours. It reads one JSON value a line and answers
    one JSON object a line. Threads may ask at once, and wait for each other. After a fork each process has its own.
    """

    def __init__(self, script: str, *arguments: str, seconds: float = 60.0) -> None:
        self.seconds = seconds
        self._command = [sys.executable, "-I", str(Path(__file__).with_name(script)), *arguments]
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._owner = 0
        atexit.register(self.close)

    def ask(self, question: object) -> dict[str, Any] | None:
        """The answer; None when the process died over the question or took longer than ``seconds``."""
        with self._lock:
            process = self._running()
            assert process.stdin is not None
            assert process.stdout is not None
            timer = threading.Timer(self.seconds, process.kill)
            timer.start()
            try:
                process.stdin.write(json.dumps(question) + "\n")
                process.stdin.flush()
                line = process.stdout.readline()
            except BrokenPipeError:
                line = ""
            finally:
                timer.cancel()
            if line.endswith("\n"):
                answer: dict[str, Any] = json.loads(line)
                return answer
            self._stop()
            return None

    def close(self) -> None:
        """End the child process, if there is one and it is ours."""
        with self._lock:
            if self._owner == os.getpid():
                self._stop()

    def _running(self) -> subprocess.Popen[str]:
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
                text=True,
                encoding="utf-8",
            )
        return self._process

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()
