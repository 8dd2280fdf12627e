"""Many articles registered at once leave the rows that they would leave one after the other."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pages import record
from sqlalchemy import select

from repository.catalogue import Catalogue, registration, schema, titles
from repository.catalogue.registration import Entering, Sealed
from repository.models import Table
from repository.promise import Promises
from repository.vocabulary import ArticleRecord, PayloadFile, article_id

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
FROM_THE_CLOCK = {"change_number", "datestamp", "number"}


def entering(described: ArticleRecord, version: int = 1) -> Entering:
    name = article_id(described)
    digest = hashlib.sha256(f"{name} {version} {described.title}".encode()).hexdigest()
    files = (
        PayloadFile("a.xml", 512, 10, hashlib.sha512(b"xml").hexdigest()),
        PayloadFile("a.pdf", 1536, 20, hashlib.sha512(b"pdf").hexdigest()),
    )
    places = {"main": AT, "second": AT}
    sealed = Sealed(name, version, digest, 10_240, digest, "2026-03-01", files, places)
    return Entering(described, sealed)


def deliveries() -> list[list[Entering]]:
    """Two journals, three issues; then a correction that moves an article to another issue, beside a new one."""
    first = [record(number, issue="3" if number % 2 else "4") for number in range(1, 6)]
    first += [record(6, journal_title="Işık Dergisi", issn_electronic="1300-0640")]
    moved = replace(first[0], title="Düzeltilmiş başlık", issue="5")
    return [[entering(each) for each in first], [entering(moved, 2), entering(record(7))]]


def rows_after(url: str, batches: Sequence[Sequence[Entering]]) -> dict[str, list[dict[str, Any]]]:
    catalogue = Catalogue(url)
    schema.migrate(catalogue)
    try:
        for batch in batches:
            with catalogue.writing() as session:
                publisher = titles.publisher_named(session, "Örnek Yayınevi")
                registration.register_all(
                    session, publisher, batch, at=AT, agent="test", delivery_id=None, promises=Promises()
                )
        with catalogue.reading() as session:
            return {
                table.name: sorted(
                    (
                        {
                            name: value
                            for name, value in row._mapping.items()
                            if name not in FROM_THE_CLOCK and (table.name, name) != ("feed_day", "digest")
                        }
                        for row in session.execute(select(table))
                    ),
                    key=repr,
                )
                for table in Table.metadata.sorted_tables
                if table.name not in ("change_head", "announcement")
            }
    finally:
        catalogue.close()


def test_at_once_is_as_one_by_one(database_url: str, tmp_path: Path) -> None:
    together = rows_after(database_url, deliveries())
    singly = rows_after(f"sqlite:///{tmp_path / 'singly.sqlite'}", [[one] for batch in deliveries() for one in batch])
    assert together.keys() == singly.keys()
    for table, rows in together.items():
        assert rows == singly[table], table
    assert sorted(row["articles"] for row in together["issue"]) == [1, 1, 2, 3]
    assert sorted(row["articles"] for row in together["title"]) == [1, 6]


def test_what_is_registered_already_stays_and_says_so(database_url: str) -> None:
    first, second = deliveries()
    once = rows_after(database_url, [first])
    assert rows_after(database_url, [first]) == once
    more = rows_after(database_url, [[*first[:2], second[1]]])
    assert len(more["aip"]) == len(once["aip"]) + 1
    assert len(more["event"]) == len(once["event"]) + 1


def test_two_versions_of_one_article_do_not_go_together(database_url: str) -> None:
    one = entering(record(1))
    with pytest.raises(ValueError, match="one after the other"):
        rows_after(database_url, [[one, entering(record(1), 2)]])
