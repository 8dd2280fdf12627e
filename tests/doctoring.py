"""A patient for the doctor: an installation with settings of a test's own, and a server that never answers."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from config.doctor.questions import Patient
from config.settings import load
from config.wiring import Archive
from repository.catalogue import Catalogue
from repository.vocabulary import utc_now


def patient(home: Path, url: str, more: str = "", **how: Any) -> Patient:
    """An installation with these settings, without stores that could be asked."""
    home.mkdir(exist_ok=True)
    file = home / "mahfuz.toml"
    file.write_text(f'[archive]\nhome = "{home}"\n[database]\nurl = "{url}"\n{more}', encoding="utf-8")
    loaded = load(file, {})
    archive = Archive(loaded.settings, Catalogue(url), (), {"main": "Ankara", "second": "İzmir"}, loaded.origins)
    return Patient(archive, **{"host": "arsiv-1"} | how)


def ahead(**by: float) -> Callable[[], datetime]:
    """A clock that is so much ahead."""
    return lambda: utc_now() + timedelta(**by)


@contextmanager
def silent() -> Iterator[int]:
    """A port at which connections are taken and nothing is ever answered."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])
