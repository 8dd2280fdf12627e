"""Documents of ResourceSync read as they come, an entry at a time, however many there are."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lxml import etree

from ingest.feeds.offered import FeedFailed

SITEMAP = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
TERMS = "{http://www.openarchives.org/rs/terms/}"

MOST_ENTRIES = 50_000
"""Of one document (sitemaps.org); entries of changes may be more, one for each version of an article."""
_MOST_CHANGES = 1_000_000
_BLOCK = 64 << 10
_LONGEST_ADDRESS = 4096
_ENTRIES = (f"{SITEMAP}url", f"{SITEMAP}sitemap")


@dataclass(frozen=True, slots=True)
class Entry:
    """One resource, or one document of an index: its address, and the attributes of its ``rs:md``."""

    address: str
    told: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Document:
    """What was said of the whole; ``is_index`` where its entries are documents. Entries come as they are asked for."""

    told: Mapping[str, str]
    is_index: bool
    entries: Iterator[Entry]


def read(feed: str, answer: Any, where: str) -> Document:
    """The document that ``answer`` carries, up to its first entry. Raises FeedFailed, now or while entries are read."""
    parts = _parts(feed, answer, where)
    first = next(parts)
    assert isinstance(first, _Head)
    return Document(first.told, first.is_index, (one for one in parts if isinstance(one, Entry)))


@dataclass(frozen=True, slots=True)
class _Head:
    told: Mapping[str, str]
    is_index: bool


class _Reader:
    """What the parser tells, gathered into a head and entries; no tree is built."""

    def __init__(self, feed: str, where: str) -> None:
        self._feed, self._where = feed, where
        self._depth, self._is_index, self._headed = 0, False, False
        self._of_all: dict[str, str] = {}
        self._of_one: dict[str, str] = {}
        self._address: list[str] = []
        self._length = 0
        self._in_address = False
        self.found: list[_Head | Entry] = []
        self.whole = False

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """An element begins."""
        self._depth += 1
        if self._depth == 1:
            if tag not in (f"{SITEMAP}urlset", f"{SITEMAP}sitemapindex"):
                raise FeedFailed(self._feed, f"{self._where} is no document of ResourceSync: it begins with {tag!a}")
            self._is_index = tag == f"{SITEMAP}sitemapindex"
        elif self._depth == 2 and tag in _ENTRIES:
            self._say_head()
            self._of_one, self._address, self._length = {}, [], 0
        elif tag == f"{TERMS}md" and self._depth <= 3:
            (self._of_all if self._depth == 2 else self._of_one).update(attributes)
        self._in_address = self._depth == 3 and tag == f"{SITEMAP}loc"

    def end(self, tag: str) -> None:
        """An element ends."""
        self._depth -= 1
        self._in_address = False
        if self._depth == 1 and tag in _ENTRIES:
            self.found.append(Entry("".join(self._address).strip(), self._of_one))
        if self._depth == 0:
            self._say_head()
            self.whole = True

    def data(self, text: str) -> None:
        """Text, in pieces."""
        if self._in_address:
            self._length += len(text)
            if self._length > _LONGEST_ADDRESS:
                raise FeedFailed(self._feed, f"{self._where} has an address of more than {_LONGEST_ADDRESS} characters")
            self._address.append(text)

    def close(self) -> None:
        """Nothing follows."""

    def _say_head(self) -> None:
        if not self._headed:
            self._headed = True
            self.found.append(_Head(self._of_all, self._is_index))


def _parts(feed: str, answer: Any, where: str) -> Iterator[_Head | Entry]:
    """The head, then each entry."""
    reader, number = _Reader(feed, where), 0
    target: Any = reader  # lxml calls what it has: no comments, no doctype
    parser = etree.XMLParser(target=target, resolve_entities=False, no_network=True, load_dtd=False)
    for block in _unpacked(feed, answer, where):
        try:
            parser.feed(block)
        except etree.XMLSyntaxError as error:
            raise FeedFailed(feed, f"{where} is no XML: {error}") from error
        yield from reader.found
        number += len(reader.found)
        reader.found.clear()
        if number > _MOST_CHANGES:
            raise FeedFailed(feed, f"{where} has more than {_MOST_CHANGES} entries")
    if not reader.whole:
        raise FeedFailed(feed, f"{where} broke off: the list is not whole")


def _unpacked(feed: str, answer: Any, where: str) -> Iterator[bytes]:
    """The bytes of the document, taken out of gzip where they came in it: never more at once than a block."""
    unpacker = zlib.decompressobj(31) if answer.headers.get("Content-Encoding") == "gzip" else None
    try:
        while block := answer.read1(_BLOCK):
            if unpacker is None:
                yield block
                continue
            while block:
                yield unpacker.decompress(block, _BLOCK)
                block = unpacker.unconsumed_tail
    except zlib.error as error:
        raise FeedFailed(feed, f"{where} cannot be unpacked: {error}") from error
