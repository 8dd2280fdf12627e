"""A rebuild that is killed goes on where it was; a catalogue of yesterday loses nothing of today."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from deliveries import Published, delivery
from full_size import sized
from installation import Installation, folder_store_table
from servers import PostgreSQLServer
from sqlalchemy import event as engine_event
from watched import Killed
from whole_archive import burn, door_over, dump, rebuilding

from ingest import disposal, inbox, pipeline
from ingest.deaccession import Deaccession, Word, withdraw
from ingest.door import Door
from ingest.rebuild import rebuild
from repository.access import staff
from repository.catalogue import Catalogue, holdings, schema, tallies
from repository.storage import Store
from repository.storage.directory import DirectoryStore
from repository.vocabulary import bag_key, utc_now

ARTICLES = 8
PUBLISHER = "Örnek Yayınevi"


@pytest.fixture
def stores(tmp_path: Path) -> list[Store]:
    """Two folders: what lies in them can be read and put aside by hand."""
    made: list[Store] = [DirectoryStore("main", tmp_path / "main"), DirectoryStore("second", tmp_path / "second")]
    for store in made:
        store.prepare()
    return made


@pytest.fixture
def door(tmp_path: Path, database_url: str, stores: Sequence[Store]) -> Iterator[Door]:
    catalogue = Catalogue(database_url)
    schema.migrate(catalogue)
    yield door_over(catalogue, stores, tmp_path / "home")
    catalogue.close()


def send(door: Door, folder: Path, name: str, articles: list[Published]) -> None:
    """One delivery taken in."""
    sent = delivery(folder / name, articles)
    pipeline.ingest(door, inbox.accept(door.catalogue, door.home, [sent], PUBLISHER, utc_now))


def some() -> list[Published]:
    """The articles of one delivery."""
    return [Published(f"10.5555/kesilen.{number}", title=f"Kesilen {number}") for number in range(ARTICLES)]


class Counting(DirectoryStore):
    """A folder that knows which of its objects were read."""

    def __init__(self, store: DirectoryStore) -> None:
        super().__init__(store.name, store.root)
        self.read: Counter[str] = Counter()

    def open(self, key, offset=0, length=None):  # type: ignore[no-untyped-def]
        """As a folder; it is counted."""
        self.read[key] += 1
        return super().open(key, offset, length)


def test_a_rebuild_killed_after_every_article_reads_no_bag_twice(
    door: Door, tmp_path: Path, stores: Sequence[DirectoryStore]
) -> None:
    send(door, tmp_path, "1.zip", some())
    send(door, tmp_path, "2.zip", [replace(some()[3], title="İkinci sürüm")])
    before = dump(door.catalogue)
    burn(door.catalogue)
    counting = [Counting(store) for store in stores]

    def killed(_done: int) -> None:
        if not_yet:
            not_yet.pop()
            raise Killed

    kills = 0
    while True:
        not_yet = [True]
        work = replace(rebuilding(door), stores=counting)
        # It dies when something new was entered, and lives when all was known.
        known = sum(count.number for count in _aips(door).values())
        work = replace(work, progress=lambda done, known=known: killed(done) if done > known else None)
        try:
            rebuild(work)
        except Killed:
            kills += 1
            continue
        break
    assert kills == ARTICLES
    assert dump(door.catalogue) == before
    for store in counting:
        assert set(store.read.values()) == {1}, "each bag was read once in all"
        assert len(store.read) == ARTICLES + 1


def _aips(door: Door):  # type: ignore[no-untyped-def]
    with door.catalogue.reading() as session:
        return tallies.of(session, "aips")


def test_what_is_registered_is_asked_for_together(door: Door, tmp_path: Path) -> None:
    send(door, tmp_path, "1.zip", some())
    asked: list[str] = []
    engine_event.listen(door.catalogue.engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    assert rebuild(rebuilding(door)).already == ARTICLES
    few = len(asked)
    send(door, tmp_path, "2.zip", [Published(f"10.5555/kesilen.b{number}") for number in range(ARTICLES)])
    asked.clear()
    assert rebuild(rebuilding(door)).already == 2 * ARTICLES
    assert len(asked) == few, "twice as many articles and deliveries, and not one question more"


@pytest.mark.parametrize("database", sized(["postgresql"], ["sqlite", "postgresql"]))
def test_a_rebuild_killed_by_the_system_gives_the_same_catalogue(
    tmp_path: Path, database: str, request: pytest.FixtureRequest
) -> None:
    home = tmp_path / "archive"
    url = f"sqlite:///{home}/c.sqlite" if database == "sqlite" else request.getfixturevalue("postgresql_url")
    archive = Installation(
        home,
        f'[database]\nurl = "{url}"\n',
        folder_store_table("ankara", home),
        folder_store_table("izmir", home),
    )
    sent = delivery(tmp_path / "1.zip", [Published(f"10.5555/oldurulen.{number}") for number in range(30)])
    archive.run("ingest", str(sent), "--publisher", PUBLISHER)
    with closing(Catalogue(url)) as catalogue:
        before = dump(catalogue)
        burn(catalogue)
        deaths, entered = 0, 0
        for _ in range(4):
            process = archive.start("rebuild")
            while process.poll() is None and _entered(catalogue) < entered + 3:
                time.sleep(0.01)
            process.kill()
            process.communicate()
            deaths += process.returncode < 0
            entered = _entered(catalogue)
        assert deaths >= 3
        done = archive.run("rebuild")
        assert (done["already"], done["aips"] + done["already"], done["problems"]) == (entered, 30, [])
        assert dump(catalogue) == before


def _entered(catalogue: Catalogue) -> int:
    with catalogue.reading() as session:
        return sum(count.number for count in tallies.of(session, "aips").values())


def saved(url: str, folder: Path, server: PostgreSQLServer | None) -> Path:
    """Yesterday's backup: a copy of the file, or every table of the database as PostgreSQL copies it out."""
    target = folder / "yesterday"
    if server is None:
        shutil.copyfile(url.removeprefix("sqlite:///"), target)
        return target
    target.mkdir()
    with psycopg.connect(_plain(url)) as connection:
        for (table,) in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall():
            with connection.cursor().copy(f'COPY "{table}" TO STDOUT') as copied, (target / table).open("wb") as file:
                file.writelines(copied)
    return target


