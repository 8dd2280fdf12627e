"""What a browser holds for which a link for supply was used: that one article opens in it for a quarter of an hour.

So a use is taken once and the file may still be loaded in parts, or a second time where the first was broken off.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from flask import Response, request
from itsdangerous import BadData, URLSafeSerializer

from repository.vocabulary import utc_now

OPEN_FOR = timedelta(minutes=15)
_NAME = "mahfuz-supplied"


class SupplyCookie:
    """Signed with the archive's own key, and sent back for the addresses of one article alone."""

    def __init__(self, secret: bytes, *, secure: bool, clock: Callable[[], datetime] = utc_now) -> None:
        self._signer = URLSafeSerializer(secret, salt="mahfuz article supplied")
        self._secure, self._clock = secure, clock

    def opens(self, article: str) -> bool:
        """Whether this browser has been supplied with this article a short while ago."""
        try:
            kept: dict[str, Any] = self._signer.loads(request.cookies.get(_NAME, ""))
            return bool(kept["article"] == article and kept["until"] > self._clock().timestamp())
        except (BadData, KeyError, TypeError):
            return False

    def write(self, answer: Response, article: str, path: str) -> None:
        """The article opens in this browser from now on; ``path`` is under which all its addresses lie."""
        until = self._clock() + OPEN_FOR
        text = self._signer.dumps({"article": article, "until": int(until.timestamp())})
        answer.set_cookie(
            _NAME,
            str(text),
            max_age=int(OPEN_FOR.total_seconds()),
            path=path,
            secure=self._secure,
            httponly=True,
            samesite="Lax",
        )
