"""Backups: made while deliveries come in, judged, restored; and what came after them is found again in the stores."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import stat
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest
from deliveries import Published, delivery
from installation import Installation, folder_store_table
from servers import PostgreSQLServer, postgresql_programs
from sqlalchemy import make_url

from config import backup_files
from repository.catalogue import Catalogue, backups, schema
from repository.errors import UsageError
from repository.vocabulary import utc_now


@pytest.fixture(autouse=True)
def _programs(monkeypatch: pytest.MonkeyPatch, servers_folder: Path) -> None:
    """pg_dump and pg_restore are those of the server that the tests run."""
    monkeypatch.setenv("PATH", f"{postgresql_programs(servers_folder)}{os.pathsep}{os.environ['PATH']}")


@pytest.fixture
def archive(tmp_path: Path, database_url: str) -> Installation:
    home = tmp_path / "home"
    stores = (folder_store_table("first", home), folder_store_table("second", home))
    database = f'[database]\nurl = "{database_url}"\n'
    return Installation(home, database, *stores, more='repository_identifier = "arsiv.example.org"')


def sent(archive: Installation, folder: Path, name: str, numbers: range) -> list[str]:
    """The ids of the articles of one delivery, taken in."""
    articles = [Published(f"10.5555/yedek.{number}", title=f"Yedek {number}") for number in numbers]
    file = delivery(folder / f"{name}.zip", articles)
    told = archive.run("ingest", str(file), "--publisher", "Örnek Yayınevi")
    return [one["id"] for one in told["deliveries"][0]["articles"]]


def versions(archive: Installation, identifiers: list[str]) -> list[Any]:
    return [archive.run("article", one)["versions"] for one in identifiers]


def destroyed(database_url: str, server: PostgreSQLServer | None) -> None:
    if server is None:
        Path(database_url.removeprefix("sqlite:///")).unlink()
    else:
        server.empty(database_url)


def restored(file: Path, database_url: str) -> None:
    """As docs/deploy.md says it: a copy of the file, or pg_restore into an empty database."""
    if database_url.startswith("sqlite"):
        shutil.copyfile(file, database_url.removeprefix("sqlite:///"))
    else:
        address = database_url.replace("postgresql+psycopg", "postgresql")
        subprocess.run(["pg_restore", "--exit-on-error", "--no-owner", f"--dbname={address}", str(file)], check=True)


def test_what_was_backed_up_comes_back_and_what_came_later_is_found_in_the_stores(
    archive: Installation, database_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    folder, ends = tmp_path / "backups", threading.Event()
    before = sent(archive, tmp_path, "before", range(3))
    password = archive.run("staff", "add", "ayse")["password"]
    meanwhile: list[str] = []

    def ingest_on() -> None:
        number = 100
        while not ends.is_set():
            meanwhile.extend(sent(archive, tmp_path, f"meanwhile-{number}", range(number, number + 2)))
            number += 2

    ingesting = threading.Thread(target=ingest_on)
    ingesting.start()
    made = [archive.run("backup", "make", "--to", str(folder)) for _ in range(2)]
    ends.set()
    ingesting.join()
    file = Path(made[-1]["file"])
    assert archive.run("backup", "verify", str(file))["good"]
    after = sent(archive, tmp_path, "after", range(200, 202))
    everything = before + meanwhile + after
    told = versions(archive, everything)
    postgresql = not database_url.startswith("sqlite")
    destroyed(database_url, request.getfixturevalue("postgresql_server") if postgresql else None)
    restored(file, database_url)
    archive.run("init")
    assert archive.run("status")["articles"] < len(everything)
    archive.run("rebuild")
    assert archive.run("status")["articles"] == len(everything) == len(set(everything))
    assert [[one["seal"] for one in each] for each in versions(archive, everything)] == [
        [one["seal"] for one in each] for each in told
    ]
    assert archive.run("events", "verify")["problems"] == []
    assert archive.tell("staff", "add", "ayse")[0] == 2, "accounts come back with the database, passwords too"
    assert password not in file.read_bytes().decode(errors="replace")
    catalogue = Catalogue(database_url)
    with catalogue.reading() as session:
        known = backups.latest(session)
    catalogue.close()
    assert known is not None, "the backup before the one that was restored"
    assert known.sha256 == made[0]["sha256"]
    # and ingest goes on: no number of a version is used twice
    again = sent(archive, tmp_path, "again", range(200, 203))
    assert again[:2] == after
    assert archive.run("audit", "--all")["damaged"] == 0


def test_a_backup_says_what_it_is_and_stands_alone(archive: Installation, database_url: str, tmp_path: Path) -> None:
    archive.run("init")
    made = archive.run("backup", "make", "--to", str(tmp_path / "to"))
    file = Path(made["file"])
    beside = json.loads(Path(f"{file}.json").read_text(encoding="utf-8"))
    assert beside == {**{key: made[key] for key in beside}, "file": file.name}
    assert (beside["schema"], beside["kind"]) == (schema.HEAD, make_url(database_url).get_backend_name())
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert sorted(path.name for path in file.parent.iterdir()) == [file.name, f"{file.name}.json"]
    assert archive.run("backup", "verify", str(file))["schema"] == schema.HEAD
    whole = file.read_bytes()
    for damaged in (whole[:-1], whole[:5000] + bytes([whole[5000] ^ 1]) + whole[5001:], b""):
        file.write_bytes(damaged)
        assert "SHA-256" in archive.run("backup", "verify", str(file), status=1)["reason"]


def test_one_whose_digest_fits_and_that_cannot_be_opened_is_no_backup(archive: Installation, tmp_path: Path) -> None:
    archive.run("init")
    file = Path(archive.run("backup", "make", "--to", str(tmp_path / "to"))["file"])
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    size, sha256 = backup_files._digest(file)
    description = Path(f"{file}.json")
    told = json.loads(description.read_text(encoding="utf-8"))
    description.write_text(json.dumps({**told, "bytes": size, "sha256": sha256}), encoding="utf-8")
    assert archive.run("backup", "verify", str(file), status=1)["good"] is False


def test_only_the_newest_are_kept_and_nothing_else_is_touched(archive: Installation, tmp_path: Path) -> None:
    archive.run("init")
    folder = tmp_path / "to"
    folder.mkdir()
    (folder / "notes.txt").write_text("ours", encoding="utf-8")
    for day in (1, 2, 3):
        for name in (f"mahfuz-2026010{day}T021500Z.dump", f"mahfuz-2026010{day}T021500Z.dump.json"):
            (folder / name).write_text("old", encoding="utf-8")
    made = archive.run("backup", "make", "--to", str(folder), "--keep", "2")
    assert made["forgotten"] == ["mahfuz-20260101T021500Z.dump", "mahfuz-20260102T021500Z.dump"]
    left = {"notes.txt", "mahfuz-20260103T021500Z.dump", "mahfuz-20260103T021500Z.dump.json"}
    name = Path(made["file"]).name
    assert {path.name for path in folder.iterdir()} == left | {name, f"{name}.json"}


def test_the_one_just_made_stays_though_others_bear_a_later_time(archive: Installation, tmp_path: Path) -> None:
    archive.run("init")
    folder = tmp_path / "to"
    folder.mkdir()
    for day in (1, 2):
        (folder / f"mahfuz-2999010{day}T000000Z.dump").write_text("made while the clock stood ahead", encoding="utf-8")
    made = archive.run("backup", "make", "--to", str(folder), "--keep", "2")
    assert made["forgotten"] == ["mahfuz-29990101T000000Z.dump"]
    assert Path(made["file"]).exists()


def test_a_backup_before_an_upgrade_leaves_the_older_schema_as_it_is(
    archive: Installation, database_url: str, tmp_path: Path
) -> None:
    archive.run("init")
    catalogue = Catalogue(database_url)
    with catalogue.writing() as session:
        session.connection().exec_driver_sql("UPDATE alembic_version SET version_num = '0021'")
    made = archive.run("backup", "make", "--to", str(tmp_path / "to"))
    assert made["schema"] == "0021"
    assert schema.revision_of(catalogue) == "0021"
    catalogue.close()


def test_where_there_is_nothing_or_no_program_it_is_said(
    archive: Installation, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalogue = Catalogue(database_url)
    if database_url.startswith("sqlite"):
        Path(database_url.removeprefix("sqlite:///")).unlink()
        with pytest.raises(UsageError, match="no schema yet"):
            backup_files.make(catalogue, tmp_path / "to", utc_now(), "mahfuz test")
    else:
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(UsageError, match=r"pg_dump is not installed.*postgresql-client"):
            backup_files.make(catalogue, tmp_path / "to", utc_now(), "mahfuz test")
        assert list((tmp_path / "to").iterdir()) == []
    catalogue.close()


def test_a_password_of_the_database_is_no_argument_of_a_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    fake = programs / "pg_dump"
    fake.write_text(
        '#!/bin/sh\nfor word in "$@"; do echo "$word" >> "$PGTOLD"; done\necho "$PGPASSWORD" >> "$PGTOLD"\nexit 1\n'
    )
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PGTOLD", str(tmp_path / "told"))
    catalogue = Catalogue("postgresql+psycopg://mahfuz:çok'gizli\\@db.example.org:5433/mah fuz?sslmode=require")
    with pytest.raises(backup_files.NoBackup, match="status 1"):
        backup_files._dump(catalogue, tmp_path / "part")
    *words, secret = (tmp_path / "told").read_text(encoding="utf-8").splitlines()
    assert secret == "çok'gizli\\"
    assert "gizli" not in "".join(words)
    assert words[-1] == "--dbname=host='db.example.org' dbname='mah fuz' user='mahfuz' port='5433' sslmode='require'"


def test_a_copy_of_sqlite_is_of_one_moment_while_others_write(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'c.sqlite'}"
    catalogue = Catalogue(url)
    schema.migrate(catalogue)
    with catalogue.writing() as session:
        for table in ("a", "b"):
            session.connection().exec_driver_sql(f"CREATE TABLE {table} (n INTEGER)")
    ends = threading.Event()

    def write() -> None:
        number = 0
        with sqlite3.connect(tmp_path / "c.sqlite", timeout=60, isolation_level=None) as other:
            while not ends.is_set():
                other.execute("BEGIN IMMEDIATE")
                for table in ("a", "b"):
                    other.execute(f"INSERT INTO {table} VALUES (?)", (number,))
                other.execute("COMMIT")
                number += 1
        other.close()

    writing = threading.Thread(target=write)
    writing.start()
    try:
        for number in range(5):
            part = tmp_path / f"{number}.part"
            backup_files._copy(catalogue, part)
            with sqlite3.connect(part) as copy:
                counted = copy.execute("SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM b)").fetchone()
            copy.close()
            assert counted[0] == counted[1]
    finally:
        ends.set()
        writing.join()
        catalogue.close()


def test_a_backup_by_other_means_can_be_told_of(archive: Installation, database_url: str) -> None:
    archive.run("init")
    assert archive.run("backup", "note", "--what", "pgBackRest, full")["what"] == "pgBackRest, full"
    catalogue = Catalogue(database_url)
    with catalogue.reading() as session:
        known = backups.latest(session)
    catalogue.close()
    assert known is not None
    assert (known.kind, known.place, known.sha256) == (backups.FOREIGN, "pgBackRest, full", "")
