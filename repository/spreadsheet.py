"""Any list as CSV that a spreadsheet shows and never runs."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from repository.vocabulary import as_utc_text

_DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n", "\x00", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""The full-width forms too: spreadsheets of some languages take them for the others."""


def cell(value: object) -> str:
    """``value`` as one cell: moments in UTC, and an apostrophe before what begins like a formula (ASVS 5, 1.2.10)."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return as_utc_text(value)
    if isinstance(value, int):
        return str(value)
    text = str(value).replace("\x00", "")
    return "'" + text if text.startswith(_DANGEROUS) else text


def given(text: str) -> str:
    """What :func:`cell` was given, out of the cell that it made."""
    return text[1:] if text[:1] == "'" and text[1:].startswith(_DANGEROUS) else text


def parts(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """``rows`` under their ``columns``, with commas and CRLF (RFC 4180), some at a time."""
    page = io.StringIO()
    writer = csv.writer(page)
    writer.writerow(columns)
    for row in rows:
        writer.writerow([cell(value) for value in row])
        if page.tell() > 1 << 15:
            yield page.getvalue()
            page.seek(0)
            page.truncate()
    yield page.getvalue()
