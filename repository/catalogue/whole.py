"""Which copies a round read whole, as one number: small however many they are, and anyone can reckon it again.

A multiplicative set digest (MuHash, Bellare and Micciancio 1997, with the prime of 3,072 bits that Bitcoin's UTXO set
is hashed with): each copy is a number of 384 octets, SHAKE-256 of its line, and the set is their product. So nobody
has to sort millions of lines or keep them in memory, a round that is killed loses nothing of it, and those who share
a round add to it in whatever order they come.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from repository.catalogue.copies import CopyRef

PRIME = 2**3072 - 1103717
OCTETS = 384


def with_copies(known: bytes | None, refs: Iterable[CopyRef]) -> bytes:
    """The set ``known`` (None: the empty one) with these copies as well, each of which is not in it yet."""
    product = int.from_bytes(known, "little") if known else 1
    for ref in refs:
        line = f"{ref.store}\t{ref.key}\t{ref.seal}\n".encode()
        product = product * int.from_bytes(hashlib.shake_256(line).digest(OCTETS), "little") % PRIME
    return product.to_bytes(OCTETS, "little")


def digest_of(known: bytes | None) -> str:
    """SHA-256 of the product, in hexadecimal: what the event of a round tells of the set."""
    return hashlib.sha256(known or with_copies(None, ())).hexdigest()
