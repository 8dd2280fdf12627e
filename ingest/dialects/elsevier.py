"""Elsevier's journal article DTD 4 and 5: ``main.xml`` with an article, a notice, a book review or an exam."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lxml import etree

from ingest.dialects.dates import date_in_words, iso_date
from ingest.dialects.description import Described
from ingest.dialects.house_words import orcid_of, with_subtitle
from ingest.dialects.text import fold
from ingest.dialects.xml import attribute, child, children, descendants, local
from repository.turkish import machine_lower
from repository.vocabulary import ArticleRecord, Author, Related, bare_doi

ARTICLES = ("article", "simple-article", "converted-article", "book-review", "exam")
"""The root elements of an item."""

# Converted articles keep the names of the SGML before it: fm, atl, aug, au, fnm, snm.
_HEADS = ("head", "simple-head", "book-review-head", "exam-head", "fm")
_DROPPED = {
    "cross-ref",
    "cross-refs",
    "cross-out",
    "footnote",
    "float-anchor",
    "link",
    "index-flag",
    "annotation",
    "annotation-xml",
    "e-component",
    "anchor",
}
_APART = {"section-title", "simple-para", "para", "abstract-sec", "list-item", "label", "br", "hsp", "vsp", "def-term"}
_ISSN = re.compile(r"(\d{4})\s*[-\u2010-\u2015\u2212]?\s*(\d{3}[\dXx])")
_DATE = re.compile(r"(?P<year>\d{4})(?:-(?P<month>\d\d)(?:-(?P<day>\d\d))?)?(?:T.*)?")
_WRITTEN_DATE = re.compile(r"(?:(?P<day>\d{1,2})\s+)?(?:(?P<month>[^\W\d]+)\s+)?(?P<year>\d{4})")
_RANGE = re.compile(r"\s*[-\u2010-\u2015\u2212/]\s*")
# The kind of a notice says what the document that it refers to has become by it (JATS related-article-type).
_RELATIONS = {
    "add": "addended-article",
    "err": "corrected-article",
    "rem": "retracted-article",
    "ret": "retracted-article",
}


def read(root: etree._Element, path: str) -> tuple[Described, ...]:  # noqa: ARG001
    """The article of a ``main.xml``. It names neither journal, volume nor issue: those stand beside it."""
    return (read_article(root),)


def read_article(item: etree._Element) -> Described:
    """The record of one item. Its figures are named by locators only (``gr1``), so that it names no files."""
    info = child(item, "item-info")
    head = next(children(item, *_HEADS), None)
    language = attribute(item, "lang")
    subtype = attribute(item, "docsubtype")
    doi = words(child(info, "doi"))
    record = ArticleRecord(
        title=_title(head),
        translated_titles=_translated(head),
        language=language,
        elocation=words(child(info, "article-number")),
        doi=bare_doi(doi) if doi else None,
        authors=tuple(_authors(head)),
        article_type=f"{local(item)}/{subtype}" if subtype else local(item),
        related=tuple(_related(item, subtype)),
        licence=_copyright(info),
        abstracts=_abstracts(head, language),
        keywords=_keywords(head),
        other_ids={name: text for name in ("pii", "jid", "aid") if (text := words(child(info, name)))},
    )
    places = {"doi": child(info, "doi"), "title": child(head, "title"), "journal": info}
    return Described(
        record=record,
        line=item.sourceline,
        lines={name: node.sourceline for name, node in places.items() if node is not None and node.sourceline},
        full_text=any(part.strip() for body in children(item, "body") for part in body.itertext()),
    )


def issn(text: str | None) -> str | None:
    """``dddd-dddd`` for an ISSN with or without hyphen; what has not even that form as written."""
    shaped = _ISSN.fullmatch(text or "")
    return f"{shaped[1]}-{shaped[2]}".replace("x", "X") if shaped else text


def date_of(text: str | None) -> str | None:
    """The ISO 8601 date of ``2019-05-02T10:41:24Z``, ``15 January 2020``, ``August 2022`` or ``1995``; else None.

    Of ``March-April 2024`` the first month, of ``December 2023-January 2024`` the first date, of other words with a
    year the year.
    """
    found = _DATE.fullmatch(text or "") or _WRITTEN_DATE.fullmatch(text or "")
    if found is None:
        first, *rest = _RANGE.split(text or "", maxsplit=1)
        year = re.search(r"\d{4}", rest[0] if rest else "")
        found = _WRITTEN_DATE.fullmatch(first) or _WRITTEN_DATE.fullmatch(f"{first} {year[0] if year else ''}")
    if found is None:
        return date_in_words(text)
    node = etree.Element("date")
    for name, value in found.groupdict().items():
        etree.SubElement(node, name).text = value
    return iso_date(node)


def words(node: etree._Element | None) -> str | None:
    """The element's content as one line of plain text, without cross-references and footnotes; None without any."""
    if node is None:
        return None
    parts: list[str] = []
    _collect(node, parts)
    return fold("".join(parts))


