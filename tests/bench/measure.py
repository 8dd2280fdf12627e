"""One program run to its end: how long it took, how much memory it had at most, and what it said.

The peak is that of all its processes together, looked at five times a second; pages that several of them share
count once (proportional set size). Where the kernel does not tell that, it is the largest process's (wait4).
A new process inherits the mark of the one that started it, so whoever measures must stay small: nothing large is
imported here or in the modules that call this one; the work is done by the programs.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
_EVERY = 0.2
_UNIT = 1 if sys.platform == "darwin" else 1024


@dataclass(frozen=True)
class Run:
    """``seconds`` by the wall clock, ``peak`` in bytes, ``output`` from standard output."""

    seconds: float
    peak: int
    output: str


@dataclass(frozen=True)
class Line:
    """One line of the table. ``seconds`` are those of every round; ``ratio`` is to the baseline of its bench."""

    what: str
    seconds: Sequence[float]
    rate: str
    ratio: str
    peak: int | None


def python(*words: str) -> list[str]:
    """A command that runs one of our modules with this interpreter."""
    return [sys.executable, "-m", *words]


def mahfuz(settings: Path, *words: str) -> list[str]:
    """The real command, with the settings of the bench only."""
    return python("config.cli", "--config", str(settings), *words)


def run(command: list[str], **environment: str) -> Run:
    """Run ``command`` in the checkout; raises SystemExit with the end of what it complained about."""
    os.sync()  # what the program before has left in memory is not written on the time of this one
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        began = time.monotonic()
        process = subprocess.Popen(command, stdout=out, stderr=err, cwd=ROOT, env=surroundings(**environment))
        with _watched(process.pid) as together:
            status, largest = reap(process)
            seconds = time.monotonic() - began
        peak = max(together, default=0) or largest
        out.seek(0)
        err.seek(0)
        if status:
            complaint = err.read().decode(errors="replace")[-2000:]
            raise SystemExit(f"{' '.join(command)[:300]}\nended with status {status}:\n{complaint}")
        return Run(seconds, peak, out.read().decode())


@contextmanager
def _watched(pid: int) -> Iterator[list[int]]:
    """What all processes of the program had at each look, in bytes."""
    seen: list[int] = []
    over = threading.Event()

    def look() -> None:
        while not over.wait(_EVERY):
            seen.append(sum(map(_memory, _tree(pid))))

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield seen
    finally:
        over.set()
        watcher.join()


def _tree(pid: int) -> Iterator[int]:
    yield pid
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                yield from _tree(int(child))


def _memory(pid: int) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def reap(process: subprocess.Popen[bytes]) -> tuple[int, int]:
    """Wait for ``process``: its exit status and the peak, in bytes, of its largest process."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, usage.ru_maxrss * _UNIT


def surroundings(**more: str) -> dict[str, str]:
    """The environment without settings of any other archive, and with our modules in reach."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MAHFUZ_", "AWS_"))}
    return {**kept, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}", **more}


def seconds_of(runs: Sequence[Run]) -> list[float]:
    """The seconds of each."""
    return [one.seconds for one in runs]


def peak_of(runs: Sequence[Run]) -> int:
    """The largest of the peaks."""
    return max(one.peak for one in runs)


def write_settings(file: Path, home: Path, *stores: str) -> Path:
    """A settings file for the archive in ``home`` with these ``[[stores]]`` tables."""
    tables = "\n".join(f"[[stores]]\n{store}" for store in stores)
    file.write_text(f'[archive]\nhome = "{home}"\n{tables}\n', encoding="utf-8")
    return file


def megabytes(number: float) -> str:
    """Millions of bytes, as disks and networks count."""
    return f"{number / 1e6:,.0f} MB"
