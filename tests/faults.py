"""Stores that flip, truncate, forget and fall silent, and a liar between a store and its server.

Every one counts in ``struck`` how often it has really done its harm: a test that does not look has shown nothing.
"""

from __future__ import annotations

import re
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Protocol
from urllib.parse import parse_qsl, unquote, urlsplit

from repository.errors import ObjectMissing, StoreUnavailable
from repository.storage import BUFFER, ByteStream, Mendable, Put, Store, StoredObject


class KeepsAndMends(Store, Mendable, Protocol):
    """What every store of ours is."""


class _Faulty:
    """A store that behaves like ``store`` except where a subclass says otherwise.

    ``only`` names the keys that are struck (None: all), ``after`` how many of their operations go well before,
    ``times`` how often it strikes (None: for ever).
    """

    def __init__(
        self, store: KeepsAndMends, *, only: set[str] | None = None, after: int = 0, times: int | None = None
    ) -> None:
        self.store = store
        self.only = only
        self.after = after
        self.times = times
        self.struck = 0
        self._operations = 0
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        return self.store.name

    def strikes(self, key: str | None) -> bool:
        """Whether this operation is struck; counts it when it is."""
        with self._lock:
            if self.only is not None and key is not None and key not in self.only:
                return False
            self._operations += 1
            if self._operations <= self.after or (self.times is not None and self.struck >= self.times):
                return False
            self.struck += 1
            return True

    def prepare(self) -> None:
        self.store.prepare()

    def tidy(self) -> None:
        self.store.tidy()

    def put(self, key: str, source: Path, sha256: str) -> Put:
        return self.store.put(key, source, sha256)

    @contextmanager
    def open(self, key: str, offset: int = 0, length: int | None = None) -> Iterator[ByteStream]:
        with self.store.open(key, offset, length) as stream:
            yield stream

    def head(self, key: str) -> StoredObject | None:
        return self.store.head(key)

    def keys(self, prefix: str = "", after: str = "") -> Iterator[StoredObject]:
        return self.store.keys(prefix, after)

    def replace(self, key: str, source: Path, sha256: str, damaged_sha256: str | None) -> None:
        self.store.replace(key, source, sha256, damaged_sha256)


class _Changed:
    """A stream whose bytes pass through ``change(place, chunk)``."""

    def __init__(self, stream: ByteStream, place: int, change: Callable[[int, bytes], bytes]) -> None:
        self._stream, self._place, self._change = stream, place, change

    def read(self, size: int, /) -> bytes:
        chunk = self._stream.read(size)
        changed = self._change(self._place, chunk)
        self._place += len(chunk)
        return changed


class FlippingStore(_Faulty):
    """Gives out byte ``at`` of an object with one bit flipped; what lies in the store stays as it is."""

    def __init__(
        self, store: KeepsAndMends, at: int, *, only: set[str] | None = None, after: int = 0, times: int | None = None
    ) -> None:
        super().__init__(store, only=only, after=after, times=times)
        self.at = at

    @contextmanager
    def open(self, key: str, offset: int = 0, length: int | None = None) -> Iterator[ByteStream]:
        def flip(place: int, chunk: bytes) -> bytes:
            if not place <= self.at < place + len(chunk) or not self.strikes(key):
                return chunk
            changed = bytearray(chunk)
            changed[self.at - place] ^= 1
            return bytes(changed)

        with self.store.open(key, offset, length) as stream:
            yield _Changed(stream, offset, flip)


class TruncatingStore(_Faulty):
    """Gives out the first ``keep`` bytes of an object and then its end, as if that were all."""

    def __init__(
        self, store: KeepsAndMends, keep: int, *, only: set[str] | None = None, after: int = 0, times: int | None = None
    ) -> None:
        super().__init__(store, only=only, after=after, times=times)
        self.keep = keep

    @contextmanager
    def open(self, key: str, offset: int = 0, length: int | None = None) -> Iterator[ByteStream]:
        struck: list[bool] = []

        def cut(place: int, chunk: bytes) -> bytes:
            if place + len(chunk) <= self.keep:
                return chunk
            struck.append(struck[0] if struck else self.strikes(key))
            return chunk[: max(0, self.keep - place)] if struck[0] else chunk

        with self.store.open(key, offset, length) as stream:
            yield _Changed(stream, offset, cut)


class BreakingStore(_Faulty):
    """Falls silent in the middle: after ``keep`` bytes of an object comes StoreUnavailable."""

    def __init__(
        self, store: KeepsAndMends, keep: int, *, only: set[str] | None = None, after: int = 0, times: int | None = None
    ) -> None:
        super().__init__(store, only=only, after=after, times=times)
        self.keep = keep

    @contextmanager
    def open(self, key: str, offset: int = 0, length: int | None = None) -> Iterator[ByteStream]:
        def silence(place: int, chunk: bytes) -> bytes:
            if place + len(chunk) > self.keep and self.strikes(key):
                raise StoreUnavailable(self.name, "fell silent in the middle")
            return chunk

        with self.store.open(key, offset, length) as stream:
            yield _Changed(stream, offset, silence)


