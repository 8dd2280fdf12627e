"""Springer A++: one article, or the articles of an issue, inside their journal, volume and issue."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from ingest.dialects import house_words as words
from ingest.dialects.description import Described
from ingest.dialects.text import plain
from ingest.dialects.xml import attribute, child, children, descendants, local
from repository.turkish import machine_lower
from repository.vocabulary import ArticleRecord, Author, Related

_NOTES = {"Footnote", "FootnoteRef", "CitationRef", "IndexTerm", "Heading"}
_PICTURES = {"InlineMediaObject", "MediaObject", "ImageObject"}
_EQUATIONS = {"InlineEquation", "Equation"}
_DATES = ("OnlineDate", "PrintDate", "CoverDate", "PublicationDate")
_FILES = ("ImageObject", "VideoObject", "AudioObject", "TextObject", "DataObject", "BodyRef")


def read(root: etree._Element, path: str) -> tuple[Described, ...]:
    """Every ``Article`` of the file, each with the journal, volume and issue that stand around it."""
    return tuple(_read(article, path) for article in descendants(root, "Article"))


def _read(article: etree._Element, path: str) -> Described:
    info, header = child(article, "ArticleInfo"), child(article, "ArticleHeader")
    journal = _around(article, "Journal", "JournalInfo")
    volume = _around(article, "Volume", "VolumeInfo")
    issue = _around(article, "Issue", "IssueInfo")
    titles = _by_language(info, "ArticleTitle")
    subtitles = _by_language(info, "ArticleSubTitle")
    whole = {key: words.with_subtitle(title, subtitles.get(key)) or title for key, title in titles.items()}
    language = attribute(info, "Language") if info is not None else None
    own = language if language in whole else next(iter(whole), None)
    dates = _dates(info, issue, path)
    record = ArticleRecord(
        title=whole.get(own) if own is not None else None,
        translated_titles={key: title for key, title in whole.items() if key != own},
        language=language,
        journal_title=_said(journal, "JournalTitle"),
        publisher=_said(_around(article, "Publisher", "PublisherInfo"), "PublisherName"),
        issn_print=words.issn_of(_said(journal, "JournalPrintISSN")),
        issn_electronic=words.issn_of(_said(journal, "JournalElectronicISSN")),
        volume=words.span_of(_said(volume, "VolumeIDStart"), _said(volume, "VolumeIDEnd")),
        issue=words.span_of(_said(issue, "IssueIDStart"), _said(issue, "IssueIDEnd")),
        first_page=words.page_of(_said(info, "ArticleFirstPage")),
        last_page=words.page_of(_said(info, "ArticleLastPage")),
        elocation=_said(info, "ArticleCitationID") or _said(info, "ArticleNumber"),
        doi=words.doi_of(_said(info, "ArticleDOI")),
        authors=tuple(_authors(child(header, "AuthorGroup"))),
        published=dates.published,
        article_type=attribute(info, "ArticleType") if info is not None else None,
        related=tuple(_related(info)),
        licence=_licence(info),
        abstracts=_by_language(header, "Abstract"),
        keywords=_keywords(header),
        other_ids=_other_ids(article, info, journal),
    )
    files = words.file_names(attribute(node, "FileRef") for node in descendants(article, *_FILES))
    pdfs = tuple(name for name in files if _is_body_pdf(name))
    return Described(
        record=record,
        pdf_names=pdfs,
        file_names=tuple(name for name in files if name not in pdfs),
        line=article.sourceline,
        lines=words.lines_among(
            doi=child(info, "ArticleDOI"),
            title=child(info, "ArticleTitle"),
            journal=journal,
            issn_print=child(journal, "JournalPrintISSN"),
            issn_electronic=child(journal, "JournalElectronicISSN"),
        ),
        full_text=any(text.strip() for body in children(article, "Body") for text in body.itertext()),
        findings=tuple(dates.findings),
    )


def _around(article: etree._Element, name: str, info: str) -> etree._Element | None:
    """The information of the nearest element of that name around the article."""
    return next((child(node, info) for node in article.iterancestors() if local(node) == name), None)


def _left_out(node: etree._Element) -> bool:
    """Notes, pictures, and of a formula in several sources all but one: MathML, then TeX."""
    name = local(node)
    if name in _NOTES or name in _PICTURES:
        return True
    parent = node.getparent()
    if name != "EquationSource" or parent is None or local(parent) not in _EQUATIONS:
        return False
    sources = {machine_lower(attribute(each, "Format") or ""): each for each in children(parent, name)}
    mathml, tex = sources.get("mathml"), sources.get("tex")
    return node is not (mathml if mathml is not None and len(mathml) else tex)


def _said(parent: etree._Element | None, name: str) -> str | None:
    return next((text for node in children(parent, name) if (text := plain(node, _left_out))), None)


def _by_language(parent: etree._Element | None, name: str) -> dict[str, str]:
    """Language to text, the first of each; the language is empty where the file gives none."""
    found: dict[str, str] = {}
    for node in children(parent, name):
        if text := plain(node, _left_out):
            found.setdefault(attribute(node, "Language") or "", text)
    return found


def _dates(info: etree._Element | None, issue: etree._Element | None, path: str) -> words.Dates:
    """The article's own dates, then those of its issue, whose online date is of another type than the article's."""
    dates = words.Dates(path)
    for history, online in (
        (child(info, "ArticleHistory"), "OnlineDate"),
        (child(issue, "IssueHistory"), "IssueHistory/OnlineDate"),
    ):
        for node in children(history, *_DATES):
            year, month, day = (plain(child(node, part)) for part in ("Year", "Month", "Day"))
            kind = local(node)
            dates.note(online if kind == "OnlineDate" else kind, words.date_in_parts(year, month, day), node)
    return dates


def _authors(group: etree._Element | None) -> Iterator[Author]:
    for node in children(group, "Author", "InstitutionalAuthor"):
        if local(node) == "InstitutionalAuthor":
            named = child(node, "InstitutionalAuthorName")
            collab = plain(named if named is not None else node, _left_out)
            if collab:
                yield Author(collab=collab)
            continue
        name = child(node, "AuthorName")
        family = " ".join(text for part in ("Particle", "FamilyName") if (text := _said(name, part))) or None
        given = " ".join(text for each in children(name, "GivenName") if (text := plain(each, _left_out))) or None
        orcid = attribute(node, "ORCID") or _said(node, "ORCID")
        if family or given:
            yield Author(family, given, _said(name, "Suffix"), orcid=words.orcid_of(orcid))


def _related(info: etree._Element | None) -> Iterator[Related]:
    said = machine_lower(attribute(info, "ArticleType") or "") if info is not None else ""
    is_notice = any(part in said for part in ("errat", "correct", "retract"))
    for node in children(info, "ArticleRelatedObject"):
        kind = attribute(node, "RelatedObjectType") or attribute(node, "Type")
        target = _said(node, "RelatedObjectDOI") or plain(node)
        if target:
            # "ErratumFrom" stands in the article that was corrected, and in some errata all the same.
            notice = is_notice or not machine_lower(kind or "").endswith("from")
            yield words.related_to(kind, target, of_a_notice=notice)


def _licence(info: etree._Element | None) -> str | None:
    """The licence's address; its words if it has none; else what the publisher grants of the body."""
    licences = list(descendants(info, "License"))
    for licence in licences:
        for node in descendants(licence, "RefTarget"):
            address = attribute(node, "Address")
            if address and "creativecommons.org" in address:
                return address
    said = " ".join(text for licence in licences if (text := plain(licence)))
    if said:
        return said
    grants = child(info, "ArticleGrants")
    given = [f"{local(node)}={attribute(node, 'Grant')}" for node in children(grants, "BodyPDFGrant", "BodyHTMLGrant")]
    choice = attribute(grants, "Type") if grants is not None else None
    return " ; ".join([choice, *given] if choice and choice != "Regular" else given) or None


def _keywords(header: etree._Element | None) -> tuple[str, ...]:
    groups = children(header, "KeywordGroup")
    found = (plain(node, _left_out) for group in groups for node in children(group, "Keyword"))
    return tuple(dict.fromkeys(word for word in found if word))


def _other_ids(article: etree._Element, info: etree._Element | None, journal: etree._Element | None) -> dict[str, str]:
    given = {
        "publisher-id": attribute(article, "ID"),
        "article-id": _said(info, "ArticleID"),
        "journal-id": _said(journal, "JournalID"),
    }
    return {kind: text for kind, text in given.items() if text}


def _is_body_pdf(name: str) -> bool:
    return machine_lower(name).endswith(".pdf") and "BodyRef/PDF/" in name
