"""What the doctor says of a machine, of clocks, stores, sign-in and certificates: each bad case provoked for real."""

from __future__ import annotations

import os
import resource
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import zoneinfo
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import openid_provider
import pytest
import trustme
from doctoring import ahead, patient, silent
from installation import Installation, folder_store_table, s3_store_table
from servers import S3Server

from config.doctor import asking, certificates, clocks, libraries, machine, safety, sign_on, stores
from config.doctor.lines import Line, Verdict
from config.doctor.questions import Beyond, Patient
from repository.storage.directory import DirectoryStore
from repository.storage.retrying import RetryingStore
from repository.vocabulary import utc_now

NOW = utc_now()


def asked(folder: Path, more: str = "", **how: Any) -> Patient:
    return patient(folder / "home", f"sqlite:///{folder}/c.sqlite", more, **how)


def answers(who: Patient, questions: list[Beyond], seconds: float = 20) -> list[Line]:
    return [line for _, lines in asking.beyond(who, questions, seconds) for line in lines]


# The machine.


def test_a_full_disk_is_bad(tmp_path: Path) -> None:
    place = tmp_path / "home"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,nr_inodes=40", "tmpfs", str(place)], check=False)
    if mounted.returncode:
        pytest.skip("a small file system can be mounted by root only")
    try:
        who = asked(tmp_path)
        assert {line.verdict for line in machine.disk(who)} == {Verdict.GOOD}
        for number in range(38):
            (place / f"{number}").write_bytes(b"" if number else bytes(1000 << 10))
        found = {line.code: line for line in machine.disk(who)}
    finally:
        subprocess.run(["umount", str(place)], check=True)
    assert found["disk"].verdict is found["inodes"].verdict is Verdict.BAD
    assert str(place) in str(found["disk"].said)


def test_a_temporary_folder_without_room_or_not_there_is_bad(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "LEAST_TEMPORARY_BYTES", 1 << 62)
    assert [line.verdict for line in machine.temporary(asked(tmp_path))] == [Verdict.BAD]
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nirgends"))
    assert [line.verdict for line in machine.temporary(asked(tmp_path))] == [Verdict.BAD]


def test_few_open_files_are_bad(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    (line,) = machine.open_files(asked(tmp_path, part="worker"))
    assert (line.verdict, line.subject) == (Verdict.GOOD, "worker")
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, hard))
    try:
        (line,) = machine.open_files(asked(tmp_path))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert line.verdict is Verdict.BAD
    assert str(line.said).endswith("open of 512")


def test_data_of_time_zones_that_are_too_old_are_bad(tmp_path: Path) -> None:
    (line,) = machine.zone(asked(tmp_path))
    assert str(line.said) == "Europe/Istanbul, now +0300 from UTC"
    old = tmp_path / "zoneinfo" / "Europe"
    old.mkdir(parents=True)
    utc = next(Path(one) / "UTC" for one in zoneinfo.TZPATH if (Path(one) / "UTC").exists())
    shutil.copy(utc, old / "Istanbul")
    before = zoneinfo.TZPATH
    zoneinfo.reset_tzpath([str(old.parent)])
    try:
        (line,) = machine.zone(asked(tmp_path))
    finally:
        zoneinfo.reset_tzpath(before)
    assert line.verdict is Verdict.BAD


def test_file_names_that_are_not_utf_8_are_bad(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert next(iter(machine.language(asked(tmp_path)))).verdict is Verdict.GOOD
    monkeypatch.setattr(sys, "getfilesystemencoding", lambda: "iso8859-9")
    assert next(iter(machine.language(asked(tmp_path)))).verdict is Verdict.BAD


def test_a_secret_that_others_can_read_is_bad(tmp_path: Path) -> None:
    key = tmp_path / "smtp.key"
    key.write_text("gizli", encoding="utf-8")
    key.chmod(0o600)
    mail = '[mail]\nserver = "localhost"\nsecurity = "none"\nfrom = "a@example.org"\nuser = "a"\n'
    mail += f'password_file = "{key}"\n'
    who = asked(tmp_path, mail)
    assert [line.verdict for line in machine.secrets(who)] == [Verdict.GOOD]
    key.chmod(0o644)
    (line,) = machine.secrets(who)
    assert line.verdict is Verdict.BAD
    assert f"{key} (rw-r--r--)" in str(line.said)
    key.unlink()
    (line,) = machine.secrets(who)
    assert str(line.said) == f"cannot be read by this process: {key}: ✗"


def test_settings_in_which_a_secret_stands_are_a_secret(tmp_path: Path) -> None:
    who = asked(tmp_path, '[access]\nmetrics_token = "gizli"\n')
    (line,) = machine.secrets(who)
    assert (line.verdict, "mahfuz.toml" in str(line.said)) == (Verdict.BAD, True)
    (who.archive.home / "mahfuz.toml").chmod(0o600)
    assert [one.verdict for one in machine.secrets(who)] == [Verdict.GOOD]
    assert [one.verdict for one in machine.secrets(asked(tmp_path, ""))] == [Verdict.GOOD], "none stands in it"


@pytest.mark.parametrize(
    ("name", "version", "met"),
    [("python", "3.11.7", True), ("python", "3.11.14", False), ("python", "3.12.1", True), ("python", "3.14.0", False),
     ("lxml", "6.0.2", True), ("lxml", "6.1.0", False), ("gunicorn", "26.0.0", True), ("gunicorn", "27.0.1", False)],
)  # fmt: skip
def test_a_library_with_a_known_fault_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, version: str, met: bool
) -> None:
    fine = {"python": "3.14.0", "lxml": "6.1.3", "gunicorn": "27.0.1", "apscheduler": "3.11.3"}
    monkeypatch.setattr(libraries, "_of", lambda asked: (fine | {name: version}).get(asked, ""))
    (line,) = libraries.faults(asked(tmp_path))
    assert (line.verdict is not Verdict.GOOD) is met
    assert version in str(line.said)


