"""A store's four verbs, and its mending, done to files: an object is linked into place when it is whole and durable."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from repository.errors import ObjectMissing, RefusedByStore, StoreUnavailable, WouldOverwrite
from repository.storage import BUFFER, MARK, UNREADABLE, ByteStream, Put, Room, StoredObject, check_key
from repository.storage.capabilities import Capability
from repository.storage.directory.listing import walk
from repository.storage.directory.staging import staged, sweep
from repository.storage.directory.trials import all_trials
from repository.storage.durable import sync_folder
from repository.vocabulary import utc_now

_INCOMING = ".incoming"


class DirectoryStore:
    """Objects as files under ``root``; what begins with a dot there is the store's own and no object."""

    def __init__(self, name: str, root: Path) -> None:
        self._name = name
        self.root = root
        self._durable: set[tuple[Path, int, int]] = set()
        """Folders whose names are on the disk, each with the device and inode that it had then."""

    def __repr__(self) -> str:
        return f"DirectoryStore({self._name!r}, {str(self.root)!r})"

    @property
    def name(self) -> str:
        """The name from the settings."""
        return self._name

    # --- the four verbs ---------------------------------------------------------------------------------------

    def prepare(self) -> None:
        """The folder is there and bears the mark of this store; a folder that holds unmarked files is refused."""
        with self._translated("prepare"):
            self.root.mkdir(parents=True, exist_ok=True)
            mark = self.root / MARK
            if not mark.exists():
                strangers = sorted(entry.name for entry in os.scandir(self.root) if not entry.name.startswith("."))
                if strangers:
                    reason = f"{self.root} holds {strangers[0]!r} and no mark {MARK}: whose is it?"
                    raise StoreUnavailable(self._name, reason)
                (self.root / _INCOMING).mkdir(exist_ok=True)
                text = json.dumps({"store": self._name, "created": utc_now().date().isoformat()}) + "\n"
                with self._staged() as (new, file):
                    file.write(text.encode())
                    file.flush()
                    os.fsync(file.fileno())
                    with suppress(FileExistsError):  # another process was first, as it may
                        os.link(new, mark)
                sync_folder(self.root)
                sync_folder(self.root.parent)
        self.tidy()

    def tidy(self) -> None:
        """The folder of files on their way holds only those that somebody is writing."""
        self._confirm()
        with self._translated("tidy"):
            (self.root / _INCOMING).mkdir(exist_ok=True)
            sweep(self.root / _INCOMING)

    def put(self, key: str, source: Path, sha256: str) -> Put:
        """Staged beside the objects, hashed on the way, synced; then a link, which fails when the name is taken."""
        target = self._path(key)
        with source.open("rb") as given, self._translated("put", key):
            if self._exists(target):
                return self._settle(key, target, sha256)
            with self._staged() as (new, file):
                self._fill(key, given, file, sha256)
                target.parent.mkdir(parents=True, exist_ok=True)
                try:
                    os.link(new, target)
                except FileExistsError:
                    return self._settle(key, target, sha256)
            self._sync_way(target)
        return Put.WRITTEN

    @contextmanager
    def open(self, key: str, offset: int = 0, length: int | None = None) -> Iterator[ByteStream]:
        """The file from ``offset`` on; what lies beyond the end is empty."""
        if offset < 0 or (length is not None and length < 0):
            raise ValueError("a range has no negative numbers")
        path = self._path(key)
        file = self._opened(path)
        if file is None:
            raise ObjectMissing(self._name, key)
        with file:
            with self._translated("open", key):
                file.seek(offset)
            yield _Range(self, file, length)

    def head(self, key: str) -> StoredObject | None:
        """Size and time of the file; None when the store is there and the file is not."""
        path = self._path(key)
        with self._translated("head", key):
            try:
                found = path.lstat()
            except FileNotFoundError:
                self._confirm()  # not when the disk went away at this very moment
                return None
        if not stat.S_ISREG(found.st_mode):
            return None
        return StoredObject(key, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))

    def keys(self, prefix: str = "", after: str = "") -> Iterator[StoredObject]:
        """Walked in byte order, one folder's names in memory at a time."""
        self._confirm()
        with self._translated("keys"):
            yield from walk(self.root, os.fsencode(prefix), os.fsencode(after))
        self._confirm()  # a disk that went away in between looks like the end of the listing

    def unfinished(self) -> Iterator[StoredObject]:
        """Files on their way that nobody is known to finish; :meth:`tidy` takes them away when nobody holds them."""
        self._confirm()
        with self._translated("unfinished"):
            yield from walk(self.root / _INCOMING, b"", b"")

    def replace(self, key: str, source: Path, sha256: str, damaged_sha256: str | None) -> None:
        """See :class:`repository.storage.Mendable`; finding the good bytes there already is success."""
        target = self._path(key)
        if damaged_sha256 is None:
            self.put(key, source, sha256)
            return
        with source.open("rb") as given, self._translated("replace", key), self._staged() as (new, file):
            self._fill(key, given, file, sha256)
            try:
                now = self._digest(target) if self._exists(target) else None
            except (OSError, StoreUnavailable):
                if damaged_sha256 != UNREADABLE:
                    raise
                now = UNREADABLE
            if now == sha256:
                return
            if now != damaged_sha256:
                found = f"{now} is there now" if now else "nothing is there now"
                raise WouldOverwrite(self._name, key, f"expected the damaged {damaged_sha256}, {found}")
            new.replace(target)
            self._sync_way(target)

    def dispose(self, key: str, sha256: str) -> None:
        """See :class:`repository.storage.Disposable`; the name is gone from the disk when this returns."""
        target = self._path(key)
        with self._translated("dispose", key):
            if not self._exists(target):
                raise ObjectMissing(self._name, key)
            if (found := self._digest(target)) != sha256:
                raise WouldOverwrite(self._name, key, f"{sha256} was to be given up, {found} is there: nothing is")
            target.unlink()
            sync_folder(target.parent)

    # --- putting ----------------------------------------------------------------------------------------------

    def _staged(self) -> AbstractContextManager[tuple[Path, BinaryIO]]:
        return staged(self.root / _INCOMING)

    def _fill(self, key: str, given: BinaryIO, file: BinaryIO, sha256: str) -> None:
        """``file`` holds the bytes of ``given``, on the disk, and they are the ones that were announced."""
        digest = hashlib.sha256()
        while chunk := given.read(BUFFER):
            digest.update(chunk)
            file.write(chunk)
        if digest.hexdigest() != sha256:
            detail = f"the file to be kept has the SHA-256 {digest.hexdigest()}, not {sha256}"
            raise RefusedByStore(self._name, key, detail)
        file.flush()
        os.fsync(file.fileno())
        # So that reading back reads the disk, and not the memory that we have just written from.
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

    def _sync_way(self, target: Path) -> None:
        """Every folder on the way is on the disk, also those that another process has just made.

        Of the upper ones each is seen to once in a process: as the one folder that it was then.
        """
        folder = target.parent
        sync_folder(folder)
        while folder != self.root:
            there = folder.stat()
            known = folder, there.st_dev, there.st_ino
            folder = folder.parent
            if known not in self._durable:
                sync_folder(folder)
                if folder != target.parent.parent:  # a bag's own folder is not met again
                    self._durable.add(known)

    def _settle(self, key: str, target: Path, sha256: str) -> Put:
        found = self._digest(target)
        if found != sha256:
            raise WouldOverwrite(self._name, key, f"SHA-256 {found} is kept, {sha256} was brought")
        self._sync_way(target)  # the one who put it may not have come so far
        return Put.ALREADY

    def _digest(self, path: Path) -> str:
        file = self._opened(path)
        if file is None:
            raise StoreUnavailable(self._name, f"{path} is taken by something that is no file")
        with file:
            digest = hashlib.sha256()
            while chunk := file.read(BUFFER):
                digest.update(chunk)
            os.fsync(file.fileno())
        return digest.hexdigest()

    # --- reading ----------------------------------------------------------------------------------------------

    def _opened(self, path: Path) -> BinaryIO | None:
        """The file, or None; never a link, a pipe or a folder, which are no objects."""
        with self._translated("open", path.name):
            try:
                handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            except FileNotFoundError:
                self._confirm()
                return None
            except OSError as error:
                if error.errno == errno.ELOOP:
                    return None
                raise
            if stat.S_ISREG(os.fstat(handle).st_mode):
                return os.fdopen(handle, "rb", buffering=0)
            os.close(handle)
            return None

    # --- the place --------------------------------------------------------------------------------------------

    def _path(self, key: str) -> Path:
        """Where the object lies; the store is there, and it is ours."""
        check_key(key)
        self._confirm()
        return self.root / key

    def _exists(self, path: Path) -> bool:
        try:
            path.lstat()
        except FileNotFoundError:
            return False
        return True

    def room(self) -> Room:
        """What the file system has left for who runs this program; a quota may end before."""
        self._confirm()
        with self._translated("room"):
            found = os.statvfs(self.root)
        return Room(found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize)

    def _confirm(self) -> None:
        """Raises StoreUnavailable for an unmounted disk, a moved folder or the folder of another store."""
        mark = self.root / MARK
        try:
            owner = json.loads(mark.read_bytes())["store"]
        except FileNotFoundError:
            why = f"has no mark {MARK}: never prepared, moved or emptied" if self.root.is_dir() else "is not there"
            raise StoreUnavailable(self._name, f"the folder {self.root} {why}") from None
        except OSError as error:
            raise StoreUnavailable(self._name, f"{mark}: {error.strerror}") from error
        except (ValueError, KeyError, TypeError) as error:
            raise StoreUnavailable(self._name, f"the mark {mark} cannot be read") from error
        if owner != self._name:
            raise StoreUnavailable(self._name, f"the folder {self.root} bears the mark of the store {owner!r}")

    @contextmanager
    def _translated(self, doing: str, key: str = "") -> Iterator[None]:
        """What the file system refuses is doubt, said in its own words; never "missing" and never damage."""
        try:
            yield
        except OSError as error:
            what = " ".join(filter(None, (doing, key)))
            raise StoreUnavailable(self._name, f"{what}: {error.strerror or error}") from error

    # --- trying -----------------------------------------------------------------------------------------------

    def trials(self) -> Iterator[Capability]:
        """What this file system really does; see :func:`repository.storage.capabilities.probe`."""
        self._confirm()
        with self._translated("trial"):
            yield from all_trials(self._staged)


class _Range:
    """The bytes of an open file up to a length; a file that is too short simply ends, and its digest tells."""

    def __init__(self, store: DirectoryStore, file: BinaryIO, length: int | None) -> None:
        self._store = store
        self._file = file
        self._left = length

    def read(self, size: int, /) -> bytes:
        """``size`` bytes, fewer only at the end."""
        wanted = size if self._left is None else min(size, self._left)
        try:
            chunk = self._file.read(wanted)
        except OSError as error:
            raise StoreUnavailable(self._store.name, f"read: {error.strerror}") from error
        if self._left is not None:
            self._left -= len(chunk)
        return chunk
