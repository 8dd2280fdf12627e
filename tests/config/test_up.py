"""`mahfuz up` outlives its parts: one that was killed is begun anew, one that ends by itself is told."""

from __future__ import annotations

import subprocess
import sys

import pytest

from config.commands import servers
from repository.errors import UsageError


def program(text: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", text])


KILLS_ITSELF = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"


def test_a_part_that_was_killed_is_begun_anew_and_one_that_ends_is_told() -> None:
    begun: list[str] = []

    def start(part: str) -> subprocess.Popen[bytes]:
        begun.append(part)
        return program(KILLS_ITSELF if len(begun) < 3 else "raise SystemExit(2)")

    pages = program("import time; time.sleep(600)")
    children = {"serve": pages, "worker": program(KILLS_ITSELF)}
    with pytest.raises(UsageError, match=r"mahfuz worker.*status 2"):
        servers._watch_over(children, start)
    assert begun == ["worker"] * 3
    assert pages.poll() is None
    pages.kill()
    pages.wait()
