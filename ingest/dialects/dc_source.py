"""The citation in a ``dc:source``: ``Journal; Vol. 3 No. 2 (2015): Title; 12-20`` and the Turkish ways to write it."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, replace

_VALUE = r"[\s.:]*(?!(?:no|num|number|issue|iss|sayı|sayi)\b)([^\s;:,()]+(?:\s?[-/\u2013]\s?\d+)?)"
_COMMAS = re.compile(
    r"(?P<title>[^;:]*[^\W\d][^;:]*?)[,\s]+(?P<volume>\d{1,4})\s*\((?!(?:1[4-9]|20)\d\d\))(?P<issue>[^()\s]{1,12})\)"
    r"(?:,\s*(?P<first>[A-Za-z]{0,2}\d+)(?:\s*[-\u2010-\u2015\u2212]\s*(?P<last>[A-Za-z]{0,2}\d+))?)?\.?"
)
"""``Örnek Dergi, 12(3), 45-67``, with nothing else before or after."""
_DERGIPARK = re.compile(
    r"(?P<title>[^;]*[^\W\d][^;]*?),\s*Vol\.\s*(?P<volume>[^,;:()]*?)\s*No\.(?!\s*\S+\s+\d+\s*[-\u2010-\u2015]\s*\d+$)\s*(?P<issue>[^,;:()]*)"
)
"""``Örnek Dergi, Vol. 12 No. Özel Sayı`` as DergiPark writes it: either number may be words, or empty."""
_VANCOUVER = re.compile(
    r"(?P<title>[^;:]*[^\W\d][^;:]*?)[.,\s]+(?P<year>(?:1[4-9]|20)\d\d)\s*;\s*(?P<volume>\d{1,4})"
    r"\s*(?:\((?P<issue>[^()]{1,12})\))?\s*:\s*"
    r"(?P<first>[A-Za-z]{0,2}\d+)(?:\s*[-\u2010-\u2015\u2212]\s*(?P<last>[A-Za-z]{0,2}\d+))?\.?"
)
"""``Örnek Dergi 2015;4(2):12-20``, with nothing else before or after."""
_NUMBER_OF_ARTICLE = re.compile(r"[eE]\d{2,}")
_VOLUME = re.compile(
    rf"(?<!\w)(?:volumen|volume|vol|cilt|jahrgang|bd|band|[vVcC](?=[.:]))(?!\w){_VALUE}", re.IGNORECASE
)
_ISSUE = re.compile(
    rf"(?<!\w)(?:issue|number|num|no|nr|sayı|sayi|say[Iİ]|iss|[sS](?=[.:]))(?!\w){_VALUE}", re.IGNORECASE
)
_YEAR = re.compile(r"\((1[4-9]\d\d|20\d\d)\)|(?<!\w)(?:yıl|year)[\s.:]*(1[4-9]\d\d|20\d\d)(?!\d)", re.IGNORECASE)
_PAGES = re.compile(
    r"(?:^|[;,:\s])(?:pp?\.|ss?\.|sayfa:?|pages?:?)?\s*([A-Za-z]{0,2}\d+)\s*[-\u2010-\u2015\u2212]\s*([A-Za-z]{0,2}\d+)\s*\.?$",
    re.IGNORECASE,
)
_ONE_PAGE = re.compile(r";\s*(?:pp?\.|ss?\.|sayfa:?|pages?:?)?\s*([A-Za-z]{0,2}\d+)\s*$", re.IGNORECASE)
_SHORT = re.compile(
    r"(?P<title>[^;:]*[^\W\d][^;:]*?)[,\s]+(?P<volume>\d{1,4})\s*(?:\((?P<issue>[^()\s]{1,12})\))?\s*:\s*"
    r"(?P<first>[A-Za-z]{0,2}\d+)(?:\s*[-\u2010-\u2015\u2212]\s*(?P<last>[A-Za-z]{0,2}\d+))?\.?"
)
"""``Italian Botanist 8(2): 63-93`` or ``IMA Fungus 17: e173358``, with nothing else before or after."""


@dataclass(frozen=True, slots=True)
class Citation:
    """The parts of one citation, as written; None for what it does not say. ``year`` is that of the issue."""

    journal_title: str | None = None
    volume: str | None = None
    issue: str | None = None
    year: str | None = None
    first_page: str | None = None
    last_page: str | None = None
    elocation: str | None = None

    def or_else(self, other: Citation) -> Citation:
        """This one, with what it leaves open taken from ``other``."""
        given = {each.name: getattr(self, each.name) or getattr(other, each.name) for each in fields(self)}
        if self.first_page:
            given["last_page"] = self.last_page
        return Citation(**given)


def citation_of(text: str) -> Citation:
    """What can be read in ``text``. The journal's title is what stands before the first semicolon or number."""
    said = _citation(text.strip())
    if said.first_page and not said.last_page and _NUMBER_OF_ARTICLE.fullmatch(said.first_page):
        return replace(said, first_page=None, elocation=said.first_page)
    return said


def _citation(text: str) -> Citation:
    if given := _DERGIPARK.fullmatch(text):
        return Citation(*(given[name].strip() or None for name in ("title", "volume", "issue")))
    whole = _VANCOUVER.fullmatch(text)
    if not (_VOLUME.search(text) or _ISSUE.search(text)):
        whole = whole or _SHORT.fullmatch(text) or _COMMAS.fullmatch(text)
    if whole:
        said = whole.groupdict()
        return Citation(
            said["title"], said["volume"], said["issue"], said.get("year"), said.get("first"), said.get("last")
        )
    head, semicolon, tail = text.partition(";")
    numbered = tail if semicolon else text
    if semicolon and _VOLUME.match(head.strip()):
        head, numbered = "", text
    if not semicolon and not (_VOLUME.search(text) or _ISSUE.search(text) or _PAGES.search(text)):
        # A source of one part is the title of the journal, unless it is an address or a number.
        return Citation(journal_title=text if "://" not in text and any(map(str.isalpha, text)) else None)
    year = _YEAR.search(numbered)
    volume, issue = _VOLUME.search(numbered), _ISSUE.search(numbered)
    # What counts the issue (No. 1-2) are no pages.
    counted = max((each.end() for each in (volume, issue) if each), default=0)
    pages = _PAGES.search(text, len(text) - len(numbered) + counted)
    # A number alone at the end is a page only where volume or issue stand before it.
    one = _ONE_PAGE.search(text) if not pages and (volume or issue) else None
    starts = [each.start() for each in (volume, issue, year, pages) if each]
    title = head if semicolon else text[: min(starts)] if starts else ""
    title = title.strip(" ,.:;-\u2013")
    return Citation(
        # A number alone (an ISSN, a year) is nobody's title.
        journal_title=title if any(letter.isalpha() for letter in title) else None,
        volume=volume[1] if volume else None,
        issue=issue[1] if issue else None,
        year=(year[1] or year[2]) if year else None,
        first_page=pages[1] if pages else one[1] if one else None,
        last_page=pages[2] if pages else None,
    )
