"""A folder of this machine as a source: the inbox, or what a transfer program writes into."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from ingest.feeds.offered import FeedFailed, NotAsListed, Offered, Source, append, hidden


class FolderSource(Source):
    """The files in ``folder``, with ``deep`` those of its folders too; links are never followed."""

    own_clock = True

    def __init__(self, feed: str, folder: Path, *, deep: bool = True) -> None:
        self._feed = feed
        self._folder = folder
        self._deep = deep

    def __enter__(self) -> Self:
        try:
            there = self._folder.is_dir()
        except OSError as error:
            raise FeedFailed(self._feed, f"{self._folder} cannot be read: {error.strerror}") from error
        if not there:
            raise FeedFailed(self._feed, f"there is no folder {self._folder}")
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is open."""

    def listing(self) -> Iterator[Offered]:
        """Every regular file; what begins with a dot is passed over."""
        waiting = [""]
        while waiting:
            below = waiting.pop()
            try:
                with os.scandir(self._folder / below) as entries:
                    for entry in entries:
                        name = f"{below}{entry.name}"
                        if hidden(name):
                            continue
                        if entry.is_dir(follow_symlinks=False) and self._deep:
                            waiting.append(f"{name}/")
                        elif entry.is_file(follow_symlinks=False):
                            yield as_offered(name, entry.stat(follow_symlinks=False))
            except FileNotFoundError:
                continue
            except OSError as error:
                raise FeedFailed(self._feed, f"{self._folder / below} cannot be read: {error.strerror}") from error

    def fetch(self, offered: Offered, target: Path) -> None:
        """Copy the file; before and after it must be the one that was listed. Raises NotAsListed, FeedFailed."""
        # A link would let one who may write here have any file of the archive's host delivered.
        try:
            descriptor = os.open(self._folder / offered.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError as error:
            raise NotAsListed("the file is gone") from error
        except OSError as error:
            raise FeedFailed(self._feed, f"{offered.name} cannot be read: {error.strerror}") from error
        with os.fdopen(descriptor, "rb") as stream:

            def read(size: int) -> bytes:
                try:
                    return stream.read(size)
                except OSError as error:  # a disk of theirs; ours fails under another name
                    raise FeedFailed(self._feed, f"{offered.name} cannot be read: {error.strerror}") from error

            self._check(offered, os.fstat(descriptor))
            append(read, target, 0, offered.bytes)
            self._check(offered, os.fstat(descriptor))

    def remove(self, offered: Offered) -> None:
        """Unlink the file if nobody has replaced it. Raises FeedFailed."""
        with self._telling(offered):
            if self._still(offered):
                (self._folder / offered.name).unlink(missing_ok=True)

    def set_aside(self, offered: Offered) -> None:
        """Move the file into ``.taken``. Raises FeedFailed."""
        with self._telling(offered):
            if self._still(offered):
                target = self._folder / ".taken" / offered.name
                target.parent.mkdir(parents=True, exist_ok=True)
                (self._folder / offered.name).replace(target)

    @contextmanager
    def _telling(self, offered: Offered) -> Iterator[None]:
        """A disk of theirs that cannot be written to is this feed's trouble; ours fails under another name."""
        try:
            yield
        except OSError as error:
            raise FeedFailed(self._feed, f"{self._folder / offered.name}: {error.strerror}") from error

    def _still(self, offered: Offered) -> bool:
        try:
            found = (self._folder / offered.name).lstat()
        except FileNotFoundError:
            return False
        return stat.S_ISREG(found.st_mode) and as_offered(offered.name, found) == offered

    @staticmethod
    def _check(offered: Offered, found: os.stat_result) -> None:
        if not stat.S_ISREG(found.st_mode) or as_offered(offered.name, found).version != offered.version:
            raise NotAsListed("the file is being written")


def as_offered(name: str, found: os.stat_result) -> Offered:
    """A file of this machine, its version told by length, time and number."""
    modified = datetime.fromtimestamp(found.st_mtime_ns // 1_000_000 / 1_000, UTC)
    return Offered(name, found.st_size, modified, f"{found.st_size}-{found.st_mtime_ns}-{found.st_ino}")
