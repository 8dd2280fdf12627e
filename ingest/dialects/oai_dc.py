"""Dublin Core as OAI-PMH gives it (oai_dc): DergiPark, OJS and their kin, one record or a whole response."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from lxml import etree

from ingest.dialects.dc_source import Citation, citation_of
from ingest.dialects.description import MOST_ARTICLES, Described
from ingest.dialects.house_words import orcid_of
from ingest.dialects.text import fold, text_of
from ingest.dialects.xml import attribute, child, children, descendants, local
from repository.turkish import machine_lower
from repository.vocabulary import ArticleRecord, Author, bare_doi

_DOI = re.compile(r"(?:https?://(?:dx\.)?doi\.org/|doi:\s*|info:doi/)?(10\.\d{4,9}(?:\.\d+)*/\S+)", re.IGNORECASE)
_ALTERNATIVE = re.compile(r"info:eu-repo/semantics/altIdentifier/doi/(10\.\d{4,9}(?:\.\d+)*/\S+)", re.IGNORECASE)
_ISSN = re.compile(r"(?:urn:|e-?|p-?)?(?:issn)?\s*[:=]?\s*(\d{4})[-\u2010-\u2015\u2212](\d{3}[\dXx])", re.IGNORECASE)
_ISSN_NAMED = re.compile(
    r"[\s,;(]*\b[ep]?-?ISSN\b[\s:.]*(\d{4})[-\u2010-\u2015\u2212](\d{3}[\dXx])(?!\d)\)?", re.IGNORECASE
)
_DATE = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?(?!\d)")
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_LICENCE = re.compile(r"https?://\S{0,200}?(?:creativecommons\.org|licen[cs]e|publicdomain)\S*", re.IGNORECASE)
_DOWNLOAD = re.compile(r"/(?:article-file|download/article-file)/(\d+)/?$|/([^/?#]+\.pdf)$", re.IGNORECASE)
_LANGUAGES = {"tur": "tr", "eng": "en", "deu": "de", "ger": "de", "fra": "fr", "fre": "fr", "ara": "ar", "rus": "ru"}
_TYPES_OF_EVERYTHING = {
    "text",
    "info:eu-repo/semantics/article",
    "info:eu-repo/semantics/publishedversion",
    "article",
    "journal article",
    "peer-reviewed article",
    "http://purl.org/coar/resource_type/c_6501",
}
_SEMANTICS = "info:eu-repo/semantics/"


def read(root: etree._Element, path: str) -> tuple[Described, ...]:  # noqa: ARG001
    """Every record of the file in its order; records that their repository has deleted describe nothing."""
    found = [root] if local(root) == "dc" else list(islice(descendants(root, "dc"), MOST_ARTICLES + 1))
    return tuple(_article(node, among_others=len(found) > 1) for node in found if len(node))


@dataclass
class _Sources:
    """What the ``dc:source`` elements say, each thing taken from the first that says it."""

    citation: Citation = field(default_factory=Citation)
    issns: list[str] = field(default_factory=list)


def _article(node: etree._Element, *, among_others: bool) -> Described:
    language = _language(next(_texts(node, "language"), None))
    titles = list(_in_languages(node, "title"))
    title, others = _titles(titles, language)
    sources = _sources(node)
    doi, other_ids = _identifiers(node)
    if len(sources.issns) > 1:
        # Which of them is the printed one's is not said.
        other_ids["issn"] = sources.issns[1]
    date = next((day for text in _texts(node, "date") if (day := _day(text))), None)
    abstracts: dict[str, str] = {}
    for key, text in _in_languages(node, "description"):
        abstracts.setdefault(key or "", text)
    said = sources.citation
    record = ArticleRecord(
        title=title,
        translated_titles=others,
        language=language,
        journal_title=said.journal_title,
        publisher=next(_texts(node, "publisher"), None),
        issn_unspecified=sources.issns[0] if sources.issns else None,
        volume=said.volume,
        issue=said.issue,
        first_page=said.first_page,
        last_page=said.last_page,
        elocation=said.elocation,
        doi=doi,
        authors=tuple(_authors(node)),
        published={key: day for key, day in (("date", date), ("collection", said.year)) if day},
        article_type=_type(node),
        licence=_licence(node),
        abstracts=abstracts,
        keywords=_keywords(node),
        other_ids=other_ids,
    )
    places = {"title": child(node, "title"), "journal": child(node, "source"), "doi": child(node, "identifier")}
    lines = {name: found.sourceline for name, found in places.items() if found is not None and found.sourceline}
    return Described(record, tuple(_pdf_names(node, among_others=among_others)), line=node.sourceline, lines=lines)


def _texts(node: etree._Element, name: str) -> Iterator[str]:
    """The texts of these elements, without the HTML that DergiPark and its kin leave in their CDATA (``&#039;``)."""
    return (text for each in children(node, name) if (text := text_of(each)))


def _as_written(node: etree._Element, name: str) -> Iterator[str]:
    """The same for addresses and names of files, in which ``&sect`` is no sign."""
    return (text for each in children(node, name) if (text := fold("".join(str(part) for part in each.itertext()))))


def _in_languages(node: etree._Element, name: str) -> Iterator[tuple[str | None, str]]:
    for each in children(node, name):
        if text := text_of(each):
            yield _language(attribute(each, "lang")), text


def _language(text: str | None) -> str | None:
    """``tr`` for ``tr-TR``, ``tr_TR`` and ``tur``; what is none of these stays as it was written."""
    if not text:
        return None
    found = re.fullmatch(r"([A-Za-z]{2,3})(?:[-_][A-Za-z]{2,4})?", text)
    code = machine_lower(found[1]) if found else text
    return _LANGUAGES.get(code, code)


def _titles(titles: list[tuple[str | None, str]], language: str | None) -> tuple[str | None, dict[str, str]]:
    """The title in the article's language, else the first, and the others by their language (empty: not given)."""
    own = next((text for key, text in titles if key and key == language), titles[0][1] if titles else None)
    others: dict[str, str] = {}
    for key, text in titles:
        if text != own:
            others.setdefault(key or "", text)
    return own, others


def _sources(node: etree._Element) -> _Sources:
    found = _Sources()
    for text in _texts(node, "source"):
        written = [*_ISSN_NAMED.finditer(text)] if not (alone := _ISSN.fullmatch(text)) else [alone]
        for issn in written:
            number = f"{issn[1]}-{issn[2]}".replace("x", "X")
            found.issns += [number] if number not in found.issns else []
        if alone is None and not _DOI.fullmatch(text):
            found.citation = found.citation.or_else(citation_of(_ISSN_NAMED.sub("", text)))
    return found


def _identifiers(node: etree._Element) -> tuple[str | None, dict[str, str]]:
    """The DOI, and of the other identifiers the first address, the first of any other form, and the OAI identifier."""
    doi: str | None = None
    others: dict[str, str] = {}
    for text in _as_written(node, "identifier"):
        found = _DOI.fullmatch(text)
        if found:
            doi = doi or bare_doi(found[1])
        elif _ADDRESS.match(text):
            others.setdefault("uri", text)
        elif text and not _ISSN.fullmatch(text):
            others.setdefault("other", text)
    for text in _as_written(node, "relation"):
        # OpenAIRE's way to give the article's own DOI; any other relation may be to another work.
        found = _ALTERNATIVE.fullmatch(text)
        if found and doi is None:
            doi = bare_doi(found[1])
    for around in node.iterancestors("{*}record"):
        header = next(_texts_of(child(around, "header", "identifier")), None)
        if header:
            others.setdefault("oai", header)
    return doi, others


def _texts_of(node: etree._Element | None) -> Iterator[str]:
    if node is not None and (text := fold("".join(str(part) for part in node.itertext()))):
        yield text


def _authors(node: etree._Element) -> Iterator[Author]:
    """One person an element, or several parted by semicolons; Pensoft gives the ORCID as the element's ``id``."""
    for each in children(node, "creator"):
        orcid = orcid_of(attribute(each, "id"))
        for text in (text_of(each) or "").strip("[]").split(";"):
            family, comma, given = text.partition(",")
            if family.strip() or given.strip():
                # Without a comma nobody but the author knows where the family name begins.
                yield Author(fold(family), fold(given) if comma else None, orcid=orcid)


def _day(text: str) -> str | None:
    found = _DATE.match(text)
    if not found or not 1400 <= int(found[1]) <= 2100:
        return None
    month, day = found[2], found[3]
    if not month or not 1 <= int(month) <= 12:
        return found[1]
    return f"{found[1]}-{month}-{day}" if day and 1 <= int(day) <= 31 else f"{found[1]}-{month}"


def _type(node: etree._Element) -> str | None:
    """The type that says more than that this is an article; else the first as written."""
    every = list(_texts(node, "type"))
    telling = next((text for text in every if machine_lower(text) not in _TYPES_OF_EVERYTHING), None)
    chosen = telling or next(iter(every), None)
    return chosen.removeprefix(_SEMANTICS) if chosen else None


def _licence(node: etree._Element) -> str | None:
    every = list(_as_written(node, "rights"))
    addresses = dict.fromkeys(found[0] for text in every if (found := _LICENCE.search(text)))
    return " ; ".join(addresses) or " ".join(every) or None


def _keywords(node: etree._Element) -> tuple[str, ...]:
    words = (word.strip() for text in _texts(node, "subject") for word in re.split("[;,]", text))
    return tuple(dict.fromkeys(word for word in words if word))


def _pdf_names(node: etree._Element, *, among_others: bool) -> Iterator[str]:
    """PDF files named without an address; in a file of several records also the last part of a download's address.

    There an article has nothing else that leads to its PDF; alone, it is known by its place.
    """
    for text in dict.fromkeys((*_as_written(node, "relation"), *_as_written(node, "identifier"))):
        if not _ADDRESS.match(text):
            if machine_lower(text).endswith(".pdf"):
                yield text
        elif among_others and (found := _DOWNLOAD.search(text)):
            yield found[1] or found[2]
