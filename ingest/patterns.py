"""Where the PDF of an article lies by a pattern of its publisher, such as ``../pdf/{volume}_{first_page}.pdf``."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from string import Formatter

from ingest.claims import Claim
from repository.vocabulary import ArticleRecord

_WILD = re.compile(r"[*?]")

_OF_RECORD: Mapping[str, Callable[[ArticleRecord], str | None]] = {
    "doi": lambda record: record.doi,
    "doi_suffix": lambda record: (record.doi or "").partition("/")[2],
    "doi_underscored": lambda record: (record.doi or "").replace("/", "_"),
    "volume": lambda record: record.volume,
    "issue": lambda record: record.issue,
    "first_page": lambda record: record.first_page,
    "last_page": lambda record: record.last_page,
    "elocation": lambda record: record.elocation,
    "year": lambda record: min((date[:4] for date in record.published.values()), default=None),
}
PLACEHOLDERS = ("stem", *_OF_RECORD)
"""What may stand in braces; ``stem`` is the base name of the article's metadata file without its ending."""


def placeholders(pattern: str) -> list[str]:
    """The names in braces, in their order. Raises ValueError for braces that are none."""
    return [
        name + (conversion or "") + (spec or "") for _, name, spec, conversion in _parts(pattern) if name is not None
    ]


def filled(pattern: str, claim: Claim) -> str | None:
    """The way from the folder of the article's XML, ``*`` and ``?`` as they are; None when a value is unknown."""
    record = claim.described.record if claim.described else ArticleRecord()
    way = []
    for literal, name, _, _ in _parts(pattern):
        way.append(literal)
        if name is not None:
            value = claim.stem if name == "stem" else _OF_RECORD[name](record)
            if not value or _WILD.search(value):
                return None
            way.append(value)
    return "".join(way)


def wild(way: str) -> tuple[str, re.Pattern[str]] | None:
    """What a way with ``*`` or ``?`` begins with, and its form: neither stands for '/'. None for a way without."""
    first = _WILD.search(way)
    if first is None:
        return None
    form = "".join({"*": "[^/]*", "?": "[^/]"}.get(part, re.escape(part)) for part in re.split(r"([*?])", way))
    return way[: first.start()], re.compile(form)


def _parts(pattern: str) -> list[tuple[str, str | None, str | None, str | None]]:
    return list(Formatter().parse(pattern))
