"""How large a proof is made: a matter of seconds in the ordinary suite, the whole promise with ``make prove``."""

from __future__ import annotations

import os
from typing import TypeVar

_T = TypeVar("_T")

FULL = os.environ.get("MAHFUZ_PROVE") == "1"


def sized(ordinary: _T, full: _T) -> _T:
    """``full`` where the proof is asked for, else ``ordinary``."""
    return full if FULL else ordinary
