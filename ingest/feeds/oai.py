"""Another repository as a source: its records by OAI-PMH, each packed with the files that its links lead to."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote, unquote

from lxml import etree

from ingest.dialects.xml import child
from ingest.feeds.asking import Asking
from ingest.feeds.content import Content, Found, Rule
from ingest.feeds.oai_protocol import Header, Malformed, NotAnswered, ProtocolRefusal, Repository, moment_of
from ingest.feeds.offered import FeedFailed, NotAsPromised, Offered, Source
from repository.storage.durable import write_text
from repository.vocabulary import as_utc_text

_PACKAGE = ".zip"
_EARLIEST = (1980, 1, 1, 0, 0, 0)
_BLOCK = 1 << 18
_MOST_UNREAD = 50


@dataclass(frozen=True, slots=True)
class Harvest:
    """What is harvested: ``prefix`` and ``set_spec`` of the repository at ``url``, and which links are its files.

    ``overlap`` is how far each harvest reaches back before the last: datestamps are given before records are seen.
    """

    url: str
    prefix: str = "oai_dc"
    set_spec: str | None = None
    overlap: timedelta = timedelta(hours=48)
    rules: Sequence[Rule] = ()
    max_bytes: int = 1 << 40


class OaiSource(Source):
    """Every record is one file, ``<identifier>.zip``: ``record.xml``, ``record.pdf``, ``record-2.pdf`` and so on.

    How far the last harvest came stands in ``mark``. The package has no clock in it: the same record with the same
    files is the same bytes, whenever it is fetched.
    """

    own_clock = False
    whole = False

    def __init__(self, feed: str, harvest: Harvest, asking: Asking, mark: Path) -> None:
        self._feed = feed
        self._harvest = harvest
        self._asking = asking
        self._mark = mark
        self._repository = Repository(feed, asking, harvest.url, harvest.prefix, harvest.set_spec)
        self._content = Content(asking, harvest.rules, harvest.max_bytes)
        self._reached: dict[str, Any] | None = None
        self._broken_off: FeedFailed | None = None
        self._unread = 0

    def __enter__(self) -> Self:
        self._asking.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._asking.__exit__()

    def listing(self) -> Iterator[Offered]:
        """Every record that is new, changed or deleted since the last harvest. Raises FeedFailed."""
        last = self._last()
        since, token, begun = last.get("since"), last.get("token"), last.get("begun")
        verb = last.get("verb", "ListRecords")
        while True:
            try:
                for part in self._repository.parts(verb, self._reach_back(since), token):
                    begun = begun or (as_utc_text(part.told_at) if part.told_at else None)
                    yield from map(_offered, part.headers)
                    token = part.token
                    self._reached = {"since": begun or since, "verb": verb}
                    if token is not None:
                        self._reached = {"since": since, "verb": verb, "token": token, "begun": begun}
                return
            except Malformed:
                if verb == "ListIdentifiers":
                    raise
                # One record spoils the list. Asked for by name, each is good or bad for itself, from now on.
                verb, token, begun = "ListIdentifiers", None, None
            except ProtocolRefusal as refusal:
                if refusal.code != "badResumptionToken" or not last.get("token"):
                    raise
                last, token, begun = {}, None, None  # it has expired: the list is asked for again
            except FeedFailed as error:
                if self._reached is None or token is None:
                    raise
                self._broken_off = error
                return

    def remembered(self) -> None:
        """The next harvest goes on from here. Raises FeedFailed when this one was broken off on the way."""
        if self._reached is not None:
            write_text(self._mark, json.dumps(self._of_this() | self._reached))
        if self._broken_off is not None:
            raise self._broken_off

    def fetch(self, offered: Offered, target: Path) -> None:
        """Pack the record as it is now, with its files. Raises NotAsPromised, FeedFailed."""
        root = self._record(unquote(offered.name.removesuffix(_PACKAGE)))
        if root is None:
            raise NotAsPromised("the repository has deleted the record, or gives it no longer in this format")
        record = child(root, "GetRecord", "record")
        metadata = child(record, "metadata")
        if record is None or metadata is None:
            raise NotAsPromised("the repository gives the record without metadata")
        try:
            found = self._content.fetch(metadata, target)
            _pack(_lasting(root, record), found, target)
        finally:
            for left in target.parent.glob(f"{target.name}.*"):
                left.unlink()

    def remove(self, offered: Offered) -> None:
        """Nothing can be taken away from a repository; the settings say keep."""

    def set_aside(self, offered: Offered) -> None:
        """Nothing can be moved in a repository; the settings say keep."""

    def _record(self, identifier: str) -> etree._Element | None:
        """One that cannot be read stops no other; where so many in a row cannot, it is the repository that fails."""
        try:
            found = self._repository.record(identifier)
        except NotAnswered as error:
            self._unread += 1
            if self._unread >= _MOST_UNREAD:
                raise
            raise NotAsPromised(error.reason) from error
        self._unread = 0
        return found

    def _reach_back(self, since: str | None) -> datetime | None:
        at = moment_of(since) if since else None
        return at - self._harvest.overlap if at else None

    def _last(self) -> dict[str, Any]:
        """What was reached of this very harvest; nothing when another place, format or set was harvested before."""
        with suppress(FileNotFoundError, ValueError):
            found = json.loads(self._mark.read_text(encoding="utf-8"))
            if isinstance(found, dict) and self._of_this().items() <= found.items():
                return found
        return {}

    def _of_this(self) -> dict[str, Any]:
        return {"url": self._harvest.url, "prefix": self._harvest.prefix, "set": self._harvest.set_spec}


def name_of(identifier: str) -> str:
    """The name under which a record is offered; the identifier can be read from it again."""
    name = quote(identifier, safe=":@+,;=()~") + _PACKAGE
    return f"%2E{name[1:]}" if name.startswith(".") else name  # a name with a dot before it would be passed over


def _offered(header: Header) -> Offered:
    version = f"{header.datestamp} {'deleted' if header.deleted else header.digest}"
    return Offered(name_of(header.identifier), None, moment_of(header.datestamp), version, header.deleted)


def _lasting(root: etree._Element, record: etree._Element) -> bytes:
    """The response without what differs each time it is asked for: a repository that is indexed anew changes every
    datestamp and not a word of what is said."""
    for parent, name in ((root, "responseDate"), (root, "request"), (child(record, "header"), "datestamp")):
        node = child(parent, name) if parent is not None else None
        if parent is not None and node is not None:
            parent.remove(node)
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + etree.tostring(root, method="c14n") + b"\n"


def _pack(record: bytes, found: Found, target: Path) -> None:
    """Where the full text is in XML it describes the article, and the record only goes along with it."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as package:
        if found.full_text is not None:
            _add(package, "record.xml", found.full_text)
        package.writestr(_entry("record.oai" if found.full_text is not None else "record.xml"), record)
        for number, pdf in enumerate(found.pdfs, 1):
            _add(package, f"record-{number}.pdf" if number > 1 else "record.pdf", pdf)


def _add(package: zipfile.ZipFile, name: str, file: Path) -> None:
    with file.open("rb") as source, package.open(_entry(name), "w", force_zip64=True) as target:
        while block := source.read(_BLOCK):
            target.write(block)


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _EARLIEST)
    entry.create_system, entry.external_attr = 3, 0o644 << 16
    return entry
