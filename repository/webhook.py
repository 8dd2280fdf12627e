"""A message handed to a web server that was named for it: signed, within a deadline, to that address and no other."""

from __future__ import annotations

import hmac
import http.client
import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from repository.errors import Doubt

PATIENCE_SECONDS = 20.0
"""For the whole exchange, however slowly it drips."""
SIGNATURE = "X-Mahfuz-Signature"
"""``sha256=`` and the HMAC-SHA256 (RFC 2104) of the body with the shared secret, in small hexadecimal."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where messages are posted to, and the secret by which the receiver knows that they are ours."""

    name: str
    url: str
    secret: bytes

    def __repr__(self) -> str:
        return f"{self.name} ({self.url})"


class NotTaken(Doubt):
    """The receiver did not answer, not in time, or not that it has taken the message: it is kept and tried again."""


def post(webhook: Webhook, body: bytes, *, message: str, patience: float = PATIENCE_SECONDS) -> None:
    """Hand the JSON document ``body`` in; any answer from 200 to 299 takes it. Raises NotTaken.

    ``message`` names it: the same in every attempt, so that a receiver knows what it has already. A redirect is not
    followed: the message is for the address that a person wrote into the settings.
    """
    signature = hmac.digest(webhook.secret, body, "sha256").hex()
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "X-Mahfuz-Message": message,
        SIGNATURE: f"sha256={signature}",
    }
    _asked("POST", webhook.url, patience, body, headers)


def ask(url: str, *, patience: float = PATIENCE_SECONDS) -> None:
    """GET ``url`` for the sake of its being asked. Raises NotTaken."""
    _asked("GET", url, patience, None, {})


def _asked(method: str, url: str, patience: float, body: bytes | None, headers: Mapping[str, str]) -> None:
    parts = urlsplit(url)
    shown = f"{parts.scheme}://{parts.netloc}"  # the path of such an address is as good as a password
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
        status = line.getresponse().status
        if late.is_set():  # cut off by ourselves amid its headers: an end of the stream looks like their end
            raise TimeoutError
    except (OSError, UnicodeError, ValueError, http.client.HTTPException) as error:
        said = f"no answer within {patience:g} seconds" if late.is_set() or isinstance(error, TimeoutError) else error
        raise NotTaken(f"{shown} did not take it: {said or type(error).__name__}") from error
    finally:
        timer.cancel()
        line.close()
    if 300 <= status < 400:
        raise NotTaken(f"{shown} answered {status}: it leads elsewhere, and is not followed")
    if not 200 <= status < 300:
        raise NotTaken(f"{shown} answered {status}")
