"""A file or a bag given out over HTTP: named, typed and sandboxed, so that nothing in it runs in a browser."""

from __future__ import annotations

import re
import unicodedata
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import quote

from flask import Response, request
from werkzeug.exceptions import RequestedRangeNotSatisfiable

from repository.errors import MahfuzError
from repository.turkish import machine_lower
from repository.web import streaming
from repository.web.streaming import WHOLE, Counter, Kept

SHOWN = {
    "pdf": "application/pdf",
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
    "txt": "text/plain; charset=utf-8",
}
"""What a browser may show in its window. Everything else is downloaded, whatever it says it is."""

DOWNLOADED = {
    "xml": "application/xml",
    "tif": "image/tiff",
    "tiff": "image/tiff",
    "csv": "text/csv; charset=utf-8",
    "tar": "application/x-tar",
}

_FIELD = {"sha256": "sha-256", "sha512": "sha-512"}
"""How Repr-Digest names an algorithm (RFC 9530)."""

_NOTHING = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
# Not every browser starts its own PDF viewer inside a sandbox; a PDF is kept from everything else in the same words.
_POLICY = {SHOWN["pdf"]: _NOTHING}


def media_type(path: str) -> tuple[str, bool]:
    """The media type under which a file is given out, and whether a browser may show it."""
    extension = machine_lower(path.rpartition(".")[2]) if "." in path else ""
    if extension in SHOWN:
        return SHOWN[extension], True
    return DOWNLOADED.get(extension, "application/octet-stream"), False


def disposition(path: str, *, shown: bool) -> str:
    """Content-Disposition for a file of any name (RFC 6266): an ASCII name for old clients, the true one in UTF-8."""
    name = "".join("_" if unicodedata.category(c) in ("Cc", "Cs") else c for c in path.rpartition("/")[2]) or "file"
    plain = unicodedata.normalize("NFKD", name.replace("ı", "i")).encode("ascii", "ignore").decode()
    plain = re.sub(r"[^A-Za-z0-9._ -]", "_", plain).strip() or "file"
    kind = "inline" if shown else "attachment"
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def give(counter: Counter, file: Kept, *, download: bool = False) -> Response:
    """The answer that carries ``file``: whole, or the one range that was asked for; 304 if the reader has it already.

    Several ranges are answered with the whole (RFC 9110, 14.2). Raises RequestedRangeNotSatisfiable, and
    NoIntactCopy or StoreUnavailable before anything was sent.
    """
    kind, may_show = media_type(file.path)
    shown = may_show and not download
    answer = Response(mimetype=None)
    answer.content_type = kind
    answer.set_etag(file.digest.value)
    answer.accept_ranges = "bytes"
    answer.headers["Content-Disposition"] = disposition(file.path, shown=shown)
    answer.headers["Content-Security-Policy"] = _POLICY.get(kind, _NOTHING + "; sandbox")
    answer.headers["Repr-Digest"] = _repr_digest(file)
    answer.cache_control.no_cache = True
    answer.cache_control.private = True
    if request.if_none_match.contains_weak(file.digest.value):
        answer.status_code = 304
        return answer
    bounds = _asked_range(file)
    if bounds is None:
        answer.content_length = file.bytes
    else:
        start, stop = bounds
        answer.status_code = 206
        answer.content_length = stop - start
        answer.headers["Content-Range"] = f"bytes {start}-{stop - 1}/{file.bytes}"
    if request.method != "HEAD":
        _carry(answer, counter, file, bounds)
    return answer


def _repr_digest(file: Kept) -> str:
    digest = file.digest
    return f"{_FIELD[digest.algorithm]}=:{b64encode(bytes.fromhex(digest.value)).decode()}:"


def _carry(answer: Response, counter: Counter, file: Kept, bounds: tuple[int, int] | None) -> None:
    """Put the bytes into ``answer``; who is told of damage is told when it has been sent, so that no reader waits."""
    noted: list[tuple[Kept, str]] = []

    def tell() -> None:
        while noted:
            counter.on_damage(*noted.pop())

    noting = replace(counter, on_damage=lambda *found: noted.append(found))
    try:
        answer.response = _bytes(noting, file, bounds)
    except MahfuzError:
        tell()
        raise
    answer.call_on_close(tell)


def _bytes(counter: Counter, file: Kept, bounds: tuple[int, int] | None) -> Iterator[bytes]:
    start, stop = bounds or (0, file.bytes)
    if file.bytes <= WHOLE:
        return iter((streaming.whole(counter, file)[start:stop],))
    if bounds is None:
        return streaming.verified(counter, file)
    return streaming.part(counter, file, start, stop - start)


def _asked_range(file: Kept) -> tuple[int, int] | None:
    """The first byte and the one after the last that are asked for; None for the whole file."""
    asked = request.range
    if request.method != "GET" or asked is None or asked.units != "bytes" or len(asked.ranges) != 1:
        return None
    condition = request.if_range
    if condition is not None and (
        condition.date is not None or (condition.etag and condition.etag != file.digest.value)
    ):
        return None
    first, beyond = asked.ranges[0]
    # The last N bytes of a file of fewer than N are the file (RFC 9110, 14.1.2).
    start = max(file.bytes + first, 0) if first < 0 else first
    stop = file.bytes if beyond is None else min(beyond, file.bytes)
    if start >= stop:
        raise RequestedRangeNotSatisfiable(length=file.bytes)
    return start, stop
