"""A rehearsal writes the catalogue again elsewhere, says every difference, and leaves the one in use as it was."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from deliveries import Published, delivery
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session
from whole_archive import door_over, dump, rebuilding

from ingest import deaccession, inbox, pipeline
from ingest.burning import Rehearsed, Rehearsing, rehearse, rehearse_when_due
from ingest.deaccession import Deaccession, Word
from ingest.door import Door
from ingest.ledger import Bookkeeping
from repository.access import staff
from repository.catalogue import Catalogue, rehearsals, schema
from repository.models import Aip, Alias, Article, ArticleWord, Copy, Event, File, Notice, Rehearsal
from repository.storage import Store
from repository.storage.directory import DirectoryStore
from repository.storage.s3 import S3Store
from repository.vocabulary import utc_now

ARTICLES = 5


@pytest.fixture
def stores(tmp_path: Path) -> list[Store]:
    """Two folders: what lies in them can be put aside by hand."""
    made: list[Store] = [DirectoryStore("main", tmp_path / "main"), DirectoryStore("second", tmp_path / "second")]
    for store in made:
        store.prepare()
    return made


@pytest.fixture
def door(tmp_path: Path, database_url: str, stores: Sequence[Store]) -> Iterator[Door]:
    """An archive with a second version, a withdrawn article and a member of staff."""
    catalogue = Catalogue(database_url)
    schema.migrate(catalogue)
    door = door_over(catalogue, stores, tmp_path / "home")
    some = [Published(f"10.5555/prova.{number}", title=f"Prova {number}") for number in range(ARTICLES)]
    send(door, tmp_path, "1.zip", some)
    send(door, tmp_path, "2.zip", [replace(some[1], title="İkinci sürüm")])
    with catalogue.writing() as session:
        staff.create(session, "ayse", "staff")
    work = Deaccession(catalogue, stores, "mahfuz test", utc_now)
    deaccession.withdraw(work, "10.5555/prova.2", Word("ayse", "Mahkeme kararı.", "tr"))
    yield door
    catalogue.close()


def send(door: Door, folder: Path, name: str, articles: list[Published]) -> None:
    """One delivery taken in."""
    sent = delivery(folder / name, articles)
    pipeline.ingest(door, inbox.accept(door.catalogue, door.home, [sent], "Örnek Yayınevi", utc_now))


def rehearsing(door: Door, **more: Any) -> Rehearsing:
    """What a rehearsal of the door's archive is given."""
    only = more.pop("only", None)
    books = Bookkeeping(door.catalogue, door.stores, door.home, "mahfuz.example.org", utc_now)
    store = door.stores[only].name if only is not None else None
    return Rehearsing(books, rebuilding(door, only), store, **more)


def kinds(done: Rehearsed) -> set[str]:
    """What differed."""
    return {one["what"] for one in done.differences}


@pytest.mark.parametrize("only", [None, 0, 1])
def test_the_same_comes_back_and_nothing_is_touched(door: Door, only: int | None) -> None:
    before = dump(door.catalogue)
    done = rehearse(rehearsing(door, only=only))
    assert (done.differences, done.exit_status, done.articles, done.rebuilt.aips) == ([], 0, ARTICLES, ARTICLES + 1)
    assert dump(door.catalogue) == before
    assert not list(door.home.glob(".rehearsal-*"))
    with door.catalogue.reading() as session:
        row = session.execute(select(Rehearsal)).scalar_one()
        last = session.execute(select(Event).order_by(Event.id.desc()).limit(1)).scalar_one()
    assert (row.whole, row.differences, row.articles, row.aips) == (True, 0, ARTICLES, ARTICLES + 1)
    assert row.finished_at is not None
    assert (last.type, last.outcome, last.detail["rehearsal"]) == ("validation", "success", row.id)


def _other_title(session: Session) -> None:
    row = session.execute(select(Article).order_by(Article.id).limit(1)).scalar_one()
    row.record = {**row.record, "title": "Başka bir başlık"}


def _later(session: Session) -> None:
    row = session.execute(select(Article).order_by(Article.id).limit(1)).scalar_one()
    row.datestamp -= timedelta(days=1)


