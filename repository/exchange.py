"""One question to a web server and its answer, whole and within a deadline, from that address and no other."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from repository.errors import Doubt


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. ``body`` is empty where nobody asked for it."""

    status: int
    body: bytes = b""


class NoAnswer(Doubt):
    """The server did not answer, or not in time."""


def shown_host(url: str) -> str:
    """An address as it may be shown: the path of one can be as good as a password."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def exchange(
    method: str, url: str, patience: float, body: bytes | None, headers: Mapping[str, str], *, most: int = 0
) -> Answer:
    """Ask once and follow nothing; the answer's first ``most`` bytes are read too. Raises NoAnswer.

    ``patience`` is in seconds and for the whole exchange, however slowly it drips.
    """
    parts = urlsplit(url)
    if parts.scheme == "https":
        line: http.client.HTTPConnection = http.client.HTTPSConnection(
            parts.netloc, timeout=patience, context=ssl.create_default_context()
        )
    else:
        line = http.client.HTTPConnection(parts.netloc, timeout=patience)
    late = threading.Event()

    def give_up() -> None:
        late.set()
        with suppress(OSError):
            if line.sock is not None:
                line.sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(patience, give_up)
    timer.daemon = True
    timer.start()
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        line.request(method, target, body, {"User-Agent": "mahfuz", **headers})
        answer = line.getresponse()
        found = Answer(answer.status, answer.read(most) if most else b"")
        if late.is_set():  # cut off by ourselves amid its headers: an end of the stream looks like their end
            raise TimeoutError
    except (OSError, UnicodeError, ValueError, http.client.HTTPException) as error:
        said = f"no answer within {patience:g} seconds" if late.is_set() or isinstance(error, TimeoutError) else error
        raise NoAnswer(str(said or type(error).__name__)) from error
    finally:
        timer.cancel()
        line.close()
    return found
