"""`mahfuz alerts`, its settings, and real processes of which one is killed."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from installation import Installation, folder_store_table
from receiver import Receiver, receiver, until_met
from smtp_server import SmtpServer, smtp_server

from config.settings import load
from repository.catalogue import Catalogue, alerts, schema
from repository.causes import Cause
from repository.errors import UsageError
from repository.vocabulary import utc_now

MAIL = '[mail]\nserver = "127.0.0.1"\nport = {port}\nsecurity = "none"\nfrom = "arsiv@example.org"\n'
HOOK = '[[alerts.webhooks]]\nname = "ops"\nurl = "{url}"\nsecret = "0123456789abcdef"\n'
TO = 'recipients = ["nobet@example.org"]\n'


def installed(tmp_path: Path, settings: str) -> Installation:
    home = tmp_path / "home"
    return Installation(home, folder_store_table("ankara", home), folder_store_table("izmir", home), settings)


@pytest.fixture
def server() -> Iterator[SmtpServer]:
    with smtp_server() as running:
        yield running


@pytest.fixture
def hook() -> Iterator[Receiver]:
    with receiver() as running:
        yield running


def opened(archive: Installation, *causes: Cause) -> None:
    catalogue = Catalogue(f"sqlite:///{archive.home / 'mahfuz.sqlite'}")
    schema.migrate(catalogue)
    with catalogue.writing() as rows:
        alerts.settle(rows, causes, utc_now())
    catalogue.close()


def test_alerts_are_listed_and_acknowledged(tmp_path: Path) -> None:
    archive = installed(tmp_path, "")
    assert archive.run("alerts") == {"open": 0, "alerts": []}
    opened(archive, Cause("store-silent", "izmir", 41200, detail={"variant": ""}))
    (alert,) = archive.run("alerts", status=1)["alerts"]
    assert alert["sentence"].startswith("Store izmir does not answer since ")
    assert alert["sentence"].endswith("41,200 copies wait.")
    assert (alert["section"], alert["acknowledged_by"]) == ("A store does not answer", None)
    number = str(alert["id"])
    assert archive.run("alerts", "acknowledge", number, "--note", "disk")["note"] == "disk"
    assert archive.run("alerts", status=1)["alerts"][0]["note"] == "disk"
    status, out, _ = archive.tell("alerts")
    assert (status, "looks after it: disk" in out) == (1, True)
    status, _, said = archive.tell("alerts", "acknowledge", "99")
    assert (status, "no alert has the number 99" in said) == (2, True)


def test_the_test_says_what_happened(tmp_path: Path, server: SmtpServer, hook: Receiver) -> None:
    archive = installed(tmp_path, "")
    status, _, said = archive.tell("alerts", "test")
    assert (status, "[[alerts.webhooks]]" in said) == (2, True)
    plain = archive.file.read_text(encoding="utf-8")
    archive.file.write_text(
        plain + MAIL.format(port=server.port) + f"[alerts]\n{TO}" + HOOK.format(url=hook.url()), encoding="utf-8"
    )
    told = archive.run("alerts", "test")["told"]
    assert [(one["channel"], one["state"]) for one in told] == [("mail", "sent"), ("webhook:ops", "sent")]
    assert json.loads(hook.asked[0].body)["test"] is True
    hook.answers.append(500)
    told = archive.run("alerts", "test", status=3)["told"]
    assert told[1]["problem"].endswith("answered 500")
    server.answers["nobet@example.org"] = "550 no such user"
    assert archive.run("alerts", "test", status=1)["told"][0]["state"] == "refused"
    assert archive.run("alerts", "send") == {"told": []}
    archive.run("init")
    lines = {line["what"]: line for line in archive.run("doctor")["lines"]}
    assert lines["alerts"]["verdict"] == "good"
    assert "nobet@example.org, webhook ops" in lines["alerts"]["detail"]


def test_the_doctor_says_that_alerts_reach_nobody(tmp_path: Path) -> None:
    archive = installed(tmp_path, "")
    archive.run("init")
    lines = {line["what"]: line for line in archive.run("doctor")["lines"]}
    assert lines["alerts"]["verdict"] == lines["sign of life"]["verdict"] == lines["part clock"]["verdict"] == "note"
    assert "reach nobody" in lines["alerts"]["detail"]
    _, out, _ = archive.tell("doctor")
    assert "[[alerts.webhooks]]" in " ".join(out.split())


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (TO, "alerts.recipients are told through a mail.server"),
        ('escalate_to = ["a@example.org"]', "give alerts.recipients"),
        ('recipient = "a@example.org"', r"no such setting[^$]*for example"),
        ("silent_seconds = 0", "alerts.silent_seconds"),
        ("parts = []", "alerts.parts"),
        ('parts = ["clock", "hamster"]', "alerts.parts"),
        ('heartbeat_url = "http://monitor.example.org/x"', "without TLS only on this machine"),
        ('heartbeat_url = "ftp://monitor.example.org/x"', "without TLS only on this machine"),
        ('heartbeat_url = "https://user:pw@monitor.example.org/x"', "must be like"),
        ('[[alerts.webhooks]]\nname = "x"\nurl = "https://a.example.org/"', "needs secret or secret_file"),
        ('[[alerts.webhooks]]\nname = "x"\nurl = "https://a.example.org/"\nsecret = "short"', "16 characters"),
        ('[[alerts.webhooks]]\nname = "x"\nurl = "http://a.example.org/"\nsecret = "0123456789abcdef"', "TLS"),
        ('[[alerts.webhooks]]\nname = "X Y"\nurl = "https://a.example.org/"\nsecret = "0123456789abcdef"', "name"),
        (HOOK.format(url="https://a.example.org/") * 2, "two have the same name"),
    ],
)
def test_wrong_settings_are_named(tmp_path: Path, table: str, said: str) -> None:
    file = tmp_path / "mahfuz.toml"
    file.write_text(f"[alerts]\n{table}\n", encoding="utf-8")
    with pytest.raises(UsageError, match=said):
        load(file, {})


def test_secrets_are_masked_and_can_lie_in_a_file(tmp_path: Path) -> None:
    file, secret = tmp_path / "mahfuz.toml", tmp_path / "key"
    secret.write_text("hush-hush\n", encoding="utf-8")
    told = HOOK.format(url="https://a.example.org/").replace('secret = "0123456789abcdef"', f'secret_file = "{secret}"')
    file.write_text(f'[alerts]\nheartbeat_url = "https://m.example.org/hush-hush"\n{told}', encoding="utf-8")
    found = load(file, {})
    assert found.settings.alerts.webhooks[0].key() == b"hush-hush"
    assert "hush-hush" not in str(list(found.shown()))


# Real processes, of which one is killed


QUICK = "[alerts]\nsilent_seconds = 6\nheartbeat_minutes = 0.02\n"


@contextmanager
def running(archive: Installation, *parts: str) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    """These parts, each a process of its own, until the end of the block."""
    words = {"serve": ("serve", "--port", str(_free_port()))}
    found = {part: archive.start(*words.get(part, (part,))) for part in parts}
    try:
        yield found
    finally:
        for process in found.values():
            process.terminate()
        for process in found.values():
            process.communicate(timeout=60)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def told(hook: Receiver) -> list[tuple[str, str, str]]:
    """(what, kind, subject) of all that the receiver was told."""
    messages = [json.loads(one.body) for one in hook.asked if one.method == "POST"]
    return [(item["what"], item["kind"], item["subject"]) for message in messages for item in message["alerts"]]


def signs(hook: Receiver) -> int:
    return sum(one.method == "GET" for one in hook.asked)


@pytest.mark.parametrize("other", ["worker", "serve"])
def test_a_clock_killed_with_nine_is_told_by_what_still_runs(tmp_path: Path, hook: Receiver, other: str) -> None:
    own = {"worker": "worker", "serve": "web"}[other]
    parts = f'parts = ["clock", "{own}"]\nheartbeat_url = "{hook.url("/ping")}"\n'
    archive = installed(tmp_path, QUICK + parts + HOOK.format(url=hook.url()))
    archive.run("init")
    with running(archive, "clock", other) as processes:
        until_met(hook, 2, 60)
        assert {one.method for one in hook.asked} == {"GET"}, "all is well, and said so outside"
        os.kill(processes["clock"].pid, signal.SIGKILL)
        processes["clock"].wait()
        _until(hook, lambda: bool(told(hook)))
        assert told(hook) == [("begun", "part-silent", "clock")]
        silent_since = signs(hook)
        status, out, _ = archive.tell("alerts")
        assert (status, "The clock (mahfuz clock) gives no sign of life" in out) == (1, True)
        assert signs(hook) == silent_since, "nobody gives the sign in the clock's place"
        lines = {line["what"]: line["verdict"] for line in archive.run("doctor", status=1)["lines"]}
        assert (lines["part clock"], lines[f"part {own}"]) == ("bad", "good")


def test_a_worker_killed_with_nine_is_told_by_the_clock(tmp_path: Path, hook: Receiver) -> None:
    archive = installed(tmp_path, QUICK + 'parts = ["clock", "worker"]\n' + HOOK.format(url=hook.url()))
    archive.run("init")
    with running(archive, "clock", "worker") as processes:
        os.kill(processes["worker"].pid, signal.SIGKILL)
        processes["worker"].wait()
        until_met(hook, 1, 60)
        assert told(hook) == [("begun", "part-silent", "worker")]


def test_parts_that_all_run_tell_nothing_and_end_kindly(tmp_path: Path, hook: Receiver) -> None:
    archive = installed(tmp_path, QUICK + f'heartbeat_url = "{hook.url("/ping")}"\n' + HOOK.format(url=hook.url()))
    archive.run("init")
    with running(archive, "clock", "worker", "serve") as processes:
        until_met(hook, 5, 90)
        assert told(hook) == []
        kept = list(processes.values())
    assert [process.returncode for process in kept] == [0, 0, 0]
    assert archive.run("alerts") == {"open": 0, "alerts": []}


def _until(hook: Receiver, true: Callable[[], bool]) -> None:
    """Wait for it, a request at a time."""
    while not true():
        until_met(hook, len(hook.asked) + 1, 60)
