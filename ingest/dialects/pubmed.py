"""PubMed: the ``ArticleSet`` that publishers deposit, and the ``PubmedArticle`` that the NLM gives out."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lxml import etree

from ingest.dialects import house_words as words
from ingest.dialects.dates import date_in_words
from ingest.dialects.description import Described, Side, passed_over
from ingest.dialects.text import plain
from ingest.dialects.xml import attribute, child, children, descendants, local
from repository.turkish import machine_lower
from repository.vocabulary import ArticleRecord, Author, Related

_BRACKETED = re.compile(r"\[((?:[^\[\]]|\[[^\[\]]*\])*?)\.?\]\.?")
_NO_TITLE = ("not available", "in process citation")
_LETTERS_AND_NUMBER = re.compile(r"(\D*)(\d+)")
_LEADING_ZEROS = re.compile(r"^0+(?=\d)")
_SPAN = re.compile(r"([^\s,;-]+)\s*[-\u2010-\u2015]\s*([^\s,;-]+)")
_OBJECTS = {
    "erratum": "corrected-article",
    "retraction": "retracted-article",
    "partial retraction": "partial-retraction",
    "expression of concern": "object-of-concern",
    "republished": "republished-article",
    "reprint": "republished-article",
    "update": "updated-article",
    "comment": "commentary-article",
    "original report": "companion",
}
"""The objects that are articles; the others (data sets, sequences, grants) are none."""
_REFERENCES = {
    "ErratumFor": "corrected-article",
    "ErratumIn": "correction-forward",
    "RetractionOf": "retracted-article",
    "RetractionIn": "retraction-forward",
    "PartialRetractionOf": "partial-retraction",
    "ExpressionOfConcernFor": "object-of-concern",
    "ExpressionOfConcernIn": "concern-forward",
    "RepublishedFrom": "republished-article",
    "UpdateOf": "updated-article",
}
_BACKWARDS = {kind: relation for kind, relation in _REFERENCES.items() if not kind.endswith("In")}
"""Deposits name their objects by these words too, where they are the notice themselves."""
_OTHERS = {"PubmedBookArticle": "a book", "DeleteCitation": "a list of deleted citations"}
_NOTICES = {
    "published erratum": "correction",
    "retraction of publication": "retraction",
    "expression of concern": "expression-of-concern",
}


def read(root: etree._Element, path: str) -> tuple[Described, ...]:
    """Every article of the file."""
    if local(root) == "ArticleSet":
        return tuple(_deposited(article, path) for article in children(root, "Article"))
    citations = [root] if local(root) == "MedlineCitation" else list(descendants(root, "MedlineCitation"))
    return tuple(_exported(citation, path) for citation in citations)


def read_others(root: etree._Element, path: str) -> tuple[Side, ...]:
    """Books, and the numbers of citations that the NLM deleted: no articles, told so that nobody waits for them."""
    return passed_over(path, [(node, _OTHERS[local(node)], _named(node)) for node in children(root, *_OTHERS)])


def _named(node: etree._Element) -> str | None:
    """What the sender knows it by: its title and number, or the numbers to be deleted."""
    if local(node) == "DeleteCitation":
        return ", ".join(text for one in children(node, "PMID") if (text := plain(one))) or None
    title = next(descendants(node, "ArticleTitle", "BookTitle"), None)
    return ", ".join(text for text in (plain(title), plain(child(node, "BookDocument", "PMID"))) if text) or None


def _deposited(article: etree._Element, path: str) -> Described:
    journal = child(article, "Journal")
    at = _ids(children(article, "ELocationID"), "EIdType")
    # Its references have such lists too.
    ids = _ids(children(child(article, "ArticleIdList"), "ArticleId"), "IdType") | at
    # The citation that this one replaces is of the same article: by its PMID, which publishers know from before.
    replaced = _ids(children(article, "Replaces"), "IdType")
    ids = {name: replaced[kind] for kind, name in (("pubmed", "pmid"), ("doi", "doi")) if kind in replaced} | ids
    title, translated = _titles(article, plain(child(article, "Language")))
    kinds = [text for node in descendants(article, "PublicationType") if (text := plain(node))]
    dates = words.Dates(path)
    for node in children(journal, "PubDate"):
        dates.note(attribute(node, "PubStatus") or "PubDate", _date(node), node)
    first = _page(child(article, "FirstPage"))
    record = ArticleRecord(
        title=title,
        translated_titles=translated,
        language=plain(child(article, "Language")),
        journal_title=plain(child(journal, "JournalTitle")),
        publisher=plain(child(journal, "PublisherName")),
        issn_unspecified=words.issn_of(plain(child(journal, "Issn"))),
        volume=plain(child(journal, "Volume")),
        issue=plain(child(journal, "Issue")),
        first_page=first,
        last_page=_page(child(article, "LastPage")),
        elocation=_elocation(first, at),
        doi=words.doi_of(ids.get("doi")),
        authors=tuple(_authors(article)),
        published=dates.published,
        article_type=_kind(kinds),
        related=tuple(_objects(article)),
        abstracts=_abstract(article),
        keywords=tuple(_keywords(article)),
        other_ids={kind: text for kind, text in ids.items() if kind != "doi"},
    )
    return _with_lines(record, article, journal, dates)


def _exported(citation: etree._Element, path: str) -> Described:
    article = child(citation, "Article")
    journal, issue = child(article, "Journal"), child(article, "Journal", "JournalIssue")
    around = citation.getparent()
    at = _ids(children(article, "ELocationID"), "EIdType")
    listed = child(around, "PubmedData", "ArticleIdList") if around is not None else None
    ids = _ids(children(listed, "ArticleId"), "IdType") | at
    pmid = ids.pop("pubmed", None)
    if pmid := plain(child(citation, "PMID")) or pmid:
        ids["pmid"] = pmid
    language = plain(child(article, "Language"))
    title, translated = _titles(article, language)
    dates = words.Dates(path)
    for node in children(issue, "PubDate"):
        dates.note("PubDate", _date(node), node)
    for node in children(article, "ArticleDate"):
        dates.note(machine_lower(attribute(node, "DateType") or "Electronic"), _date(node), node)
    number = child(journal, "ISSN")
    medium = machine_lower(attribute(number, "IssnType") or "") if number is not None else ""
    issn = words.issn_of(plain(number))
    first, last = _span(child(article, "Pagination"))
    kinds = [text for node in descendants(article, "PublicationType") if (text := plain(node))]
    record = ArticleRecord(
        title=title,
        translated_titles=translated,
        language=language,
        journal_title=plain(child(journal, "Title")) or plain(child(journal, "ISOAbbreviation")),
        issn_print=issn if medium == "print" else None,
        issn_electronic=issn if medium == "electronic" else None,
        issn_unspecified=issn if medium not in ("print", "electronic") else None,
        issn_l=words.issn_of(plain(child(citation, "MedlineJournalInfo", "ISSNLinking"))),
        volume=plain(child(issue, "Volume")),
        issue=plain(child(issue, "Issue")),
        first_page=first,
        last_page=last,
        elocation=_elocation(first, at),
        doi=words.doi_of(ids.get("doi")),
        authors=tuple(_authors(article)),
        published=dates.published,
        article_type=_kind(kinds),
        related=tuple(_references(citation)),
        abstracts=_abstract(article),
        keywords=tuple(text for node in descendants(citation, "Keyword") if (text := plain(node))),
        other_ids={kind: text for kind, text in ids.items() if kind != "doi"},
    )
    return _with_lines(record, citation, journal, dates)


def _with_lines(
    record: ArticleRecord, node: etree._Element, journal: etree._Element | None, dates: words.Dates
) -> Described:
    title = next(descendants(node, "ArticleTitle"), None)
    return Described(
        record=record,
        line=node.sourceline,
        lines=words.lines_among(title=title, journal=journal),
        findings=tuple(dates.findings),
    )


def _titles(article: etree._Element | None, language: str | None) -> tuple[str | None, dict[str, str]]:
    """The title; in [brackets] it is a translation into English of the vernacular one, which then is the title."""
    title, own = plain(child(article, "ArticleTitle")), plain(child(article, "VernacularTitle"))
    bracketed = _BRACKETED.fullmatch(title or "")
    english = bracketed[1].strip() if bracketed else None
    if english and machine_lower(english) in _NO_TITLE:  # the NLM's words where it has no translation (yet)
        return own, {}
    if own and english:
        return own, {"en": english}
    if own and title and own != title:
        return title, {language or "": own}
    return english or title or own, {}


def _date(node: etree._Element) -> str | None:
    parts = [plain(child(node, name)) for name in ("Year", "Month", "Day", "Season")]
    return words.date_in_parts(*parts) or date_in_words(plain(child(node, "MedlineDate")))


def _page(node: etree._Element | None) -> str | None:
    """The page without leading zeros, which PubMed deletes too unless the deposit says otherwise (``LZero="save"``)."""
    page = words.page_of(plain(node))
    saved = node is not None and attribute(node, "LZero") == "save"
    return page if page is None or saved else _LEADING_ZEROS.sub("", page)


def _span(pagination: etree._Element | None) -> tuple[str | None, str | None]:
    """First and last page; of ``1865-76`` the last is 1876, of ``S123-9`` S129."""
    first = plain(child(pagination, "StartPage"))
    last = plain(child(pagination, "EndPage"))
    written = plain(child(pagination, "MedlinePgn"))
    span = _SPAN.match(written or "")
    if span:
        first = first or span[1]
        last = last or span[2]
    elif written and not first:
        first = written
    number = _LETTERS_AND_NUMBER.fullmatch(first or "")
    if number and last and last.isdecimal() and len(last) < len(number[2]):
        last = number[1] + number[2][: len(number[2]) - len(last)] + last
    return words.page_of(first), words.page_of(last)


def _elocation(first: str | None, at: dict[str, str]) -> str | None:
    """The number by which the article is found (``ELocationID``) stands in the place of pages where it has none.

    The publisher's item number among its other identifiers is no place in the journal.
    """
    return None if first else at.get("pii")


def _ids(nodes: Iterator[etree._Element], kind: str) -> dict[str, str]:
    """Kind to text, the first of each, but for those that the file itself calls wrong (``ValidYN``)."""
    found: dict[str, str] = {}
    for node in nodes:
        name, text = attribute(node, kind), plain(node)
        if name and text and _is_valid(node):
            found.setdefault(machine_lower(name), text)
    return found


def _is_valid(node: etree._Element) -> bool:
    """False of what the NLM keeps beside its correction."""
    return attribute(node, "ValidYN") != "N"


def _authors(article: etree._Element | None) -> Iterator[Author]:
    """Persons and groups; the members of a group (``GroupList``) are not authors themselves."""
    lists = (node for node in children(article, "AuthorList") if attribute(node, "Type") != "editors")
    for node in children(next(lists, None), "Author"):
        if not _is_valid(node):
            continue
        if group := plain(child(node, "CollectiveName")):
            yield Author(collab=group)
            continue
        family = plain(child(node, "LastName"))
        given = [plain(child(node, name)) for name in ("ForeName", "FirstName", "MiddleName")]
        written = " ".join(part for part in given if part) or plain(child(node, "Initials"))
        if family or written:
            named = next((one for one in children(node, "Identifier") if attribute(one, "Source") == "ORCID"), None)
            yield Author(family, written or None, plain(child(node, "Suffix")), orcid=words.orcid_of(plain(named)))


def _kind(kinds: list[str]) -> str | None:
    """A notice by its JATS name; else the first type that the file gives."""
    notice = next((_NOTICES[name] for kind in kinds if (name := machine_lower(kind)) in _NOTICES), None)
    return notice or (kinds[0] if kinds else None)


def _objects(article: etree._Element) -> Iterator[Related]:
    for node in children(child(article, "ObjectList"), "Object"):
        said = {attribute(one, "Name"): plain(one) for one in children(node, "Param")}
        kind, target = attribute(node, "Type"), said.get("id")
        relation = _OBJECTS.get(machine_lower(kind or "")) or _BACKWARDS.get(kind or "")
        if relation and target:
            doi = words.doi_in(target)
            yield Related(relation, doi or target, "doi" if doi else said.get("type"))


def _keywords(article: etree._Element) -> Iterator[str]:
    for node in children(child(article, "ObjectList"), "Object"):
        if machine_lower(attribute(node, "Type") or "") == "keyword":
            yield from (text for one in children(node, "Param") if (text := plain(one)))


def _references(citation: etree._Element) -> Iterator[Related]:
    """What the citation is linked with; the works that the article cites are none of it."""
    for node in descendants(citation, "CommentsCorrections"):
        kind, source, pmid = attribute(node, "RefType"), plain(child(node, "RefSource")), plain(child(node, "PMID"))
        if kind and kind != "Cites" and (source or pmid):
            doi = words.doi_in(source)
            scheme = "doi" if doi else "pmid" if pmid else None
            yield Related(_REFERENCES.get(kind, kind), doi or pmid or source or "", scheme)


def _abstract(article: etree._Element | None) -> dict[str, str]:
    texts = [plain(node) for node in children(child(article, "Abstract"))] or [plain(child(article, "Abstract"))]
    text = " ".join(part for part in texts if part)
    return {"en": text} if text else {}
