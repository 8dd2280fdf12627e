"""How large a proof is made: a matter of seconds in the ordinary suite, the whole promise with ``make prove``."""

from __future__ import annotations

import os
from typing import TypeVar

import pytest

_T = TypeVar("_T")

FULL = os.environ.get("MAHFUZ_PROVE") == "1"


def one_database(url: str, dialect: str) -> None:
    """Skip a long test in the ordinary suite on any other database than this one."""
    if not FULL and not url.startswith(dialect):
        pytest.skip(f"`make prove` tries it on every database, the suite on {dialect}")


def sized(ordinary: _T, full: _T) -> _T:
    """``full`` where the proof is asked for, else ``ordinary``."""
    return full if FULL else ordinary
