"""The objects in a tree of folders, in byte order of their keys, one folder's names in memory at a time."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from repository.storage import StoredObject


def walk(folder: Path, prefix: bytes, after: bytes, at: bytes = b"") -> Iterator[StoredObject]:
    """Every regular file under ``folder``, whose own key is ``at``, that begins with ``prefix`` and follows ``after``.

    Folders that can hold none are not entered, links are not followed, and what begins with a dot is no object.
    Raises OSError.
    """
    with os.scandir(folder) as entries:
        # A folder's keys go on with "/", so that is how it stands among its neighbours: a-b, a/b, a0.
        found = [(_name_in_order(entry), entry) for entry in entries if not entry.name.startswith(".")]
    found.sort(key=lambda pair: pair[0])
    for name, entry in found:
        key = at + name
        if name.endswith(b"/"):
            within = key.startswith(prefix) or prefix.startswith(key)
            if within and (key > after or after.startswith(key)):
                yield from walk(folder / entry.name, prefix, after, key)
        elif key.startswith(prefix) and key > after:
            told = entry.stat(follow_symlinks=False)
            if stat.S_ISREG(told.st_mode):
                when = datetime.fromtimestamp(told.st_mtime, UTC)
                yield StoredObject(key.decode("utf-8", "backslashreplace"), told.st_size, when)


def _name_in_order(entry: os.DirEntry[str]) -> bytes:
    name = os.fsencode(entry.name)
    return name + b"/" if entry.is_dir(follow_symlinks=False) else name
