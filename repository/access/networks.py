"""Addresses and ranges of them as 128-bit numbers, so that IPv4 and IPv6 are compared in one way (RFC 4291, 2.5.5.2).

An IPv4 address is the IPv6 address into which it is mapped: ``192.0.2.1`` and ``::ffff:192.0.2.1`` are one. Numbers are
written as 32 small hexadecimal digits, whose order as text is their order.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from sqlalchemy import select
from sqlalchemy.orm import Session

from repository.errors import UsageError
from repository.models import Institution, InstitutionNetwork

_MAPPED = 0xFFFF << 32
_LONGEST = 90
_PORT = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::\d{1,5})?|(\d+\.\d+\.\d+\.\d+):\d{1,5}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Span:
    """All addresses from ``first`` to ``last``, both among them."""

    first: str
    last: str

    @property
    def size(self) -> int:
        """How many addresses it has."""
        return int(self.last, 16) - int(self.first, 16) + 1


@dataclass(frozen=True, slots=True)
class Met:
    """To whom an address belongs: to one institution, or to several by ranges of the same size, or to none."""

    institution_id: int | None = None
    several: tuple[int, ...] = ()
    """Where the narrowest ranges that hold the address are of more than one institution: those. It is then nobody's."""
    given: str | None = None
    """The range that decided, as it was entered."""


def number(address: str | None) -> str | None:
    """The number of one address; None for what is none, among it an address of one link alone (``fe80::1%eth0``).

    A proxy may write a port behind the address, and brackets around it: they are taken away.
    """
    text = (address or "").strip()
    if len(text) > _LONGEST or not text.isascii():
        return None
    if found := _PORT.fullmatch(text):
        text = found[1] or found[2]
    try:
        parsed = ip_address(text)
    except ValueError:
        return None
    return None if isinstance(parsed, IPv6Address) and parsed.scope_id else _number(parsed)


def span(text: str) -> Span:
    """The range that ``text`` names: an address, a network (``192.0.2.0/24``), or the first and the last with a hyphen.

    Raises UsageError that says what is wrong with it.
    """
    given = text.strip()
    if len(given) > _LONGEST:
        raise UsageError(f"{given[:40]!r}…: no range of addresses is so long")
    first, hyphen, last = (part.strip() for part in given.partition("-"))
    try:
        if hyphen:
            ends = ip_address(first), ip_address(last)
            if ends[0].version != ends[1].version:
                raise UsageError(f"{given!r}: one end is IPv4 and the other is IPv6")
            found = Span(_number(ends[0]), _number(ends[1]))
        else:
            network = ip_network(first)
            found = Span(_number(network.network_address), _number(network.broadcast_address))
    except ValueError as error:
        example = '"192.0.2.0/24", "192.0.2.10-192.0.2.20" or "2001:db8::/32"'
        raise UsageError(f"{given!r}: {error}; for example {example}") from error
    if found.first > found.last:
        raise UsageError(f"{given!r}: the last address is before the first")
    return found


def owner(session: Session, address: str | None) -> Met:
    """To which institution an address belongs: of the ranges that hold it the narrowest tells.

    Where two ranges of that size are of different institutions nobody is meant, because either could be wrong.
    """
    wanted = number(address)
    if wanted is None:
        return Met()
    rows = session.execute(
        select(
            InstitutionNetwork.first,
            InstitutionNetwork.last,
            InstitutionNetwork.institution_id,
            InstitutionNetwork.given,
        )
        .join(Institution, Institution.id == InstitutionNetwork.institution_id)
        .where(InstitutionNetwork.first <= wanted, InstitutionNetwork.last >= wanted, Institution.active)
    ).all()
    if not rows:
        return Met()
    narrowest = min(Span(row.first, row.last).size for row in rows)
    found = [row for row in rows if Span(row.first, row.last).size == narrowest]
    owners = tuple(sorted({row.institution_id for row in found}))
    if len(owners) > 1:
        return Met(several=owners, given=found[0].given)
    return Met(owners[0], given=found[0].given)


def _number(address: IPv4Address | IPv6Address) -> str:
    value = int(address) | _MAPPED if isinstance(address, IPv4Address) else int(address)
    return f"{value:032x}"
