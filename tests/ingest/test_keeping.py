"""Every article of a delivery is told of in its receipt, in whatever order and however many at a time they are done."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent import futures
from pathlib import Path
from typing import Any

import pytest
from deliveries import Published, delivery
from installation import Installation, folder_store_table

from config import wiring
from config.settings import load
from ingest import inbox, keeping, pipeline
from repository.catalogue import deliveries, schema, tallies
from repository.vocabulary import ArticleOutcome, DeliveryState, utc_now

ARTICLES = 30


@pytest.fixture
def archive(tmp_path: Path, database_url: str) -> Iterator[wiring.Archive]:
    stores = [folder_store_table(name, tmp_path) for name in ("ankara", "izmir")]
    made = Installation(tmp_path / "home", *stores, more=f'[database]\nurl = "{database_url}"\n')
    with wiring.opened(load(made.file, {}).settings) as opened:
        schema.migrate(opened.catalogue)
        for store in opened.stores:
            store.prepare()
        yield opened


@pytest.fixture
def arrived(archive: wiring.Archive, tmp_path: Path) -> inbox.Arrived:
    sent = delivery(tmp_path / "issue.zip", [Published(f"10.5555/keep.{number}") for number in range(ARTICLES)])
    return inbox.accept(archive.catalogue, archive.home, [sent], "Örnek Yayınevi", utc_now)


def test_all_that_are_under_way_may_be_done_at_one_look(
    archive: wiring.Archive, arrived: inbox.Arrived, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = []

    def slow(running: set[Any], return_when: str) -> Any:
        """As on a machine so busy that everything is done before anybody looks."""
        found = futures.wait(running)
        looks.append(len(found.not_done))
        return found

    monkeypatch.setattr(keeping, "wait", slow)
    receipt = pipeline.ingest(archive.door(), arrived)
    assert len(looks) > 1, "they were not all under way at once"
    assert set(looks) == {0}
    assert [line.position for line in receipt.articles] == list(range(1, ARTICLES + 1))
    assert {line.outcome for line in receipt.articles} == {ArticleOutcome.ACCEPTED}
    with archive.catalogue.reading() as session:
        assert tallies.of(session, "articles")["", "active"].number == ARTICLES


def test_a_receipt_that_would_be_silent_about_an_article_is_not_given(
    archive: wiring.Archive, arrived: inbox.Arrived, monkeypatch: pytest.MonkeyPatch
) -> None:
    registered, lost = keeping._registered, []

    def forgetful(door: Any, arrived: Any, done: Sequence[Any]) -> Any:
        lines = registered(door, arrived, done)
        if lines and not lost:
            lost.append(lines.pop())
        return lines

    monkeypatch.setattr(keeping, "_registered", forgetful)
    with pytest.raises(RuntimeError, match=f"{ARTICLES} articles were judged and {ARTICLES - 1} are told of"):
        pipeline.ingest(archive.door(), arrived)
    assert lost
    with archive.catalogue.reading() as session:
        assert deliveries.known(session, arrived.delivery_id).state == DeliveryState.RECEIVED
    receipt = pipeline.take_up(archive.door(), arrived.delivery_id)
    assert receipt is not None
    assert len(receipt.articles) == ARTICLES