# Clocks.


def test_how_far_two_clocks_are_apart_at_least() -> None:
    second = timedelta(seconds=1)
    assert clocks.apart(NOW, NOW + second, NOW + 2 * second) == timedelta(0)
    assert clocks.apart(NOW, NOW - second, NOW, exact=second) == timedelta(0), "a Date has whole seconds"
    assert clocks.apart(NOW, NOW + 9 * second, NOW + second) == 8 * second
    assert clocks.apart(NOW, NOW - 9 * second, NOW + second) == -9 * second


@pytest.mark.parametrize(("by", "verdict"), [(0, Verdict.GOOD), (12, Verdict.NOTE), (3600, Verdict.BAD)])
def test_a_clock_that_is_not_the_stores_is_told(tmp_path: Path, s3_server: S3Server, by: int, verdict: Verdict) -> None:
    store = RetryingStore(s3_server.store("main", s3_server.make_bucket()))
    folder = RetryingStore(DirectoryStore("second", tmp_path / "second"))
    who = asked(tmp_path, clock=ahead(seconds=by))
    (line,) = answers(who, clocks.stores((store, folder)))
    assert (line.code, line.subject, line.verdict) == ("clock-store", "main", verdict)
    assert ("behind" in str(line.said)) is (by > 0)


@pytest.mark.parametrize(("by", "verdict"), [(0, Verdict.GOOD), (3600, Verdict.BAD)])
def test_a_clock_that_is_not_the_databases_is_told(
    tmp_path: Path, postgresql_url: str, by: int, verdict: Verdict
) -> None:
    who = patient(tmp_path / "home", postgresql_url, clock=ahead(seconds=by))
    assert [line.verdict for line in clocks.database(who)] == [verdict]
    who.archive.catalogue.close()
    assert list(clocks.database(asked(tmp_path))) == [], "SQLite has none"


# Stores.


def test_a_server_that_is_stopped_or_hangs_is_doubt_and_holds_up_nobody(tmp_path: Path, s3_server: S3Server) -> None:
    with silent() as port:
        there = s3_server.store("main", s3_server.make_bucket())
        there.prepare()
        gone = s3_server.store("gone", "gone", endpoint_url="http://127.0.0.1:1")
        hangs = s3_server.store("hangs", "hangs", endpoint_url=f"http://127.0.0.1:{port}")
        found = {}
        for line in answers(asked(tmp_path), stores.trials((there, gone, hangs)), seconds=8):
            found.setdefault(line.subject.split(":")[0], line)
    assert found["main"].verdict is Verdict.GOOD
    assert found["gone"].verdict is found["hangs"].verdict is Verdict.DOUBT
    assert str(found["hangs"].said) == "No answer within 8 seconds."


def test_the_command_tells_of_a_stopped_server_and_of_all_the_rest(tmp_path: Path, s3_server: S3Server) -> None:
    gone = replace(s3_server, endpoint_url="http://127.0.0.1:1")
    home = tmp_path / "home"
    archive = Installation(home, folder_store_table("ankara", home), s3_store_table("izmir", gone, "izmir"))
    DirectoryStore("ankara", home / "ankara").prepare()
    found = {line["what"]: line for line in archive.run("doctor", status=1)["lines"]}
    assert found["store ankara"]["verdict"] == "good"
    assert found["store izmir"]["verdict"] == "doubt"
    assert found["schema"]["verdict"] == "bad", "nobody has run mahfuz init"
    assert found["disk"]["code"] == "disk"
    assert found["store izmir"]["remedy"].startswith("Start the store")


# Signing in and certificates.


@pytest.fixture
def provider() -> Iterator[openid_provider.OpenIdProvider]:
    with openid_provider.running() as running:
        yield running


