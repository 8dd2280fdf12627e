"""Two deliveries of one article at once, each with other bytes: both are kept, one as the version after the other."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from deliveries import Published, delivery
from installation import Installation, folder_store_table

from config import wiring
from config.settings import load
from ingest import inbox, keeping, pipeline
from ingest.keeping import _Preserved
from repository.catalogue import schema
from repository.vocabulary import ArticleOutcome, utc_now

PUBLISHER = "Örnek Yayınevi"


@pytest.fixture
def archives(tmp_path: Path, database_url: str) -> Iterator[list[wiring.Archive]]:
    """One archive as two processes see it; on PostgreSQL of two machines, each with a home of its own."""
    homes = [tmp_path / "bir", tmp_path / ("iki" if database_url.startswith("postgresql") else "bir")]
    stores = [folder_store_table(name, tmp_path) for name in ("ankara", "izmir")]
    files = {home: Installation(home, *stores, more=f'[database]\nurl = "{database_url}"\n') for home in set(homes)}
    opened = [wiring.opened(load(files[home].file, {}).settings) for home in homes]
    entered = [one.__enter__() for one in opened]
    schema.migrate(entered[0].catalogue)
    for store in entered[0].stores:
        store.prepare()
    yield entered
    for one in opened:
        one.__exit__(None, None, None)


def test_a_bag_that_lies_there_and_is_not_registered_yet_is_waited_for(
    archives: list[wiring.Archive], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registered, met = keeping._registered, threading.Event()
    overtaken = keeping._overtaken
    first = threading.get_ident()

    def late(door: Any, arrived: Any, done: Sequence[Any]) -> Any:
        """The first delivery's bag lies in the stores until the second has met it."""
        if threading.get_ident() == first and any(isinstance(one, _Preserved) for one in done):
            assert second is not None
            running.append(pool.submit(pipeline.ingest, archives[1].door(), second))
            assert met.wait(30), "the second one never met the first one's bag"
        return registered(door, arrived, done)

    def meeting(*given: Any) -> bool:
        met.set()
        return overtaken(*given)

    monkeypatch.setattr(keeping, "_registered", late)
    monkeypatch.setattr(keeping, "_overtaken", meeting)
    running: list[Any] = []
    arrived = []
    for number, archive in enumerate(archives):
        article = replace(Published("10.5555/o.1"), title=f"Başlık {number}")
        sent = delivery(tmp_path / f"{number}.zip", [article])
        arrived.append(inbox.accept(archive.catalogue, archive.home, [sent], PUBLISHER, utc_now))
    second = arrived[1]
    with ThreadPoolExecutor() as pool:
        receipts = [pipeline.ingest(archives[0].door(), arrived[0]), running[0].result(60)]
    lines = [line for receipt in receipts for line in receipt.articles]
    assert [(line.outcome, line.version) for line in lines] == [
        (ArticleOutcome.ACCEPTED, 1),
        (ArticleOutcome.ACCEPTED, 2),
    ], [line.findings for line in lines]
