"""What a landing page tells machines: citation tags, schema.org and Signposting links."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from repository.vocabulary import ArticleRecord

_MOST_LINKS = 10
"""Links of one kind in the header: an article may have a thousand authors, a header may not."""


@dataclass(frozen=True, slots=True)
class Landing:
    """An article as its landing page shows it: its addresses, absolute, and whether its files are open to everyone."""

    record: ArticleRecord
    url: str
    title_url: str
    json_url: str
    oai_url: str
    pdf_url: str | None
    file_urls: Sequence[tuple[str, str]]
    """Address and media type of each file."""
    is_open: bool


def doi_url(doi: str) -> str:
    """The address of a DOI at its resolver."""
    return "https://doi.org/" + quote(doi, safe="/:;()._-")


def first_date(record: ArticleRecord) -> str | None:
    """The date under which the article is cited: that of its issue if there is one, else the earliest."""
    dates = [date for date in record.published.values() if date[:4].isdigit()]
    of_year = sorted(date for date in dates if record.year is not None and date.startswith(f"{record.year:04d}"))
    return of_year[-1] if of_year else min(dates, default=None)


def citation_tags(landing: Landing) -> list[tuple[str, str]]:
    """Highwire Press tags in order; no ``citation_pdf_url`` for what is not open (Google Scholar would follow it)."""
    record = landing.record
    date = first_date(record)
    tags: list[tuple[str, str | None]] = [
        ("citation_title", record.title),
        *(("citation_author", author.label) for author in record.authors),
        ("citation_publication_date", date.replace("-", "/") if date else None),
        ("citation_journal_title", record.journal_title),
        ("citation_publisher", record.publisher),
        *(("citation_issn", issn) for issn in record.issns),
        ("citation_volume", record.volume),
        ("citation_issue", record.issue),
        ("citation_firstpage", record.first_page or record.elocation),
        ("citation_lastpage", record.last_page),
        ("citation_doi", record.doi),
        ("citation_language", record.language),
        ("citation_abstract_html_url", landing.url),
        ("citation_pdf_url", landing.pdf_url if landing.is_open else None),
        *(("citation_keywords", word) for word in record.keywords),
    ]
    return [(name, value) for name, value in tags if value]


def schema_org(landing: Landing, archive: str) -> dict[str, Any]:
    """The article as schema.org sees it; what the publisher did not say is left out."""
    record = landing.record
    journal = {"@type": "Periodical", "name": record.journal_title, "issn": list(record.issns)}
    described = {
        "@context": "https://schema.org",
        "@type": "ScholarlyArticle",
        "@id": landing.url,
        "headline": record.title,
        "alternativeHeadline": list(record.translated_titles.values()),
        "inLanguage": record.language,
        "datePublished": first_date(record),
        "author": [
            {
                "@type": "Organization" if author.collab else "Person",
                "name": author.label,
                "sameAs": author.orcid_address,
            }
            for author in record.authors
        ],
        "isPartOf": {
            "@type": "PublicationIssue",
            "issueNumber": record.issue,
            "isPartOf": {"@type": "PublicationVolume", "volumeNumber": record.volume, "isPartOf": journal},
        },
        "pageStart": record.first_page,
        "pageEnd": record.last_page,
        "identifier": {"@type": "PropertyValue", "propertyID": "doi", "value": record.doi} if record.doi else None,
        "sameAs": doi_url(record.doi) if record.doi else None,
        "license": record.licence if landing.is_open else None,
        "publisher": {"@type": "Organization", "name": record.publisher} if record.publisher else None,
        "isAccessibleForFree": landing.is_open,
        "conditionsOfAccess": None if landing.is_open else "Preserved; opens when a perpetual right applies",
        "archivedAt": {"@type": "WebPage", "url": landing.url, "provider": {"@type": "Organization", "name": archive}},
    }
    said: dict[str, Any] = _without_nothing(described)
    return said


def signposts(landing: Landing) -> str:
    """The Link header of a landing page (Signposting FAIR profile): our address is ``cite-as``, the DOI ``related``."""
    record = landing.record
    links = [
        _link(landing.url, "cite-as"),
        _link("https://schema.org/AboutPage", "type"),
        _link("https://schema.org/ScholarlyArticle", "type"),
        _link(landing.json_url, "describedby", "application/json"),
        _link(landing.oai_url, "describedby", "application/xml"),
        _link(landing.title_url, "collection", "text/html"),
    ]
    if record.doi:
        links.append(_link(doi_url(record.doi), "related"))
    if landing.is_open and record.licence:
        links.append(_link(record.licence, "license"))
    orcids = [author.orcid_address for author in record.authors if author.orcid_address]
    links += [_link(orcid, "author") for orcid in orcids[:_MOST_LINKS]]
    if landing.is_open:
        links += [_link(url, "item", kind) for url, kind in landing.file_urls[:_MOST_LINKS]]
    return ", ".join(links)


def _link(target: str, relation: str, kind: str | None = None) -> str:
    # What a publisher wrote may hold anything; in a header it holds only what an address may.
    safe = quote(target, safe=":/?#[]@!$&'()*+;=%~._-")
    return f'<{safe}>; rel="{relation}"' + (f'; type="{kind.split(";")[0]}"' if kind else "")


def _without_nothing(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: kept for name, part in value.items() if (kept := _without_nothing(part)) not in (None, [], {})}
    if isinstance(value, list):
        return [_without_nothing(part) for part in value]
    return value
