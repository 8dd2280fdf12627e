"""The sets: every article is in the set of its publisher and in that of its journal, and the parents hold them all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from repository.catalogue import harvest

PUBLISHERS = "publisher"
JOURNALS = "journal"


@dataclass(frozen=True, slots=True)
class SetDescription:
    """One set as ListSets shows it."""

    spec: str
    name: str


PARENTS = (SetDescription(PUBLISHERS, "All publishers"), SetDescription(JOURNALS, "All journals"))


def of_publisher(slug: str) -> str:
    """The setSpec of a publisher."""
    return f"{PUBLISHERS}:{slug}"


def of_journal(issn: str | None) -> str:
    """The setSpec of a journal; one without ISSN stands in the parent itself."""
    return f"{JOURNALS}:{issn}" if issn else JOURNALS


def range_of(session: Session, spec: str | None) -> harvest.Range | None:
    """The part of the feed that a setSpec names, the whole of it for None; None when there is no such set.

    A journal is found by any of its ISSNs, so that a harvester's set goes on when the linking ISSN becomes known.
    """
    if spec is None or spec in {PUBLISHERS, JOURNALS}:
        return harvest.WHOLE_FEED
    kind, _, name = spec.partition(":")
    if kind == PUBLISHERS:
        return harvest.range_of_publisher(session, name)
    if kind == JOURNALS:
        return harvest.range_of_journal(session, name)
    return None


def page(
    session: Session, after: tuple[int, int], limit: int, horizon: datetime
) -> list[tuple[tuple[int, int], SetDescription]]:
    """Up to ``limit`` sets after the place ``after``, each with its own place: parents, publishers, journals.

    A set is listed once a record of it can be harvested.
    """
    kind, row = after
    found: list[tuple[tuple[int, int], SetDescription]] = []
    if kind == 0:
        found += [((0, number), parent) for number, parent in enumerate(PARENTS, start=1) if number > row][:limit]
        kind, row = 1, 0
    if kind == 1 and len(found) < limit:
        publishers = harvest.publishers(session, row, limit - len(found), horizon)
        found += [((1, number), SetDescription(of_publisher(slug), name)) for number, slug, name in publishers]
        kind, row = 2, 0
    if kind == 2 and len(found) < limit:
        journals = harvest.journals(session, row, limit - len(found), horizon)
        found += [((2, number), SetDescription(of_journal(issn), name)) for number, issn, name in journals]
    return found


def number(session: Session, horizon: datetime) -> int:
    """How many sets :func:`page` lists from its beginning."""
    return len(PARENTS) + harvest.number_of_sets(session, horizon)