def _collect(node: etree._Element, parts: list[str]) -> None:
    parts.append(node.text or "")
    for below in node:
        kind = local(below)
        apart = " " if kind in _APART else ""
        parts.append(apart)
        if kind and kind not in _DROPPED:
            _collect(below, parts)
        parts.append(apart + (below.tail or ""))


def _title(head: etree._Element | None) -> str | None:
    """Title and subtitle; the heading of its section (``Erratum``) where there is nothing else."""
    given = [text for node in children(head, "title", "subtitle", "atl") if (text := words(node))]
    if not given:
        headings = (words(node) for heading in children(head, "dochead") for node in children(heading, "textfn"))
        return next((text for text in headings if text), None)
    title: str | None = None
    for text in given:
        title = with_subtitle(title, text)
    return title


def _translated(head: etree._Element | None) -> dict[str, str]:
    """Language to alternative title, each with the alternative subtitle of its language."""
    found: dict[str, str] = {}
    subtitles: dict[str, str] = {}
    for node in children(head, "alt-title", "alt-subtitle"):
        if text := words(node):
            (found if local(node) == "alt-title" else subtitles).setdefault(attribute(node, "lang") or "", text)
    return {language: with_subtitle(title, subtitles.get(language)) or title for language, title in found.items()}


def _authors(head: etree._Element | None) -> Iterator[Author]:
    """Persons and groups in their order; the members of a group are not authors themselves."""
    for group in children(head, "author-group", "aug"):
        for node in children(group, "author", "au", "collaboration", "cor-au"):
            if local(node) == "collaboration":
                name = words(child(node, "text"))
                if name:
                    yield Author(collab=name)
                continue
            family = words(next(children(node, "surname", "snm"), None))
            given = words(next(children(node, "given-name", "fnm", "initials"), None))
            if family or given:
                yield Author(family, given, words(child(node, "suffix")), orcid=orcid_of(attribute(node, "orcid")))


def _related(item: etree._Element, subtype: str | None) -> Iterator[Related]:
    """Each document that the item says it refers to, by its DOI or else by its PII."""
    kind = _RELATIONS.get(machine_lower(subtype or ""), "refers-to-document")
    for node in descendants(child(item, "item-info"), "refers-to-document"):
        doi = words(next(descendants(node, "doi"), None))
        pii = words(next(descendants(node, "pii"), None))
        if doi:
            yield Related(kind, bare_doi(doi), "doi")
        elif pii:
            yield Related(kind, pii, "pii")


def _copyright(info: etree._Element | None) -> str | None:
    """Whose the rights are, where they are said: a main.xml names no licence."""
    for node in children(info, "copyright"):
        holder = words(node)
        if holder:
            return " ".join(part for part in ("©", attribute(node, "year"), holder) if part)
    return None


def _abstracts(head: etree._Element | None, language: str | None) -> dict[str, str]:
    """Language to text, without the heading 'Abstract'; highlights and graphical abstracts are no abstracts."""
    found: dict[str, str] = {}
    for node in children(head, "abstract"):
        if attribute(node, "class") in (None, "author"):
            text = fold(" ".join(words(part) or "" for part in children(node) if local(part) != "section-title"))
            if text:
                found.setdefault(attribute(node, "lang") or language or "", text)
    return found


def _keywords(head: etree._Element | None) -> tuple[str, ...]:
    groups = (node for node in children(head, "keywords") if attribute(node, "class") in (None, "keyword"))
    given = (words(child(word, "text")) for group in groups for word in children(group, "keyword"))
    return tuple(dict.fromkeys(word for word in given if word))
