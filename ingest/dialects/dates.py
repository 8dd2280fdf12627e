"""JATS date elements as ISO 8601 dates of the precision that was given."""

from __future__ import annotations

import re
from datetime import date

from lxml import etree

from ingest.dialects.text import plain
from ingest.dialects.xml import attribute, child
from repository.turkish import tr_fold

_ISO = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?|(\d{2})(\d{2}))?(?!\d)")
_DOTTED = re.compile(r"(?<!\d)(\d{1,2})\.\s?(\d{1,2})\.\s?(\d{4})(?!\d)")
_WORD = re.compile(r"[^\W\d_]+")
_DAY_BEFORE = re.compile(r"(?<!\d)(\d{1,2})(?:st|nd|rd|th|er)?(?:\s?[\u2010-\u2015-]\s?\d{1,2})?[\s.,-]*(?:de\s+)?$")
_DAY_AFTER = re.compile(r"[\s.,-]{0,3}(\d{1,2})(?!\d)")
_YEAR = re.compile(r"(?<!\d)(1[4-9]\d\d|20\d\d)(?!\d)")
_MONTH_NAMES = (
    "jan feb mar apr may jun jul aug sep oct nov dec",
    "oca sub mar nis may haz tem agu eyl eki kas ara",
    "jan fev mar abr mai jun jul ago set out nov dez",
    "ene feb mar abr may jun jul ago sep oct nov dic",
    "jan fev mar avr mai juin juil aou sep oct nov dec",
    "jan feb mar apr mai jun jul aug sep okt nov dez",
    "gen feb mar apr mag giu lug ago set ott nov dic",
)
_MONTHS = {name: number for names in _MONTH_NAMES for number, name in enumerate(names.split(), 1)}


def iso_date(node: etree._Element) -> str | None:
    """``2024``, ``2024-09`` or ``2024-09-30`` from ``year``, ``month`` and ``day``; None when no year can be read.

    A month may be a number or an English, Turkish, Portuguese, Spanish, French, German or Italian name, or a range
    of them, of which the first counts; it may stand in ``season`` (SciELO). A true season gives no month. Where the
    parts are absent, ``iso-8601-date`` or ``string-date`` is read. A day that the calendar does not have is left out.
    """
    year = _year(plain(child(node, "year")))
    if year is None:
        return _from_attribute(node) or _from_text(node)
    month = _month(plain(child(node, "month"))) or _month(plain(child(node, "season")), words_only=True)
    return _compose(year, month, _day(plain(child(node, "day"))))


def _compose(year: int, month: int | None, day: int | None) -> str:
    if month is None:
        return f"{year:04}"
    if day is not None:
        try:
            return date(year, month, day).isoformat()
        except ValueError:
            pass
    return f"{year:04}-{month:02}"


def _year(text: str | None) -> int | None:
    found = _YEAR.search(text or "")
    return int(found[1]) if found else None


def _month(text: str | None, *, words_only: bool = False) -> int | None:
    word = re.match(r"[a-z]+|\d+", tr_fold(text or ""))
    if not word:
        return None
    if word[0].isdigit():
        number = int(word[0])
        return number if 1 <= number <= 12 and not words_only else None
    return _MONTHS.get(word[0][:3]) or _MONTHS.get(word[0][:4])


def _day(text: str | None) -> int | None:
    found = re.match(r"\d{1,2}(?!\d)", text or "")
    return int(found[0]) if found else None


def _from_attribute(node: etree._Element) -> str | None:
    given = _ISO.match(attribute(node, "iso-8601-date") or "")
    return _of_iso(given) if given and _year(given[1]) is not None else None


def _of_iso(given: re.Match[str]) -> str:
    day = given[3] or given[5]
    return _compose(int(given[1]), _month(given[2] or given[4]), int(day) if day else None)


def _from_text(node: etree._Element) -> str | None:
    text = child(node, "string-date")
    if text is None:
        return None
    if child(text, "year") is not None:
        return iso_date(text)
    return date_in_words(plain(text))


def date_in_words(text: str | None) -> str | None:
    """ISO 8601 from ``30 September 2024``, ``Sept. 30, 2024``, ``2024 Sep-Oct``, ``30.9.2024`` or ``2024-09-30``.

    Of a range its beginning counts, and the year alone where no month is named, or where numbers are given that
    could be read in two ways.
    """
    if text is None:
        return None
    if (given := _ISO.match(text)) and _year(given[1]) and (given[2] or given[4]):
        return _of_iso(given)
    written = _YEAR.search(text)
    if written is None:
        return None
    if dotted := _DOTTED.search(text):
        return _compose(int(written[0]), _month(dotted[2]), int(dotted[1]))
    named = next((word for word in _WORD.finditer(text) if _month(word[0], words_only=True)), None)
    if named is None:
        return written[0]
    before, after = _DAY_BEFORE.search(text[: named.start()]), _DAY_AFTER.match(text, named.end())
    day = before or after
    return _compose(int(written[0]), _month(named[0]), int(day[1]) if day else None)
