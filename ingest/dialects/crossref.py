"""Crossref's deposit and unixref XML: every ``journal_article`` with what its ``journal`` says of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

from lxml import etree

from ingest.dialects import crossref_query
from ingest.dialects import house_words as words
from ingest.dialects.description import Described, Side, passed_over
from ingest.dialects.text import plain, text_of
from ingest.dialects.xml import attribute, child, children, descendants, local
from repository.turkish import machine_lower
from repository.vocabulary import ArticleRecord, Author, Related

_UPDATES = {
    "addendum": "addended-article",
    "clarification": "corrected-article",
    "correction": "corrected-article",
    "corrigendum": "corrected-article",
    "erratum": "corrected-article",
    "expression_of_concern": "object-of-concern",
    "new_edition": "updated-article",
    "new_version": "updated-article",
    "partial_retraction": "partial-retraction",
    "removal": "retracted-article",
    "retraction": "retracted-article",
    "withdrawal": "retracted-article",
}
_NOTICES = {
    "addended-article": "addendum",
    "corrected-article": "correction",
    "object-of-concern": "expression-of-concern",
    "partial-retraction": "partial-retraction",
    "retracted-article": "retraction",
}
_WORKS = {
    "isCommentOn": "commentary-article",
    "hasComment": "commentary",
    "isReviewOf": "peer-reviewed-article",
    "hasReview": "peer-review",
    "isReplyTo": "commentary-article",
    "hasReply": "commentary",
    "isTranslationOf": "translated-article",
    "hasTranslation": "translation",
    "hasPreprint": "preprint",
    "replaces": "updated-article",
    "isReplacedBy": "update",
}
"""The relations schema in the words of JATS, where it has one; the others stay as they are."""
_OTHERS = {
    "book": "a book",
    "conference": "proceedings",
    "dissertation": "a dissertation",
    "report-paper": "a report",
    "standard": "a standard",
    "database": "a database",
    "peer_review": "a peer review",
    "posted_content": "a preprint",
    "pending_publication": "a pending publication",
    "grant": "a grant",
    "sa_component": "a component",
}
_NOBODY = "WEB-FORM"
"""Whom Crossref's own form for deposits writes as their registrant."""
_BOTH_PAGES = re.compile(r"([A-Za-z]?\d+)\s*[-\u2010-\u2015\u2212]\s*([A-Za-z]?\d+)")
_MERE_NUMBER = re.compile(r"(?:^|/)\d{1,4}\.\w+$")


def read(root: etree._Element, path: str) -> tuple[Described, ...]:
    """Every article of the file; books, proceedings and databases, which the same schema describes, are none."""
    if flat := crossref_query.read(root, path):
        return flat
    registrant = plain(child(root, "head", "registrant"))
    if registrant == _NOBODY:
        registrant = None
    return tuple(
        _described(article, journal, registrant or _publisher(journal), path)
        for journal in descendants(root, "journal")
        for article in children(journal, "journal_article")
    )


def _publisher(journal: etree._Element) -> str | None:
    """Whose prefix it is, as the answer to a query says beside the record."""
    query = next((node for node in journal.iterancestors() if local(node) == "query"), None)
    named = (node for node in children(query, "crm-item") if attribute(node, "name") == "publisher-name")
    return plain(next(named, None))


def read_others(root: etree._Element, path: str) -> tuple[Side, ...]:
    """What is no article of a journal beside those that are: told one by one, so that nobody waits for it."""
    others = [node for node in descendants(root, *_OTHERS) if _parent(node) in ("body", "crossref")]
    return passed_over(path, [(node, _OTHERS[local(node)], _name(node)) for node in others])


def _name(node: etree._Element) -> str | None:
    """A title and a DOI by which the sender knows the entry again."""
    title = next(descendants(node, "title", "proceedings_title", "full_title"), None)
    doi = next((one for one in descendants(node, "doi") if _parent(one) == "doi_data"), None)
    return ", ".join(text for text in (plain(title), plain(doi)) if text) or None


def _parent(node: etree._Element) -> str:
    around = node.getparent()
    return local(around) if around is not None else ""


def _described(article: etree._Element, journal: etree._Element, registrant: str | None, path: str) -> Described:
    metadata, issue = child(journal, "journal_metadata"), child(journal, "journal_issue")
    title, translated = _titles(article)
    first, last, eloc = _pages(article)
    related = tuple(_related(article))
    notice = next((_NOTICES[one.type] for one in related if one.type in _NOTICES), None)
    dates = _dates(article, issue, path)
    issns = _issns(metadata)
    record = ArticleRecord(
        title=title,
        translated_titles=translated,
        language=attribute(article, "language"),
        journal_title=text_of(child(metadata, "full_title")) or text_of(child(metadata, "abbrev_title")),
        publisher=registrant,
        issn_print=issns.get("print"),
        issn_electronic=issns.get("electronic"),
        issn_unspecified=issns.get("unspecified"),
        volume=plain(child(issue, "journal_volume", "volume")),
        issue=plain(child(issue, "issue")) or plain(child(issue, "special_numbering")),
        first_page=first,
        last_page=last,
        elocation=eloc,
        doi=words.doi_of(plain(child(article, "doi_data", "doi"))),
        authors=tuple(_authors(child(article, "contributors"))),
        published=dates.published,
        article_type=notice or attribute(article, "publication_type"),
        related=related,
        licence=_licence(article),
        abstracts=_abstracts(article),
    )
    return Described(
        record=record,
        pdf_names=_pdf_names(article),
        line=article.sourceline,
        lines=words.lines_among(
            doi=child(article, "doi_data", "doi"), title=child(article, "titles"), journal=metadata
        ),
        findings=tuple(dates.findings),
    )


