"""Web servers that may be asked, by their names: redirects are followed among them, and a busy one is waited for."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Self
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from ingest.feeds.host import Host
from ingest.feeds.offered import FeedFailed
from repository.turkish import machine_lower

_MOST_REDIRECTS = 5
_MOST_TRIES = 4
_LONGEST_WAIT = 60
_WAIT_UNASKED = 5
_REDIRECTS = frozenset((301, 302, 303, 307, 308))
_BUSY = frozenset((429, 503))
_PORTS = {"http": 80, "https": 443}
_LONGEST_ADDRESS = 4000


class Elsewhere(Exception):
    """An address leads to a server that may not be asked: ``host`` as the settings would name it."""

    def __init__(self, host: str) -> None:
        super().__init__(host)
        self.host = host


class Asking:
    """The server of ``url``, and ``others`` by ``host`` or ``host:port``; nothing is said to any other.

    User and password are for the server of ``url`` alone. ``wait`` is given the seconds that a server asks for.
    """

    def __init__(
        self,
        feed: str,
        url: str,
        others: Sequence[str] = (),
        *,
        user: str | None = None,
        password: str | None = None,
        ca_file: Path | None = None,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._feed = feed
        self._own = urlsplit(url)
        self._allowed = {authority_of(self._own), *map(machine_lower, others)}
        self._account = {"user": user, "password": password}
        self._ca_file = ca_file
        self._wait = wait
        self._hosts: dict[tuple[str, str], Host] = {}
        self._opened = ExitStack()

    def __enter__(self) -> Self:
        self._host(self._own)
        return self

    def __exit__(self, *_: object) -> None:
        self._hosts.clear()
        self._opened.close()

    def may_be_asked(self, url: str) -> bool:
        """Whether the address lies on one of the servers. Raises Elsewhere, with its host, when it does not."""
        parts = address_in(url)
        if parts is None:
            return False
        if authority_of(parts) not in self._allowed:
            raise Elsewhere(authority_of(parts))
        return True

    @contextmanager
    def asked(self, url: str) -> Iterator[Any]:
        """The last answer to GET, its body not yet read. Raises Elsewhere for a redirect away, and FeedFailed."""
        for _ in range(_MOST_REDIRECTS + 1):
            if not self.may_be_asked(url):
                raise FeedFailed(self._feed, f"{url[:200]!a} is no address of a web server")
            with self._patiently(url) as answer:
                if answer.status not in _REDIRECTS or "Location" not in answer.headers:
                    yield answer
                    return
                url = urljoin(url, answer.headers["Location"])
        raise FeedFailed(self._feed, f"{url[:200]!a}: more than {_MOST_REDIRECTS} redirects")

    @contextmanager
    def _patiently(self, url: str) -> Iterator[Any]:
        """The answer, when the server is no longer busy (RFC 9110 section 10.2.3, RFC 6585 section 4)."""
        parts = urlsplit(url)
        target = quote(parts.path or "/", safe="/%:@+,;=()~!$&'*") + (f"?{_query(parts.query)}" if parts.query else "")
        host = self._host(parts)
        for attempt in range(1, _MOST_TRIES + 1):
            with host.asked("GET", target) as answer:
                if answer.status not in _BUSY:
                    yield answer
                    return
                status, seconds = answer.status, _retry_after(answer.headers.get("Retry-After"))
            if seconds is None:
                seconds = _WAIT_UNASKED * attempt
            if seconds > _LONGEST_WAIT or attempt == _MOST_TRIES:
                break
            self._wait(seconds)
        raise FeedFailed(self._feed, f"{host.name} is busy: it answered {status} and asks for {seconds} seconds")

    def _host(self, parts: SplitResult) -> Host:
        key = (parts.scheme, authority_of(parts))
        if key not in self._hosts:
            account = self._account if key == (self._own.scheme, authority_of(self._own)) else {}
            host = Host(self._feed, f"{parts.scheme}://{key[1]}/", ca_file=self._ca_file, **account)
            self._hosts[key] = self._opened.enter_context(host)
        return self._hosts[key]


def address_in(text: str) -> SplitResult | None:
    """The parts of an address of a web server; None for what is none."""
    try:
        parts = urlsplit(text)
        usable = parts.scheme in _PORTS and parts.hostname and (parts.port or 1) > 0 and len(text) <= _LONGEST_ADDRESS
    except ValueError:
        return None
    return parts if usable and text.isprintable() and parts.netloc.isascii() else None


def authority_of(parts: SplitResult) -> str:
    """``host``, with the port when it is not the usual one; in small letters, without a user."""
    name = parts.hostname or ""
    host = f"[{name}]" if ":" in name else name
    return host if parts.port in {None, _PORTS.get(parts.scheme)} else f"{host}:{parts.port}"


def _query(text: str) -> str:
    return quote(text, safe="/%:@+,;=()~!$&'*?[]")


def _retry_after(told: str | None) -> int | None:
    if told is None:
        return None
    if told.strip().isdecimal():
        return int(told.strip()[:9])
    try:
        at = parsedate_to_datetime(told)
    except ValueError:
        return None
    return max(0, round((at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds()))
