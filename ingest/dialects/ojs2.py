"""OJS 2 native XML: issues with sections and articles, each with its galleys."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from lxml import etree

from ingest.dialects.description import MOST_ARTICLES, Described
from ingest.dialects.embedded import names_within
from ingest.dialects.ojs_words import (
    Files,
    by_locale,
    day_of,
    language_of,
    lines_of,
    pages_of,
    titles_of,
    with_notices,
    within_articles,
)
from ingest.dialects.text import text_of
from ingest.dialects.xml import attribute, child, children, descendants
from repository.turkish import machine_lower
from repository.vocabulary import ArticleRecord, Author, bare_doi


def read(root: etree._Element, path: str) -> tuple[Described, ...]:
    """Every article of the file in its order. OJS writes neither journal title nor ISSN into it."""
    within = names_within(root)
    found = (
        _article(article, issue, Files(path, within))
        for article, issue in islice(within_articles(root), MOST_ARTICLES + 1)
    )
    return tuple(with_notices(found))


def _article(article: etree._Element, issue: etree._Element | None, files: Files) -> Described:
    language = attribute(article, "language") or attribute(article, "locale")
    title, others, locale = titles_of(article, attribute(article, "locale"))
    first_page, last_page, elocation = pages_of(_said(article, "pages"))
    doi, other_ids = _identifiers(article)
    year = day_of(_said(issue, "year"))
    published = {"date_published": day_of(_said(article, "date_published")), "collection": year[:4] if year else None}
    _take_files(article, files)
    pdf_names, file_names = files.names()
    types = by_locale(child(article, "indexing"), "type")
    record = ArticleRecord(
        title=title,
        translated_titles=others,
        language=language_of(language),
        volume=_said(issue, "volume"),
        issue=_said(issue, "number"),
        first_page=first_page,
        last_page=last_page,
        elocation=elocation,
        doi=doi,
        authors=tuple(_authors(article)),
        published={kind: date for kind, date in published.items() if date},
        article_type=types.get(locale or "") or next(iter(types.values()), None),
        licence=_said(child(article, "permissions"), "license_url"),
        abstracts={language_of(key) or "": text for key, text in by_locale(article, "abstract").items()},
        keywords=_keywords(article),
        other_ids=other_ids,
    )
    return Described(
        record=record,
        pdf_names=pdf_names,
        file_names=file_names,
        line=article.sourceline,
        lines=lines_of(article, title="title", pdf="galley"),
        findings=tuple(files.findings),
    )


def _said(node: etree._Element | None, name: str) -> str | None:
    return next((text for each in children(node, name) if (text := text_of(each))), None)


def _identifiers(article: etree._Element) -> tuple[str | None, dict[str, str]]:
    doi: str | None = None
    others: dict[str, str] = {}
    for node in children(article, "id"):
        kind, text = machine_lower(attribute(node, "type") or ""), text_of(node)
        if text and kind == "doi":
            doi = doi or bare_doi(text)
        elif text and kind != "internal":
            others.setdefault("publisher-id" if kind in {"", "public"} else kind, text)
    return doi, others


def _authors(article: etree._Element) -> Iterator[Author]:
    for node in children(article, "author"):
        given = " ".join(name for name in (_said(node, "firstname"), _said(node, "middlename")) if name) or None
        family = _said(node, "lastname")
        if given or family:
            yield Author(family, given)


def _keywords(article: etree._Element) -> tuple[str, ...]:
    """``subject`` holds them all, parted by semicolons."""
    subjects = (text_of(node) or "" for node in children(child(article, "indexing"), "subject"))
    words = (word.strip() for text in subjects for word in text.split(";"))
    return tuple(dict.fromkeys(word for word in words if word))


def _take_files(article: etree._Element, files: Files) -> None:
    """``galley`` is the article in one form; pages, pictures and supplements are beside it."""
    for galley in children(article, "galley", "htmlgalley", "supplemental_file"):
        main = galley.tag == "galley"
        label_says_pdf = machine_lower(_said(galley, "label") or "").startswith("pdf")
        for holder in descendants(galley, "file", "image", "stylesheet"):
            files.take(holder, main=main and holder.tag == "file", pdf=main and label_says_pdf)
