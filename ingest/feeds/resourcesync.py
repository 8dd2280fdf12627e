"""Another Mahfuz as a source: its bags by ResourceSync, all of them once, and from then on what has changed."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from ingest.feeds import sitemaps
from ingest.feeds.host import BrokeOff, Host
from ingest.feeds.oai_protocol import moment_of
from ingest.feeds.offered import FeedFailed, NotAsListed, NotAsPromised, Offered, Source, append
from ingest.feeds.sitemaps import Document, Entry
from repository.storage.durable import write_text

WELL_KNOWN = "/.well-known/resourcesync"
WITHDRAWAL = "withdrawal.json"
"""Offered for an article that the other archive shows no more: what it says of that."""

ANEW = timedelta(days=30)
"""So often everything is listed again: a right that was widened, or whatever else was missed, is made up for."""

_BAG = re.compile(r"/resourcesync/bags/([0-9a-f]{32})/v([1-9][0-9]{0,5})\.tar$")
_LIST = re.compile(r"/resourcesync/(?:resourcelist|changelist)(?:/[0-9]{1,9})?\.xml$")
_CAPABILITIES = re.compile(r"/resourcesync/capabilitylist\.xml$")
_SEAL = re.compile(r"\bsha-256:([0-9a-f]{64})\b")
_NAME = re.compile(r"([0-9a-f]{32})/v([0-9]{6})\.tar")
_TRIES = 4
_MOST_REFUSED = 20
_MOST_TOLD = 64 << 20
_EXPLAINED = 300


class ResourceSyncSource(Source):
    """The bags of the archive at ``url``, its base address or that of its source description.

    Addresses in its lists say which bag is meant, and never where it is fetched: only ``url`` is asked. How far it was
    followed stands in ``mark``. Each bag is offered as ``<article>/v000001.tar`` with its seal as its version.
    """

    own_clock = False
    whole = False

    def __init__(self, feed: str, url: str, mark: Path, *, key: str | None, ca_file: Path | None = None) -> None:
        self._feed = feed
        base = url.removesuffix(WELL_KNOWN).rstrip("/")
        self._url, self._base = base, urlsplit(base).path
        self._host = Host(feed, base + "/", key=key, ca_file=ca_file)
        self._mark = mark
        self._reached: datetime | None = None
        self._listed: datetime | None = None
        self._refused = 0

    def __enter__(self) -> Self:
        self._host.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._host.__exit__()

    def listing(self) -> Iterator[Offered]:
        """What has changed since the last time; every bag at the first, every :data:`ANEW`, or where the changes since
        then are no longer told. What is listed again and known is not fetched again. Raises FeedFailed.
        """
        lists = self._capabilities()
        since, listed = self._last()
        begins = None
        if since is not None:
            told, documents = self._index(lists["changelist"])
            begins = moment_of(told.get("from", ""))
            if begins is not None and begins <= since:
                yield from self._changes(documents, since)
        told, documents = self._index(lists["resourcelist"])
        at = moment_of(told.get("at", ""))
        if at is None:
            raise FeedFailed(self._feed, "the resource list does not say of which moment it is")
        self._listed = listed
        if self._reached is not None and listed is not None and at - listed < ANEW:
            return
        for one in documents:
            with self._document(one.address) as document:
                yield from filter(None, map(_bag, document.entries))
        self._listed = at
        if self._reached is None:
            # Where the changes begin anew, they begin with what was withdrawn before: that is still to be read.
            self._reached = min(at, begins) if begins is not None else at

    def remembered(self) -> None:
        """The next listing goes on from here."""
        if self._reached is not None and self._listed is not None:
            told = {"since": self._reached.isoformat(), "listed": self._listed.isoformat()}
            write_text(self._mark, json.dumps({"url": self._url, **told}))

    def fetch(self, offered: Offered, target: Path) -> None:
        """Get the bag, or what is lacking of it; it has the seal that was told, or is asked for again.

        Raises NotAsListed for one that is gone, NotAsPromised for one that does not come as it should, FeedFailed.
        """
        why = ""
        for _ in range(_TRIES):
            try:
                self._get(offered, target)
            except BrokeOff as error:
                why = error.reason
                continue
            found = _sha256(target)
            if found == offered.version:
                self._refused = 0
                return
            target.unlink()
            why = f"came with the SHA-256 {found} and not with its seal {offered.version}, {_TRIES} times"
        self._not_as_promised(why)

    def tells(self, article: str) -> dict[str, Any]:
        """What the archive says of an article, withdrawn or not. Raises NotAsPromised, FeedFailed."""
        with self._host.asked("GET", f"{self._base}/articles/{article}.json") as answer:
            if answer.status not in {200, 410}:
                self._not_as_promised(f"what is said of it was answered {answer.status}")
            data = answer.read(_MOST_TOLD)
        try:
            told = json.loads(data)
            if told["id"] != article:
                raise ValueError(told["id"])
        except (ValueError, KeyError, TypeError, RecursionError):
            self._not_as_promised("what is said of it cannot be read")
        self._refused = 0
        return dict(told)

    def address(self, offered: Offered) -> str:
        """Where the bag lies there, for the testimony."""
        return f"{self._url}{_path_of(offered)}"

    def remove(self, offered: Offered) -> None:
        """Nothing can be taken away from another archive; the settings say keep."""

    def set_aside(self, offered: Offered) -> None:
        """Nothing can be moved in another archive; the settings say keep."""

    def _get(self, offered: Offered, target: Path) -> None:
        have = target.stat().st_size if target.exists() else 0
        if have and have == offered.bytes:
            return
        wanted = {"Range": f"bytes={have}-", "If-Range": f'"{offered.version}"'} if have else {}
        with self._host.asked("GET", self._base + _path_of(offered), wanted) as answer:
            if answer.status in {404, 410}:
                raise NotAsListed(f"answered {answer.status}")
            if answer.status in {401, 403}:
                raise FeedFailed(self._feed, _refusal(answer))
            if answer.status not in {200, 206}:
                self._not_as_promised(f"was answered {answer.status}")
            start = have if answer.status == 206 else 0
            if answer.status == 206 and not answer.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
                raise FeedFailed(self._feed, f"{offered.name}: another range than was asked for")
            append(answer.read1, target, start, offered.bytes)

    def _not_as_promised(self, why: str) -> None:
        """One that cannot be had stops no other; where so many in a row cannot, it is the archive that fails."""
        self._refused += 1
        if self._refused >= _MOST_REFUSED:
            raise FeedFailed(self._feed, f"{_MOST_REFUSED} in a row could not be had; the last {why}")
        raise NotAsPromised(why)

    def _changes(self, documents: list[Entry], since: datetime) -> Iterator[Offered]:
        self._reached = since
        for one in documents:
            until = moment_of(one.told.get("until", ""))
            if until is not None and until < since:
                continue
            with self._document(one.address) as document:
                for entry in document.entries:
                    at = moment_of(entry.told.get("datetime", ""))
                    if at is None or at < since:
                        continue
                    yield from _changed(entry, at)
                    self._reached = at

    def _capabilities(self) -> dict[str, str]:
        with self._document(WELL_KNOWN) as description:
            lists = [one.address for one in description.entries if _CAPABILITIES.search(one.address)]
            if description.told.get("capability") != "description" or not lists:
                raise FeedFailed(self._feed, f"{self._url}{WELL_KNOWN} does not describe a Mahfuz")
        with self._document("/resourcesync/capabilitylist.xml") as offered:
            found = {one.told.get("capability", ""): one.address for one in offered.entries}
        if not {"resourcelist", "changelist"} <= found.keys():
            raise FeedFailed(self._feed, "the archive offers no resource list, or no change list")
        return found

    def _index(self, address: str) -> tuple[dict[str, str], list[Entry]]:
        """What is said of all its documents, and each of them; a list that is no index is its only one."""
        with self._document(address) as document:
            if not document.is_index:
                return dict(document.told), [Entry(address, document.told)]
            found = list(document.entries)
        if len(found) > sitemaps.MOST_ENTRIES:
            raise FeedFailed(self._feed, f"{address} names more than {sitemaps.MOST_ENTRIES} documents")
        return dict(document.told), found

    @contextmanager
    def _document(self, address: str) -> Iterator[Document]:
        path = address if address == WELL_KNOWN or _CAPABILITIES.fullmatch(address) else ""
        if not path and (found := _LIST.search(address)):
            path = found.group()
        if not path:
            raise FeedFailed(self._feed, f"{address!a} is no list of a Mahfuz")
        with self._host.asked("GET", self._base + path, {"Accept-Encoding": "gzip"}) as answer:
            if answer.status in {401, 403}:
                raise FeedFailed(self._feed, _refusal(answer))
            if answer.status != 200:
                raise FeedFailed(self._feed, f"{self._url}{path} was answered {answer.status} and not 200")
            yield sitemaps.read(self._feed, answer, f"{self._url}{path}")

    def _last(self) -> tuple[datetime | None, datetime | None]:
        """Up to when this very archive was followed, and when all of it was listed last."""
        with suppress(FileNotFoundError, ValueError, KeyError, TypeError):
            found = json.loads(self._mark.read_text(encoding="utf-8"))
            if found["url"] == self._url:
                return datetime.fromisoformat(found["since"]), datetime.fromisoformat(found["listed"])
        return None, None


def bag_of(name: str) -> tuple[str, int] | None:
    """The article and version of the bag that is offered under this name; None where it is none."""
    found = _NAME.fullmatch(name)
    return (found.group(1), int(found.group(2))) if found else None


def _bag(entry: Entry) -> Offered | None:
    found = _BAG.search(entry.address)
    seal = _SEAL.search(entry.told.get("hash", ""))
    length = entry.told.get("length", "")
    if found is None or seal is None or not (length.isascii() and length.isdigit()):
        return None
    return Offered(_named(found), int(length), None, seal.group(1))


def _changed(entry: Entry, at: datetime) -> Iterator[Offered]:
    if entry.told.get("change") != "deleted":
        if (bag := _bag(entry)) is not None:
            yield bag
        return
    if (found := _BAG.search(entry.address)) is not None:
        told = at.isoformat()
        yield Offered(_named(found), None, at, f"{told} deleted", withdrawn=True)
        yield Offered(f"{found.group(1)}/{WITHDRAWAL}", None, at, told)


def _named(found: re.Match[str]) -> str:
    return f"{found.group(1)}/v{int(found.group(2)):06}.tar"


def _path_of(offered: Offered) -> str:
    found = bag_of(offered.name)
    assert found is not None
    return f"/resourcesync/bags/{found[0]}/v{found[1]}.tar"


def _refusal(answer: Any) -> str:
    said = answer.read(_EXPLAINED).decode("utf-8", "replace")
    return f"the archive refuses us ({answer.status}): {' '.join(said.split())!a}"


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
