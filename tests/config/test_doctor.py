"""What the doctor says of database, parts, work and safety: each bad case provoked, and nothing hangs."""

from __future__ import annotations

import socket
import sqlite3
import threading
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pages
import psycopg
import pytest
from doctoring import ahead, patient, silent
from servers import PostgreSQLServer
from sqlalchemy import create_engine, make_url, text, update

from config.doctor import asking, database, examination, postgresql, stores
from config.doctor.entries import DOCUMENT, ENTRIES, document
from config.doctor.lines import Line, Said, Verdict
from config.doctor.questions import About, Beyond, OfRows, Patient
from config.schedule import clock_lock
from repository.catalogue import Catalogue, backups, copies, filling, heartbeats, standing, tallies
from repository.catalogue.heartbeats import Who
from repository.models import Announcement, Copy, Delivery, Heartbeat, Ledger, Rehearsal
from repository.storage.directory import DirectoryStore
from repository.vocabulary import utc_now


def lines(asked: Patient) -> dict[str, Line]:
    """Everything that the database is asked, by code and subject."""
    rows = [one for one in examination.questions(asked.archive) if isinstance(one, OfRows)]
    try:
        return {f"{one.code} {one.subject}".strip(): one for one in asking.of_rows(asked, rows)}
    finally:
        asked.archive.catalogue.close()


def test_every_line_has_its_entry_in_the_document() -> None:
    written = (Path(__file__).parents[2] / DOCUMENT).read_text(encoding="utf-8")
    assert written.endswith(document()), "python -m config.doctor.entries"
    assert len(ENTRIES) > 45


def test_the_document_is_linked_from_the_page(database_url: str) -> None:
    site = pages.site(database_url)
    browser = site.staff_client()
    page, entries = browser.get("/staff/system").text, browser.get("/staff/system/entries").text
    linked = {part.split('"')[0] for part in page.split("/staff/system/entries#")[1:]}
    assert "database" in linked
    assert all(f'<dt id="{code}">' in entries for code in linked)
    site.catalogue.close()


# The database.


@pytest.mark.parametrize(
    ("version", "fixed"),
    [((3, 40, 1), False), ((3, 44, 6), True), ((3, 45, 0), False), ((3, 50, 7), True), ((3, 51, 2), False),
     ((3, 51, 3), True), ((3, 52, 0), True)],
)  # fmt: skip
def test_the_bug_of_wal_mode_is_known_by_version(version: tuple[int, ...], fixed: bool) -> None:
    assert database.wal_reset_is_fixed(version) is fixed


def test_a_file_that_somebody_has_switched_to_wal_is_bad(tmp_path: Path, migrated_sqlite: Path) -> None:
    file = tmp_path / "c.sqlite"
    file.write_bytes(migrated_sqlite.read_bytes())
    with closing(sqlite3.connect(file)) as other:
        other.execute("PRAGMA journal_mode = WAL")
        other.execute("BEGIN")
        other.execute("SELECT count(*) FROM article").fetchone()
        asked = patient(tmp_path / "home", f"sqlite:///{file}")
        asked.archive.catalogue.engine = create_engine(f"sqlite:///{file}")
        asked.archive.catalogue._reading = asked.archive.catalogue.engine
        found = lines(asked)
    fixed = database.wal_reset_is_fixed(sqlite3.sqlite_version_info)
    assert found["sqlite"].verdict is (Verdict.GOOD if fixed else Verdict.BAD)
    assert "journal_mode wal" in str(found["sqlite"].said)


