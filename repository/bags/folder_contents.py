"""An unpacked bag taken in from its folder: nothing is followed, nothing but regular files is ever opened."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

from repository.bags.algorithms import known
from repository.bags.contents import MANIFEST, Collector, Contents
from repository.storage import BUFFER

_KINDS = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def read_folder(path: Path) -> Contents:
    """Read every regular file below ``path`` once.

    Links are not followed and pipes and devices not opened: each is a finding. Names
    are read as bytes, so that the machine's locale decides nothing. Raises OSError when
    a file or folder cannot be read: that is doubt about the disk, not a fault of the bag.
    """
    root = os.fsencode(path)
    names: list[tuple[str, bytes]] = []
    collector = Collector(_asked_for(root))
    contents = collector.contents
    contents.name = os.fsencode(path.absolute().name).decode("utf-8", "surrogateescape")
    for name, kind in _walk(root):
        shown = name.decode("utf-8", "surrogateescape")
        if kind == stat.S_IFDIR:
            contents.has_payload_folder = contents.has_payload_folder or shown == "data"
        elif kind != stat.S_IFREG:
            contents.findings.add("BAG_FILE_KIND", shown, kind=_KINDS.get(kind, "neither file nor folder"))
            contents.refused.add(shown)
        elif collector.room_for(shown):
            if not shown.isascii() and any("\udc80" <= c <= "\udcff" for c in shown):
                contents.findings.add("BAG_NAME_ENCODING", shown)
            names.append((shown, name))
        else:
            break
    buffer = bytearray(BUFFER)
    for shown, name in sorted(names):
        with _opened(root + b"/" + name) as file:
            collector.take(shown, shown, 0, os.fstat(file.fileno()).st_size, _pieces(file, buffer))
    return contents


def irregular(path: Path) -> str | None:
    """The first name below ``path`` that is neither a regular file nor a folder, ready to be shown. Raises OSError."""
    for name, kind in _walk(os.fsencode(path)):
        if kind not in (stat.S_IFREG, stat.S_IFDIR):
            return name.decode("utf-8", "backslashreplace")
    return None


def _asked_for(root: bytes) -> tuple[str, ...]:
    """The algorithms named by the manifests of the base directory, and SHA-512."""
    wanted = {"sha512"}
    with os.scandir(root) as entries:
        for entry in entries:
            match = MANIFEST.fullmatch(entry.name.decode("utf-8", "surrogateescape"))
            if match and (algorithm := known(match.group(2))):
                wanted.add(algorithm)
    return tuple(sorted(wanted))


def _walk(root: bytes) -> Iterator[tuple[bytes, int]]:
    """Every name below ``root``, relative to it, with its kind; without recursion, as a bag may be deep."""
    folders = [b""]
    while folders:
        folder = folders.pop()
        with os.scandir(root + b"/" + folder) as entries:
            for entry in entries:
                name = folder + b"/" + entry.name if folder else entry.name
                kind = stat.S_IFMT(entry.stat(follow_symlinks=False).st_mode)
                if kind == stat.S_IFDIR:
                    folders.append(name)
                yield name, kind


@contextmanager
def _opened(path: bytes) -> Iterator[FileIO]:
    """The file, unless it is something else since it was listed; a pipe put in its place could not hold us up."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with FileIO(handle, closefd=True) as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.ESTALE, "is no longer a regular file", os.fsdecode(path))
        yield file


def _pieces(file: FileIO, buffer: bytearray) -> Iterator[memoryview]:
    view = memoryview(buffer)
    while octets := file.readinto(buffer):
        yield view[:octets]
