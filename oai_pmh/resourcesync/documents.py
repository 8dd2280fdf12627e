"""ResourceSync 1.1 (ANSI/NISO Z39.99-2017) as XML: a sitemap's two shapes, with what the standard adds to them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from urllib.parse import quote
from xml.sax.saxutils import escape, quoteattr

from repository.catalogue.resources import Changed, ChangeKind, Resource
from repository.vocabulary import as_utc_text

SITEMAP = "http://www.sitemaps.org/schemas/sitemap/0.9"
TERMS = "http://www.openarchives.org/rs/terms/"
TAR = "application/x-tar"

WELL_KNOWN = "/.well-known/resourcesync"
CAPABILITIES = "/resourcesync/capabilitylist.xml"
RESOURCES = "/resourcesync/resourcelist.xml"
CHANGES = "/resourcesync/changelist.xml"


class Addresses:
    """Where everything lies, for the world: ``base_url`` without a slash at its end."""

    def __init__(self, base_url: str, repository_identifier: str) -> None:
        self._base, self._identifier = base_url, repository_identifier

    def of(self, path: str) -> str:
        """The whole address of a path of ours."""
        return f"{self._base}{path}"

    def part(self, number: int) -> str:
        """One part of the resource list."""
        return self.of(f"/resourcesync/resourcelist/{number}.xml")

    def block(self, number: int) -> str:
        """One change list."""
        return self.of(f"/resourcesync/changelist/{number}.xml")

    def bag(self, resource: Resource) -> str:
        """The resource itself: one version of one article, one tar."""
        return self.of(f"/resourcesync/bags/{resource.article_id}/v{resource.version}.tar")

    def article(self, resource: Resource) -> str:
        """What the archive says of the article; of a withdrawn one, since when and why."""
        return self.of(f"/articles/{resource.article_id}.json")

    def record(self, resource: Resource) -> str:
        """The OAI-PMH record of the article."""
        identifier = quote(f"oai:{self._identifier}:{resource.article_id}", safe=":")
        return self.of(f"/oai?verb=GetRecord&metadataPrefix=oai_dc&identifier={identifier}")

    def identify(self) -> str:
        """What describes the archive."""
        return self.of("/oai?verb=Identify")


def source_description(where: Addresses) -> str:
    """Section 8: one set of resources, so one capability list."""
    return "".join(
        _document(
            "urlset",
            [("describedby", where.identify())],
            {"capability": "description"},
            [_entry("url", where.of(CAPABILITIES), {"capability": "capabilitylist"})],
        )
    )


def capability_list(where: Addresses) -> str:
    """Section 9."""
    return "".join(
        _document(
            "urlset",
            [("describedby", where.identify()), ("up", where.of(WELL_KNOWN))],
            {"capability": "capabilitylist"},
            [
                _entry("url", where.of(RESOURCES), {"capability": "resourcelist"}),
                _entry("url", where.of(CHANGES), {"capability": "changelist"}),
            ],
        )
    )


def resource_list_index(where: Addresses, at: datetime, parts: Iterable[int]) -> Iterator[str]:
    """Section 10.2."""
    entries = (_entry("sitemap", where.part(number), {"at": as_utc_text(at)}) for number in parts)
    return _document(
        "sitemapindex",
        [("up", where.of(CAPABILITIES))],
        {"capability": "resourcelist", "at": as_utc_text(at)},
        entries,
    )


def resource_list(where: Addresses, at: datetime, resources: Iterable[Resource]) -> Iterator[str]:
    """Section 10.1."""
    return _document(
        "urlset",
        [("up", where.of(CAPABILITIES)), ("index", where.of(RESOURCES))],
        {"capability": "resourcelist", "at": as_utc_text(at)},
        (_resource(where, one, {}) for one in resources),
    )


def change_list_index(
    where: Addresses, since: datetime, blocks: Iterable[tuple[int, datetime, datetime | None]]
) -> Iterator[str]:
    """Section 12.2: number, first and last moment of each list; the open one has no last."""
    entries = (_entry("sitemap", where.block(number), _interval(first, last)) for number, first, last in blocks)
    return _document(
        "sitemapindex",
        [("up", where.of(CAPABILITIES))],
        {"capability": "changelist", "from": as_utc_text(since)},
        entries,
    )


def change_list(where: Addresses, first: datetime, last: datetime | None, changes: Iterable[Changed]) -> Iterator[str]:
    """Section 12.1, in chronological order."""
    return _document(
        "urlset",
        [("up", where.of(CAPABILITIES)), ("index", where.of(CHANGES))],
        {"capability": "changelist", **_interval(first, last)},
        (_change(where, one) for one in changes),
    )


def _change(where: Addresses, one: Changed) -> str:
    told = {"change": str(one.kind), "datetime": as_utc_text(one.at)}
    if one.kind is not ChangeKind.DELETED:
        return _resource(where, one.resource, told)
    links = [("describedby", where.record(one.resource)), ("describedby", where.article(one.resource))]
    return _entry("url", where.bag(one.resource), told, links)


def _resource(where: Addresses, one: Resource, told: Mapping[str, str]) -> str:
    described = {**told, "hash": f"sha-256:{one.seal}", "length": str(one.bytes), "type": TAR}
    return _entry("url", where.bag(one), described, [("describedby", where.record(one))], since=one.since)


def _interval(first: datetime, last: datetime | None) -> dict[str, str]:
    return {"from": as_utc_text(first)} | ({"until": as_utc_text(last)} if last is not None else {})


def _document(
    root: str, links: Iterable[tuple[str, str]], told: Mapping[str, str], entries: Iterable[str]
) -> Iterator[str]:
    head = f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} xmlns="{SITEMAP}" xmlns:rs="{TERMS}">\n'
    yield head + "".join(map(_link, links)) + _told(told)
    yield from entries
    yield f"</{root}>\n"


def _entry(
    name: str,
    address: str,
    told: Mapping[str, str],
    links: Iterable[tuple[str, str]] = (),
    since: datetime | None = None,
) -> str:
    modified = f"<lastmod>{as_utc_text(since)}</lastmod>" if since is not None else ""
    return f"<{name}><loc>{escape(address)}</loc>{modified}{_told(told)}{''.join(map(_link, links))}</{name}>\n"


def _told(told: Mapping[str, str]) -> str:
    return f"<rs:md {' '.join(f'{name}={quoteattr(value)}' for name, value in told.items())}/>"


def _link(link: tuple[str, str]) -> str:
    return f'<rs:ln rel="{link[0]}" href={quoteattr(link[1])}/>'