FAULTS: dict[str, tuple[Callable[[Session], Any], str]] = {
    "an article described otherwise": (_other_title, "article"),
    "another datestamp": (_later, "article"),
    "another seal": (lambda s: s.execute(update(Aip).where(Aip.version == 2).values(seal="0" * 64)), "versions"),
    "another offset": (lambda s: s.execute(update(File).where(File.aip_id == 1).values(offset=7)), "files"),
    "a copy that is not known": (
        lambda s: s.execute(delete(Copy).where(Copy.aip_id == 1, Copy.store == "main")),
        "copies",
    ),
    "a tombstone that is gone": (lambda s: s.execute(delete(Notice)), "tombstones"),
    "words that lead nowhere": (lambda s: s.execute(delete(ArticleWord)), "words"),
    "names that lead nowhere": (lambda s: s.execute(delete(Alias)), "names"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_every_difference_is_said(door: Door, fault: str) -> None:
    act, what = FAULTS[fault]
    with door.catalogue.writing() as session:
        act(session)
    done = rehearse(rehearsing(door))
    assert what in kinds(done)
    assert done.exit_status == 1
    with door.catalogue.reading() as session:
        row = session.execute(select(Rehearsal)).scalar_one()
    assert (row.differences, len(row.details)) == (done.difference_count, min(100, done.difference_count))


def test_a_version_that_the_catalogue_forgot_and_one_that_no_store_has(door: Door, tmp_path: Path) -> None:
    with door.catalogue.writing() as session:
        gone = session.execute(select(Article.id).where(Article.doi == "10.5555/prova.0")).scalar_one()
        aip = session.execute(select(Aip).where(Aip.version == 2)).scalar_one()
        for table in (File, Copy):
            session.execute(delete(table).where(table.aip_id == aip.id))  # type: ignore[attr-defined]
        session.delete(aip)
    for store in ("main", "second"):
        (tmp_path / store / gone[:2] / gone[2:4] / gone / "v1.tar").unlink()
    done = rehearse(rehearsing(door))
    lost = next(one for one in done.differences if one["what"] == "article" and one["key"] == gone)
    assert lost["rebuilt"] is None
    forgotten = next(one for one in done.differences if one["what"] == "versions" and one["key"] != gone)
    assert (list(forgotten["catalogue"]), forgotten["catalogue"]["2"]) == (["2"], None)


def test_samples_go_round_until_all_had_their_turn(door: Door) -> None:
    seen: list[int] = []
    for _ in range(3):
        done = rehearse(rehearsing(door, sample=2))
        assert (done.differences, done.whole) == ([], False)
        seen.append(done.articles)
    assert seen == [2, 2, 1]
    with door.catalogue.reading() as session:
        rows = list(reversed(rehearsals.latest(session, limit=9)))
        ids = list(session.execute(select(Article.id).order_by(Article.id)).scalars())
    assert [(row.first, row.last) for row in rows] == [("", ids[1]), (ids[1], ids[3]), (ids[3], "")]
    assert rehearse(rehearsing(door, sample=2)).articles == 2


def test_a_sample_that_ended_with_the_last_article_is_followed_by_the_first(door: Door) -> None:
    assert [rehearse(rehearsing(door, sample=ARTICLES)).articles for _ in range(2)] == [ARTICLES, ARTICLES]


def test_from_a_bucket_as_from_a_folder(
    s3_store: S3Store, directory_store: DirectoryStore, migrated_sqlite: Path, tmp_path: Path
) -> None:
    shutil.copyfile(migrated_sqlite, tmp_path / "c.sqlite")
    catalogue = Catalogue(f"sqlite:///{tmp_path / 'c.sqlite'}")
    door = door_over(catalogue, [s3_store, directory_store], tmp_path / "home")
    send(door, tmp_path, "1.zip", [Published(f"10.5555/kova.{number}") for number in range(3)])
    seen = [rehearse(rehearsing(door, sample=2)) for _ in range(2)]
    assert [(one.articles, one.differences, one.doubt) for one in seen] == [(2, [], None), (1, [], None)]
    assert seen[1].rebuilt.ledgers == 2, "each rehearsal begins with one"
    assert rehearse(rehearsing(door, only=0)).differences == []
    catalogue.close()


def test_a_sample_finds_what_differs_in_it(door: Door) -> None:
    with door.catalogue.writing() as session:
        _other_title(session)
    assert kinds(rehearse(rehearsing(door, sample=1))) == {"article"}
    assert rehearse(rehearsing(door, sample=1)).differences == [], "the next article"


def test_what_is_taken_in_meanwhile_is_no_difference(door: Door, tmp_path: Path) -> None:
    work = rehearsing(door)
    # A receipt is dated to the second, and the rehearsal begins at the end of one.
    work = replace(work, books=replace(work.books, clock=lambda: utc_now().replace(microsecond=999_999)))
    sent: list[bool] = []

    def meanwhile(_done: int) -> None:
        if not sent:
            sent.append(True)
            send(door, tmp_path, "3.zip", [Published("10.5555/prova.1", title="Üçüncü"), Published("10.5555/prova.9")])

    done = rehearse(replace(work, rebuilding=replace(work.rebuilding, progress=meanwhile)))
    assert (sent, done.differences) == ([True], [])


def test_a_silent_store_is_doubt_and_the_rehearsal_stays_due(
    door: Door, stores: Sequence[DirectoryStore], tmp_path: Path
) -> None:
    stores[1].root.rename(tmp_path / "away")
    done = rehearse_when_due(rehearsing(door), 30)
    assert done is not None
    assert (done.exit_status, bool(done.doubt)) == (3, True)
    (tmp_path / "away").rename(stores[1].root)
    again = rehearse_when_due(rehearsing(door), 30)
    assert again is not None
    assert again.exit_status == 0
    assert rehearse_when_due(rehearsing(door), 30) is None
    with door.catalogue.reading() as session:
        assert rehearsals.is_due(session, utc_now() + timedelta(days=31), 30)
        assert not rehearsals.is_due(session, utc_now() + timedelta(days=31), 0)
