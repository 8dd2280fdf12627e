"""What is looked up for a page: the same few questions however many articles are on it, and only for its format."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from lxml import etree
from sqlalchemy import event

from oai_pmh.formats import FORMATS
from oai_pmh.verbs import Window
from repository.catalogue import fronts
from repository.jats import Front
from repository.models import Aip, Copy, File
from repository.vocabulary import ArticleRecord, Related

LONG_AGO = datetime(2024, 3, 1, 9, tzinfo=UTC)
OAI = "{http://www.openarchives.org/OAI/2.0/}"
PREFIX = "oai:arsiv.example.org:"


def front(title: str) -> Front:
    titles = f"<title-group><article-title>{title}</article-title></title-group>"
    return Front(' article-type="editorial"', f"<front><article-meta>{titles}", "</article-meta></front>")


@contextmanager
def counted(archive: Any) -> Iterator[list[str]]:
    statements: list[str] = []

    def note(conn: Any, cursor: Any, statement: str, *rest: Any) -> None:
        statements.append(statement)

    event.listen(archive.catalogue.engine, "before_cursor_execute", note)
    yield statements
    event.remove(archive.catalogue.engine, "before_cursor_execute", note)


@pytest.mark.parametrize("prefix", sorted(FORMATS))
def test_a_long_page_asks_as_often_as_a_short_one(archive: Any, window: Window, harvester_of: Any, prefix: str) -> None:
    archive.fill(40)
    counts = []
    for size in (3, 30):
        with counted(archive) as statements:
            harvester_of(replace(window, page_size=size)).ask("ListRecords", metadataPrefix=prefix)
        counts.append(len(statements))
    assert counts[0] == counts[1]


def test_front_matter_and_versions_are_asked_for_only_where_they_are_told(
    archive: Any, window: Window, harvester_of: Any
) -> None:
    archive.fill(3)
    asked = {}
    for prefix in FORMATS:
        with counted(archive) as statements:
            harvester_of(window).ask("ListRecords", metadataPrefix=prefix)
        asked[prefix] = {table for table in ("front_matter", "file", "copy") if f"FROM {table}" in " ".join(statements)}
    assert asked.pop("jats") == {"front_matter"}
    assert asked["mets"] == asked["oai_openaire"]
    assert {name for name, tables in asked.items() if tables} == {"mets", "oai_openaire"}


def test_what_tells_of_the_last_readings_never_lies_ready(window: Window) -> None:
    assert {*FORMATS} - {*window.preparable} == {"mets"}


def test_the_front_matter_of_the_latest_version_is_given_out(
    archive: Any, harvester: Any, article: Callable[[int], ArticleRecord]
) -> None:
    kept = archive.add(article(1), datestamp=LONG_AGO, front=front("Birinci").packed())
    other = archive.add(article(2), datestamp=LONG_AGO)

    def title(name: str) -> Any:
        asked = harvester.ask("GetRecord", metadataPrefix="jats", identifier=PREFIX + name)
        return next(asked.root.iter("{https://jats.nlm.nih.gov/ns/archiving/1.3/}article-title")).text

    assert title(kept) == "Birinci"
    assert title(other) == article(2).title
    archive.add(article(1), datestamp=LONG_AGO, version=2, front=front("İkinci").packed())
    assert title(kept) == "İkinci"
    archive.add(article(1), datestamp=LONG_AGO, version=3)
    assert title(kept) == article(1).title, "the third version came without"
    with archive.catalogue.reading() as session:
        assert fronts.of(session, [kept, other]) == {}


def test_a_notice_stands_in_the_publishers_front_matter_too(
    archive: Any, harvester: Any, article: Callable[[int], ArticleRecord]
) -> None:
    kept = archive.add(article(1), datestamp=LONG_AGO, front=front("Asıl").packed())
    about = Related("retracted-article", article(1).doi or "", "doi")
    archive.add(replace(article(2), article_type="retraction", related=(about,)), datestamp=LONG_AGO)
    asked = harvester.ask("GetRecord", metadataPrefix="jats", identifier=PREFIX + kept)
    (pointer,) = asked.root.iter("{https://jats.nlm.nih.gov/ns/archiving/1.3/}related-article")
    assert pointer.get("related-article-type") == "retraction-forward"
    assert pointer.get("{http://www.w3.org/1999/xlink}href") == article(2).doi


def test_versions_that_were_given_up_are_not_told(
    archive: Any, harvester: Any, article: Callable[[int], ArticleRecord]
) -> None:
    name = archive.add(article(1), datestamp=LONG_AGO)
    archive.add(article(1), datestamp=LONG_AGO, version=2)
    with archive.catalogue.writing() as session:
        for aip in session.query(Aip).order_by(Aip.version):
            session.add(File(aip_id=aip.id, position=0, path="a.pdf", offset=0, bytes=5, sha512=b"\1" * 64))
            state = "disposed" if aip.version == 1 else "intact"
            session.add(Copy(aip_id=aip.id, store="ankara", state=state, verified_at=LONG_AGO, next_due=LONG_AGO))
    asked = harvester.ask("GetRecord", metadataPrefix="mets", identifier=PREFIX + name)
    groups = list(asked.root.iter("{http://www.loc.gov/METS/}fileGrp"))
    assert [group.get("ID") for group in groups] == ["v2-files"]
    assert etree.QName(groups[0][0]).localname == "file"
