"""Files on their way to becoming objects: locked while somebody writes them, swept away when nobody does."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4


@contextmanager
def staged(incoming: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """A new file in the folder ``incoming``, locked while it is ours and gone afterwards. Raises OSError."""
    while True:
        new = incoming / uuid4().hex
        handle = os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        fcntl.flock(handle, fcntl.LOCK_EX)
        if os.fstat(handle).st_nlink:
            break
        os.close(handle)  # swept between its making and its locking: once more
    with os.fdopen(handle, "r+b") as file:
        try:
            yield new, file
        finally:
            new.unlink(missing_ok=True)


def sweep(incoming: Path) -> None:
    """What a killed process left half written goes; what somebody is still writing is locked and stays."""
    for entry in os.scandir(incoming):
        with suppress(BlockingIOError, FileNotFoundError), open(entry.path, "rb") as leftover:  # noqa: PTH123
            fcntl.flock(leftover, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.unlink(entry.path)  # noqa: PTH108
