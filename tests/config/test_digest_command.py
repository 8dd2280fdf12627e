"""`mahfuz digest send`, the settings of mail and what the doctor says of it, as an operator meets them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from deliveries import Published, delivery
from installation import Installation, folder_store_table
from smtp_server import SmtpServer, smtp_server
from sqlalchemy import update

from config.settings import load
from repository.catalogue import Catalogue
from repository.errors import UsageError
from repository.models import Delivery
from repository.vocabulary import utc_now

PUBLISHER = "Örnek Yayınevi"
ADDRESSEE = f'[[mail.publishers]]\nname = "{PUBLISHER}"\nrecipients = ["teslim@example.org"]\nlanguage = "en"\n'


def mail(port: int) -> str:
    return f'[mail]\nserver = "127.0.0.1"\nport = {port}\nsecurity = "none"\nfrom = "arsiv@example.org"\n{ADDRESSEE}'


@pytest.fixture
def server() -> Iterator[SmtpServer]:
    with smtp_server() as running:
        yield running


def installed(tmp_path: Path, settings: str) -> Installation:
    home = tmp_path / "home"
    # Where it is noon now: a day ago is yesterday at whatever hour the tests run.
    zone = f'time_zone = "Etc/GMT{utc_now().hour - 12:+d}"'
    return Installation(
        home, folder_store_table("ankara", home), folder_store_table("izmir", home), settings, more=zone
    )


def delivered_yesterday(archive: Installation, folder: Path) -> str:
    """The id of a delivery that came in and was finished a day ago."""
    sent = delivery(folder / "sayi.zip", [Published("10.5555/s.1")])
    (taken,) = archive.run("ingest", str(sent), "--publisher", PUBLISHER)["deliveries"]
    catalogue = Catalogue(f"sqlite:///{archive.home / 'mahfuz.sqlite'}")
    with catalogue.writing() as session:
        moment = utc_now() - timedelta(days=1)
        session.execute(update(Delivery).values(accepted_on=moment, finished_at=moment))
    catalogue.close()
    identifier: str = taken["delivery_id"]
    return identifier


def doctor(archive: Installation, what: str, status: int) -> str:
    lines = archive.run("doctor", status=status)["lines"]
    return next(str(line["verdict"]) for line in lines if line["what"] == what)


def test_the_command_sends_once_and_the_dry_run_never(tmp_path: Path, server: SmtpServer) -> None:
    archive = installed(tmp_path, mail(server.port))
    identifier = delivered_yesterday(archive, tmp_path)
    (shown,) = archive.run("digest", "send", "--dry-run")["digests"]
    assert shown["recipients"] == ["teslim@example.org"]
    assert f"/receipts/{identifier}" in shown["text"]
    assert server.received == []
    (sent,) = archive.run("digest", "send", "--publisher", PUBLISHER)["digests"]
    assert (sent["state"], sent["message_id"]) == ("sent", shown["message_id"])
    assert server.received[0].letter.get_content().replace("\r\n", "\n") == shown["text"]
    address = next(word for word in shown["text"].split() if "/receipts/" in word)
    assert address == archive.tell("receipt", "show", identifier)[1].split("for the publisher: ")[1].split()[0]
    assert archive.run("digest", "send") == {"dry_run": False, "digests": []}
    assert len(server.received) == 1
    assert doctor(archive, "mail", 0) == "good"


def test_a_silent_server_is_doubt_and_a_refusal_is_told(tmp_path: Path) -> None:
    with smtp_server() as first:
        port = first.port
    archive = installed(tmp_path, mail(port))
    delivered_yesterday(archive, tmp_path)
    (waiting,) = archive.run("digest", "send", status=3)["digests"]
    assert waiting["state"] == "waiting"
    assert "did not answer" in waiting["problem"]
    assert doctor(archive, "mail", 3) == "doubt"
    with smtp_server(port=port) as server:
        server.answers["teslim@example.org"] = "550 no such user"
        (refused,) = archive.run("digest", "send", status=1)["digests"]
        assert (refused["state"], refused["problem"]) == ("refused", "teslim@example.org: 550 no such user")
        assert doctor(archive, "digests refused", 1) == "bad"
        server.answers.clear()
        assert archive.run("digest", "send")["digests"][0]["state"] == "sent"
        assert doctor(archive, "mail", 0) == "good"


def test_the_clock_sends_by_itself(tmp_path: Path, server: SmtpServer) -> None:
    archive = installed(tmp_path, mail(server.port).replace(ADDRESSEE, f'at = "00:00"\n{ADDRESSEE}'))
    delivered_yesterday(archive, tmp_path)
    clock = archive.start("clock")
    try:
        for line in clock.stderr or ():
            if b"digest" in line and b"sent" in line:
                break
    finally:
        clock.terminate()
        clock.communicate(timeout=60)
    assert [one.recipients for one in server.received] == [["teslim@example.org"]]


def test_without_mail_the_command_says_what_is_missing(tmp_path: Path, server: SmtpServer) -> None:
    archive = installed(tmp_path, "")
    status, _, said = archive.tell("digest", "send")
    assert (status, "mail.server" in said) == (2, True)
    archive.run("init")
    assert doctor(archive, "mail", 0) == "note"
    archive.file.write_text(archive.file.read_text(encoding="utf-8") + mail(server.port), encoding="utf-8")
    status, _, said = archive.tell("digest", "send", "--publisher", "Yok")
    assert (status, PUBLISHER in said) == (2, True)
    assert archive.run("digest", "send")["digests"] == [], "a publisher that never delivered"


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ('server = "smtp.example.org"', "mail.from is needed"),
        ('server = "smtp.example.org"\nfrom = "a@example.org"\nuser = "x"', "belong together"),
        (
            'server = "smtp.example.org"\nfrom = "a@example.org"\nuser = "x"\npassword = "y"\nsecurity = "none"',
            "in clear",
        ),
        ('server = "smtp.example.org"\nfrom = "a@example.org\\nBcc: b@example.org"', "mail.from"),
        ('server = "smtp.example.org"\nfrom = "a@example.org"\nrecipients = ["ğ@example.org"]', "mail.recipients"),
        (ADDRESSEE, "mail.publishers are written to"),
        ('server = "s"\nfrom = "a@example.org"\nat = "25:00"', "mail.at"),
        ('sender = "a@example.org"', "no such setting"),
    ],
)
def test_wrong_settings_are_named(tmp_path: Path, table: str, said: str) -> None:
    file = tmp_path / "mahfuz.toml"
    file.write_text(f"[mail]\n{table}\n", encoding="utf-8")
    with pytest.raises(UsageError, match=said):
        load(file, {})


def test_the_password_is_masked_and_can_lie_in_a_file(tmp_path: Path) -> None:
    secret, file = tmp_path / "key", tmp_path / "mahfuz.toml"
    secret.write_text("hush-hush\n", encoding="utf-8")
    told = '[mail]\nserver = "smtp.example.org"\nfrom = "a@example.org"\nuser = "x"\n'
    file.write_text(f'{told}password_file = "{secret}"\n', encoding="utf-8")
    assert load(file, {}).settings.mail.secret() == "hush-hush"
    file.write_text(f'{told}password = "hush-hush"\n', encoding="utf-8")
    found = load(file, {})
    assert "hush-hush" not in str(list(found.shown()))
    assert ("mail.from", "a@example.org") in [(key, value) for key, value, _ in found.shown()]
