"""The digest algorithms that a manifest's name may ask for, under the names of RFC 8493 2.4."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Protocol

from repository.turkish import machine_lower


class Hasher(Protocol):
    """What hashlib gives."""

    def update(self, data: memoryview | bytes, /) -> None:
        """Take more bytes in."""
        ...

    def digest(self) -> bytes:
        """The digest of all bytes so far."""
        ...


ALGORITHMS: dict[str, Callable[[], Hasher]] = {
    "md5": partial(hashlib.md5, usedforsecurity=False),
    "sha1": partial(hashlib.sha1, usedforsecurity=False),
    "sha224": hashlib.sha224,
    "sha256": hashlib.sha256,
    "sha384": hashlib.sha384,
    "sha512": hashlib.sha512,
    "sha3224": hashlib.sha3_224,
    "sha3256": hashlib.sha3_256,
    "sha3384": hashlib.sha3_384,
    "sha3512": hashlib.sha3_512,
    "blake2b": hashlib.blake2b,
    "blake2b256": partial(hashlib.blake2b, digest_size=32),
    "blake2s": hashlib.blake2s,
}
"""Every algorithm of fixed length that hashlib has on every machine, and BLAKE2b-256 of the IANA registry."""

ALIASES = {"blake2b512": "blake2b", "blake2s256": "blake2s"}
WEAK = frozenset({"md5", "sha1"})
"""Against accident they still help; against a forger they do not."""
EVERY = tuple(ALGORITHMS)


def normalised(name: str) -> str:
    """The name of an algorithm as RFC 8493 2.4 wants it: ASCII letters small, all but letters and digits gone."""
    return "".join(c for c in machine_lower(name) if c.isascii() and c.isalnum())


def known(name: str) -> str | None:
    """The key in :data:`ALGORITHMS` for a name found in a manifest's file name; None for one that we cannot compute."""
    plain = normalised(name)
    plain = ALIASES.get(plain, plain)
    return plain if plain in ALGORITHMS else None


class Digester:
    """Several digests of the same bytes."""

    def __init__(self, algorithms: Iterable[str]) -> None:
        self._hashers = [ALGORITHMS[name]() for name in algorithms]

    def take(self, pieces: Iterator[memoryview]) -> int:
        """Digest every piece; how many bytes there were."""
        octets = 0
        hashers = self._hashers
        for piece in pieces:
            for hasher in hashers:
                hasher.update(piece)
            octets += len(piece)
        return octets

    def digests(self) -> tuple[bytes, ...]:
        """One digest per algorithm, in the order in which they were named."""
        return tuple(hasher.digest() for hasher in self._hashers)