@pytest.mark.parametrize(
    ("fault", "verdict"),
    [("", Verdict.GOOD), ("keys ran out", Verdict.BAD), ("no keys", Verdict.DOUBT),
     ("configuration of another", Verdict.DOUBT)],
)  # fmt: skip
def test_what_a_provider_publishes_is_looked_at(
    tmp_path: Path, provider: openid_provider.OpenIdProvider, fault: str, verdict: Verdict
) -> None:
    provider.fault = fault
    table = f'[[access.openid]]\nname = "ornek"\nlabel = "Örnek"\nissuer = "{provider.issuer}"\nclient_id = "arsiv"\n'
    who = asked(tmp_path, table)
    (line,) = answers(who, sign_on.providers(who.archive.settings))
    assert (line.subject, line.verdict) == ("ornek", verdict)
    assert provider.asked[0] == "configuration"


@pytest.mark.parametrize(
    ("base", "addresses", "verdict"),
    [("http://a.example.org", '["127.0.0.1"]', Verdict.BAD), ("https://a.example.org", "[]", Verdict.NOTE),
     ("https://a.example.org", '["127.0.0.1"]', Verdict.GOOD)],
)  # fmt: skip
def test_a_front_that_could_be_anybody_is_told(tmp_path: Path, base: str, addresses: str, verdict: Verdict) -> None:
    secret = "0123456789abcdef0123456789"
    who = asked(tmp_path, f'[access.saml]\nsecret = "{secret}"\naddresses = {addresses}\n')
    settings = who.archive.settings
    archive = settings.archive.model_copy(update={"base_url": base})
    who = replace(who, archive=replace(who.archive, settings=settings.model_copy(update={"archive": archive})))
    (line,) = sign_on.front(who)
    assert line.verdict is verdict
    assert secret not in str(line.said)


@contextmanager
def secured(certificate: trustme.LeafCert) -> Iterator[int]:
    """A server that only shakes hands."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(context)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def shake() -> None:
            try:
                line, _ = server.accept()
                with context.wrap_socket(line, server_side=True) as one:
                    one.recv(1)
            except OSError:
                return

        threading.Thread(target=shake, daemon=True).start()
        yield int(server.getsockname()[1])


@pytest.mark.parametrize(
    ("days", "verdict"), [(90, Verdict.GOOD), (20, Verdict.NOTE), (2, Verdict.BAD), (-1, Verdict.BAD)]
)
def test_a_certificate_that_runs_out_is_told(tmp_path: Path, days: int, verdict: Verdict) -> None:
    authority = trustme.CA()
    made = authority.issue_cert(
        "localhost", not_before=NOW - timedelta(days=99), not_after=NOW + timedelta(days=days, hours=1)
    )
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    with secured(made) as port:
        server = certificates.Server("localhost", port, tmp_path / "ca.pem")
        (line,) = certificates._of_server(server)(asked(tmp_path))
    assert line.verdict is verdict


def test_files_of_certificates_and_servers_are_found_in_the_settings(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    more = f'[testimony]\ntime_stamp_url = "http://tsa.example.org/"\ntime_stamp_ca_file = "{tmp_path}/ca.pem"\n'
    who = asked(tmp_path, more)
    assert certificates.files(who.archive.settings) == [tmp_path / "ca.pem"]
    (line,) = certificates._of_file(tmp_path / "ca.pem")(who)
    assert line.verdict is Verdict.GOOD
    later = replace(who, clock=ahead(days=365 * 1000))
    (line,) = certificates._of_file(tmp_path / "ca.pem")(later)
    assert line.verdict is Verdict.BAD
    (tmp_path / "ca.pem").write_text("nothing", encoding="ascii")
    (line,) = certificates._of_file(tmp_path / "ca.pem")(who)
    assert line.verdict is Verdict.BAD


# Files given out.


def test_dumps_and_lists_that_are_old_or_half_made_are_told(tmp_path: Path) -> None:
    who = asked(tmp_path)
    assert [line.verdict for line in safety.dumps_made(who)] == [Verdict.NOTE]
    made = who.archive.dumps / "oai_dc" / "all" / "2026-01-01T000000Z"
    made.mkdir(parents=True)
    (made / "dump.json").write_text('{"horizon": "2026-01-01T00:00:00Z"}', encoding="utf-8")
    assert [line.verdict for line in safety.dumps_made(replace(who, clock=_first_of_january))] == [Verdict.GOOD]
    assert [line.verdict for line in safety.dumps_made(replace(who, clock=ahead(days=900)))] == [Verdict.BAD]
    lists = who.archive.home / "lists"
    lists.mkdir()
    (lists / "kbart.0.0").touch()
    (lists / ".making-x").touch()
    assert [line.verdict for line in safety.lists_made(who)] == [Verdict.GOOD]
    os.utime(lists / ".making-x", (0, 0))
    assert [line.verdict for line in safety.lists_made(who)] == [Verdict.NOTE]


def _first_of_january() -> datetime:
    return datetime(2026, 1, 2, tzinfo=UTC)
