"""The commands about feeds, and the settings that describe them, as an operator meets them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from deliveries import Published, delivery
from installation import Installation, folder_store_table
from ojs import JOURNAL, Ojs, ojs_server
from open_archive import open_archive
from pydantic import ValidationError
from sftp_server import PASSWORD, USER, sftp_server
from sqlalchemy import update

from config.feed_settings import FeedSettings
from config.settings import load
from ingest.feeds.pln import Entries
from repository.catalogue import Catalogue
from repository.errors import UsageError
from repository.models import Feed, Table
from repository.vocabulary import utc_now

PUBLISHER = "Örnek Yayınevi"
INBOX = "[ingest]\nquiet_seconds = 0\n"


def table(**values: Any) -> str:
    given = {"name": "ornek", "publisher": PUBLISHER, "kind": "folder", "quiet_seconds": 0} | values
    lines = (
        f"{key} = {value if isinstance(value, int) else chr(34) + value + chr(34)}" for key, value in given.items()
    )
    return "[[feeds]]\n" + "\n".join(lines) + "\n"


@pytest.fixture
def outgoing(tmp_path: Path) -> Path:
    folder = tmp_path / "outgoing"
    folder.mkdir()
    return folder


def installed(tmp_path: Path, *feeds: str) -> Installation:
    home = tmp_path / "home"
    return Installation(home, folder_store_table("ankara", home), folder_store_table("izmir", home), *feeds, more=INBOX)


def rows(archive: Installation) -> dict[str, list[Any]]:
    catalogue = Catalogue(f"sqlite:///{archive.home / 'mahfuz.sqlite'}")
    with catalogue.reading() as session:
        found = {name: sorted(map(repr, session.execute(one.select()))) for name, one in Table.metadata.tables.items()}
    catalogue.close()
    return found


def files(home: Path) -> set[str]:
    return {path.relative_to(home).as_posix() for path in home.rglob("*") if path.is_file() or path.is_symlink()}


def test_receive_looks_at_every_feed_and_the_inbox_and_one_failure_stops_nobody(tmp_path: Path, outgoing: Path) -> None:
    delivery(outgoing / "issue.zip", [Published("10.5555/besleme.1")])
    missing = table(name="missing", url=f"file://{tmp_path}/missing")
    archive = installed(tmp_path, missing, table(url=f"file://{outgoing}", cadence_days=30))
    inbox = archive.home / "inbox" / "Başka Yayınevi"
    inbox.mkdir(parents=True)
    delivery(inbox / "other.zip", [Published("10.5555/besleme.2")])
    done = archive.run("receive")["deliveries"]
    assert {(one["publisher"], one["state"]) for one in done} == {
        (PUBLISHER, "accepted"),
        ("Başka Yayınevi", "accepted"),
    }
    assert list(inbox.iterdir()) == []
    assert archive.run("receive")["deliveries"] == []
    lines = {line["name"]: line for line in archive.run("feed", "list", status=1)["feeds"]}
    assert {name: line["state"] for name, line in lines.items()} == {
        "missing": "failing",
        "ornek": "ok",
        "inbox/Başka Yayınevi": "ok",
    }
    assert "there is no folder" in lines["missing"]["error"]
    assert lines["missing"]["error_since"]
    assert lines["ornek"]["expected_by"] > lines["ornek"]["last_delivery"]


def test_a_late_feed_and_a_failing_one_are_told_where_an_operator_looks(tmp_path: Path, outgoing: Path) -> None:
    missing = table(name="missing", url=f"file://{tmp_path}/missing")
    archive = installed(tmp_path, missing, table(url=f"file://{outgoing}", cadence_days=10))
    archive.run("receive")
    catalogue = Catalogue(f"sqlite:///{archive.home / 'mahfuz.sqlite'}")
    with catalogue.writing() as session:
        session.execute(update(Feed).where(Feed.name == "ornek").values(since=utc_now() - timedelta(days=14)))
    assert archive.run("status")["feeds"] == {"failing": 1, "ok": 1}, "one and a half times the cadence is not over"
    with catalogue.writing() as session:
        session.execute(update(Feed).where(Feed.name == "ornek").values(since=utc_now() - timedelta(days=16)))
    catalogue.close()
    assert archive.run("status")["feeds"] == {"failing": 1, "late": 1}
    lines = {line["name"]: line for line in archive.run("feed", "list", status=1)["feeds"]}
    assert {name: line["state"] for name, line in lines.items()} == {"missing": "failing", "ornek": "late"}
    told = {line["what"]: line for line in archive.run("doctor")["lines"]}
    assert (told["feed ornek"]["verdict"], told["feed missing"]["verdict"]) == ("note", "note")
    assert "was expected by" in told["feed ornek"]["detail"]
    assert "there is no folder" in told["feed missing"]["detail"]
    delivery(outgoing / "issue.zip", [Published("10.5555/besleme.1")])
    archive.run("receive")
    assert archive.run("status")["feeds"] == {"failing": 1, "ok": 1}


def test_a_rehearsal_keeps_nothing_and_says_what_would_be(tmp_path: Path, outgoing: Path) -> None:
    articles = [Published("10.5555/prova.1"), Published("10.5555/prova.2")]
    delivery(outgoing / "a.zip", articles)
    delivery(outgoing / "b.zip", [articles[0], Published("10.5555/prova.2", title="Düzeltilmiş başlık")])
    delivery(outgoing / "c.zip", [Published("10.5555/prova.3"), Published("10.5555/prova.4", without_pdf=True)])
    archive = installed(tmp_path, table(url=f"file://{outgoing}"))
    archive.run("init")
    before = (rows(archive), files(archive.home))

    first = archive.run("feed", "dry-run", "ornek")
    assert first["files"] == ["a.zip"]
    assert [(one["outcome"], one["version"]) for one in first["articles"]] == [("new", 1), ("new", 1)]
    assert {file["path"].rpartition("/")[2] for file in first["articles"][0]["files"]} == {"prova.1.xml", "prova.1.pdf"}
    third = archive.run("feed", "dry-run", "--publisher", PUBLISHER, str(outgoing / "c.zip"), status=1)
    assert {one["doi"]: one["outcome"] for one in third["articles"]} == {
        "10.5555/prova.3": "new",
        "10.5555/prova.4": "refused",
    }
    assert (rows(archive), files(archive.home)) == before, "no row, no object, no delivery"

    ingested = archive.run("ingest", str(outgoing / "a.zip"), "--publisher", PUBLISHER)["deliveries"][0]
    assert [one["id"] for one in ingested["articles"]] == [one["id"] for one in first["articles"]]
    second = archive.run("feed", "dry-run", "ornek", "b.zip")
    outcomes = {one["doi"]: (one["outcome"], one["version"]) for one in second["articles"]}
    assert outcomes == {"10.5555/prova.1": ("unchanged", 1), "10.5555/prova.2": ("new version", 2)}


def test_a_feed_is_tried_and_what_is_wrong_is_said(tmp_path: Path, outgoing: Path) -> None:
    (outgoing / "issue.zip").write_bytes(b"an issue")
    with sftp_server(outgoing) as server:
        of_server = {
            "kind": "sftp",
            "url": f"sftp://127.0.0.1:{server.port}/",
            "user": USER,
            "known_hosts": server.host_key,
        }
        archive = installed(
            tmp_path,
            table(**of_server, password=PASSWORD),
            table(**of_server | {"name": "wrong", "password": "wrong"}),
        )
        good = archive.run("feed", "test", "ornek")
        assert [(item["name"], item["wanted"]) for item in good["items"]] == [("issue.zip", True)]
        (outgoing / "\x1b[2Jissue.zip").write_bytes(b"a name that would clear the screen")
        _, out, _ = archive.tell("feed", "test", "ornek")
        assert "\x1b" not in out
        assert "[2Jissue.zip" in out
        assert "refused the user" in archive.run("feed", "test", "wrong", status=3)["error"]
        status, out, err = archive.tell("config", "show")
        assert status == 0
        assert PASSWORD not in out + err


def test_a_repository_is_added_tried_rehearsed_and_harvested(tmp_path: Path) -> None:
    with open_archive(tmp_path / "other") as other:
        folder = other.archive.home / "inbox" / PUBLISHER
        folder.mkdir(parents=True)
        delivery(
            folder / "issue.zip", [Published("10.5555/hasat.1", licence="https://creativecommons.org/licenses/by/4.0/")]
        )
        assert [receipt.state for receipt in other.receive()] == ["accepted"]
        archive = installed(tmp_path)
        words = ["feed", "add", "--name", "ornek", "--publisher", PUBLISHER, "--kind", "oai"]
        words += ["--url", f"{other.base}/oai", "--set", "metadata_prefix=oai_dc"]
        bad = archive.tell(*words, "--set", 'content_links=["("]')
        assert (bad[0], "is no rule" in bad[2]) == (2, True)
        archive.run(*words, "--write")
        (item,) = archive.run("feed", "test", "ornek")["items"]
        assert item["wanted"]
        archive.run("init")
        before = (rows(archive), files(archive.home))
        foreseen = archive.run("feed", "dry-run", "ornek")
        assert foreseen["files"] == [item["name"]]
        assert [(one["doi"], one["outcome"]) for one in foreseen["articles"]] == [("10.5555/hasat.1", "new")]
        assert {file["path"] for file in foreseen["articles"][0]["files"]} == {"record.xml", "record.pdf"}
        assert (rows(archive), files(archive.home)) == before, "no row, no object, no delivery"
        (done,) = archive.run("receive")["deliveries"]
        assert [one["id"] for one in done["articles"]] == [one["id"] for one in foreseen["articles"]]
        (line,) = archive.run("feed", "list")["feeds"]
        assert (line["state"], line["deleted_at_source"]) == ("ok", [])


def test_a_feed_is_added_to_the_settings_file_only_when_it_is_right(tmp_path: Path, outgoing: Path) -> None:
    archive = installed(tmp_path)
    words = ["feed", "add", "--name", "yeni", "--publisher", 'Örnek "Yayınevi"', "--kind", "folder"]
    words += ["--url", f"file://{outgoing}", "--set", "cadence_days=30"]
    before = archive.file.read_text()
    shown = archive.run(*words)["toml"]
    assert archive.file.read_text() == before
    assert shown.startswith("[[feeds]]\n")
    archive.run(*words, "--write")
    assert archive.file.read_text() == before + "\n" + shown
    assert [line["publisher"] for line in archive.run("feed", "list")["feeds"]] == ['Örnek "Yayınevi"']
    assert archive.tell(*words, "--write")[0] == 2, "the name is taken"
    status, _, said = archive.tell(*words[:3], "baska", *words[4:], "--set", "color=red", "--write")
    assert (status, "color: no such key of a feed; there are: name, publisher, kind" in said) == (2, True)
    status, _, said = archive.tell(*words[:3], "baska", *words[4:-2], "--set", "cadence_days=0")
    assert (status, "for example cadence_days=30" in said) == (2, True)
    assert archive.file.read_text() == before + "\n" + shown


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"kind": "sftp", "url": "sftp://sftp.example.org/x", "user": "u", "password": "p"}, "known_hosts"),
        (
            {
                "kind": "sftp",
                "url": "sftp://sftp.example.org/x",
                "user": "u",
                "password": "p",
                "known_hosts": "sftp.example.org ssh-ed25519 AAAA",
            },
            "holds no host key",
        ),
        ({"kind": "https", "url": "https://feeds.example.org:99999/"}, "Port out of range"),
        ({"kind": "s3", "url": "s3://bucket"}, "access_key"),
        ({"kind": "https", "url": "http://feeds.example.org/"}, "must be like"),
        ({"kind": "https", "url": "https://feeds.example.org/", "after": "delete"}, "keep"),
        ({"kind": "folder", "url": "file:///srv", "user": "u"}, "means nothing"),
        ({"kind": "oai", "url": "ftp://dergi.example.org/oai"}, "must be like"),
        ({"kind": "oai", "url": "https://dergi.example.org/oai", "after": "move"}, "keep"),
        ({"kind": "oai", "url": "https://dergi.example.org/oai", "sidecar": "md5"}, "each record is whole"),
        ({"kind": "oai", "url": "https://dergi.example.org/oai", "known_hosts": "x"}, "means nothing"),
        ({"kind": "https", "url": "https://feeds.example.org/", "set_spec": "x"}, "means nothing"),
        ({"url": "file:///srv", "schedule": "every day"}, "cron"),
        ({"url": "file:///srv", "colour": "red"}, "no such setting"),
    ],
)
def test_a_feed_that_cannot_work_stops_the_program(tmp_path: Path, values: dict[str, Any], reason: str) -> None:
    file = tmp_path / "mahfuz.toml"
    file.write_text(table(**values), encoding="utf-8")
    with pytest.raises(UsageError, match=reason) as raised:
        load(file, {})
    assert "feeds" in str(raised.value)
    assert "for example" in str(raised.value)


def test_a_key_of_a_feed_may_come_from_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "mahfuz.toml"
    file.write_text(table(name="a-b", kind="s3", url="s3://bucket", access_key="k", secret_key="s"), encoding="utf-8")
    loaded = load(file, {"MAHFUZ_FEEDS__A_B__ACCESS_KEY": "other"})
    assert loaded.settings.feeds[0].access_key == "other"
    shown = {key: value for key, value, _ in loaded.shown()}
    assert set(shown["feeds.a-b.secret_key"]) == {"*"}


OF_PLN: dict[str, Any] = {
    "name": "oabd",
    "publisher": PUBLISHER,
    "kind": "pln",
    "url": "https://dergi.example.org/",
    "journals": [JOURNAL],
    "terms": ["Saklanmasını kabul ederim."],
    "terms_updated": "2026-01-15",
}


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"url": "ftp://dergi.example.org/"}, "must be like"),
        ({"url": "https://dergi.example.org:99999/"}, "Port out of range"),
        ({"journals": []}, "needs journals"),
        ({"journals": ["oabd"]}, "is no UUID"),
        ({"terms": []}, "needs terms"),
        ({"terms": [" "]}, "at least 1 character"),
        ({"terms_updated": None}, "terms_updated"),
        ({"user": "dergi"}, "give both, or neither"),
        ({"password": "gizli"}, "give both, or neither"),
        ({"sidecar": "md5"}, "sidecar means nothing"),
        ({"quiet_seconds": 3}, "quiet_seconds means nothing"),
        ({"known_hosts": "x"}, "known_hosts means nothing"),
        ({"kind": "folder", "url": "file:///srv"}, "journals means nothing"),
    ],
)
def test_a_feed_of_deposits_that_cannot_work_is_refused(values: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        FeedSettings.model_validate(OF_PLN | values)


def test_a_journal_deposits_into_one_feed(tmp_path: Path) -> None:
    file = tmp_path / "mahfuz.toml"
    tables = [OF_PLN, OF_PLN | {"name": "other", "journals": [JOURNAL.lower()]}]
    lines = ("[[feeds]]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in one.items()) for one in tables)
    file.write_text("".join(lines), encoding="utf-8")
    with pytest.raises(UsageError, match=f"the journal {JOURNAL} is named twice"):
        load(file, {})


def test_a_feed_of_deposits_is_tried_and_rehearsed(tmp_path: Path) -> None:
    ojs, deposit = Ojs(), "11111111-2222-4333-8444-555555555555"
    with ojs_server(ojs):
        values = OF_PLN | {"url": f"{ojs.url}/"}
        archive = installed(tmp_path)
        given = [f"--set={key}={json.dumps(values[key])}" for key in ("journals", "terms")]
        named = [f"--{key}={values[key]}" for key in ("name", "publisher", "kind", "url")]
        archive.run("feed", "add", *named, *given, "--set=terms_updated=2026-01-15", "--write")
        archive.run("init")
        assert archive.run("feed", "test", "oabd")["items"] == []
        assert ojs.heads == ["/index.php/oabd/"]
        ojs.write(deposit, [Published("10.5555/prova.1")], tmp_path)
        Entries(archive.home / "feeds" / "oabd" / "deposits").keep(JOURNAL, deposit, ojs.entries[deposit])
        tried = archive.run("feed", "test", "oabd")
        assert [item["name"].rpartition("/")[2] for item in tried["items"]] == [f"{deposit}.xml", f"{deposit}.zip"]
        rehearsed = archive.run("feed", "dry-run", "oabd")
        assert [(one["doi"], one["outcome"]) for one in rehearsed["articles"]] == [("10.5555/prova.1", "new")]
    assert "refused" in archive.run("feed", "test", "oabd", status=3)["error"].casefold()


@pytest.mark.parametrize(
    ("schedule", "next_look"),
    [
        ("900", datetime(2026, 3, 4, 12, 15, tzinfo=UTC)),
        ("30 2 * * *", datetime(2026, 3, 4, 23, 30, tzinfo=UTC)),
        ("0 6 * * 1", datetime(2026, 3, 9, 3, 0, tzinfo=UTC)),
        ("0 6 * * 0", datetime(2026, 3, 8, 3, 0, tzinfo=UTC)),
    ],
)
def test_schedules_mean_what_cron_means_in_the_time_zone_of_the_archive(schedule: str, next_look: datetime) -> None:
    one = FeedSettings(name="a", publisher="b", kind="folder", url="file:///srv", schedule=schedule)
    assert one.next_after("Europe/Istanbul")(datetime(2026, 3, 4, 12, 0, tzinfo=UTC)) == next_look
