"""A folder on a publisher's web server as a source: its index page names the files, and only this host is asked."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote, unquote, urljoin, urlsplit

from lxml import etree, html

from ingest.feeds.host import Host
from ingest.feeds.offered import FeedFailed, NotAsListed, NotAsPromised, Offered, Source, append, hidden

_INDEX_BYTES = 16 << 20
_MOST_FILES = 100_000
_DEEPEST = 8
_REFUSED = "was answered "
_GONE = frozenset((404, 410, 412, 416))
_TITLES = re.compile(r"(?i)\s*(?:index of|directory listing|parent directory)\b")


class HttpsSource(Source):
    """The files that the index at ``url`` links to below itself; redirects are followed nowhere.

    The index is HTML with links, or JSON: a list of names or of objects with ``name``, as nginx gives it.
    """

    own_clock = False

    def __init__(
        self, feed: str, url: str, *, user: str | None, password: str | None, ca_file: Path | None, max_bytes: int
    ) -> None:
        self._feed = feed
        self._max_bytes = max_bytes
        self._url = url if url.endswith("/") else f"{url}/"
        parts = urlsplit(self._url)
        self._root = parts.path
        self._host = Host(feed, self._url, user=user, password=password, ca_file=ca_file)

    def __enter__(self) -> Self:
        self._host.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._host.__exit__()

    def listing(self) -> Iterator[Offered]:
        """Every file below the address; each is asked once for its length and version. Raises FeedFailed."""
        waiting, met, files = [("", 0)], {""}, 0
        while waiting:
            below, depth = waiting.pop()
            for name in self._links(below):
                outward = ".." in name.split("/")
                if name in met or (hidden(name.rstrip("/")) and not outward):
                    continue
                met.add(name)
                if name.endswith("/") and not outward:
                    if depth < _DEEPEST:
                        waiting.append((name, depth + 1))
                    continue
                files += 1
                if files > _MOST_FILES:
                    raise FeedFailed(self._feed, f"the index names more than {_MOST_FILES} files")
                offered = Offered(name, None, None, "")
                # A name that leads elsewhere is told and never asked for.
                yield offered if outward else self._looked_at(offered)

    def fetch(self, offered: Offered, target: Path) -> None:
        """Get the file, or what is still lacking of it when the server can.

        Raises NotAsListed, NotAsPromised for one that the index names and the server does not give, FeedFailed.
        """
        if offered.version.startswith(_REFUSED):
            raise NotAsPromised(offered.version)
        # Where the length is not told, nobody knows whether what is here already is all of it.
        have = target.stat().st_size if offered.bytes is not None and target.exists() else 0
        if have and have == offered.bytes:
            return
        wanted = {"Range": f"bytes={have}-"} if have else {}
        with self._host.asked("GET", self._root + quote(offered.name), wanted) as answer:
            if answer.status in _GONE:
                raise NotAsListed(f"answered {answer.status}")
            if answer.status not in {200, 206}:
                raise NotAsPromised(f"{_REFUSED}{answer.status} and not 200")
            if _version(answer.headers, answer.status, told=offered.bytes is not None) != offered.version:
                raise NotAsListed("the file was replaced")
            if answer.status == 206 and not answer.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
                raise FeedFailed(self._feed, f"{offered.name}: another range than was asked for")
            begin = have if answer.status == 206 else 0
            if offered.bytes is not None:
                append(answer.read1, target, begin, offered.bytes)
                return
            try:  # a server that told no length might never end
                append(answer.read1, target, begin, self._max_bytes)
            except NotAsListed as error:
                target.unlink()
                raise NotAsPromised(f"it has more than the {self._max_bytes} bytes that are allowed") from error

    def remove(self, offered: Offered) -> None:
        """Nothing can be taken away from a web server; the settings say keep."""

    def set_aside(self, offered: Offered) -> None:
        """Nothing can be moved on a web server; the settings say keep."""

    def _links(self, below: str) -> Iterator[str]:
        with self._host.asked("GET", self._root + quote(below)) as answer:
            if answer.status != 200:
                raise FeedFailed(self._feed, f"{self._url}{below} was answered {answer.status} and not 200")
            content = answer.read(_INDEX_BYTES + 1)
            kind = answer.headers.get("Content-Type", "")
        if len(content) > _INDEX_BYTES:
            raise FeedFailed(self._feed, f"{self._url}{below}: the index is larger than {_INDEX_BYTES} bytes")
        if "json" in kind:
            yield from self._named(content, below)
            return
        if not content.strip():
            return
        try:
            tree = html.fromstring(content)
        except (ValueError, etree.ParserError) as error:
            raise FeedFailed(self._feed, f"{self._url}{below}: the index cannot be read: {error}") from error
        here = urljoin(self._url, quote(below))
        listed = _is_index(tree)
        for link in tree.xpath("//a/@href"):
            try:
                found = urlsplit(urljoin(here, str(link)))
                ours = (found.scheme, found.hostname, found.port or 443) == ("https", self._host.name, self._host.port)
            except ValueError:
                continue
            if ours and not found.query and found.path.startswith(self._root) and found.path != self._root:
                listed = True
                yield unquote(found.path.removeprefix(self._root))
            listed = listed or (ours and found.path == urlsplit(urljoin(here, "..")).path)
        if not listed:
            raise FeedFailed(self._feed, f"{self._url}{below} is no index: it links to nothing below itself")

    def _named(self, content: bytes, below: str) -> Iterator[str]:
        try:
            entries = json.loads(content)
            if not isinstance(entries, list):
                raise TypeError
            for entry in entries:
                name = entry if isinstance(entry, str) else entry["name"]
                folder = isinstance(entry, dict) and entry.get("type") == "directory"
                yield f"{below}{name}{'/' if folder and not name.endswith('/') else ''}"
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise FeedFailed(self._feed, f"{self._url}{below}: a JSON index is a list of names") from error

    def _looked_at(self, offered: Offered) -> Offered:
        with self._host.asked("HEAD", self._root + quote(offered.name)) as answer:
            if answer.status != 200:
                return Offered(offered.name, None, None, f"{_REFUSED}{answer.status} and not 200")
            length, told = answer.headers.get("Content-Length", ""), answer.headers.get("Last-Modified")
            version = _version(answer.headers, answer.status, told=length.isdigit())
        return Offered(offered.name, int(length) if length.isdigit() else None, _moment(told), version)


def _is_index(tree: Any) -> bool:
    """Whether a page without any file is an empty folder, as web servers write it, and not a page for people."""
    return any(_TITLES.match(str(text)) for text in tree.xpath("//title/text() | //h1/text() | //a/text()"))


def _version(headers: Any, status: int, *, told: bool) -> str:
    """The entity tag and the whole length and time: what the answer says of the file and not of the range.

    The length counts only where HEAD has ``told`` it: a server may leave it out there (RFC 9110 section 9.3.2).
    """
    length = headers.get("Content-Length", "") if told else ""
    if status == 206 and told:
        length = headers.get("Content-Range", "").rpartition("/")[2]
    return f"{headers.get('ETag', '')} {headers.get('Last-Modified', '')} {length}"


def _moment(told: str | None) -> datetime | None:
    try:
        found = parsedate_to_datetime(told) if told else None
    except ValueError:
        return None
    return found.astimezone(UTC) if found is not None else None
