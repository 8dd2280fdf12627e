"""The product's own web server as a process on a free port, over a catalogue that a test has filled."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from installation import Installation, folder_store_table
from warm import Begun

_READY_SECONDS = 60


def free_port() -> int:
    """A port on which nobody listens at this moment."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class Served:
    """The server, to be stopped and started again on its port."""

    def __init__(self, home: Path, database_url: str, oai: str = "") -> None:
        self.port, self.database_url = free_port(), database_url
        self.address = f"http://127.0.0.1:{self.port}"
        tables = (
            f'[database]\nurl = "{database_url}"\n[oai]\n{oai}\n',
            folder_store_table("first", home),
            folder_store_table("second", home),
        )
        identity = f'base_url = "{self.address}"\nrepository_identifier = "arsiv.example.org"'
        self.installation = Installation(home, *tables, more=identity)
        self._process: Begun | None = None

    @property
    def oai(self) -> str:
        """The base URL of OAI-PMH."""
        return f"{self.address}/oai"

    def start(self) -> None:
        """It answers from now on."""
        self._process = self.installation.serve(self.port)
        deadline = time.monotonic() + _READY_SECONDS
        while not self._is_ready():
            assert time.monotonic() < deadline, "the server does not become ready"
            time.sleep(0.02)

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.address}/readyz", timeout=5):
                return True
        except (urllib.error.URLError, OSError):
            return False

    def stop(self) -> None:
        """It has ended."""
        if self._process is not None:
            os.kill(self._process.pid, signal.SIGTERM)
            self._process.wait(60)
            self._process = None


@contextmanager
def served(home: Path, database_url: str, oai: str = "") -> Iterator[Served]:
    """The server over the catalogue at ``database_url``, with these settings of ``[oai]``; ``home`` is made."""
    server = Served(home, database_url, oai)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def serving(archive: Installation, log: Path) -> Iterator[str]:
    """The address of the archive's web server, started in earnest, which writes its log into ``log``."""
    port = free_port()
    command = [sys.executable, "-m", "config.cli", "--config", str(archive.file), "serve", "--port", str(port)]
    with log.open("wb") as stream:
        process = subprocess.Popen(command, cwd=Path(__file__).parent.parent, stdout=subprocess.DEVNULL, stderr=stream)
        try:
            while True:
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5).close()
                    break
                except (urllib.error.URLError, OSError):
                    assert process.poll() is None, log.read_text()
                    time.sleep(0.05)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def lines_of(file: Path) -> list[dict[str, Any]]:
    """The lines of a log; each has to be a JSON object."""
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
