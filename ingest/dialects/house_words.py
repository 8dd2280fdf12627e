"""What publishers' own formats write alike: dates in parts, ISSNs, pages, subtitles, relations and names of files."""

from __future__ import annotations

import re
from collections.abc import Iterable

from lxml import etree

from ingest.dialects.dates import iso_date
from ingest.dialects.text import fold
from ingest.findings import finding
from repository.turkish import machine_lower
from repository.vocabulary import Finding, Related, bare_doi

_ISSN = re.compile(r"(?<!\d)(\d{4})\s*[-\u2010-\u2015\u2212]?\s*(\d{3}[\dXx])(?!\d)")
_WEB = re.compile(r"[a-z][a-z0-9+.-]*:|10\.\d{4,}/|//", re.IGNORECASE)
_FILE_SCHEME = re.compile(r"^(file:(//)?)?", re.IGNORECASE)
_DOI = re.compile(r"10\.\d{4,9}/\S+")
_ORCID = re.compile(r"(\d{4})-?(\d{4})-?(\d{4})-?(\d{3}[\dXx])")
_NO_PAGE = frozenset(("n/a", "na", "-", "none", "\u2013", "\u2014"))
_CORRECTIONS = ("errat", "corrigend", "correct")
_JOINED = (":", "?", "!", ".", "\u2013", "\u2014")


def date_in_parts(
    year: str | None, month: str | None = None, day: str | None = None, season: str | None = None
) -> str | None:
    """ISO 8601 of the precision given, from texts as :func:`ingest.dialects.dates.iso_date` reads them."""
    parts = etree.Element("date")
    for name, text in (("year", year), ("month", month), ("day", day), ("season", season)):
        if text:
            etree.SubElement(parts, name).text = text
    return iso_date(parts)


class Dates:
    """The dates of one article while they are collected: the first of each type, and what is said of bad ones."""

    def __init__(self, path: str) -> None:
        self._path = path
        self.published: dict[str, str] = {}
        self.findings: list[Finding] = []

    def note(self, kind: str, date: str | None, node: etree._Element, said: str | None = None) -> None:
        """``date`` as it was read from ``node``, or None with the words that could not be."""
        if date:
            self.published.setdefault(kind, date)
        else:
            words = said or fold(" ".join(str(text) for text in node.itertext())) or "nothing"
            self.findings.append(finding("DATE_UNREADABLE", self._path, node.sourceline, type=kind, date=words))


def issn_of(text: str | None) -> str | None:
    """``dddd-dddd``; what has not even that form stays as written."""
    shaped = _ISSN.search(text or "")
    return f"{shaped[1]}-{shaped[2]}".replace("x", "X") if shaped else text


def page_of(text: str | None) -> str | None:
    """The page, None where the element is filled with a remark that there is none."""
    return None if text is None or machine_lower(text) in _NO_PAGE else text


def span_of(start: str | None, end: str | None) -> str | None:
    """``3`` or, of a double issue or volume, ``3-4``."""
    return f"{start}-{end}" if start and end and start != end else start or end


def with_subtitle(title: str | None, subtitle: str | None) -> str | None:
    """Title and subtitle joined by a colon, unless the title ends in a mark of its own."""
    if not title or not subtitle:
        return title or subtitle
    return f"{title} {subtitle}" if title.endswith(_JOINED) else f"{title}: {subtitle}"


def doi_of(text: str | None) -> str | None:
    """The DOI without an address before it; what is none stays as written."""
    given = bare_doi(text or "")
    return given or None


def doi_in(text: str | None) -> str | None:
    """The first DOI in a text or an address, None when there is none."""
    found = _DOI.search(text or "")
    return found[0].rstrip(".,;)") if found else None


def orcid_of(text: str | None) -> str | None:
    """``https://orcid.org/0000-0002-1825-0097``, the form that ORCID asks for."""
    digits = _ORCID.search(text or "")
    return "https://orcid.org/" + "-".join(digits.groups()).replace("x", "X") if digits else None


def related_to(word: str | None, target: str, *, of_a_notice: bool) -> Related:
    """The relation in the words of JATS where it is a correction or a retraction, else in the publisher's.

    ``of_a_notice``: this article is the erratum or the retraction, and ``target`` the article that it is about.
    """
    said = machine_lower(word or "")
    kind = word or "related-article"
    if "retract" in said or "withdraw" in said:
        kind = "retracted-article" if of_a_notice else "retraction-forward"
    elif "concern" in said:
        kind = "object-of-concern" if of_a_notice else "concern-forward"
    elif any(part in said for part in _CORRECTIONS):
        kind = "corrected-article" if of_a_notice else "correction-forward"
    doi = doi_in(target)
    return Related(kind, doi, "doi") if doi else Related(kind, target)


def file_names(names: Iterable[str | None]) -> tuple[str, ...]:
    """The names of files of the delivery, each once, without ``file:`` before them; addresses on the web are none."""
    bare = (_FILE_SCHEME.sub("", name.strip()) for name in names if name)
    return tuple(dict.fromkeys(name for name in bare if name and not name.startswith("#") and not _WEB.match(name)))


def lines_among(**nodes: etree._Element | None) -> dict[str, int]:
    """Field to the line of the element that says it."""
    return {name: node.sourceline for name, node in nodes.items() if node is not None and node.sourceline}
