"""The seal: the SHA-256 of a bag's tar, which is all that an audit has to compute."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Protocol

from repository.storage import BUFFER, ByteStream


class HasSha512(Protocol):
    """Anything that knows its SHA-512 in small hexadecimal."""

    @property
    def sha512(self) -> str:
        """128 small hexadecimal digits."""
        ...


def seal_of(stream: ByteStream) -> tuple[str, int]:
    """SHA-256 (small hexadecimal) and number of the bytes of ``stream``; what ``read`` raises passes through."""
    digest = hashlib.sha256()
    octets = 0
    while block := stream.read(BUFFER):
        digest.update(block)
        octets += len(block)
    return digest.hexdigest(), octets


def payload_digest(files: Iterable[HasSha512]) -> str:
    """One SHA-256 (small hexadecimal) for the multiset of payload bytes, whatever the names and the order.

    The same files delivered again under another folder's name give the same digest.
    """
    digest = hashlib.sha256()
    for value in sorted(file.sha512 for file in files):
        digest.update(value.encode("ascii") + b"\n")
    return digest.hexdigest()