class ForgettingStore(_Faulty):
    """Answers, and says that it has no such object."""

    @contextmanager
    def open(self, key: str, offset: int = 0, length: int | None = None) -> Iterator[ByteStream]:
        if self.strikes(key):
            raise ObjectMissing(self.name, key)
        with self.store.open(key, offset, length) as stream:
            yield stream

    def head(self, key: str) -> StoredObject | None:
        return None if self.strikes(key) else self.store.head(key)

    def keys(self, prefix: str = "", after: str = "") -> Iterator[StoredObject]:
        for entry in self.store.keys(prefix, after):
            if not self.strikes(entry.key):
                yield entry


class SilentStore(_Faulty):
    """Does not answer."""

    def _silence(self, key: str | None) -> None:
        if self.strikes(key):
            raise StoreUnavailable(self.name, "fell silent")

    def prepare(self) -> None:
        self._silence(None)
        self.store.prepare()

    def tidy(self) -> None:
        self._silence(None)
        self.store.tidy()

    def put(self, key: str, source: Path, sha256: str) -> Put:
        self._silence(key)
        return self.store.put(key, source, sha256)

    @contextmanager
    def open(self, key: str, offset: int = 0, length: int | None = None) -> Iterator[ByteStream]:
        self._silence(key)
        with self.store.open(key, offset, length) as stream:
            yield stream

    def head(self, key: str) -> StoredObject | None:
        self._silence(key)
        return self.store.head(key)

    def keys(self, prefix: str = "", after: str = "") -> Iterator[StoredObject]:
        self._silence(None)
        for entry in self.store.keys(prefix, after):
            self._silence(entry.key)
            yield entry

    def replace(self, key: str, source: Path, sha256: str, damaged_sha256: str | None) -> None:
        self._silence(key)
        self.store.replace(key, source, sha256, damaged_sha256)


class UnheardStore(_Faulty):
    """Does what it is told, and its acknowledgement is lost."""

    def put(self, key: str, source: Path, sha256: str) -> Put:
        done = self.store.put(key, source, sha256)
        if self.strikes(key):
            raise StoreUnavailable(self.name, "the acknowledgement was lost")
        return done

    def replace(self, key: str, source: Path, sha256: str, damaged_sha256: str | None) -> None:
        self.store.replace(key, source, sha256, damaged_sha256)
        if self.strikes(key):
            raise StoreUnavailable(self.name, "the acknowledgement was lost")


