"""The sets: publisher, journal, type and subject, each with a parent that holds them all; what is open or retracted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from repository.catalogue import harvest
from repository.catalogue.sets import OPEN, RETRACTED, SUBJECTS, TRIGGERED, TYPES

PUBLISHERS = "publisher"
JOURNALS = "journal"
OPENAIRE = "openaire"
"""The set that OpenAIRE's harvesters ask for (Guidelines for Literature Repository Managers 4, OAI-PMH)."""

_EVERYTHING = frozenset((PUBLISHERS, JOURNALS, OPENAIRE))

_MEANINGS = {
    PUBLISHERS: ("Yayıncılar: her yayıncının bir alt kümesi vardır", "Publishers: each has a set below this one"),
    JOURNALS: ("Dergiler: her derginin bir alt kümesi vardır", "Journals: each has a set below this one"),
    OPENAIRE: ("OpenAIRE için bütün kayıtlar", "Every record, as OpenAIRE asks for it"),
    TYPES: ("Makale türleri, yayıncıların adlandırdığı gibi", "Article types, as publishers call them"),
    SUBJECTS: ("Konular, yayıncıların sınıfladığı gibi", "Subjects, as publishers file their articles"),
    OPEN: ("Şu anda herkese açık olan makaleler", "Articles that are open to everyone now"),
    TRIGGERED: (
        "Tetikleyici bir olayla, hakkı olanlara veya herkese açılan makaleler",
        "Articles that a trigger event opened, to those with a right to them or to everyone",
    ),
    RETRACTED: ("Geri çekilme bildirimi olan makaleler", "Articles that a notice retracts"),
}
"""What a set holds, in Turkish and in English, where its name does not say it."""


@dataclass(frozen=True, slots=True)
class SetDescription:
    """One set as ListSets shows it; ``about`` is what it holds, by language."""

    spec: str
    name: str

    @property
    def about(self) -> dict[str, str]:
        """What it holds, where its name does not say that."""
        return dict(zip(("tr", "en"), _MEANINGS.get(self.spec, ()), strict=False))


PARENTS = (
    SetDescription(PUBLISHERS, "All publishers"),
    SetDescription(JOURNALS, "All journals"),
    SetDescription(OPENAIRE, "OpenAIRE"),
)
"""Those that hold everything."""


def of_publisher(slug: str) -> str:
    """The setSpec of a publisher."""
    return f"{PUBLISHERS}:{slug}"


def of_journal(issn: str | None) -> str:
    """The setSpec of a journal; one without ISSN stands in the parent itself."""
    return f"{JOURNALS}:{issn}" if issn else JOURNALS


def of_article(publisher: str, issn: str | None, others: Iterable[str]) -> tuple[str, ...]:
    """The setSpecs of a record's header: each set in which it is but for those of whose descendants it is one too."""
    found = list(others)
    leaves = [spec for spec in found if not any(other.startswith(f"{spec}:") for other in found)]
    return (of_publisher(publisher), of_journal(issn), *leaves, OPENAIRE)


def range_of(session: Session, spec: str | None) -> harvest.Range | None:
    """The part of the feed that a setSpec names, the whole of it for None; None when there is no such set.

    A journal is found by any of its ISSNs.
    """
    if spec is None or spec in _EVERYTHING:
        return harvest.WHOLE_FEED
    kind, _, name = spec.partition(":")
    if kind == PUBLISHERS:
        return harvest.range_of_publisher(session, name)
    if kind == JOURNALS:
        return harvest.range_of_journal(session, name)
    return harvest.range_of_set(session, spec)


def page(
    session: Session, after: tuple[int, int], limit: int, horizon: datetime
) -> list[tuple[tuple[int, int], SetDescription]]:
    """Up to ``limit`` sets after the place ``after``, each with its own place: parents, publishers, journals, others.

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
        kind, row = 3, 0
    if kind == 3 and len(found) < limit:
        others = harvest.others(session, row, limit - len(found), horizon)
        found += [((3, number), SetDescription(spec, name)) for number, spec, name in others]
    return found


def number(session: Session, horizon: datetime) -> int:
    """How many sets :func:`page` lists from its beginning."""
    return len(PARENTS) + harvest.number_of_sets(session, horizon)
