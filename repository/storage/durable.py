"""What is written is on the disk before anybody is told of it."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path


def sync_folder(folder: Path) -> None:
    """The names in the folder are on the disk. Raises OSError."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_text(path: Path, text: str) -> None:
    """``path`` holds ``text`` as UTF-8, whole and on the disk, or what it held before. Raises OSError."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, data: bytes) -> None:
    """``path`` holds ``data``, whole and on the disk, or what it held before. Raises OSError."""
    part = _written_beside(path, data, 0o666)
    try:
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def write_once(path: Path, data: bytes, mode: int = 0o600) -> None:
    """``path`` holds ``data``, whole and on the disk, or what somebody else wrote there first. Raises OSError."""
    part = _written_beside(path, data, mode)
    try:
        with suppress(FileExistsError):
            os.link(part, path)
    finally:
        part.unlink()
    sync_folder(path.parent)


def _written_beside(path: Path, data: bytes, mode: int) -> Path:
    """A file of a name that nobody else has, also where two containers share the folder and their numbers."""
    part = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(8)}.part")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode), "wb") as target:
            target.write(data)
            target.flush()
            os.fsync(target.fileno())
    except OSError:
        part.unlink(missing_ok=True)
        raise
    return part
