"""How much memory a command and all its children took, as the kernel counted it for each of them."""

from __future__ import annotations

import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

SUPPORTED = sys.platform == "linux"
_EVERY_SECONDS = 0.01


class Watched:
    """The memory of a process and of every process below it, read again and again while they live."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self.samples = 0
        self.processes: set[int] = set()
        self._together = 0
        self._alone = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def peak(self) -> int:
        """The most, in bytes, that all of them had at one time, after the process has ended.

        The resident sets are added, so that pages which two share count twice; of each process alone the kernel's
        own high-water mark counts, which misses nothing between two looks.
        """
        self._ended.set()
        self._thread.join()
        return max(self._together, self._alone)

    def _watch(self) -> None:
        while not self._ended.wait(_EVERY_SECONDS):
            self.samples += 1
            waiting, together = [self._process.pid], 0
            while waiting:
                pid = waiting.pop()
                with suppress(OSError, ValueError, IndexError):
                    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
                    self._alone = max(self._alone, _bytes(status, "VmHWM:"))
                    together += _bytes(status, "VmRSS:")
                    self.processes.add(pid)
                    for task in Path(f"/proc/{pid}/task").iterdir():
                        waiting += map(int, (task / "children").read_text(encoding="utf-8").split())
            self._together = max(self._together, together)


def _bytes(status: str, field: str) -> int:
    return int(status.partition(field)[2].split(None, 1)[0]) << 10
