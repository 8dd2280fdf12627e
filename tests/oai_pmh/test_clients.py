"""Clients that nobody here wrote harvest the whole archive, each the same records, compressed and not."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from served import served

from repository.vocabulary import ArticleRecord, article_id

NUMBER = 260
PAGE = 60
JOURNAL = "journal:2000-0003"
HTTP_OAI = """
use strict; use warnings; use HTTP::OAI; use JSON::PP;
my ($url, $verb, %asked) = @ARGV;
my $harvester = HTTP::OAI::Harvester->new(baseURL => $url);
my @found;
my $take = sub { push @found, [$_[0]->identifier, $_[0]->datestamp, $_[0]->is_deleted ? 1 : 0] };
my $list = $harvester->$verb(%asked, onRecord => $take);
die $list->message if $list->is_error;
print encode_json(\\@found);
"""


class Seen(NamedTuple):
    """One record as a client saw it; ``title`` is None in a header, and of what is deleted."""

    identifier: str
    datestamp: str
    deleted: bool
    title: str | None = None


@dataclass(frozen=True)
class Archived:
    """Where the archive is, and what a harvest of it must bring."""

    address: str
    all: frozenset[Seen]

    @property
    def headers(self) -> frozenset[Seen]:
        return frozenset(one._replace(title=None) for one in self.all)


@pytest.fixture(scope="module")
def archived(
    tmp_path_factory: pytest.TempPathFactory,
    migrated_sqlite: Path,
    opened: Callable[[str], AbstractContextManager[Any]],
    article: Callable[[int], ArticleRecord],
) -> Iterator[Archived]:
    folder = tmp_path_factory.mktemp("clients")
    shutil.copyfile(migrated_sqlite, folder / "catalogue.sqlite")
    url = f"sqlite:///{folder / 'catalogue.sqlite'}"
    gone = datetime(2024, 3, 2, tzinfo=UTC)
    with opened(url) as archive:
        archive.fill(NUMBER)
        for name in archive.ids[::25]:
            archive.withdraw(name, datestamp=gone)
    all_of_it = set()
    for place in range(NUMBER):
        record, deleted = article(place), place % 25 == 0
        moment = gone if deleted else datetime(2024, 3, 1, 9, tzinfo=UTC) + timedelta(minutes=place // 7)
        identifier = f"oai:arsiv.example.org:{article_id(record)}"
        seen = Seen(identifier, f"{moment:%Y-%m-%dT%H:%M:%SZ}", deleted, None if deleted else record.title)
        all_of_it.add(seen)
    with served(folder / "home", url, oai=f"page_size = {PAGE}") as server:
        yield Archived(server.oai, frozenset(all_of_it))


def whole(found: list[Seen], expected: frozenset[Seen]) -> None:
    """Everything came, as it is, and once."""
    assert set(found) == expected
    assert len(found) == len(expected)


ENCODINGS = {"gzip": "gzip", "identity": None}
"""What is asked for, and the Content-Encoding that comes."""


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_sickle(archived: Archived, encoding: str) -> None:
    sickle = pytest.importorskip("sickle", reason="Sickle is not installed: pip install sickle")
    client = sickle.Sickle(archived.address, headers={"Accept-Encoding": encoding})
    asked = client.harvest(verb="Identify").http_response
    assert asked.headers.get("Content-Encoding") == ENCODINGS[encoding]

    def seen(header: Any, metadata: Mapping[str, list[str]] | None) -> Seen:
        return Seen(header.identifier, header.datestamp, header.deleted, metadata["title"][0] if metadata else None)

    records = client.ListRecords(metadataPrefix="oai_dc")
    whole([seen(one.header, None if one.deleted else one.metadata) for one in records], archived.all)
    whole([seen(one, None) for one in client.ListIdentifiers(metadataPrefix="oai_dc")], archived.headers)
    of_journal = [one.header.identifier for one in client.ListRecords(metadataPrefix="oai_dc", set=JOURNAL)]
    assert len(of_journal) == len(set(of_journal)) == NUMBER // 6
    assert JOURNAL in {one.setSpec for one in client.ListSets()}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_oaipmh_scythe(archived: Archived, encoding: str) -> None:
    scythe = pytest.importorskip("oaipmh_scythe")
    with scythe.Scythe(archived.address) as client:
        client.client.headers["Accept-Encoding"] = encoding
        asked = client.harvest({"verb": "Identify"}).http_response
        assert asked.headers.get("Content-Encoding") == ENCODINGS[encoding]

        def seen(header: Any, metadata: Mapping[str, list[str]] | None) -> Seen:
            title = metadata["title"][0] if metadata else None
            return Seen(header.identifier, header.datestamp, header.deleted, title)

        records = client.list_records(metadata_prefix="oai_dc")
        whole([seen(one.header, None if one.deleted else one.metadata) for one in records], archived.all)
        headers = client.list_identifiers(metadata_prefix="oai_dc")
        whole([seen(one, None) for one in headers], archived.headers)
        of_journal = [one.header.identifier for one in client.list_records(metadata_prefix="oai_dc", set_=JOURNAL)]
        assert len(of_journal) == len(set(of_journal)) == NUMBER // 6
        assert JOURNAL in {one.setSpec for one in client.list_sets()}


def test_oaipmh(archived: Archived) -> None:
    """The client of ETH; it asks for no compression."""
    client_of = pytest.importorskip("oaipmh.client")
    metadata = pytest.importorskip("oaipmh.metadata")
    registry = metadata.MetadataRegistry()
    registry.registerReader("oai_dc", metadata.oai_dc_reader)
    client = client_of.Client(archived.address, registry)
    client.updateGranularity()

    def seen(header: Any, described: Any) -> Seen:
        title = described.getField("title")[0] if described else None
        return Seen(header.identifier(), f"{header.datestamp():%Y-%m-%dT%H:%M:%SZ}", header.isDeleted(), title)

    records = client.listRecords(metadataPrefix="oai_dc")
    whole([seen(header, described) for header, described, _about in records], archived.all)
    whole([seen(header, None) for header in client.listIdentifiers(metadataPrefix="oai_dc")], archived.headers)
    of_journal = [header.identifier() for header in client.listIdentifiers(metadataPrefix="oai_dc", set=JOURNAL)]
    assert len(of_journal) == len(set(of_journal)) == NUMBER // 6
    assert JOURNAL in {spec for spec, *_ in client.listSets()}


def has_http_oai() -> bool:
    """Whether this machine's perl has HTTP::OAI (Debian: libhttp-oai-perl)."""
    perl = shutil.which("perl")
    if perl is None:
        return False
    return subprocess.run([perl, "-MHTTP::OAI", "-e1"], capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not has_http_oai(), reason="perl has no HTTP::OAI here: apt install libhttp-oai-perl")
def test_http_oai(archived: Archived) -> None:
    """The client of Catmandu and EPrints; it reads answers as they come, and asks for no compression."""

    def found(verb: str, *arguments: str) -> list[Seen]:
        command = ["perl", "-e", HTTP_OAI, archived.address, verb, "metadataPrefix", "oai_dc", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
        assert done.returncode == 0, done.stderr
        return [
            Seen(identifier, datestamp, bool(deleted)) for identifier, datestamp, deleted in json.loads(done.stdout)
        ]

    whole(found("ListRecords"), archived.headers)
    whole(found("ListIdentifiers"), archived.headers)
    assert len(found("ListRecords", "set", JOURNAL)) == NUMBER // 6
