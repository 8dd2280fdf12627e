"""A catalogue that was burned is written again from the bags, as it was."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from deliveries import Published, delivery
from sqlalchemy import select
from whole_archive import burn, door_over, dump, rebuilding

from ingest import inbox, pipeline
from ingest.door import Door
from ingest.rebuild import rebuild
from repository.catalogue import Catalogue, holdings, schema, tallies
from repository.models import Article
from repository.storage import Store
from repository.vocabulary import as_utc_text, utc_now


@pytest.fixture
def door(tmp_path: Path, database_url: str, stores: Sequence[Store]) -> Iterator[Door]:
    catalogue = Catalogue(database_url)
    schema.migrate(catalogue)
    door = door_over(catalogue, stores, tmp_path / "home")
    first = [Published(f"10.5555/yanan.{number}", title=f"Yanan katalog {number}") for number in range(6)]
    _send(door, tmp_path, "1.zip", first)
    _send(door, tmp_path, "2.zip", [replace(first[2], title="İkinci sürüm"), Published("10.5555/x", without_pdf=True)])
    yield door
    catalogue.close()


def _send(door: Door, folder: Path, name: str, articles: list[Published]) -> None:
    sent = delivery(folder / name, articles)
    pipeline.ingest(door, inbox.accept(door.catalogue, door.home, [sent], "Örnek Yayınevi", utc_now))


def test_every_article_version_file_copy_and_datestamp_comes_back(door: Door) -> None:
    before = dump(door.catalogue)
    assert len(before["articles"]) == 6
    assert sorted("İkinci sürüm" in front.before for front in before["fronts"].values()) == [False] * 5 + [True]
    burn(door.catalogue)
    done = rebuild(rebuilding(door))
    assert (done.aips, done.exit_status, done.problems) == (7, 0, [])
    assert dump(door.catalogue) == before


def test_a_rebuild_can_be_repeated(door: Door) -> None:
    before = dump(door.catalogue)
    done = rebuild(rebuilding(door))
    assert (done.aips, done.already) == (0, 7)
    assert dump(door.catalogue) == before


@pytest.mark.parametrize("only", [0, 1])
def test_one_store_is_enough_and_the_others_count_as_unverified(door: Door, only: int) -> None:
    burn(door.catalogue)
    done = rebuild(rebuilding(door, only))
    assert (done.aips, done.copies) == (7, 7)
    with door.catalogue.reading() as session:
        counts = tallies.of(session, "copies")
        never = tallies.of(session, "never verified")
    other = door.stores[1 - only].name
    assert counts[other, "unverified"].number == 7
    assert {place for place, _ in never} == {other}


def test_without_receipts_the_datestamp_is_the_bagging_date(door: Door) -> None:
    for file in (door.home / "receipts").rglob("*.json"):
        file.unlink()
    burn(door.catalogue)
    assert rebuild(rebuilding(door)).receipts == 0
    with door.catalogue.reading() as session:
        for article in session.execute(select(Article)).scalars():
            (*_, last) = holdings.aips_of(session, article.id)
            assert as_utc_text(article.datestamp) == f"{last.bagging_date}T00:00:00Z"


def test_a_damaged_copy_comes_back_as_damaged_and_a_missing_one_as_missing(door: Door, tmp_path: Path) -> None:
    root = next(path for path in tmp_path.rglob(".mahfuz-store")).parent
    first, second, *_ = sorted(root.rglob("v1.tar"))
    octets = bytearray(first.read_bytes())
    octets[len(octets) // 2] ^= 1
    first.chmod(0o644)
    first.write_bytes(octets)
    second.unlink()
    burn(door.catalogue)
    done = rebuild(rebuilding(door))
    assert (done.aips, done.damaged_copies, done.missing_copies, done.exit_status) == (7, 1, 1, 1)
    with door.catalogue.reading() as session:
        counts = tallies.of(session, "copies")
    assert {state: counts[door.stores[1].name, state].number for state in ("damaged", "missing")} == {
        "damaged": 1,
        "missing": 1,
    }
