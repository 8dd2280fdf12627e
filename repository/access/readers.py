"""Of which institution a reader is: by sign-on, by an account of the library, or by the address; else of none."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from repository.access import institutions, networks
from repository.access.entitlement import Reader
from repository.models import Institution
from repository.turkish import tr_fold


class How(StrEnum):
    """By what a reader is known."""

    NOBODY = "nobody"
    ADDRESS = "address"
    SAML = "saml"
    OPENID = "openid"
    LIBRARIAN = "librarian"
    STAFF = "staff"


@dataclass(frozen=True, slots=True)
class Library:
    """An institution as its readers meet it."""

    id: int
    code: str
    name: str
    contact: str | None = None
    supply: str | None = None
    resolver: str | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """Who reads, and by what that is known. Nothing of the person is among it."""

    reader: Reader
    how: How = How.NOBODY
    library: Library | None = None
    until: datetime | None = None
    """When a sign-on ends."""
    several: bool = False
    """Whether the address lies in ranges of more than one institution, none narrower than the other: then of none."""


NOBODY = Known(Reader())


def by_address(session: Session, address: str | None) -> Known:
    """Who reads from this address. One look-up by index, and another for an institution that was found."""
    met = networks.owner(session, address)
    found = _library(session.get(Institution, met.institution_id)) if met.institution_id is not None else None
    if found is None:
        return Known(Reader(), several=bool(met.several))
    return Known(Reader(found.id), How.ADDRESS, found)


def by_code(session: Session, code: str, how: How, until: datetime | None = None) -> Known:
    """The readers of the institution of this code; nobody where there is none, or no more."""
    found = library(session, code)
    return NOBODY if found is None else Known(Reader(found.id), how, found, until)


def by_number(session: Session, institution_id: int | None, how: How) -> Known:
    """The readers of the institution of this number; nobody where there is none, or no more."""
    found = _library(session.get(Institution, institution_id)) if institution_id is not None else None
    return NOBODY if found is None else Known(Reader(found.id), how, found)


def library(session: Session, code: str) -> Library | None:
    """The institution of this code, as long as it is one."""
    return _library(institutions.find(session, code))


def libraries(session: Session, words: str, *, after: tuple[str, int] | None, limit: int) -> list[tuple[Library, str]]:
    """The institutions whose names hold these words, in the order of the Turkish alphabet, each with its sort key."""
    where = [Institution.active, *(Institution.folded.contains(one, autoescape=True) for one in tr_fold(words).split())]
    statement = select(Institution).where(*where).order_by(Institution.sort_key, Institution.id).limit(limit)
    if after is not None:
        key, number = after
        statement = statement.where(
            (Institution.sort_key > key) | ((Institution.sort_key == key) & (Institution.id > number))
        )
    return [(found, row.sort_key) for row in session.execute(statement).scalars() if (found := _library(row))]


def _library(row: Institution | None) -> Library | None:
    if row is None or not row.active:
        return None
    return Library(row.id, row.code, row.name, row.contact, row.supply, row.resolver)
