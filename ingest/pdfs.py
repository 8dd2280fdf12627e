"""What a PDF file is worth as the article of record: whole, repairable, damaged, encrypted, or no PDF at all."""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import threading
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from ingest.dialects.formats import recognise_bytes

_HEAD = 1024  # ISO 32000-1, note 13 of annex H: readers accept the header within the first 1024 bytes
_TAIL = 1 << 16
_MEMORY = 1 << 30
_SECONDS = 60.0


class PdfState(StrEnum):
    """What is known of a PDF file after :func:`examine`."""

    SOUND = "sound"
    REPAIRABLE = "repairable"
    EMPTY = "empty"
    NOT_A_PDF = "not a PDF"
    DAMAGED = "damaged"
    LOCKED = "locked"


@dataclass(frozen=True, slots=True)
class PdfReport:
    """The state, one sentence of detail, whether it is encrypted (yet opens), and the DOIs in its own metadata."""

    state: PdfState
    detail: str = ""
    encrypted: bool = False
    dois: tuple[str, ...] = ()


def examine(path: Path) -> PdfReport:
    """Open the file in another process, of bounded memory and time, and say what it is. The file is not changed."""
    size = path.stat().st_size
    if not size:
        return PdfReport(PdfState.EMPTY)
    with path.open("rb") as file:
        head = file.read(max(_HEAD, 4096))
        file.seek(max(0, size - _TAIL))
        tail = file.read(_TAIL)
    start = head[: _HEAD + 4].find(b"%PDF")
    if start < 0:
        seen = recognise_bytes(head, "")
        return PdfReport(PdfState.NOT_A_PDF, f"it is {seen.name}" if seen else "")
    answer = _probe.ask(path)
    if answer.get("password"):
        return PdfReport(PdfState.LOCKED, answer["detail"], encrypted=True)
    if _is_cut(tail):
        return PdfReport(PdfState.DAMAGED, "its end is missing")
    if not answer["opens"]:
        return PdfReport(PdfState.DAMAGED, answer["detail"])
    state, detail = PdfState.SOUND, ""
    if start:
        state, detail = PdfState.REPAIRABLE, f"{start} bytes stand before its header"
    elif answer["repaired"]:
        state, detail = PdfState.REPAIRABLE, answer["detail"]
    return PdfReport(state, detail, bool(answer["encrypted"]), tuple(answer["dois"]))


def _is_cut(tail: bytes) -> bool:
    """Whether the file ends in the middle: no end mark, or objects after the last one (a linearised file cut off).

    A repair would open such a file with pages missing and say nothing.
    """
    end = tail.rfind(b"%%EOF")
    return end < 0 or b"endobj" in tail[end:]


class _Probe:
    """One child process, started when first asked, and started again after it died or was too slow."""

    def __init__(self, memory: int = _MEMORY, seconds: float = _SECONDS) -> None:
        self._memory = memory
        self._seconds = seconds
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._owner = 0

    def ask(self, path: Path) -> dict[str, Any]:
        with self._lock:
            process = self._running()
            assert process.stdin is not None
            assert process.stdout is not None
            timer = threading.Timer(self._seconds, process.kill)
            timer.start()
            try:
                process.stdin.write(json.dumps(str(path.resolve())) + "\n")
                process.stdin.flush()
                line = process.stdout.readline()
            except BrokenPipeError:
                line = ""
            finally:
                timer.cancel()
            if line:
                answer: dict[str, Any] = json.loads(line)
                return answer
            self._stop()
            return {
                "opens": False,
                "detail": f"opening it takes more than {self._memory >> 20} MiB or {self._seconds} s",
            }

    def _running(self) -> subprocess.Popen[str]:
        if self._owner != os.getpid():
            # After a fork the parent still talks through these pipes: they are not ours to use or to close.
            self._process, self._owner = None, os.getpid()
        if self._process is None or self._process.poll() is not None:
            self._stop()
            script = Path(__file__).with_name("pdf_probe.py")
            self._process = subprocess.Popen(  # noqa: S603  (our own script, no shell)
                [sys.executable, "-I", str(script), str(self._memory)],
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

    def close(self) -> None:
        """End the child process, if there is one and it is ours."""
        with self._lock:
            if self._owner == os.getpid():
                self._stop()


_probe = _Probe()
atexit.register(_probe.close)
