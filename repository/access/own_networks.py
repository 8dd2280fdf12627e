"""The ranges of addresses that a librarian enters for the own institution: none too wide, and nobody else's."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from repository.access import changes, institutions, ranges
from repository.access.institutions import overlapping
from repository.access.ranges import Span
from repository.errors import NotNow
from repository.models import Institution
from repository.texts import Remark, marked

MOST_V4 = 1 << 16
"""Addresses of IPv4 in all ranges of an institution together: a /16."""
MOST_V6 = 1 << 96
"""Of IPv6: a /32."""

ANOTHERS = marked(
    "%(given)s overlaps a range of another institution. Nothing was entered: write to the archive, which asks both."
)
TOO_MANY = marked(
    "With %(given)s your ranges would have more addresses than a /16 of IPv4 or a /32 of IPv6. Nothing was entered: "
    "write to the archive, which enters wider ones."
)
SHARED = marked(
    "%(given)s overlaps a range of another institution: where neither is narrower, nobody is known by such an address."
)
NOT_PUBLIC = marked("%(given)s is not public: no reader comes from there. Enter the addresses by which you go out.")


def add(session: Session, by: str, row: Institution, given: str, *, at: datetime) -> list[Remark]:
    """One more range; what is worth knowing of it. Raises BadValue, NotNow where the archive has to decide."""
    changes.take(session)
    text, span = " ".join(given.split()), ranges.span_of(given)
    if ranges.remarks(text, span):
        raise NotNow(NOT_PUBLIC, given=text)
    if any(other.id != row.id for _, other in overlapping(session, span)):
        raise NotNow(ANOTHERS, given=text)
    if addresses(session, row, span.is_v4) + _size(span) > (MOST_V4 if span.is_v4 else MOST_V6):
        raise NotNow(TOO_MANY, given=text)
    return institutions.add_network(session, by, row, given, at=at)


def remarks(session: Session, row: Institution) -> list[Remark]:
    """What is worth knowing of its ranges as they stand; who else has an address of them is not told."""
    told = institutions.remarks(session, row)
    shared = dict.fromkeys(str(one.params["given"]) for one in told if one.sentence == institutions.OVERLAP)
    others = [one for one in told if one.sentence != institutions.OVERLAP]
    return [*(Remark(SHARED, {"given": given}) for given in shared), *others]


def addresses(session: Session, row: Institution, of_v4: bool) -> int:
    """How many addresses of one kind its ranges have; those that overlap are counted twice."""
    spans = [Span(int(one.first, 16), int(one.last, 16)) for one in institutions.networks_of(session, row)]
    return sum(_size(one) for one in spans if one.is_v4 is of_v4)


def _size(span: Span) -> int:
    return span.last - span.first + 1
