"""To whom an address belongs, by the narrowest of the ranges that hold it (repository.access.ranges).

An IPv4 address is the IPv6 address into which it is mapped: ``192.0.2.1`` and ``::ffff:192.0.2.1`` are one. Numbers are
written as 32 small hexadecimal digits, whose order as text is their order.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

from sqlalchemy import select
from sqlalchemy.orm import Session

from repository.access.ranges import hexadecimal, number_of
from repository.models import Institution, InstitutionNetwork

_LONGEST = 90
_PORT = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::\d{1,5})?|(\d+\.\d+\.\d+\.\d+):\d{1,5}", re.ASCII)


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
    return None if isinstance(parsed, IPv6Address) and parsed.scope_id else hexadecimal(number_of(parsed))


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
    sizes = [int(row.last, 16) - int(row.first, 16) for row in rows]
    found = [row for row, size in zip(rows, sizes, strict=True) if size == min(sizes)]
    owners = tuple(sorted({row.institution_id for row in found}))
    if len(owners) > 1:
        return Met(several=owners, given=found[0].given)
    return Met(owners[0], given=found[0].given)
