"""Ranges of addresses as libraries write them down: an address, a network, or the first and the last of a run.

Inside they are runs of 128-bit numbers, an IPv4 address as its IPv4-mapped one (RFC 4291, 2.5.5.2), so that both
kinds are kept, compared and looked up in one way.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import NamedTuple

from repository.errors import BadValue
from repository.texts import Remark, marked

LONGEST = 90
_MAPPED = 0xFFFF << 32
_MAPPED_LAST = _MAPPED | 0xFFFFFFFF
_MOST_V4 = 1 << 24
_MOST_V6 = 1 << 99

NOT_RANGE = marked(
    "%(given)s is no range of addresses: write 193.140.1.7, 193.140.0.0/16, 193.140.1.1-193.140.1.99 or 2001:a98::/32."
)
HOST_BITS = marked("%(given)s is an address inside the network %(network)s: write which of the two is meant.")
FAR_TOO_WIDE = marked("%(given)s is far too wide for one institution: at most a /8 of IPv4 or a /29 of IPv6.")
NOBODYS = marked("%(given)s holds multicast, reserved or unspecified addresses: no reader has one.")
NOT_PUBLIC = marked(
    "%(given)s is private, of this machine alone, or kept for examples: over the internet no reader comes from there."
)


class Span(NamedTuple):
    """A run of addresses, both ends included."""

    first: int
    last: int

    @property
    def is_v4(self) -> bool:
        """Whether it is of IPv4."""
        return self.first >= _MAPPED and self.last <= _MAPPED_LAST

    @property
    def keys(self) -> tuple[str, str]:
        """The ends as they are kept: 32 hexadecimal digits each."""
        return hexadecimal(self.first), hexadecimal(self.last)


def number_of(address: IPv4Address | IPv6Address) -> int:
    """An address as 128 bits."""
    return int(address) | _MAPPED if isinstance(address, IPv4Address) else int(address)


def hexadecimal(number: int) -> str:
    """128 bits as they are kept and compared."""
    return f"{number:032x}"


def span_of(given: str) -> Span:
    """The run of addresses that is written. Raises BadValue, which says what to write instead."""
    text = re.sub(r"\s*([-/])\s*", r"\1", given.strip().replace("–", "-"))
    span = _span(given, text)
    if span.last < span.first or (not span.is_v4 and span.first <= _MAPPED_LAST and span.last >= _MAPPED):
        raise BadValue(NOT_RANGE, given=given[:LONGEST])
    if span.last - span.first + 1 > (_MOST_V4 if span.is_v4 else _MOST_V6):
        raise BadValue(FAR_TOO_WIDE, given=given[:LONGEST])
    if any(end.is_multicast or end.is_unspecified or _is_reserved(end) for end in _ends(span)):
        raise BadValue(NOBODYS, given=given[:LONGEST])
    return span


def remarks(given: str, span: Span) -> list[Remark]:
    """What is worth knowing of a range before anybody relies on it."""
    if any(not end.is_global for end in _ends(span)):
        return [Remark(NOT_PUBLIC, {"given": given})]
    return []


def _span(given: str, text: str) -> Span:
    try:
        if "%" in text or len(text) > LONGEST:  # an address of one link alone is nobody's
            raise ValueError
        if "-" in text:
            one, _, other = text.partition("-")
            ends = ip_address(one), ip_address(other)
            if ends[0].version != ends[1].version:
                raise ValueError
            return Span(number_of(ends[0]), number_of(ends[1]))
        if "/" not in text:
            number = number_of(ip_address(text))
            return Span(number, number)
        network = ip_network(text, strict=False)
        if ip_address(text.partition("/")[0]) != network.network_address:
            raise BadValue(HOST_BITS, given=given[:LONGEST], network=str(network))
    except ValueError:
        raise BadValue(NOT_RANGE, given=given[:LONGEST]) from None
    return Span(number_of(network.network_address), number_of(network.broadcast_address))


def _ends(span: Span) -> tuple[IPv4Address | IPv6Address, ...]:
    if span.is_v4:
        return IPv4Address(span.first & 0xFFFFFFFF), IPv4Address(span.last & 0xFFFFFFFF)
    return IPv6Address(span.first), IPv6Address(span.last)


def _is_reserved(address: IPv4Address | IPv6Address) -> bool:
    # Of IPv6 all that is not given out yet counts as reserved in the library; what is not 2000::/3 is not public.
    return isinstance(address, IPv4Address) and address.is_reserved
