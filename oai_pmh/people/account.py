"""What a person is told of the window: its figures, its formats and its sets, a page at a time, as values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from sqlalchemy.orm import Session

from oai_pmh import sets
from oai_pmh.formats import FORMATS
from oai_pmh.verbs import Window
from oai_pmh.xml import FormatDescription
from repository.catalogue import browse, harvest, tallies
from repository.catalogue.sets import OPEN, RETRACTED, SUBJECTS, TRIGGERED, TYPES
from repository.texts import marked
from repository.vocabulary import ArticleState

IN_WORDS = {
    "oai_dc": marked("Unqualified Dublin Core: every client understands it"),
    "mods": marked("MODS: names in parts, volume, issue and pages in fields of their own"),
    "jats": marked("JATS: the publisher's own description of the article where there is one"),
    "marcxml": marked("MARC 21 in XML, for library systems"),
    "oai_openaire": marked("OpenAIRE's guidelines for literature, with the rights of access as they are now"),
    "mets": marked("METS with PREMIS: the files, their digests, and when their copies were read back"),
}
"""What each format is good for. One that is not named here is known by its namespace."""

FAMILIES = {
    sets.PUBLISHERS: (marked("Sets by publisher"), marked("What one publisher delivered")),
    sets.JOURNALS: (marked("Sets by journal"), marked("What appeared in one journal")),
    TYPES: (marked("Sets by article type"), marked("What publishers call by one name: research article, review, …")),
    SUBJECTS: (marked("Sets by subject"), marked("What publishers filed under one subject, and under those below it")),
}
"""The sets that hold others, each with its name and with what one of those inside it holds."""

ALONE = {
    OPEN: marked("What is open to everyone now"),
    TRIGGERED: marked("What a trigger event opened, to those with a right to it or to everyone"),
    RETRACTED: marked("What a notice retracts"),
}
"""The sets that hold none, with what they hold."""


@dataclass(frozen=True, slots=True)
class SetLine:
    """One set in a list for people: how many records it has (withdrawn ones too), and whether it holds other sets."""

    spec: str
    name: str
    records: int | None
    holds_others: bool = False


@dataclass(frozen=True, slots=True)
class Account:
    """The figures of the page, and an identifier with which its examples can be tried (None in an empty archive)."""

    records: int
    """Every record that a harvest of everything brings, those of withdrawn articles too."""
    withdrawn: int
    sets: int
    families: tuple[str, ...]
    """Those of :data:`FAMILIES` in which there is anything."""
    alone: tuple[SetLine, ...]
    earliest: str | None
    sample: str | None


def account(window: Window) -> Account:
    """The figures as they stand. Raises DatabaseUnavailable."""
    moment = window.now()
    span = harvest.Span(moment)
    with window.catalogue.reading() as session:
        counted = tallies.of(session, "articles")
        first = harvest.first(session, moment)
        parts = {spec: sets.range_of(session, spec) for spec in (*FAMILIES, *ALONE)}
        return Account(
            records=harvest.size(session, harvest.WHOLE_FEED, span) or 0,
            withdrawn=sum(count.number for (_, state), count in counted.items() if state == ArticleState.WITHDRAWN),
            sets=sets.number(session, moment),
            families=tuple(spec for spec in FAMILIES if parts[spec] is not None),
            alone=tuple(
                SetLine(spec, ALONE[spec], harvest.size(session, part, span))
                for spec, part in parts.items()
                if spec in ALONE and part is not None
            ),
            earliest=first[0].date().isoformat() if first else None,
            sample=window.identifier(first[1]) if first else None,
        )


def formats() -> list[FormatDescription]:
    """The formats, in the order in which they are announced."""
    return [known.description for known in FORMATS.values()]


def publishers(window: Window, after: int, limit: int) -> list[tuple[int, SetLine]]:
    """Up to ``limit`` sets of publishers after the row ``after``, each with its row."""
    moment = window.now()
    with window.catalogue.reading() as session:
        return [
            (row, SetLine(sets.of_publisher(slug), name, _size(session, moment, harvest.Range(publisher_id=row))))
            for row, slug, name in harvest.publishers(session, after, limit, moment)
        ]


def journals(window: Window, after: tuple[str, int] | None, limit: int) -> list[tuple[tuple[str, int], SetLine | None]]:
    """Up to ``limit`` journals in the order of the Turkish alphabet, each with its place in it; None for one that is
    no set of its own, because it has no ISSN.
    """
    moment = window.now()
    found: list[tuple[tuple[str, int], SetLine | None]] = []
    with window.catalogue.reading() as session:
        lines = browse.titles_listed(session, after=after, limit=limit)
        issns = harvest.issns(session, [line.id for line in lines])
        for line in lines:
            records = _size(session, moment, harvest.Range(title_id=line.id))
            known = SetLine(sets.of_journal(issns[line.id]), line.name, records) if line.id in issns else None
            found.append(((line.sort_key, line.id), known))
    return found


def below(window: Window, parent: str, after: str, limit: int) -> list[SetLine]:
    """Up to ``limit`` sets of types or of subjects directly below ``parent``, in the order of their setSpecs."""
    moment = window.now()
    with window.catalogue.reading() as session:
        return [
            SetLine(spec, name, _size(session, moment, harvest.Range(set_id=row)), deeper)
            for row, spec, name, deeper in harvest.below(session, parent, after, limit, moment)
        ]


def name_of(window: Window, spec: str) -> str | None:
    """What a set of types or subjects is called, by those who named it; None where there is none."""
    with window.catalogue.reading() as session:
        return harvest.set_name(session, spec)


def question(window: Window, **arguments: str | None) -> str:
    """The whole address of a request; ``since`` stands for ``from``, and what is None or empty is left out."""
    pairs = {"from" if name == "since" else name: value for name, value in arguments.items() if value}
    return f"{window.address}?{urlencode(pairs, safe=':')}"


def _size(session: Session, moment: datetime, part: harvest.Range) -> int | None:
    return harvest.size(session, part, harvest.Span(moment))
