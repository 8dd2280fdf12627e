"""The testimony as its keepers work on it, with the commands, and as outsiders do, with the verifier in docs/."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from deliveries import Published, delivery
from installation import Installation, folder_store_table
from time_stamper import time_stamper

from repository.vocabulary import as_utc_text, is_head_key, utc_now

VERIFIER = Path(__file__).parent.parent.parent / "docs/verify_events.py"


@pytest.fixture
def archive(tmp_path: Path) -> Installation:
    home = tmp_path / "home"
    made = Installation(home, folder_store_table("ankara", home), folder_store_table("izmir", home))
    sent = delivery(tmp_path / "issue.zip", [Published(f"10.5555/taniklik.{number}") for number in range(3)])
    made.run("ingest", str(sent), "--publisher", "Örnek Yayınevi")
    made.run("audit", "--all")
    return made


@contextmanager
def catalogue(archive: Installation) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(archive.home / "mahfuz.sqlite")) as connection, connection:
        yield connection


def outsider(archive: Installation, folder: Path) -> tuple[int, str]:
    """What somebody finds who has the export, the heads of both stores, the published keys, and none of our modules."""
    exported = folder / "events.jsonl"
    archive.run("events", "export", "--out", str(exported))
    keys = folder / "keys.json"
    pems = {file.stem: file.read_text() for file in (archive.home / "signing/public").iterdir()}
    keys.write_text(json.dumps({"archive": {}, "keys": pems}))
    words = [str(exported), "--keys", str(keys)]
    for store in ("ankara", "izmir"):
        words += ["--heads", str(archive.home / store / "testimony/heads")]
    command = [sys.executable, "-I", str(VERIFIER), *words]
    told = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    return told.returncode, told.stdout + told.stderr


def test_the_testimony_of_an_archive_is_linked_signed_and_proved(archive: Installation, tmp_path: Path) -> None:
    unsigned = archive.run("events", "verify")
    assert (unsigned["whole"], unsigned["events"], unsigned["newest_head"]) == (True, 4, None), "linked by the commands"
    sealed = archive.run("events", "seal")
    assert (sealed["new"], sealed["put"], sealed["head"]["position"]) == (True, {"ankara": 1, "izmir": 1}, 4)
    assert is_head_key(sealed["key"])
    assert [name for name in archive.objects("izmir") if name.startswith("testimony")] == [sealed["key"]]
    proof = archive.run("events", "verify")
    assert (proof["whole"], proof["heads"], proof["newest_head"]) == (True, {"ankara": 1, "izmir": 1}, sealed["head"])
    assert outsider(archive, tmp_path)[0] == 0
    with catalogue(archive) as rows:
        rows.execute("UPDATE event SET outcome = 'failure' WHERE position = 2")
    (problem,) = archive.run("events", "verify", status=1)["problems"]
    assert (problem["code"], problem["position"]) == ("EVENT_CHANGED", 2)
    status, told = outsider(archive, tmp_path)
    assert (status, "position 2: changed" in told) == (1, True)
    status, told, _ = archive.tell("events", "verify", "--from-store", "izmir")
    assert (status, "NOT whole" in told, "EVENT_CHANGED at 2" in told) == (1, True, True)


def test_a_store_that_is_away_is_doubt_and_gets_its_head_later(archive: Installation) -> None:
    (archive.home / "izmir").rename(archive.home / "away")
    sealed = archive.run("events", "seal", status=3)
    assert (sealed["put"], list(sealed["waiting"])) == ({"ankara": 1}, ["izmir"])
    proof = archive.run("events", "verify", status=3)
    assert (proof["whole"], list(proof["silent"]), proof["heads"]) == (False, ["izmir"], {"ankara": 1})
    assert archive.run("events", "verify", "--from-store", "ankara")["whole"]
    (archive.home / "away").rename(archive.home / "izmir")
    assert archive.run("events", "seal")["put"] == {"izmir": 1}
    assert archive.run("events", "verify")["heads"] == {"ankara": 1, "izmir": 1}


def test_heads_are_stamped_with_the_time_where_the_settings_name_an_authority(tmp_path: Path) -> None:
    with time_stamper(tmp_path / "tsa") as stamper:
        home = tmp_path / "home"
        tables = [folder_store_table("ankara", home), folder_store_table("izmir", home)]
        told = f'time_stamp_url = "{stamper.url}"\ntime_stamp_ca_file = "{stamper.ca_file}"'
        archive = Installation(home, *tables, more=f"[testimony]\n{told}")
        sent = delivery(tmp_path / "issue.zip", [Published("10.5555/taniklik.1")])
        archive.run("ingest", str(sent), "--publisher", "Örnek Yayınevi")
        stamper.answers.append(503)
        sealed = archive.run("events", "seal")
        assert (sealed["put"], sealed["stamped"]) == ({"ankara": 1, "izmir": 1}, 0)
        assert "503" in sealed["unstamped"]
        assert archive.run("events", "seal")["stamped"] == 1
        proof = archive.run("events", "verify")
        assert proof["time_stamps"] == {"ankara": {"verified": 1}, "izmir": {"verified": 1}}
        assert archive.run("rebuild")["problems"] == [], "what lies beside the heads is known"
        stamper.ca_file.write_text("no certificates")
        status, _, said = archive.tell("events", "seal")
        assert (status, "holds no certificates" in said) == (2, True)


def test_events_are_listed_by_article_and_by_moment(archive: Installation) -> None:
    every = archive.run("events", "list")["events"]
    assert [(one["position"], one["type"]) for one in every] == [
        (4, "fixity check"),
        (3, "ingestion"),
        (2, "ingestion"),
        (1, "ingestion"),
    ]
    assert every[0]["detail"]["verified"]["copies"] == 6
    (one,) = archive.run("events", "list", "--article", "10.5555/taniklik.1")["events"]
    assert one["article"] == archive.run("article", "10.5555/taniklik.1")["id"]
    assert archive.run("events", "list", "--since", as_utc_text(utc_now() + timedelta(seconds=1))[:-1])["events"] == []
    assert len(archive.run("events", "list", "--since", "2020-01-01", "--limit", "2")["events"]) == 2
    status, _, said = archive.tell("events", "list", "--article", "10.5555/hic")
    assert (status, "no article has" in said) == (2, True)


def test_a_burned_catalogue_is_written_again_from_stores_that_hold_heads(archive: Installation, tmp_path: Path) -> None:
    sealed = archive.run("events", "seal")
    (archive.home / "mahfuz.sqlite").unlink()
    done = archive.run("rebuild")
    assert (done["aips"], done["problems"], done["doubts"]) == (3, [], 0)
    first = archive.run("events", "list")["events"][-1]
    assert (first["position"], first["type"]) == (1, "metadata modification")
    assert first["detail"] == {
        "begins": "anew",
        "lost": {
            "head": sealed["key"],
            "head_at": sealed["head"]["at"],
            "head_hash": sealed["head"]["hash"],
            "head_position": 4,
        },
    }
    proof = archive.run("events", "verify")
    assert (proof["whole"], proof["heads"]) == (True, {"ankara": 0, "izmir": 0})
    assert [one["head_position"] for one in proof["declared"]] == [4]
    assert outsider(archive, tmp_path)[0] == 0
    assert archive.run("rebuild")["already"] == 3
    assert archive.run("events", "verify")["events"] == proof["events"], "said once"
    assert archive.run("audit", "--all")["intact"] == 6


def test_an_export_is_whole_or_not_there(archive: Installation, tmp_path: Path) -> None:
    target = tmp_path / "folder" / "events.jsonl"
    status, _, said = archive.tell("events", "export", "--out", str(target))
    assert (status, "is no folder" in said) == (2, True)
    target.parent.mkdir()
    assert archive.run("events", "export", "--out", str(target))["events"] == 4
    lines = target.read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["event"]["position"] for line in lines] == [1, 2, 3, 4]
    assert [file.name for file in target.parent.iterdir()] == ["events.jsonl"]
    shutil.rmtree(target.parent)