def test_a_network_file_system_is_known_by_its_mount(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/a / ext4 rw 0 0\nfiler:/x {tmp_path} nfs4 rw 0 0\n", encoding="utf-8")
    assert database.file_system(tmp_path / "home" / "c.sqlite", mounts) in database.NETWORK_FILE_SYSTEMS
    assert database.file_system(Path("/nirgends"), mounts) == "ext4"


def test_another_schema_is_bad_and_nothing_else_is_asked_of_the_rows(tmp_path: Path, database_url: str) -> None:
    catalogue = Catalogue(database_url)
    with catalogue.writing() as rows:
        rows.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    catalogue.close()
    found = lines(patient(tmp_path / "home", database_url))
    assert found["schema"].verdict is Verdict.BAD
    assert "0001" in str(found["schema"].said)
    assert "leader" not in found


def test_a_database_that_is_not_there_is_told_once(tmp_path: Path) -> None:
    found = lines(patient(tmp_path / "home", "postgresql+psycopg://mahfuz@127.0.0.1:1/mahfuz"))
    assert list(found) == ["database"]
    assert found["database"].verdict is Verdict.DOUBT
    assert "did not answer" in str(found["database"].said)


def test_a_database_that_hangs_keeps_nobody_waiting(tmp_path: Path) -> None:
    with silent() as port:
        asked = patient(tmp_path / "home", f"postgresql+psycopg://mahfuz@127.0.0.1:{port}/mahfuz")
        rows = [one for one in examination.questions(asked.archive) if isinstance(one, OfRows)]
        (line,) = asking.of_rows(asked, rows, seconds=1)
    assert (line.code, line.verdict) == ("database", Verdict.DOUBT)
    assert str(line.said) == "No answer within 1 seconds."


@pytest.mark.parametrize(("told", "seconds"), [("", "10"), ("&connect_timeout=3", "3")])
def test_a_database_whose_machine_is_gone_without_a_word_is_not_waited_for(
    postgresql_url: str, told: str, seconds: str
) -> None:
    catalogue = Catalogue(postgresql_url + told)
    with catalogue.reading() as session:
        line: Any = session.connection().connection.driver_connection
        given = line.info.get_parameters()
    assert given["connect_timeout"] == seconds
    assert (given["tcp_user_timeout"], given["keepalives_idle"]) == ("60000", "30")
    catalogue.close()


def test_a_database_that_hangs_hides_nothing_else(tmp_path: Path) -> None:
    store = DirectoryStore("main", tmp_path / "main")
    store.prepare()
    with silent() as port:
        url = f"postgresql+psycopg://mahfuz@127.0.0.1:{port}/mahfuz?connect_timeout=2"
        asked = patient(tmp_path / "home", url)
        asked = replace(asked, archive=replace(asked.archive, stores=(store,)))
        found = {line.code: line for line in examination.examine(asked, seconds=30)}
    assert (found["store"].verdict, found["disk"].verdict) == (Verdict.GOOD, Verdict.GOOD)
    assert found["database"].verdict is found["clock-database"].verdict is Verdict.DOUBT
    assert "did not answer" in str(found["database"].said)


def test_questions_are_asked_side_by_side_and_one_that_hangs_is_doubt(tmp_path: Path) -> None:
    def hang(_patient: Patient) -> list[Line]:
        with silent() as port, socket.create_connection(("127.0.0.1", port)) as line:
            line.recv(1)
        return []

    def fail(_patient: Patient) -> list[Line]:
        raise RuntimeError("a fault of ours")

    asked = patient(tmp_path / "home", f"sqlite:///{tmp_path}/c.sqlite")
    answers = asking.beyond(
        asked, [Beyond("mail", hang), Beyond("disk", fail), Beyond("front", lambda _: [])], seconds=5
    )
    (_, (mail,)), (_, (disk,)), (_, front) = answers
    assert (mail.verdict, disk.verdict, front) == (Verdict.DOUBT, Verdict.BAD, [])
    assert "a fault of ours" in str(disk.said)


def test_a_question_that_never_came_back_is_not_asked_once_more(tmp_path: Path) -> None:
    asked = patient(tmp_path / "home", f"sqlite:///{tmp_path}/c.sqlite")
    over, begun = threading.Event(), []

    def hang(_patient: Patient) -> list[Line]:
        begun.append(1)
        over.wait(60)
        return []

    for _ in range(3):
        ((_, (line,)),) = asking.beyond(asked, [Beyond("disk", hang)], seconds=0.1)
        assert line.verdict is Verdict.DOUBT
    assert len(begun) == 1
    over.set()


# PostgreSQL.


def test_what_postgresql_promises_is_told(tmp_path: Path, postgresql_url: str) -> None:
    found = lines(patient(tmp_path / "home", postgresql_url))
    assert found["durability"].verdict is Verdict.BAD, "the server of the tests runs with fsync off"
    assert "fsync" in str(found["durability"].said)
    assert found["postgresql"].verdict is Verdict.GOOD
    assert {found[code].verdict for code in ("collation", "connections", "autovacuum", "indexes")} == {Verdict.GOOD}
    assert found["transactions"].verdict is Verdict.GOOD
    assert found["checksums"].verdict in (Verdict.GOOD, Verdict.NOTE)


@pytest.mark.parametrize(
    ("told", "verdict"),
    [({"server_version_num": "140002", "server_version": "14.2"}, Verdict.BAD),
     ({"server_version_num": "120020", "server_version": "12.20"}, Verdict.BAD),
     ({"server_version_num": "130020", "server_version": "13.20 (Debian)"}, Verdict.NOTE),
     ({"server_version_num": "180004", "server_version": "18.4"}, Verdict.GOOD)],
)  # fmt: skip
def test_a_version_with_a_known_fault_is_told(
    tmp_path: Path, postgresql_url: str, told: dict[str, str], verdict: Verdict
) -> None:
    asked = patient(tmp_path / "home", postgresql_url, clock=lambda: datetime.fromisoformat("2026-11-28T12:00:00Z"))
    with asked.archive.catalogue.reading() as session:
        assert postgresql._version(asked, session, told).verdict is verdict
    asked.archive.catalogue.close()


def test_an_index_that_was_never_finished_and_a_table_without_vacuum_are_bad(
    tmp_path: Path, postgresql_url: str
) -> None:
    catalogue = Catalogue(postgresql_url)
    with catalogue.writing() as rows:
        rows.execute(text("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ix_copy_silent'::regclass"))
        rows.execute(text("ALTER TABLE copy SET (autovacuum_enabled = false)"))
    catalogue.close()
    found = lines(patient(tmp_path / "home", postgresql_url))
    assert found["indexes"].verdict is found["autovacuum"].verdict is Verdict.BAD
    assert "ix_copy_silent" in str(found["indexes"].said)
    assert str(found["autovacuum"].said) == "off for the tables copy"


def test_a_transaction_that_stays_open_is_told(tmp_path: Path, postgresql_url: str) -> None:
    catalogue = Catalogue(postgresql_url)
    with catalogue.reading() as session:
        session.execute(text("SELECT 1"))
        found = lines(patient(tmp_path / "home", postgresql_url, clock=ahead(minutes=30)))
        assert found["transactions"].verdict is Verdict.NOTE
        found = lines(patient(tmp_path / "home", postgresql_url, clock=ahead(hours=3)))
        assert found["transactions"].verdict is Verdict.BAD
    catalogue.close()


def test_a_slot_that_nobody_reads_is_told(
    tmp_path: Path, postgresql_url: str, postgresql_server: PostgreSQLServer
) -> None:
    name = f"slot_{abs(hash(postgresql_url))}"
    with psycopg.connect(host=postgresql_server.socket_folder, user="postgres", dbname="postgres") as session:
        session.autocommit = True
        session.execute("SELECT pg_create_physical_replication_slot(%s, true)", (name,))
        try:
            line = lines(patient(tmp_path / "home", postgresql_url))[f"slot {name}"]
        finally:
            session.execute("SELECT pg_drop_replication_slot(%s)", (name,))
    assert line.verdict is Verdict.NOTE
    assert "nobody uses it" in str(line.said)


def test_an_order_of_letters_that_has_changed_is_bad(tmp_path: Path, postgresql_server: PostgreSQLServer) -> None:
    with postgresql_server.fresh_database() as url:
        name = make_url(url).database
        postgresql_server._say(f"DROP DATABASE {name}")
        postgresql_server._say(
            f"CREATE DATABASE {name} TEMPLATE template0 LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8'"
        )
        assert lines(patient(tmp_path / "home", url))["collation"].verdict is Verdict.GOOD
        postgresql_server._say(f"UPDATE pg_database SET datcollversion = '0' WHERE datname = '{name}'")
        line = lines(patient(tmp_path / "home", url))["collation"]
    assert line.verdict is Verdict.BAD
    assert "version 0" in str(line.said)


def test_connections_that_run_out_are_told(
    tmp_path: Path, postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql, "FULL_SHARE", 0.0)
    assert lines(patient(tmp_path / "home", postgresql_url))["connections"].verdict is Verdict.BAD


def test_who_holds_the_lock_of_the_clock_and_says_nothing_is_bad(tmp_path: Path, postgresql_url: str) -> None:
    asked = patient(tmp_path / "home", postgresql_url)
    holder = Catalogue(postgresql_url)
    with clock_lock(holder, tmp_path / "other")() as held:
        assert held is not None
        line = lines(asked)["leader"]
        assert line.verdict is Verdict.BAD
        assert "gives no sign of life" in str(line.said)
        beat(holder, "clock", "arsiv-1")
        assert str(lines(asked)["leader"].said) == "arsiv-1; no other stands by"
        beat(holder, "standby", "arsiv-2")
        assert str(lines(asked)["leader"].said) == "arsiv-1; arsiv-2 stand by"
    assert lines(asked)["leader"].verdict is Verdict.BAD, "it ticks, and holds no lock"
    holder.close()


# Parts and machines.


def beat(catalogue: Catalogue, part: str, host: str, at: datetime | None = None, version: str = "mahfuz 0.1.0") -> None:
    with catalogue.writing() as rows:
        heartbeats.beat(rows, Who(part, host, 1, utc_now(), version), at or utc_now())


def test_a_part_that_gives_no_sign_of_life_is_told_for_each_machine(tmp_path: Path, database_url: str) -> None:
    asked = patient(tmp_path / "home", database_url)
    catalogue = Catalogue(database_url)
    beat(catalogue, "clock", "arsiv-1", utc_now() - timedelta(hours=1))
    beat(catalogue, "worker", "arsiv-1")
    beat(catalogue, "worker", "arsiv-2", utc_now() - timedelta(hours=1))
    beat(catalogue, "worker", "arsiv-3", utc_now() - timedelta(days=2))
    beat(catalogue, "worker", "arsiv-4", utc_now() - timedelta(days=90))
    found = lines(asked)
    assert found["part clock"].verdict is Verdict.BAD
    assert found["part web"].verdict is Verdict.NOTE, "it has never run"
    assert found["part worker, arsiv-1"].verdict is Verdict.GOOD
    assert found["part worker, arsiv-2"].verdict is Verdict.DOUBT
    assert found["part worker, arsiv-3"].verdict is Verdict.NOTE
    assert "part worker, arsiv-4" not in found
    beat(catalogue, "worker", "arsiv-1")
    beat(catalogue, "clock", "arsiv-1", utc_now() - timedelta(days=90))
    with catalogue.reading() as rows:
        kept = {(part, row.host) for part, found_rows in heartbeats.beats(rows).items() for row in found_rows}
    assert kept == {("clock", "arsiv-1"), *(("worker", f"arsiv-{number}") for number in (1, 2, 3))}, (
        "a container that is gone is forgotten, and the only one of its part is not"
    )
    catalogue.close()


def test_versions_that_differ_and_clocks_that_are_ahead_are_told(tmp_path: Path, database_url: str) -> None:
    asked = patient(tmp_path / "home", database_url)
    catalogue = Catalogue(database_url)
    beat(catalogue, "worker", "arsiv-2", version="mahfuz 0.0.9")
    found = lines(asked)
    assert found["versions"].verdict is Verdict.NOTE
    assert "mahfuz 0.0.9: worker, arsiv-2" in str(found["versions"].said)
    assert found["clocks"].verdict is Verdict.GOOD
    beat(catalogue, "web", "arsiv-3", utc_now() + timedelta(minutes=2))
    line = lines(asked)["clocks arsiv-3"]
    assert line.verdict is Verdict.BAD
    assert "seconds ahead of arsiv-1" in str(line.said)
    catalogue.close()


# Work, room and safety.


def test_work_that_waits_for_too_long_is_told(tmp_path: Path, database_url: str) -> None:
    site = pages.site(database_url)
    pages.enter(site, pages.record(1))
    with site.catalogue.writing() as rows:
        rows.execute(update(Announcement).values(datestamp=utc_now() - timedelta(minutes=7)))
        rows.execute(update(Copy).values(promised_until=utc_now() - timedelta(days=9)))
        delivery = pages_delivery(rows)
        rows.execute(update(Delivery).where(Delivery.id == delivery).values(held_up="store izmir", state="received"))
    found = lines(patient(tmp_path / "home", database_url))
    assert found["queue announcements"].verdict is Verdict.NOTE
    assert found["queue overdue"].verdict is Verdict.BAD
    assert found["queue overdue"].said.values["waiting"] == 2
    assert found["queue deliveries"].said.values["stalled"] == 1
    assert found["queue mending"].verdict is Verdict.GOOD
    with site.catalogue.writing() as rows:
        tallies.add(rows, "copies", "damaged", 1, 5, place="main")
    assert lines(patient(tmp_path / "home", database_url))["queue mending"].verdict is Verdict.BAD
    site.catalogue.close()


def test_tasks_that_no_worker_takes_are_told(tmp_path: Path, postgresql_url: str) -> None:
    from config import tasks

    catalogue = Catalogue(postgresql_url)
    tasks.prepare(catalogue)
    assert "queue audit" not in lines(patient(tmp_path / "home", postgresql_url))
    tasks.defer(catalogue, "fixity", "audit")
    line = lines(patient(tmp_path / "home", postgresql_url))["queue audit"]
    assert (line.verdict, line.said.values["waiting"]) == (Verdict.GOOD, 1)
    late = {hours: lines(patient(tmp_path / "home", postgresql_url, clock=ahead(hours=hours))) for hours in (2, 5)}
    assert [late[hours]["queue audit"].verdict for hours in (2, 5)] == [Verdict.NOTE, Verdict.BAD]
    catalogue.close()


def pages_delivery(rows: Any) -> str:
    """A delivery, as the door would have entered it."""
    from repository.catalogue import titles

    publisher = titles.publisher_named(rows, "Örnek Yayınevi")
    rows.add(
        Delivery(id="d" * 32, publisher_id=publisher.id, file_names=["a.zip"], sha256="0" * 64, bytes=1,
                 state="received", accepted_on=utc_now(), findings=[])
    )  # fmt: skip
    rows.flush()
    return "d" * 32


def test_a_store_that_will_be_full_soon_is_bad_and_a_silent_one_is_doubt(tmp_path: Path, database_url: str) -> None:
    catalogue = Catalogue(database_url)
    with catalogue.writing() as rows:
        tallies.add(rows, copies.ADDED, utc_now().date().isoformat(), 10, 10**9, place="main")
        standing.note_answer(rows, "main", utc_now(), problem=None, free=20 * 10**9, total=10**11)
        standing.note_answer(rows, "second", utc_now() - timedelta(hours=2), problem="connection refused")
    found = lines(patient(tmp_path / "home", database_url))
    assert found["room main"].verdict is Verdict.BAD
    assert "full about" in str(found["room main"].said)
    assert found["store second"].verdict is Verdict.DOUBT
    assert "connection refused" in str(found["store second"].said)
    catalogue.close()


def test_a_ledger_a_rehearsal_and_a_promise_that_are_too_old_are_bad(tmp_path: Path, database_url: str) -> None:
    catalogue = Catalogue(database_url)
    asked = patient(tmp_path / "home", database_url)
    assert {lines(asked)[code].verdict for code in ("ledger", "rehearsal", "backup")} == {Verdict.NOTE}
    with catalogue.writing() as rows:
        rows.add(ledger_of(utc_now() - timedelta(days=5)))
        rows.add(Rehearsal(started_at=utc_now() - timedelta(days=90), finished_at=utc_now(), articles=10, details=[]))
    found = lines(asked)
    assert found["ledger"].verdict is found["rehearsal"].verdict is Verdict.BAD
    kept = {"host": "bir", "place": "/srv/backup/x", "size": 1, "sha256": "0" * 64, "schema": "1", "kind": "sqlite"}
    for age, verdict in ((timedelta(days=3), Verdict.BAD), (timedelta(hours=3), Verdict.GOOD)):
        with catalogue.writing() as rows:
            backups.note(rows, utc_now() - age, **kept)
        assert lines(asked)["backup"].verdict is verdict
    with catalogue.writing() as rows:
        rows.add(Rehearsal(started_at=utc_now(), finished_at=utc_now(), articles=10, differences=3, details=[]))
    assert "another catalogue" in str(lines(asked)["rehearsal"].said)
    with catalogue.writing() as rows:
        rows.add(Rehearsal(started_at=utc_now(), finished_at=utc_now(), articles=10, details=[]))
    assert lines(asked)["rehearsal"].verdict is Verdict.GOOD
    catalogue.close()


def ledger_of(at: datetime) -> Ledger:
    """A ledger of this moment."""
    return Ledger(name="defter", at=at, position=1, hash=b"0" * 32, seal="0" * 64, bytes=1, marks={})


# What is kept for the page.


def test_each_machine_looks_at_itself_and_the_clock_beyond(tmp_path: Path, database_url: str) -> None:
    first = patient(tmp_path / "home", database_url, part="web")
    examination.look(first, seconds=20)
    with first.archive.catalogue.reading() as rows:
        asked = {(row.host, row.question, row.part) for row in examination.system_lines.kept(rows)}
    assert ("arsiv-1", "disk", "") in asked
    assert ("arsiv-1", "open-files", "web") in asked
    assert not any(host == "" for host, *_ in asked), "mail and sign-in are the clock's to ask"
    with first.archive.catalogue.writing() as rows:
        rows.execute(text("UPDATE system_line SET subject = 'as it was' WHERE question = 'disk'"))
    examination.look(patient(tmp_path / "home", database_url, part="clock"), seconds=20)
    with first.archive.catalogue.reading() as rows:
        kept = examination.system_lines.kept(rows)
    assert {row.subject for row in kept if row.question == "disk"} == {"as it was"}, "asked a moment ago"
    assert {row.part for row in kept if row.question == "open-files"} == {"web", "clock"}
    assert any(row.host == "" and row.code == "mail" for row in kept)
    first.archive.catalogue.close()


def test_what_was_found_long_ago_is_doubt_and_in_time_forgotten(tmp_path: Path, database_url: str) -> None:
    asked = patient(tmp_path / "home", database_url, part="web")
    examination.look(asked, seconds=20)
    now = {line.code: line for line in examination.shown(asked) if line.asked_at}
    assert now["disk"].verdict is Verdict.GOOD
    later = Patient(asked.archive, "web", ahead(hours=1), "arsiv-1")
    assert {line.verdict for line in examination.shown(later) if line.asked_at} == {Verdict.DOUBT}
    much_later = Patient(asked.archive, "web", ahead(days=8), "arsiv-2")
    examination.look(much_later, seconds=20)
    assert {line.host for line in examination.shown(much_later) if line.asked_at} == {"arsiv-2"}
    asked.archive.catalogue.close()


def test_the_page_says_what_was_found_and_when_in_both_languages(database_url: str, tmp_path: Path) -> None:
    site = pages.site(database_url)
    asked = patient(tmp_path / "home", database_url, part="web", host="arsiv-7")
    examination.look(asked, seconds=20)
    asked.archive.catalogue.close()
    browser = site.staff_client()
    turkish, english = (browser.get(f"/staff/system?lang={code}").text for code in ("tr", "en"))
    assert "geçici klasör" in turkish
    assert "temporary folder" in english
    assert "arsiv-7" in english
    assert english.count("<time") > 5
    assert "archive.repository_identifier" in english, "every setting"
    csv = browser.get("/staff/system?format=csv").text
    assert csv.splitlines()[0].startswith("verdict,code,what,host")
    assert ",arsiv-7," in csv
    site.catalogue.close()


def test_no_sentence_breaks_by_what_fills_it() -> None:
    assert str(Said("{a} of {b}", {"a": "{b}", "b": 1234})) == "{b} of 1,234"
    assert str(Said("{missing}", {})) == "{missing}"
    assert str(Said("{room_bytes}, {since_at}", {"room_bytes": 1500, "since_at": "2026-11-28T01:02:03Z"})) == (
        "1.5 kB, 2026-11-28 01:02 UTC"
    )


def test_the_names_of_questions_stay_apart(tmp_path: Path) -> None:
    asked = patient(tmp_path / "home", f"sqlite:///{tmp_path}/c.sqlite")
    names = [one.name for one in examination.questions(asked.archive) if isinstance(one, Beyond) and not one.trying]
    assert len(names) == len(set(names))
    assert {About(one.about) for one in examination.questions(asked.archive) if isinstance(one, Beyond)} == set(About)
    assert Heartbeat.__tablename__


def test_a_store_that_was_added_is_told_until_it_has_everything_and_one_that_is_missed_is_bad(
    tmp_path: Path, database_url: str
) -> None:
    site = pages.site(database_url)
    pages.enter(site, pages.record(1))
    asked = patient(tmp_path / "home", database_url)
    with asked.archive.catalogue.writing() as rows:
        filling.know(rows, pages.NOW)  # those in which copies lay before
        filling.begin(rows, "third", pages.NOW, lease_for=timedelta(minutes=1))
    with asked.archive.catalogue.reading() as rows:
        given = replace(asked, archive=replace(asked.archive, places={"main": "A", "third": "B"}))
        told = {line.subject: line.verdict for line in stores.whole(given, rows)}
    assert told == {"second": Verdict.BAD, "main": Verdict.GOOD, "third": Verdict.NOTE}
    asked.archive.catalogue.close()
    site.catalogue.close()