class GarblingStore(_Faulty):
    """Says that it has written, and has written other bytes: only reading back tells."""

    def _garbled(self, source: Path, key: str, act: Callable[[Path, str], Put | None], sha: str) -> Put | None:
        content = bytearray(source.read_bytes())
        if not content or not self.strikes(key):
            return act(source, sha)
        content[len(content) // 2] ^= 1
        with tempfile.NamedTemporaryFile() as wrong:
            wrong.write(content)
            wrong.flush()
            return act(Path(wrong.name), sha256(content).hexdigest())

    def put(self, key: str, source: Path, sha256: str) -> Put:
        done = self._garbled(source, key, lambda path, digest: self.store.put(key, path, digest), sha256)
        assert done is not None
        return done

    def replace(self, key: str, source: Path, sha256: str, damaged_sha256: str | None) -> None:
        def act(path: Path, digest: str) -> None:
            self.store.replace(key, path, digest, damaged_sha256)

        self._garbled(source, key, act, sha256)


class Lie(StrEnum):
    """What :class:`FaultProxy` does with one request."""

    LOSE_ANSWER = "the server has done it, and the connection ends without an answer"
    REFUSE = "503, and the server never hears of it"
    CUT = "the announced length is honest, the body ends after ``at`` bytes"
    SHORTEN = "the body ends after ``at`` bytes, and the announced length says so"
    LENGTHEN = "more bytes follow than were announced"
    WITHOUT_LENGTH = "the body comes without an announced length, up to the end of the connection, ``at`` bytes of it"
    FLIP = "one bit of the answer's body is flipped, at ``at``"
    FLIP_REQUEST = "one bit of the request's body is flipped, at ``at``, before the server sees it"
    DRIP = "the body comes one byte at a time"
    DRIP_HEADERS = "the answer's headers come one byte at a time"
    SILENCE = "nothing comes, and the connection stays"
    SERVER_ERROR = "500, and the server never hears of it"
    FORBID = "403, and the server never hears of it"
    ERROR_IN_200 = "200, and the body says that there was an error; the server never hears of it"
    EMPTY_200 = "200 and nothing, and the server never hears of it"
    TWICE = "the server hears it twice, the second answer is passed on"
    DELAY = "the answer comes a while later"
    STALE = "what the same question was answered the first time"
    SHORT_LIST = "half of the listed keys, and that this was all"
    UNSAID_RANGE = "a range was asked for, the answer is 200 and does not say which bytes it holds"


@dataclass
class Armed:
    """One lie lying in wait for requests with ``method`` and ``path`` in their path."""

    lie: Lie
    method: str
    path: str
    at: int
    left: int
    struck: int = 0


@dataclass
class FaultProxy:
    """A real HTTP server on loopback that passes everything to the server at ``upstream``, and lies when told to.

    The signature of a request covers the Host header, which is passed on as it came: so the server still accepts it.
    """

    upstream: str
    armed: list[Armed] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    storm: Callable[[str, str], Lie | None] = lambda _method, _path: None
    """Asked for the lie that strikes a request for which none is armed; ``storms`` counts them."""
    storms: Counter[str] = field(default_factory=Counter)
    first: dict[str, tuple[dict[str, str], bytes]] = field(default_factory=dict)
    """What each listing was answered the first time."""

    def __enter__(self) -> FaultProxy:
        proxy = self

        class Handler(_Passing):
            liar = proxy

        self.ended = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.endpoint_url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.ended.set()
        self._server.shutdown()
        self._server.server_close()

    def arm(self, lie: Lie, method: str, path: str = "", *, at: int = 0, times: int = 1) -> Armed:
        """``lie`` strikes the next ``times`` requests with this method and this text in their path."""
        armed = Armed(lie, method, path, at, times)
        self.armed.append(armed)
        return armed

    def lie_for(self, method: str, path: str) -> Armed | None:
        """The lie that strikes this request, already counted."""
        self.requests.append(f"{method} {path}")
        for armed in self.armed:
            if armed.left and armed.method == method and armed.path in unquote(path):
                armed.left -= 1
                armed.struck += 1
                return armed
        lie = self.storm(method, path)
        if lie is None:
            return None
        self.storms[f"{method} {lie.name}"] += 1
        return Armed(lie, method, path, at=-1, left=0, struck=1)


_INSTEAD: dict[Lie | None, tuple[int, str]] = {
    Lie.REFUSE: (503, "SlowDown"),
    Lie.SERVER_ERROR: (500, "InternalError"),
    Lie.FORBID: (403, "AccessDenied"),
    Lie.ERROR_IN_200: (200, "InternalError"),
}


class _Passing(BaseHTTPRequestHandler):
    """One connection of a store to the proxy."""

    liar: FaultProxy
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_: object) -> None:
        pass

    def _serve(self) -> None:
        body = bytearray(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
        armed = self.liar.lie_for(self.command, self.path)
        lie, at = (armed.lie, armed.at) if armed else (None, 0)
        if lie in _INSTEAD:
            status, code = _INSTEAD[lie]
            self._say(status, {"Content-Type": "application/xml"}, f"<Error><Code>{code}</Code></Error>".encode())
            return
        if lie is Lie.EMPTY_200:
            self._say(200, {}, b"")
            return
        if lie is Lie.SILENCE:
            self.liar.ended.wait(60)
            self.close_connection = True
            return
        if lie is Lie.FLIP_REQUEST and body:
            body[at if at >= 0 else len(body) // 2] ^= 1
        answer, content = self._pass_on(bytes(body))
        if lie is Lie.TWICE:
            answer, content = self._pass_on(bytes(body))
        if lie is Lie.DELAY:
            self.liar.ended.wait(0.3)
        at = at if at >= 0 else len(content) // 2
        headers = {name: value for name, value in answer.getheaders() if name not in ("Connection", "Date", "Server")}
        if lie is Lie.LOSE_ANSWER:
            self.close_connection = True
            return
        if self.command == "GET" and "list-type=2" in self.path and answer.status == 200:
            headers, content = self._listed(lie, headers, content)
        if lie is Lie.FLIP and content:
            flipped = bytearray(content)
            flipped[at] ^= 1
            content = bytes(flipped)
        if lie is Lie.SHORTEN:
            content = content[:at]
            headers["Content-Length"] = str(at)
        if lie is Lie.UNSAID_RANGE:
            headers.pop("Content-Range", None)
        self._say(200 if lie is Lie.UNSAID_RANGE else answer.status, headers, content, lie, at)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _serve  # noqa: N815

    def _listed(self, lie: Lie | None, headers: dict[str, str], content: bytes) -> tuple[dict[str, str], bytes]:
        """A page of a listing as this lie has it."""
        first = self.liar.first.setdefault(self.path, (headers, content))
        if lie is Lie.STALE:
            return first
        if lie is Lie.SHORT_LIST:
            entries = re.findall(rb"<Contents>.*?</Contents>", content, re.DOTALL)
            for entry in entries[len(entries) // 2 :]:
                content = content.replace(entry, b"", 1)
            content = content.replace(b"<IsTruncated>true<", b"<IsTruncated>false<")
            content = re.sub(rb"<KeyCount>\d+<", b"<KeyCount>%d<" % (len(entries) // 2), content)
            headers = {**headers, "Content-Length": str(len(content))}
        return headers, content

    def _pass_on(self, body: bytes) -> tuple[HTTPResponse, bytes]:
        address = urlsplit(self.liar.upstream)
        connection = HTTPConnection(address.hostname or "", address.port, timeout=60)
        connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name != "Expect":
                connection.putheader(name, value)
        connection.endheaders(body or None)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer, content

    def _say(self, status: int, headers: dict[str, str], content: bytes, lie: Lie | None = None, at: int = 0) -> None:
        told = dict(headers)
        if self.command != "HEAD" and status != 204:
            told.setdefault("Content-Length", str(len(content)))
        if lie is Lie.WITHOUT_LENGTH:
            told.pop("Content-Length", None)
            content = content[:at]
            self.close_connection = True
        head = "".join(f"{name}: {value}\r\n" for name, value in told.items())
        start = f"HTTP/1.1 {status} X\r\n{head}\r\n".encode()
        if lie is Lie.DRIP_HEADERS:
            self._drip(start)
        self.wfile.write(start)
        if self.command == "HEAD":
            return
        if lie is Lie.CUT:
            content = content[:at]
            self.close_connection = True
        if lie is Lie.DRIP:
            self._drip(content)
        if lie is Lie.LENGTHEN:
            content += b"and more"
            self.close_connection = True
        for place in range(0, len(content), BUFFER):
            self.wfile.write(content[place : place + BUFFER])

    def _drip(self, content: bytes) -> None:
        for byte in content:
            if self.liar.ended.wait(0.05):
                break
            self.wfile.write(bytes([byte]))
        self.close_connection = True

    def handle(self) -> None:
        """A store that gives up breaks the connection: that is its right, and no error of the proxy."""
        try:
            super().handle()
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    def finish(self) -> None:
        try:
            super().finish()
        except (ConnectionError, ValueError):
            self.close_connection = True


class YesToEverything:
    """An S3 server that answers 200 to every header and heeds none: conditions, digests, ranges, versions, locks.

    Each single lie is one that a real server was seen to tell.
    """

    def __enter__(self) -> YesToEverything:
        kept: dict[str, bytes] = {}
        self.kept = kept

        class Handler(_Yes):
            objects = kept

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.endpoint_url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Yes(BaseHTTPRequestHandler):
    objects: dict[str, bytes]
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_: object) -> None:
        pass

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        address = urlsplit(self.path)
        key, asked = unquote(address.path).lstrip("/").partition("/")[2], dict(parse_qsl(address.query, True))
        answer = {"PUT": self._put, "POST": self._post, "DELETE": self._delete}.get(self.command, self._get)
        status, content = answer(key, asked, body)
        self.send_response(status)
        self.send_header("ETag", '"same"')
        self.send_header("x-amz-version-id", "1")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _serve  # noqa: N815

    def _put(self, key: str, asked: dict[str, str], body: bytes) -> tuple[int, bytes]:
        self.objects[key + "?part" if "partNumber" in asked else key] = body
        return 200, b""

    def _post(self, key: str, asked: dict[str, str], _: bytes) -> tuple[int, bytes]:
        if "uploadId" in asked:
            self.objects[key] = self.objects.pop(key + "?part")
        return 200, b"<R><UploadId>1</UploadId><ETag>same</ETag></R>"

    def _delete(self, key: str, asked: dict[str, str], _: bytes) -> tuple[int, bytes]:
        self.objects.pop(key if "uploadId" not in asked else key + "?part", None)
        return 204, b""

    def _get(self, key: str, asked: dict[str, str], _: bytes) -> tuple[int, bytes]:
        if "versioning" in asked:
            return 200, b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
        if "object-lock" in asked:
            return 200, b"<C><ObjectLockEnabled>Enabled</ObjectLockEnabled></C>"
        if not key:
            found = sorted(name for name in self.objects if name and name.startswith(asked.get("prefix", "")))
            listed = "".join(f"<Contents><Key>{name}</Key><Size>1</Size></Contents>" for name in found)
            return 200, f"<R><IsTruncated>false</IsTruncated>{listed}</R>".encode()
        if key not in self.objects:
            return 404, b"<Error><Code>NoSuchKey</Code></Error>"
        return 200, self.objects[key]
