"""The address of a receipt: whoever was given it reads it, and nobody guesses it."""

from __future__ import annotations

import hmac


def token(secret: bytes, delivery_id: str) -> str:
    """The last part of a receipt's address: the delivery's id and 128 bits that nobody can guess without ``secret``."""
    return delivery_id + hmac.digest(secret, b"receipt " + delivery_id.encode(), "sha256").hex()[:32]


def delivery_of(secret: bytes, word: str) -> str | None:
    """The delivery whose :func:`token` this is, or None; compared in constant time."""
    identifier = word[:32]
    return identifier if hmac.compare_digest(token(secret, identifier).encode(), word.encode()) else None
