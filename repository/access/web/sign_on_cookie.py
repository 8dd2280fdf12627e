"""A sign-on as the reader's browser remembers it: of which institution, how, until when; signed, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Response, request
from itsdangerous import BadData, URLSafeSerializer

from repository.access.readers import How
from repository.vocabulary import utc_now

_KINDS = (How.SAML, How.OPENID)


@dataclass(frozen=True, slots=True)
class SignedOn:
    """What a cookie says."""

    institution: str
    """Its code."""
    how: How
    until: datetime


class SignOnCookie:
    """Signed with the archive's own key. Nobody is named in it, and no row is kept of it: who has it may read until
    it ends, and signing out takes it away from the browser.
    """

    def __init__(
        self, secret: bytes, lasts: timedelta, *, secure: bool, clock: Callable[[], datetime] = utc_now
    ) -> None:
        self._signer = URLSafeSerializer(secret, salt="mahfuz reader's sign-on")
        self._lasts, self._secure, self._clock = lasts, secure, clock
        self.name = "__Host-mahfuz-reader" if secure else "mahfuz-reader"

    def read(self) -> SignedOn | None:
        """What the browser that asks remembers; None where that is nothing, is not ours, or has ended."""
        text = request.cookies.get(self.name)
        if not text:
            return None
        try:
            kept: dict[str, Any] = self._signer.loads(text)
            found = SignedOn(str(kept["institution"]), How(kept["how"]), datetime.fromtimestamp(kept["until"], UTC))
        except (BadData, KeyError, TypeError, ValueError, OverflowError, OSError):
            return None
        return found if found.how in _KINDS and found.until > self._clock() else None

    def write(self, answer: Response, institution: str, how: How) -> None:
        """The browser remembers a sign-on from now on, for as long as the settings say."""
        until = self._clock() + self._lasts
        text = self._signer.dumps({"institution": institution, "how": how, "until": int(until.timestamp())})
        self._set(answer, text if isinstance(text, str) else text.decode(), int(self._lasts.total_seconds()))

    def forget(self, answer: Response) -> None:
        """The browser remembers nothing any more."""
        answer.delete_cookie(self.name, path="/", secure=self._secure, httponly=True, samesite="Lax")

    def _set(self, answer: Response, text: str, seconds: int) -> None:
        answer.set_cookie(
            self.name, text, max_age=seconds, path="/", secure=self._secure, httponly=True, samesite="Lax"
        )
