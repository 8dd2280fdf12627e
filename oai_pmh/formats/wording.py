"""What several formats say in the same words: the citation, the date of publication, addresses of DOIs."""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import quote

from repository.turkish import machine_lower
from repository.vocabulary import ArticleRecord, Related

ADDRESS = re.compile(r"https?://\S+$")
_LANGUAGE = re.compile(r"[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*")
ISO_DATE = re.compile(r"[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?")
_KINDS = ("cover", "CoverDate", "display", "ppub", "collection", "print", "pub", "epub-ppub", "epub")


@lru_cache(maxsize=256)
def tagged(language: str | None) -> str:
    """`` xml:lang="tr"`` for a lawful language tag (xs:language), else nothing."""
    return f' xml:lang="{language}"' if language and _LANGUAGE.fullmatch(language) else ""


def publication_date(record: ArticleRecord) -> str | None:
    """The date of the issue if one is given, else the earliest, as precise as it was given (ISO 8601)."""
    dates = {kind: date for kind, date in record.published.items() if ISO_DATE.fullmatch(date)}
    for wanted in _KINDS:
        for kind, date in dates.items():
            if kind == wanted or kind.endswith("/" + wanted) or kind.startswith(wanted + "/"):
                return date
    return min(dates.values(), default=None)


def doi_url(doi: str) -> str:
    """The DOI as an address (DOI Handbook 3.8: what a URI reserves is percent-encoded)."""
    return "https://doi.org/" + quote(doi, safe="/:;()._-~!$'*,=@")


def is_doi(related: Related) -> bool:
    """Whether an article points to another by its DOI."""
    return machine_lower(related.identifier_type or "") == "doi" or related.identifier.startswith("10.")


def relation(related: Related) -> str:
    """What an article points to: an address for a DOI, else the identifier as the publisher gave it."""
    return doi_url(related.identifier) if is_doi(related) else related.identifier


def pages(record: ArticleRecord) -> str | None:
    """``45-67``, ``45`` or the article number."""
    if record.first_page and record.last_page and record.last_page != record.first_page:
        return f"{record.first_page}-{record.last_page}"
    return record.first_page or record.elocation


def volume_and_issue(record: ArticleRecord) -> str | None:
    """``12(3)``, with what is known of it."""
    return (record.volume or "") + (f"({record.issue})" if record.issue else "") or None


def citation(record: ArticleRecord) -> str | None:
    """``Journal, 12(3), 45-67``, with what is known of it; None without a journal's title."""
    if not record.journal_title:
        return None
    return ", ".join(part for part in (record.journal_title, volume_and_issue(record), pages(record)) if part)