def _titles(article: etree._Element) -> tuple[str | None, dict[str, str]]:
    """The first title, and by their languages the others: in the article's own language, and in further ``titles``.

    Each may have a subtitle, which stands behind it. Many write HTML into them as text.
    """
    found: list[tuple[str, str]] = []
    for node in (each for titles in children(article, "titles") for each in children(titles)):
        text = text_of(node)
        if not text:
            continue
        if local(node) != "subtitle":
            found.append((attribute(node, "language") or "", text))
        elif found:
            language, before = found.pop()
            found.append((language, words.with_subtitle(before, text) or before))
        else:
            found.append(("", text))
    title = found[0][1] if found else None
    others: dict[str, str] = {}
    for language, text in found[1:]:
        if text != title:
            others.setdefault(language, text)
    return title, others


def _issns(metadata: etree._Element | None) -> dict[str, str]:
    """``print``, ``electronic`` or ``unspecified`` to the first ISSN of that medium."""
    found: dict[str, str] = {}
    for node in children(metadata, "issn"):
        if number := words.issn_of(plain(node)):
            found.setdefault(crossref_query.medium(attribute(node, "media_type")), number)
    return found


def _pages(article: etree._Element) -> tuple[str | None, str | None, str | None]:
    """First page, last page, and the article's number where it has one in the place of pages."""
    pages = child(article, "pages")
    first = words.page_of(plain(child(pages, "first_page")))
    last = words.page_of(plain(child(pages, "last_page")))
    if last is None and (both := _BOTH_PAGES.fullmatch(first or "")):
        first, last = both.groups()
    item = child(article, "publisher_item")
    numbers = [
        text
        for node in children(item, "item_number")
        if attribute(node, "item_number_type") in ("article_number", "article-number", None) and (text := plain(node))
    ]
    return first, last, numbers[0] if numbers else None


def _authors(contributors: etree._Element | None) -> Iterator[Author]:
    for node in children(contributors, "person_name", "organization"):
        if attribute(node, "contributor_role") not in ("author", "first-author", None):
            continue
        if local(node) == "organization":
            if name := plain(node):
                yield Author(collab=name)
            continue
        family, given = plain(child(node, "surname")), plain(child(node, "given_name"))
        if family or given:
            orcid = words.orcid_of(plain(child(node, "ORCID")))
            yield Author(family, given, plain(child(node, "suffix")), orcid=orcid)


def _dates(article: etree._Element, issue: etree._Element | None, path: str) -> words.Dates:
    """The article's dates by medium; the issue's where the article has none of its own."""
    dates = words.Dates(path)
    own = list(children(article, "publication_date"))
    for node in own or children(issue, "publication_date"):
        parts = [plain(child(node, name)) for name in ("year", "month", "day")]
        dates.note(attribute(node, "media_type") or "publication_date", words.date_in_parts(*parts), node)
    return dates


def _related(article: etree._Element) -> Iterator[Related]:
    """The articles that this one updates (Crossmark), and the related works of the relations schema."""
    for node in descendants(article, "update"):
        if updated := words.doi_of(plain(node)):
            said = attribute(node, "type") or "update"
            yield Related(_UPDATES.get(machine_lower(said), said), updated, "doi")
    for node in descendants(article, "inter_work_relation", "intra_work_relation"):
        kind, scheme = attribute(node, "relationship-type"), attribute(node, "identifier-type")
        target = plain(node)
        if kind and target and kind != "isFinancedBy":  # a funder is no work
            doi = words.doi_in(target) if machine_lower(scheme or "") == "doi" else None
            yield Related(_WORKS.get(kind, kind), doi or target, "doi" if doi else scheme)


def _licence(article: etree._Element) -> str | None:
    """The licence for the version of record where several are given, else the first."""
    refs = [node for node in descendants(article, "license_ref") if plain(node)]
    best = [node for node in refs if attribute(node, "applies_to") == "vor"] or refs
    return plain(best[0]) if best else None


def _abstracts(article: etree._Element) -> dict[str, str]:
    found: dict[str, str] = {}
    language = attribute(article, "language") or ""
    for node in children(article, "abstract"):
        if text := text_of(node):
            found.setdefault(attribute(node, "lang") or language, text)
    return found


def _pdf_names(article: etree._Element) -> tuple[str, ...]:
    """The paths of the PDFs at their resources, where they are called so: a landing page is no file of the delivery.

    The whole path, since many end in the same name (``paper.pdf``), which alone says nothing of whose file it is. A
    mere number says less: at another address, and in the delivery, it counts something else.
    """
    names = (_path(plain(node)) for node in descendants(child(article, "doi_data"), "resource"))
    pdfs = (name for name in names if machine_lower(name).endswith(".pdf"))
    return tuple(dict.fromkeys(name for name in pdfs if not _MERE_NUMBER.search(name)))


def _path(address: str | None) -> str:
    try:
        return unquote(urlsplit(address or "").path).lstrip("/")
    except ValueError:  # a host in brackets that is no address
        return ""
