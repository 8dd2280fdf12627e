"""Crossref's flat query results (qrschema 2.0 and the query half of 3.0): one ``query`` an article, few fields each."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from ingest.dialects import house_words as words
from ingest.dialects.description import Described
from ingest.dialects.text import plain, text_of
from ingest.dialects.xml import attribute, child, children, descendants
from repository.turkish import machine_lower
from repository.vocabulary import ArticleRecord, Author

_MEDIA = {"print": "print", "electronic": "electronic", "online": "electronic"}


def read(root: etree._Element, path: str) -> tuple[Described, ...]:
    """The journal articles among the answers; none where the answers are unixref records or were not resolved."""
    return tuple(_described(node, path) for node in descendants(root, "query") if _is_article(node))


def medium(word: str | None) -> str:
    """``print``, ``electronic``, or ``unspecified`` for no word and for any other."""
    return _MEDIA.get(machine_lower(word or ""), "unspecified")


def _is_article(query: etree._Element) -> bool:
    if next(descendants(query, "doi_record"), None) is not None:
        return False
    doi = child(query, "doi")
    kind = attribute(doi, "type") if doi is not None else None
    flat = child(query, "journal_title") is not None or child(query, "article_title") is not None
    return flat and kind in ("journal_article", None)


def _described(query: etree._Element, path: str) -> Described:
    issns: dict[str, str] = {}
    for node in children(query, "issn"):
        if number := words.issn_of(plain(node)):
            issns.setdefault(medium(attribute(node, "type")), number)
    dates = words.Dates(path)
    for node in children(query, "year"):
        dates.note(attribute(node, "media_type") or "publication_date", words.date_in_parts(plain(node)), node)
    first = words.page_of(plain(child(query, "first_page")))
    record = ArticleRecord(
        title=text_of(child(query, "article_title")),
        journal_title=text_of(child(query, "journal_title")),
        issn_print=issns.get("print"),
        issn_electronic=issns.get("electronic"),
        issn_unspecified=issns.get("unspecified"),
        volume=plain(child(query, "volume")),
        issue=plain(child(query, "issue")),
        first_page=first,
        last_page=words.page_of(plain(child(query, "last_page"))),
        elocation=plain(child(query, "item_number")),
        doi=words.doi_of(plain(child(query, "doi"))),
        authors=tuple(_authors(query)),
        published=dates.published,
        article_type=plain(child(query, "publication_type")),
    )
    lines = words.lines_among(doi=child(query, "doi"), title=child(query, "article_title"))
    return Described(record, line=query.sourceline, lines=lines, findings=tuple(dates.findings))


def _authors(query: etree._Element) -> Iterator[Author]:
    """The contributors, or the one ``author``, of whom only the family name is known."""
    given = list(children(child(query, "contributors"), "contributor", "organization"))
    for node in given:
        if attribute(node, "contributor_role") in ("author", None):
            family, first = plain(child(node, "surname")), plain(child(node, "given_name"))
            if family or first:
                yield Author(family, first, plain(child(node, "suffix")))
            elif name := plain(node):
                yield Author(collab=name)
    if not given and (name := plain(child(query, "author"))):
        yield Author(name)
