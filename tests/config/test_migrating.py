"""Several programs at one catalogue: begun at once on an empty one, and older ones at one that a newer has changed."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from installation import Installation, folder_store_table
from served import lines_of, serving
from sqlalchemy import text

from repository.catalogue import Catalogue, schema

COMMANDS = Path(__file__).parents[2] / "config" / "commands"
WITHOUT_MIGRATING = {"answers.py", "backing_up.py", "moving.py", "servers.py", "setting_up.py"}
"""Who opens the catalogue by another way than ``Asked.archive``: itself; a backup; the move to PostgreSQL, which looks
at both schemas; a process of the web server, which comes after it; and the doctor."""


def installed(home: Path, database_url: str) -> Installation:
    stores = (folder_store_table("first", home), folder_store_table("second", home))
    return Installation(
        home, f'[database]\nurl = "{database_url}"\n', *stores, more='repository_identifier = "a.example"'
    )


def test_many_that_begin_at_once_on_an_empty_catalogue_make_one_schema(empty_database_url: str, tmp_path: Path) -> None:
    """Each a process of its own, as the parts are that a machine starts together."""
    archive = installed(tmp_path / "home", empty_database_url)
    begun = [archive.start(*words) for words in [["init", "--json"]] * 4 + [["status", "--json"]] * 2]
    for process in begun:
        _, err = process.communicate(timeout=300)
        assert process.returncode == 0, err.decode()
    catalogue = Catalogue(empty_database_url)
    with catalogue.reading() as session:
        for table in ("alembic_version", "change_head", "chain_end"):
            assert session.execute(text(f"SELECT count(*) FROM {table}")).scalar_one() == 1
    assert schema.revision_of(catalogue) == schema.HEAD
    catalogue.close()


@pytest.fixture
def newer(tmp_path: Path, database_url: str) -> Iterator[tuple[Installation, Catalogue]]:
    """An archive that a newer version has migrated since this one was last started."""
    archive = installed(tmp_path / "home", database_url)
    archive.run("init")
    catalogue = Catalogue(database_url)
    yield archive, catalogue
    catalogue.close()


def migrate_further(catalogue: Catalogue) -> None:
    with catalogue.writing() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))


def test_nobody_opens_the_catalogue_without_looking_at_its_schema() -> None:
    users = {path.name for path in COMMANDS.glob("*.py") if "wiring.opened(" in path.read_text(encoding="utf-8")}
    assert users == WITHOUT_MIGRATING


COMMON = (
    "init",
    "status",
    "receive",
    "rebuild",
    "staff add ayse",
    "holdings kbart --out -",
    "serve",
    "clock",
    "worker",
    "up",
)
"""Those that read, that write, that stay; all others open the catalogue by the same way (the test before)."""


def test_a_newer_schema_is_refused_and_left_as_it_is(newer: tuple[Installation, Catalogue]) -> None:
    archive, catalogue = newer
    migrate_further(catalogue)
    for words in COMMON:
        status, out, err = archive.tell(*words.split())
        assert (status, out) == (2, ""), (words, err)
        told = " ".join(err.split())
        assert "schema 9999, which this version does not know: it was made by a newer Mahfuz" in told, words
        assert "Traceback" not in err
    assert schema.revision_of(catalogue) == "9999"


def test_the_doctor_and_a_backup_tell_of_it_all_the_same(newer: tuple[Installation, Catalogue], tmp_path: Path) -> None:
    archive, catalogue = newer
    migrate_further(catalogue)
    told = archive.run("doctor", status=1)
    (line,) = [line for line in told["lines"] if line["code"] == "schema"]
    assert (line["verdict"], "9999" in line["detail"]) == ("bad", True)
    if catalogue.url.get_backend_name() == "sqlite":
        assert archive.run("backup", "make", "--to", str(tmp_path / "to"))["schema"] == "9999"


def test_a_web_server_that_was_running_says_that_it_is_not_ready_and_goes_on(
    newer: tuple[Installation, Catalogue], tmp_path: Path
) -> None:
    archive, catalogue = newer
    log = tmp_path / "log"
    with serving(archive, log) as address:
        migrate_further(catalogue)
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{address}/readyz", timeout=60)
        with refused.value as answer:
            assert answer.code == 503
            assert "start the version that made it" in answer.read().decode()
        for path in ("/healthz", "/", "/oai?verb=Identify"):
            with urllib.request.urlopen(f"{address}{path}", timeout=60) as answer:
                assert answer.status == 200
    assert not [line for line in lines_of(log) if line["level"] == "error"]
