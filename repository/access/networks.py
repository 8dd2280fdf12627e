"""To which institution an address belongs: of the ranges that hold it the narrowest tells."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from repository.access.ranges import LONGEST, hexadecimal, number_of
from repository.catalogue.straight import Straight
from repository.models import Institution, InstitutionNetwork

# Asked for every page that depends on its reader.
_HOLDING = Straight(
    select(InstitutionNetwork.first, InstitutionNetwork.last, InstitutionNetwork.institution_id)
    .join(Institution, Institution.id == InstitutionNetwork.institution_id)
    .where(
        InstitutionNetwork.first <= bindparam("address"),
        InstitutionNetwork.last >= bindparam("address"),
        Institution.active,
    )
)
_PORT = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::\d{1,5})?|(\d+\.\d+\.\d+\.\d+):\d{1,5}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Met:
    """To whom an address belongs: to one institution, or to several by ranges of the same size, or to none."""

    institution_id: int | None = None
    several: tuple[int, ...] = ()
    """Where the narrowest ranges that hold the address are of more than one institution: those. It is then nobody's."""


def number(address: str | None) -> str | None:
    """The number of one address as ranges are kept; None for what is none, or is of one link alone (``fe80::1%eth0``).

    A proxy may write a port behind the address, and brackets around it: they are taken away.
    """
    text = (address or "").strip()
    if len(text) > LONGEST or not text.isascii():
        return None
    if found := _PORT.fullmatch(text):
        text = found[1] or found[2]
    try:
        parsed = ip_address(text)
    except ValueError:
        return None
    return None if isinstance(parsed, IPv6Address) and parsed.scope_id else hexadecimal(number_of(parsed))


def owner(session: Session, address: str | None) -> Met:
    """To which institution an address belongs.

    Where two of the narrowest ranges are of different institutions nobody is meant, because either could be wrong.
    """
    wanted = number(address)
    if wanted is None:
        return Met()
    rows = _HOLDING(session, {"address": wanted})
    sizes = [(int(last, 16) - int(first, 16), institution) for first, last, institution in rows]
    narrowest = min(sizes, default=(0, 0))[0]
    owners = tuple(sorted({institution for size, institution in sizes if size == narrowest}))
    return Met(owners[0]) if len(owners) == 1 else Met(several=owners)
