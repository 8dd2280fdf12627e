"""JATS 1.0 to 1.3 and NLM 2 and 3: an ``article`` element in every dialect that publishers make of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import reduce
from itertools import takewhile

from lxml import etree

from ingest.dialects import house_words as words
from ingest.dialects.contributors import authors_of
from ingest.dialects.dates import iso_date
from ingest.dialects.description import Described
from ingest.dialects.jats_front import front_of
from ingest.dialects.text import fold, plain
from ingest.dialects.xml import attribute, child, children, descendants, local
from ingest.findings import finding
from repository.turkish import machine_lower
from repository.vocabulary import ArticleRecord, Finding, Related, bare_doi

_PRINT = {"ppub", "print", "p", "ppub-only", "print-only", "pissn", "p-issn"}
_ELECTRONIC = {"epub", "electronic", "online", "online-only", "e", "epub-only", "electronic-only", "eissn", "e-issn"}
_ISSN = re.compile(r"(?<!\d)(\d{4})\s*[-\u2010-\u2015\u2212]?\s*(\d{3}[\dXx])(?!\d)")
_SPAN = re.compile(r"(\d{1,6})\s*[\u2010-\u2015\u2212-]\s*(\d{1,6})")
_PAGE = re.compile(r"[^\s,;\u2010-\u2015\u2212-]+")
_WEB = re.compile(r"[a-z][a-z0-9+.-]*:|10\.\d{4,}/|//", re.IGNORECASE)
_LICENCE_ADDRESS = re.compile(r"https?://\S*(?:creativecommons\.org|licen[cs]e|publicdomain)", re.IGNORECASE)
_TRUE_ABSTRACTS = {"", "abstract", "main", "normal", "regular", "standard", "structured", "text-abstract"}
"""Others are summaries for readers of other kinds: graphical, teaser, plain language, highlights."""
_OF_SUBJECTS = re.compile(r"(discipline|subject|topic)s?(?![a-z])", re.IGNORECASE)
_DEEPEST = 8
_FILES = ("graphic", "inline-graphic", "media", "supplementary-material", "inline-supplementary-material", "self-uri")


def read(root: etree._Element, path: str) -> tuple[Described, ...]:
    """Every article of a file: its root, or those inside a wrapper."""
    return tuple(read_article(article, path) for article in articles_in(root))


def articles_in(root: etree._Element) -> list[etree._Element]:
    """The ``article`` elements of a file, in order: its root, or those inside a wrapper."""
    if local(root) == "article":
        return [root]
    return [node for node in descendants(root, "article") if child(node, "front") is not None]


def read_article(article: etree._Element, path: str) -> Described:
    """The record of one ``article`` element, from ``front`` alone: sub-articles and responses are not articles."""
    journal = child(article, "front", "journal-meta")
    meta = child(article, "front", "article-meta")
    language = attribute(article, "lang")
    issns = _issns(journal)
    titles = child(meta, "title-group")
    if titles is None:
        titles = meta
    doi, other_ids = _identifiers(meta)
    first_page, last_page = _pages(meta)
    published, findings = _dates(meta, path)
    record = ArticleRecord(
        title=_title(titles),
        translated_titles=_translated(titles, article),
        language=language,
        journal_title=_journal_title(journal),
        publisher=plain(child(journal, "publisher", "publisher-name")),
        issn_print=issns.get("issn_print"),
        issn_electronic=issns.get("issn_electronic"),
        issn_unspecified=issns.get("issn_unspecified"),
        issn_l=issns.get("issn_l"),
        volume=_said(meta, "volume"),
        # A supplement to a volume stands where the issue would.
        issue=_said(meta, "issue") or _said(meta, "supplement"),
        first_page=first_page,
        last_page=last_page,
        elocation=_said(meta, "elocation-id"),
        doi=doi,
        authors=authors_of(meta),
        published=published,
        article_type=attribute(article, "article-type"),
        related=tuple(_related(meta)),
        licence=_licence(meta),
        abstracts=_abstracts(meta, language),
        keywords=_keywords(meta),
        subjects=tuple(dict.fromkeys(_subjects(meta))),
        other_ids=other_ids,
    )
    return Described(
        record=record,
        pdf_names=_pdf_names(meta),
        file_names=_file_names(article, meta),
        line=article.sourceline,
        lines=_lines(journal, meta),
        full_text=any(below.strip() for body in children(article, "body") for below in body.itertext()),
        findings=findings,
        front=front_of(article),
    )


def _said(meta: etree._Element | None, name: str) -> str | None:
    return next((text for node in children(meta, name) if (text := plain(node))), None)


def _title(group: etree._Element | None) -> str | None:
    # IUCr leaves article-title empty and writes the title into alt-title.
    title = _said(group, "article-title") or _said(group, "alt-title")
    # Springer has the running title and the authors of the page's head among the subtitles.
    true = (
        node
        for node in children(group, "subtitle")
        if not (attribute(node, "content-type") or "").startswith("running")
    )
    return _joined(title, *map(plain, true))


def _joined(*parts: str | None) -> str | None:
    return reduce(words.with_subtitle, parts, None)


def _translated(group: etree._Element | None, article: etree._Element) -> dict[str, str]:
    """Language to title. The language is empty where the file gives none (XML 1.0, section 2.12)."""
    found: dict[str, str] = {}

    def note(language: str | None, text: str | None) -> None:
        if text:
            found.setdefault(language or "", text)

    for trans in children(group, "trans-title-group"):
        title = child(trans, "trans-title")
        inner = attribute(title, "lang") if title is not None else None
        subtitles = map(plain, children(trans, "trans-subtitle"))
        note(attribute(trans, "lang") or inner, _joined(plain(title), *subtitles))
    for title in children(group, "trans-title"):
        # NLM 2 has no group: what follows a translated title, up to the next one, is its subtitle.
        after = takewhile(lambda node: local(node) == "trans-subtitle", title.itersiblings(etree.Element))
        note(attribute(title, "lang"), _joined(plain(title), *map(plain, after)))
    for sub in children(article, "sub-article"):
        stub = child(sub, "front-stub")
        if stub is None:
            stub = child(sub, "front", "article-meta")
        if attribute(sub, "article-type") == "translation":
            note(attribute(sub, "lang"), _title(child(stub, "title-group")))
    return found


def _journal_title(journal: etree._Element | None) -> str | None:
    # De Gruyter and other users of Atypon give the title only as an "abbreviation" of the type full.
    for group in (child(journal, "journal-title-group"), journal):
        title = _said(group, "journal-title")
        if title:
            return title
    full = (node for node in descendants(journal, "abbrev-journal-title") if attribute(node, "abbrev-type") == "full")
    return next((text for node in full if (text := plain(node))), None)


def _issn_field(node: etree._Element) -> str:
    if local(node) == "issn-l":
        return "issn_l"
    media = {machine_lower(attribute(node, name) or "") for name in ("pub-type", "publication-format")}
    if media & _PRINT:
        return "issn_print"
    return "issn_electronic" if media & _ELECTRONIC else "issn_unspecified"


def _issns(journal: etree._Element | None) -> dict[str, str]:
    """Field to ISSN, the first of each medium, as ``dddd-dddd``; what has not even that form stays as written."""
    found: dict[str, str] = {}
    for node in children(journal, "issn", "issn-l"):
        text = plain(node)
        if text:
            shaped = _ISSN.search(text)
            found.setdefault(_issn_field(node), f"{shaped[1]}-{shaped[2]}".replace("x", "X") if shaped else text)
    return found


def _is_version(node: etree._Element) -> bool:
    return attribute(node, "specific-use") == "version"


def _is_doi(node: etree._Element) -> bool:
    """Whether an ``article-id`` is the DOI: by its type, whatever its letters; without a type, by its form."""
    kind = attribute(node, "pub-id-type")
    if kind:
        return machine_lower(kind) == "doi"
    bare = bare_doi(plain(node) or "")
    return bool(bare) and words.doi_in(bare) == bare


def _identifiers(meta: etree._Element | None) -> tuple[str | None, dict[str, str]]:
    """The DOI of the article, and its other identifiers by their type.

    Of several DOIs (eLife, preprints) the one without ``specific-use="version"`` is the article's.
    """
    dois: dict[str, None] = {}
    others: dict[str, str] = {}
    for node in sorted(children(meta, "article-id"), key=_is_version):
        kind, text = attribute(node, "pub-id-type") or "other", plain(node)
        if text and _is_doi(node):
            dois.setdefault(bare_doi(text) or text)
        elif text:
            others.setdefault(kind, text)
    given = list(dois)
    if len(given) > 1:
        others["version-doi"] = given[1]
    return (given[0] if given else None), others


def _pages(meta: etree._Element | None) -> tuple[str | None, str | None]:
    first, last = _said(meta, "fpage"), _said(meta, "lpage")
    both = _SPAN.fullmatch(first or "")
    # Of both pages in one element: 12-3 may be the third page of a twelfth part.
    if both and last is None and int(both[1]) < int(both[2]):
        first, last = both[1], both[2]
    # Of an article continued elsewhere, 8-11, 40, the last page is 40.
    numbers = _PAGE.findall(_said(meta, "page-range") or "")
    if numbers and first in (None, numbers[0]):
        first, last = numbers[0], last or (numbers[-1] if len(numbers) > 1 else None)
    return _true_page(first), _true_page(last)


def _true_page(page: str | None) -> str | None:
    # Publishers with article numbers fill the element with a remark instead of leaving it out.
    return None if page and machine_lower(page) in {"n/a", "na", "-"} else page


def _date_type(node: etree._Element) -> str:
    names = ("publication-format", "date-type", "pub-type")
    return "/".join(value for name in names if (value := attribute(node, name)))


def _dates(meta: etree._Element | None, path: str) -> tuple[dict[str, str], tuple[Finding, ...]]:
    """Type to date, the first of each type; the type is empty where the file gives none."""
    found: dict[str, str] = {}
    findings: list[Finding] = []
    for node in children(meta, "pub-date"):
        kind, date = _date_type(node), iso_date(node)
        if date:
            found.setdefault(kind, date)
        else:
            said = fold(" ".join(str(text) for text in node.itertext())) or "nothing"
            findings.append(finding("DATE_UNREADABLE", path, node.sourceline, type=kind, date=said))
    return found, tuple(findings)


def _related(meta: etree._Element | None) -> Iterator[Related]:
    for node in descendants(meta, "related-article"):
        kind = attribute(node, "related-article-type") or "related-article"
        address = attribute(node, "href")
        target = address or plain(node)
        if not target or kind == "pdf":
            continue
        scheme = attribute(node, "ext-link-type")
        # A citation in words has the DOI among them, or behind a link.
        links = (attribute(link, "href") for link in descendants(node, "ext-link", "uri"))
        named = [] if address else [words.doi_in(text) for text in (target, *links)]
        doi = next((found for found in named if found), None) or bare_doi(target)
        if doi.startswith("10.") and "/" in doi:
            yield Related(kind, doi, "doi")
        else:
            yield Related(kind, target, scheme)


def _licence(meta: etree._Element | None) -> str | None:
    """The licence's addresses, parted by `` ; `` if the article has several; its text if it has no address."""
    permissions = child(meta, "permissions") if meta is not None else None
    addresses: dict[str, None] = {}
    texts: list[str] = []
    # NLM 2 has the licence without permissions around it.
    for licence in (*descendants(permissions, "license"), *children(meta, "license")):
        given = [attribute(licence, "href")]
        given += [kind for kind in [attribute(licence, "license-type")] if kind and _LICENCE_ADDRESS.match(kind)]
        given += [plain(node) for node in descendants(licence, "license_ref")]
        links = (attribute(node, "href") for node in descendants(licence, "ext-link", "uri"))
        # A licence's text also links to the publisher's pages.
        given += [link for link in links if link and _LICENCE_ADDRESS.match(link)]
        addresses.update(dict.fromkeys(address for address in given if address))
        text = plain(licence)
        if text:
            texts.append(text)
    addresses.update((address, None) for node in children(permissions, "license_ref") if (address := plain(node)))
    return " ; ".join(addresses) or " ".join(texts) or None


