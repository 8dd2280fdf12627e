"""May this archive have our bags? A pure decision by key and address, whose time tells nothing of any key."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Network = IPv4Network | IPv6Network


class Refusal(StrEnum):
    """Why bags are not given. A code is never renamed."""

    NOBODY = "nobody_has_the_right"
    UNKNOWN = "unknown_peer"
    NOT_THIS_PUBLISHER = "not_this_publisher"


SENTENCES = {
    Refusal.NOBODY: "This archive gives its bags to no other archive.",
    Refusal.UNKNOWN: (
        "Bags are given to archives that have the right to them. Send your key, as Authorization: Bearer KEY or as the "
        "password of your name (Basic), from an address that was agreed; who may have one is decided by this archive."
    ),
    Refusal.NOT_THIS_PUBLISHER: "Your archive has no right to what this publisher delivered.",
}
"""What is said of each, in English: it is read by machines and by those who run them."""


@dataclass(frozen=True, slots=True)
class Peer:
    """Another archive that may have bags: by its key, by its addresses, or by both at once where both are given."""

    name: str
    key: str | None = field(default=None, repr=False)
    networks: Sequence[Network] = ()
    publishers: frozenset[str] | None = None
    """Whose deliveries it may have; None: everybody's."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a request brings: a key, the name given with it (Basic alone has one), and where it comes from."""

    key: str | None
    name: str | None
    address: str | None


def known(peers: Sequence[Peer], shown: Shown) -> Peer | Refusal:
    """The peer that asks, or why it is none."""
    if not peers:
        return Refusal.NOBODY
    address = _address(shown.address)
    found = [peer for peer in peers if _is(peer, shown, address)]  # each is compared, whichever fits
    return found[0] if found else Refusal.UNKNOWN


def _is(peer: Peer, shown: Shown, address: IPv4Address | IPv6Address | None) -> bool:
    by_key = peer.key is None or (_same(peer.key, shown.key or "") and shown.name in (None, peer.name))
    at_home = not peer.networks or (address is not None and any(address in network for network in peer.networks))
    return by_key and at_home and bool(peer.key or peer.networks)


def _same(key: str, given: str) -> bool:
    # Of digests: not even the length of a key is told by the time that it takes.
    return hmac.compare_digest(hashlib.sha256(key.encode()).digest(), hashlib.sha256(given.encode()).digest())


def _address(text: str | None) -> IPv4Address | IPv6Address | None:
    try:
        found = ip_address((text or "").split("%", maxsplit=1)[0])
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found
