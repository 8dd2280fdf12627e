"""Deposits of OJS as a source: the entries that were received, each with the package that it promises at its journal.

Received and kept here is only the entry, a small file. The package is fetched by the worker as that of any feed is:
later, again if it failed, and only from the server that the settings name.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from ingest.feeds.folder import FolderSource, as_offered
from ingest.feeds.host import BrokeOff, Host
from ingest.feeds.offered import NotAsListed, NotAsPromised, Offered, Source, append
from ingest.feeds.pln_entry import DepositRefused, Entry, is_below, read_entry
from repository.storage.durable import sync_folder

_ENTRY, _PACKAGE = ".xml", ".zip"
_READ_BACK = 1 << 20


class Entries:
    """The newest entry of each deposit, in ``folder``: ``<journal>/<deposit>.xml``, UUIDs in capitals."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def keep(self, journal: str, deposit: str, data: bytes) -> None:
        """Keep the entry durably; an earlier one of the same deposit is replaced whole. Raises OSError."""
        target = self.folder / entry_name(journal, deposit)
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".{deposit}.{secrets.token_hex(8)}")
        try:
            with part.open("xb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            part.replace(target)
            sync_folder(target.parent)
            sync_folder(self.folder)
        finally:
            with suppress(FileNotFoundError):
                part.unlink()

    def find(self, journal: str, deposit: str) -> tuple[Offered, bytes] | None:
        """The entry as it is offered, with its bytes; None when there is none."""
        name = entry_name(journal, deposit)
        try:
            with (self.folder / name).open("rb") as stream:
                return as_offered(name, os.fstat(stream.fileno())), stream.read()
        except FileNotFoundError:
            return None


def entry_name(journal: str, deposit: str) -> str:
    """The name under which the entry of a deposit is offered."""
    return f"{journal}/{deposit}{_ENTRY}"


def package_name(journal: str, deposit: str) -> str:
    """The name under which the package of a deposit is offered."""
    return f"{journal}/{deposit}{_PACKAGE}"


class PlnSource(Source):
    """Every deposit received for the feed; packages come from below ``place`` alone, at most ``max_bytes`` of each."""

    own_clock = True

    def __init__(self, feed: str, place: str, folder: Path, *, max_bytes: int, ca_file: Path | None = None) -> None:
        self._feed = feed
        self._place = place
        self._received = Entries(folder)
        self._files = FolderSource(feed, folder)
        self._max_bytes = max_bytes
        self._ca_file = ca_file
        self._host: Host | None = None

    def __enter__(self) -> Self:
        self._received.folder.mkdir(parents=True, exist_ok=True)
        self._files.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        if self._host is not None:
            self._host.__exit__()

    def listing(self) -> Iterator[Offered]:
        """Entry and package of each deposit: a new entry makes both of them new."""
        for entry in self._files.listing():
            if entry.name.endswith(_ENTRY):
                yield entry
                name = entry.name.removesuffix(_ENTRY) + _PACKAGE
                yield Offered(name, None, entry.modified, entry.version)

    def fetch(self, offered: Offered, target: Path) -> None:
        """The entry from here, the package from its journal. Raises NotAsListed, NotAsPromised, FeedFailed."""
        if offered.name.endswith(_ENTRY):
            self._files.fetch(offered, target)
            return
        journal, _, deposit = offered.name.removesuffix(_PACKAGE).partition("/")
        found = self._received.find(journal, deposit)
        if found is None or found[0].version != offered.version:
            raise NotAsListed("another entry was received meanwhile")
        try:
            entry = read_entry(found[1], offered.name)
        except DepositRefused as error:
            raise NotAsPromised(str(error)) from error
        if not is_below(entry.url, self._place):  # the settings have changed since it was received
            raise NotAsPromised(f"{entry.url.geturl()} does not lie below {self._place}")
        try:
            self._get(entry, target)
        except BrokeOff as error:
            target.unlink(missing_ok=True)
            raise NotAsPromised(error.reason) from error
        except NotAsPromised:
            target.unlink(missing_ok=True)
            raise

    def greet(self) -> None:
        """Ask whether the journals' server answers, whatever it says. Raises FeedFailed."""
        with self._server().asked("HEAD", urlsplit(self._place).path):
            """It answered."""

    def remove(self, offered: Offered) -> None:
        """What a journal keeps is its own; the settings say keep."""

    def set_aside(self, offered: Offered) -> None:
        """What a journal keeps is its own; the settings say keep."""

    def _server(self) -> Host:
        if self._host is None:
            self._host = Host(self._feed, self._place, ca_file=self._ca_file).__enter__()
        return self._host

    def _get(self, entry: Entry, target: Path) -> None:
        most = min(entry.most_bytes, self._max_bytes)
        with self._server().asked("GET", entry.target) as answer:
            if answer.status != 200:
                led = f" and leads to {answer.headers['Location']!a}" if "Location" in answer.headers else ""
                raise NotAsPromised(f"{entry.url.geturl()} was answered {answer.status}{led}")
            try:
                octets = append(answer.read1, target, 0, most)
            except NotAsListed as error:
                raise NotAsPromised(f"the package has more than the {entry.size} kB of its entry") from error
        if not entry.has_size(octets):
            raise NotAsPromised(f"the package has {octets} bytes and its entry says {entry.size} kB")
        digest = hashlib.new(entry.algorithm, usedforsecurity=False)
        with target.open("rb") as stream:
            while block := stream.read(_READ_BACK):
                digest.update(block)
        if digest.hexdigest() != entry.digest:
            raise NotAsPromised(
                f"the package has the {entry.algorithm} {digest.hexdigest()} and its entry says {entry.digest}"
            )