def restored(url: str, backup: Path) -> None:
    """Yesterday's backup is the database again."""
    if backup.is_file():
        shutil.copyfile(backup, url.removeprefix("sqlite:///"))
        return
    with psycopg.connect(_plain(url)) as connection:
        connection.execute("SET session_replication_role = replica")
        for file in sorted(backup.iterdir()):
            connection.execute(f'TRUNCATE "{file.name}" CASCADE')
        for file in sorted(backup.iterdir()):
            with connection.cursor().copy(f'COPY "{file.name}" FROM STDIN') as copied:
                copied.write(file.read_bytes())


def _plain(url: str) -> str:
    return url.replace("postgresql+psycopg://", "postgresql://")


@pytest.fixture
def server(database_url: str, request: pytest.FixtureRequest) -> PostgreSQLServer | None:
    """The PostgreSQL server, where the catalogue lies in one."""
    return None if database_url.startswith("sqlite") else request.getfixturevalue("postgresql_server")


def test_yesterdays_database_loses_nothing_and_reuses_no_version_number(
    door: Door, tmp_path: Path, database_url: str, server: PostgreSQLServer | None
) -> None:
    first = some()
    send(door, tmp_path, "1.zip", first)
    door.catalogue.close()
    backup = saved(database_url, tmp_path, server)
    send(door, tmp_path, "2.zip", [replace(first[0], title="İkinci sürüm"), Published("10.5555/bugun")])
    today = dump(door.catalogue)
    door.catalogue.close()
    restored(database_url, backup)
    assert dump(door.catalogue) != today
    done = rebuild(rebuilding(door))
    assert (done.aips, done.already, done.problems) == (2, ARTICLES, [])
    assert dump(door.catalogue) == today
    send(door, tmp_path, "3.zip", [replace(first[0], title="Üçüncü sürüm")])
    with door.catalogue.reading() as session:
        article = holdings.find_article(session, first[0].doi)
        assert article is not None
        assert article.version == 3


def test_without_a_rebuild_no_version_number_is_used_again_either(
    door: Door, tmp_path: Path, database_url: str, server: PostgreSQLServer | None, stores: Sequence[DirectoryStore]
) -> None:
    first = some()
    send(door, tmp_path, "1.zip", first)
    door.catalogue.close()
    backup = saved(database_url, tmp_path, server)
    send(door, tmp_path, "2.zip", [replace(first[0], title="İkinci sürüm")])
    with door.catalogue.reading() as session:
        article = holdings.find_article(session, first[0].doi)
        assert article is not None
    there = stores[0].root / bag_key(article.id, 2)
    bag = there.read_bytes()
    door.catalogue.close()
    restored(database_url, backup)
    send(door, tmp_path, "3.zip", [replace(first[0], title="Başka bir ikinci sürüm")])
    assert there.read_bytes() == bag
    assert rebuild(rebuilding(door)).aips == 1


def test_what_was_withdrawn_and_disposed_of_since_yesterday_is_so_again(
    door: Door, tmp_path: Path, database_url: str, server: PostgreSQLServer | None
) -> None:
    send(door, tmp_path, "1.zip", some())
    with door.catalogue.writing() as session:
        for login in ("ayse", "can"):
            staff.create(session, login, "staff")
        article = holdings.find_article(session, some()[0].doi)
        assert article is not None
    door.catalogue.close()
    backup = saved(database_url, tmp_path, server)
    work = Deaccession(door.catalogue, door.stores, "mahfuz test", utc_now, wait_days=0, delay_days=0)
    withdraw(work, article.id, Word("ayse", "Mahkeme kararı.", "tr"))
    number = disposal.ask(work, article.id, None, Word("ayse", "Mahkeme kararı.", "tr")).id
    disposal.approve(work, number, "can")
    while disposal.carry_out(work):
        pass
    today = dump(door.catalogue)
    assert today["counts"]["aips"][("", "disposed")].number == 1
    door.catalogue.close()
    restored(database_url, backup)
    done = rebuild(rebuilding(door))
    assert (done.exit_status, done.problems) == (0, [])
    again = dump(door.catalogue)
    assert again["counts"] == today["counts"]
    assert (
        again["articles"][article.id]["versions"][0]["copies"] == today["articles"][article.id]["versions"][0]["copies"]
    )
    assert rebuild(rebuilding(door)).exit_status == 0
    assert dump(door.catalogue)["counts"] == today["counts"]
