"""One program run to its end: how long it took, how much memory it had at most, and what it said.

The peak is the kernel's for the largest process of the program (wait4). A new process inherits the
mark of the one that started it, so whoever measures must stay small: nothing large is imported here
or in the modules that call this one; the work is done by the programs.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
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
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        began = time.monotonic()
        process = subprocess.Popen(command, stdout=out, stderr=err, cwd=ROOT, env=surroundings(**environment))
        status, peak = reap(process)
        seconds = time.monotonic() - began
        out.seek(0)
        err.seek(0)
        if status:
            complaint = err.read().decode(errors="replace")[-2000:]
            raise SystemExit(f"{' '.join(command)[:300]}\nended with status {status}:\n{complaint}")
        return Run(seconds, peak, out.read().decode())


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
