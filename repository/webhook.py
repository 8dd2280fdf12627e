"""A message handed to a web server that was named for it: signed, within a deadline, to that address and no other."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from repository.errors import Doubt
from repository.exchange import NoAnswer, exchange, shown_host

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
    try:
        status = exchange(method, url, patience, body, headers).status
    except NoAnswer as error:
        raise NotTaken(f"{shown_host(url)} did not take it: {error}") from error
    if 300 <= status < 400:
        raise NotTaken(f"{shown_host(url)} answered {status}: it leads elsewhere, and is not followed")
    if not 200 <= status < 300:
        raise NotTaken(f"{shown_host(url)} answered {status}")
