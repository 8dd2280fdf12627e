"""Every article of a delivery is told of in its receipt, in whatever order and however many at a time they are done."""

from __future__ import annotations

import os
import threading
import zipfile
from collections.abc import Iterator, Sequence
from concurrent import futures
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from deliveries import Published, delivery
from installation import Installation, folder_store_table

from config import wiring
from config.settings import load
from ingest import inbox, keeping, pipeline, quarantine
from repository.catalogue import deliveries, schema, tallies
from repository.errors import StoreUnavailable
from repository.vocabulary import ArticleOutcome, DeliveryState, bag_key, utc_now

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

    def slow(running: set[Any], timeout: float | None, return_when: str) -> Any:
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


PUBLISHER = "Örnek Yayınevi"


def taken(archive: wiring.Archive, file: Path) -> inbox.Arrived:
    return inbox.accept(archive.catalogue, archive.home, [file], PUBLISHER, utc_now)


def both(archive: wiring.Archive, arrived: Sequence[inbox.Arrived]) -> list[Any]:
    """Both deliveries taken in at once; their receipts."""
    with futures.ThreadPoolExecutor() as pool:
        running = [pool.submit(pipeline.ingest, archive.door(), one) for one in arrived]
        return [one.result(120) for one in running]


def test_what_is_kept_is_registered_in_time_though_another_article_waits(
    archive: wiring.Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of two deliveries has kept what the other one waits for: neither may wait for its own last article."""
    articles = [Published("10.5555/p.1"), Published("10.5555/q.1")]
    arrived = [
        taken(
            archive,
            delivery(tmp_path / f"{number}.zip", [replace(one, title=f"{one.doi} nüsha {number}") for one in articles]),
        )
        for number in (0, 1)
    ]
    ids, preserved = [one.delivery_id for one in arrived], keeping._preserved
    lying, met = [threading.Event(), threading.Event()], []

    def in_turn(door: Any, delivered: inbox.Arrived, one: Any, *rest: Any) -> Any:
        here = ids.index(delivered.delivery_id)
        if one.sip.record.doi == articles[here].doi:
            kept = preserved(door, delivered, one, *rest)
            lying[here].set()
            return kept
        assert lying[1 - here].wait(30)
        met.append(here)
        return preserved(door, delivered, one, *rest)

    monkeypatch.setattr(keeping, "_preserved", in_turn)
    receipts = both(archive, arrived)
    assert sorted(met) == [0, 1], "they never met"
    assert [line.outcome for one in receipts for line in one.articles] == [ArticleOutcome.ACCEPTED] * 4
    assert sorted(line.version or 0 for one in receipts for line in one.articles) == [1, 1, 2, 2]


def test_two_dois_at_once_never_become_versions_of_the_article_that_had_none(
    archive: wiring.Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    title = "Arşiv bilimine giriş ve uzun bir başlık daha"
    with zipfile.ZipFile(delivery(tmp_path / "with.zip", [Published("10.5555/x", title=title)])) as packed:
        members = {name: packed.read(name) for name in packed.namelist()}
    with zipfile.ZipFile(tmp_path / "without.zip", "w") as packed:
        for name, text in members.items():
            packed.writestr(name, text.replace(b'<article-id pub-id-type="doi">10.5555/x</article-id>', b""))
    (first,) = pipeline.ingest(archive.door(), taken(archive, tmp_path / "without.zip")).articles
    judged, together = pipeline.judged, threading.Barrier(2)
    found: list[str | None] = []

    def at_once(*given: Any) -> Any:
        checked = judged(*given)
        found.extend(one.identity for one in checked)
        if len(found) <= 2:
            together.wait(30)
        return checked

    monkeypatch.setattr(pipeline, "judged", at_once)
    receipts = both(
        archive,
        [taken(archive, delivery(tmp_path / f"{doi}.zip", [Published(f"10.5555/{doi}", title=title)])) for doi in "ab"],
    )
    assert found[:2] == [first.article_id] * 2, "they did not both find it"
    lines = [line for one in receipts for line in one.articles]
    assert {line.outcome for line in lines} == {ArticleOutcome.ACCEPTED}
    assert sorted(line.version or 0 for line in lines) == [1, 2]
    assert len({line.article_id for line in lines}) == 2, "two works"


def test_a_bag_of_a_delivery_that_is_paused_is_waited_for_and_nothing_is_refused(
    archive: wiring.Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (
        taken(archive, delivery(tmp_path / f"{word}.zip", [Published("10.5555/both", title=f"Başlık {word}")]))
        for word in ("bir", "iki")
    )

    def half(bag: Any, stores: Any, *_: Any, **__: Any) -> Any:
        stores[0].put(bag_key(bag.article_id, bag.version), bag.path, bag.seal)
        raise StoreUnavailable("izmir", "it went away")

    with monkeypatch.context() as broken:
        broken.setattr(keeping, "preserve", half)
        with pytest.raises(StoreUnavailable):
            pipeline.ingest(archive.door(), first)
    with pytest.raises(keeping.UnderWay, match=first.delivery_id):
        pipeline.ingest(archive.door(), second)
    # Both came in the same second: whichever is asked first, nobody is in the way of the other.
    taken_up = [*pipeline.resume(archive.door()), *pipeline.resume(archive.door())]
    assert sorted((str(one.state), one.articles[0].version) for one in taken_up) == [("accepted", 1), ("accepted", 2)]


def test_a_delivery_that_is_set_aside_still_names_what_was_kept(
    archive: wiring.Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = [Published(f"10.5555/aside.{number}") for number in range(3)]
    arrived = taken(archive, delivery(tmp_path / "i.zip", [*good, Published("10.5555/bad", without_pdf=True)]))
    assert pipeline.ingest(archive.door(), arrived).state == DeliveryState.PARTIAL
    person = quarantine.Person("Ayşe", archive.catalogue, archive.home, "a test", utc_now)
    quarantine.retry(person, arrived.delivery_id)
    monkeypatch.setattr(pipeline, "_checked", lambda *_: os._exit(9))
    for _ in range(quarantine.MOST_DEATHS):
        archive.catalogue.close()
        if not (child := os.fork()):
            pipeline.take_up(archive.door(), arrived.delivery_id)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9, "it was not killed"
    staging = archive.home / "staging" / arrived.delivery_id
    assert any(staging.rglob("*.pdf")) or any(staging.rglob("*"))
    receipt = pipeline.take_up(archive.door(), arrived.delivery_id)
    assert receipt is not None
    assert (receipt.state, [one.code for one in receipt.findings]) == (DeliveryState.QUARANTINED, ["SET_ASIDE"])
    assert {line.doi for line in receipt.articles} == {one.doi for one in good}
    assert not staging.exists()


def test_an_attempt_that_gave_no_receipt_is_told_by_what_it_kept(
    archive: wiring.Archive, arrived: inbox.Arrived, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "_with_open_links", lambda *_: (_ for _ in ()).throw(RuntimeError("killed here")))
    with pytest.raises(RuntimeError, match="killed here"):
        pipeline.ingest(archive.door(), arrived)
    with archive.catalogue.reading() as session:
        lines = deliveries.kept_of(session, arrived.delivery_id)
    assert [line.position for line in lines] == list(range(1, ARTICLES + 1))
    assert {line.doi for line in lines} == {f"10.5555/keep.{number}" for number in range(ARTICLES)}
    assert all(line.datestamp and line.title and line.version == 1 for line in lines)
