"""What people name for a trigger, found: journals by ISSN, publishers by name, institutions by code, and moments."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from repository.access import institutions
from repository.access.triggers import Scope
from repository.access.words import is_storable
from repository.catalogue import titles
from repository.errors import NotNow
from repository.models import Institution, Publisher, Title
from repository.texts import marked

_FOUND = TypeVar("_FOUND", Title, Publisher, Institution)
_ISSN = re.compile(r"\d{4}-?\d{3}[\dXx]")

NO_JOURNAL = marked("No journal with the ISSN %(issn)s is known.")
NO_PUBLISHER = marked("No publisher %(name)s is known.")
NO_INSTITUTION = marked("No institution with the code %(code)s is known.")
NO_MOMENT = marked("%(typed)s is no moment: for example 2026-12-31 or 2026-12-31T09:00.")


def scope(
    session: Session, issns: Iterable[str], publishers: Iterable[str], codes: Iterable[str], *, nation: bool
) -> Scope:
    """The scope that these names mean. Raises NotNow for the first that is not known."""
    return Scope(
        frozenset(_each(session, issns, _title, lambda given: NotNow(NO_JOURNAL, issn=given[:40]))),
        frozenset(
            _each(session, publishers, titles.find_publisher, lambda given: NotNow(NO_PUBLISHER, name=given[:80]))
        ),
        nation,
        institution_ids(session, codes),
    )


def institution_ids(session: Session, codes: Iterable[str]) -> frozenset[int]:
    """The institutions of these codes. Raises NotNow for the first that is not known."""
    return frozenset(_each(session, codes, institutions.find, lambda given: NotNow(NO_INSTITUTION, code=given[:40])))


def moment(text: str | None, zone: ZoneInfo) -> datetime | None:
    """A moment as it is typed, in ``zone`` unless it names another; None for nothing. Raises NotNow."""
    if text is None or not text.strip():
        return None
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise NotNow(NO_MOMENT, typed=text[:40]) from None
    if not 1990 < found.year < 2999:
        raise NotNow(NO_MOMENT, typed=text[:40])
    return found if found.tzinfo else found.replace(tzinfo=zone)


def _each(
    session: Session,
    given: Iterable[str],
    find: Callable[[Session, str], _FOUND | None],
    unknown: Callable[[str], NotNow],
) -> list[int]:
    found = []
    for one in given:
        row = find(session, one) if is_storable(one) else None
        if row is None:
            raise unknown(one)
        found.append(row.id)
    return found


def _title(session: Session, given: str) -> Title | None:
    if not _ISSN.fullmatch(given):
        return None
    issn = given if "-" in given else f"{given[:4]}-{given[4:]}"
    return titles.title_by_issn(session, [issn.replace("x", "X")])
