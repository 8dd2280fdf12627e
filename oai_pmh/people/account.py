"""What a person is told of the window: its figures, its formats and its sets, a page at a time, as values."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from oai_pmh import sets
from oai_pmh.formats import FORMATS
from oai_pmh.verbs import Window
from oai_pmh.xml import FormatDescription
from repository.catalogue import browse, harvest, tallies
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
}
"""The sets at the top, each with its name and with what one of those inside it holds."""


@dataclass(frozen=True, slots=True)
class Account:
    """The figures of the page, and an identifier with which its examples can be tried (None in an empty archive)."""

    records: int
    withdrawn: int
    sets: int
    earliest: str | None
    sample: str | None

    @property
    def all(self) -> int:
        """Every record that a harvest of everything brings, those of withdrawn articles too."""
        return self.records + self.withdrawn


@dataclass(frozen=True, slots=True)
class SetLine:
    """One set in a list for people; ``articles`` is None where nobody has counted them."""

    spec: str
    name: str
    articles: int | None = None


def account(window: Window) -> Account:
    """The figures as they stand. Raises DatabaseUnavailable."""
    moment = window.now()
    with window.catalogue.reading() as session:
        counted = tallies.of(session, "articles")
        first = harvest.first(session, moment)
        how_many = sets.number(session, moment)
    number = {ArticleState.ACTIVE: 0, ArticleState.WITHDRAWN: 0}
    for (_, state), count in counted.items():
        number[ArticleState(state)] = number.get(ArticleState(state), 0) + count.number
    return Account(
        records=number[ArticleState.ACTIVE],
        withdrawn=number[ArticleState.WITHDRAWN],
        sets=how_many,
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
        found = harvest.publishers(session, after, limit, moment)
    return [(row, SetLine(sets.of_publisher(slug), name)) for row, slug, name in found]


def journals(window: Window, after: tuple[str, int] | None, limit: int) -> list[tuple[tuple[str, int], SetLine | None]]:
    """Up to ``limit`` journals in the order of the Turkish alphabet, each with its place in it; None for one that is
    no set of its own, because it has no ISSN.
    """
    with window.catalogue.reading() as session:
        lines = browse.titles_listed(session, after=after, limit=limit)
        issns = harvest.issns(session, [line.id for line in lines])
    return [
        (
            (line.sort_key, line.id),
            SetLine(sets.of_journal(issns[line.id]), line.name, line.articles) if line.id in issns else None,
        )
        for line in lines
    ]


def question(window: Window, **arguments: str | None) -> str:
    """The whole address of a request; ``since`` stands for ``from``, and what is None or empty is left out."""
    pairs = {"from" if name == "since" else name: value for name, value in arguments.items() if value}
    return f"{window.address}?{urlencode(pairs, safe=':')}"