def _abstracts(meta: etree._Element | None, language: str | None) -> dict[str, str]:
    found: dict[str, str] = {}
    for node in children(meta, "abstract", "trans-abstract"):
        text = plain(node)
        if text and machine_lower(attribute(node, "abstract-type") or "") in _TRUE_ABSTRACTS:
            own = attribute(node, "lang") or (language if local(node) == "abstract" else None)
            found.setdefault(own or "", text)
    return found


def _keywords(meta: etree._Element | None) -> tuple[str, ...]:
    groups = (node for node in children(meta, "kwd-group") if attribute(node, "kwd-group-type") != "abbreviations")
    words = (
        plain(word) for group in groups for word in descendants(group, "kwd", "compound-kwd-part") if _is_word(word)
    )
    return tuple(dict.fromkeys(word for word in words if word))


def _subjects(meta: etree._Element | None) -> Iterator[tuple[str, ...]]:
    """The headings of the groups that are said to be of subjects, each with those above it.

    Most groups hold something else under the same name: the type of the article, its place in the table of contents.
    """
    categories = child(meta, "article-categories")
    for group in children(categories, "subj-group"):
        if _OF_SUBJECTS.match(attribute(group, "subj-group-type") or ""):
            yield from _paths(group, ())


def _paths(group: etree._Element, above: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    named = [name for node in children(group, "subject", "compound-subject") if (name := plain(node))]
    below = [node for node in children(group, "subj-group") if len(above) < _DEEPEST]
    for node in below:
        yield from _paths(node, (*above, *named[:1]))
    if not below:
        yield from ((*above, name) for name in named)


def _is_word(node: etree._Element) -> bool:
    """Of a keyword in parts the term counts; its code and its address in a vocabulary are for machines."""
    return local(node) == "kwd" or attribute(node, "content-type") in (None, "term", "keyword", "text")


def _is_file(name: str | None) -> bool:
    return bool(name) and not _WEB.match(name or "")


def _pdf_names(meta: etree._Element | None) -> tuple[str, ...]:
    named: dict[str, None] = {}
    for node in descendants(meta, "self-uri", "related-article"):
        name = attribute(node, "href") or plain(node)
        if not name or not _is_file(name):
            continue
        kind = attribute(node, "content-type") or attribute(node, "related-article-type") or ""
        if machine_lower(kind) in {"pdf", "fulltext-pdf", "full-text-pdf"} or machine_lower(name).endswith(".pdf"):
            named.setdefault(name)
    return tuple(named)


def _file_names(article: etree._Element, meta: etree._Element | None) -> tuple[str, ...]:
    pdfs = set(_pdf_names(meta))
    names = (attribute(node, "href") for node in descendants(article, *_FILES))
    return tuple(dict.fromkeys(name for name in names if name and _is_file(name) and name not in pdfs))


def _lines(journal: etree._Element | None, meta: etree._Element | None) -> dict[str, int]:
    found: dict[str, int] = {}

    def note(field: str, node: etree._Element | None) -> None:
        if node is not None and node.sourceline:
            found.setdefault(field, node.sourceline)

    for issn in children(journal, "issn", "issn-l"):
        note(_issn_field(issn), issn)
    note("journal", journal)
    for identifier in sorted(children(meta, "article-id"), key=_is_version):
        if _is_doi(identifier):
            note("doi", identifier)
    note("title", child(meta, "title-group", "article-title"))
    for uri in children(meta, "self-uri", "related-article"):
        if _pdf_names(meta):
            note("pdf", uri)
    return found
