"""One web server that is asked for files: no other host, no redirect, and no public name into our own network."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, SSLError

from ingest.feeds.offered import FeedFailed

_SECONDS = urllib3.Timeout(connect=30, read=60)
_UNREACHED = (NewConnectionError, ConnectTimeoutError, SSLError)


class BrokeOff(FeedFailed):
    """The server was reached and did not answer to the end."""


class Host:
    """The server of ``url`` (http or https); entered, it can be asked. Redirects are followed nowhere."""

    def __init__(
        self,
        feed: str,
        url: str,
        *,
        user: str | None = None,
        password: str | None = None,
        key: str | None = None,
        ca_file: Path | None = None,
    ) -> None:
        parts = urlsplit(url)
        self._feed = feed
        self._secure = parts.scheme == "https"
        self.name, self.port = parts.hostname or "", parts.port or (443 if self._secure else 80)
        self._headers = {"Accept-Encoding": "identity", "User-Agent": "mahfuz"}
        if user is not None:
            self._headers |= urllib3.make_headers(basic_auth=f"{user}:{password or ''}")
        if key is not None:
            self._headers["Authorization"] = f"Bearer {key}"
        self._ca_file = ca_file
        self._pool: Any = None

    def __enter__(self) -> Self:
        meant = self._is_an_address()
        if not meant:
            self._refuse_inward_names()
        if self._secure:
            try:
                self._pool = urllib3.HTTPSConnectionPool(
                    self.name,
                    self.port,
                    timeout=_SECONDS,
                    retries=False,
                    cert_reqs="CERT_REQUIRED",
                    ca_certs=str(self._ca_file) if self._ca_file else None,
                )
            except OSError as error:
                raise FeedFailed(self._feed, f"{self._ca_file}: {error}") from error
        else:
            self._pool = urllib3.HTTPConnectionPool(self.name, self.port, timeout=_SECONDS, retries=False)
        if not meant:
            self._pool.ConnectionCls = _OutwardTls if self._secure else _Outward
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.close()

    @contextmanager
    def asked(self, method: str, target: str, headers: dict[str, str] | None = None) -> Iterator[Any]:
        """The answer, its body not yet read. Raises FeedFailed: BrokeOff when the server was reached."""
        try:
            answer = self._pool.request(
                method,
                target,
                headers=self._headers | (headers or {}),
                redirect=False,
                preload_content=False,
                decode_content=False,
            )
            try:
                yield answer
            finally:
                answer.close()
        except (HTTPError, OSError) as error:
            kind = FeedFailed if isinstance(error, _UNREACHED) else BrokeOff
            raise kind(self._feed, f"{self.name}: {' '.join(str(error).split())}") from error

    def _is_an_address(self) -> bool:
        """Only who configures such an address means it."""
        try:
            ipaddress.ip_address(self.name)
        except ValueError:
            return self.name == "localhost"
        return True

    def _refuse_inward_names(self) -> None:
        try:
            found = socket.getaddrinfo(self.name, self.port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise FeedFailed(self._feed, f"{self.name} is not known: {error}") from error
        inward = [str(one[4][0]) for one in found if not _is_outward(str(one[4][0]))]
        if inward:
            raise FeedFailed(self._feed, f"{self.name} leads to the private address {inward[0]}; give the address")


class _Outward(HTTPConnection):
    """Before a word is said, it is looked where the connection leads: a name may lead elsewhere the second time."""

    def _new_conn(self) -> socket.socket:
        connected = super()._new_conn()
        address = str(connected.getpeername()[0])
        if not _is_outward(address):
            connected.close()
            raise NewConnectionError(self, f"{self.host} leads to the private address {address}")
        return connected


class _OutwardTls(_Outward, HTTPSConnection):
    """The same, before the handshake."""


def _is_outward(address: str) -> bool:
    return ipaddress.ip_address(address.split("%", maxsplit=1)[0]).is_global
