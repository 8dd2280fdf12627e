"""A file is clean when clamd has said so of all its bytes, and in no other case."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from deliveries import Published, delivery
from installation import Installation, folder_store_table
from lxml import etree

from ingest.findings import finding
from ingest.premis import NAMESPACE
from ingest.virus import Clamd, Scanned, ScannerUnavailable, Verdict, parse_version
from repository.bags import verify_stream

PUBLISHER = "Örnek Yayınevi"
INFECTION = b"MAHFUZ-OWN-TEST-SIGNATURE-7f3a"
"""Harmless text that the signatures of these tests, and no others, know."""

CLAMD = shutil.which("clamd") or shutil.which("clamd", path="/usr/sbin:/usr/local/sbin")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder whose name is short enough for a socket's address."""
    with tempfile.TemporaryDirectory(prefix="clamd-") as made:
        yield Path(made)


@contextmanager
def real_clamd(folder: Path, limit: str = "512K", alerts: Sequence[str] = ("AlertExceedsMax",)) -> Iterator[Clamd]:
    """The true scanner with one signature of our own, on a socket in ``folder``; it reads files up to ``limit``."""
    assert CLAMD is not None
    (folder / "signatures").mkdir(exist_ok=True)
    (folder / "signatures" / "own.ndb").write_text(f"Mahfuz.Test:0:*:{INFECTION.hex()}\n", encoding="ascii")
    (folder / "clamd.conf").write_text(
        f"LocalSocket {folder}/socket\nDatabaseDirectory {folder}/signatures\nForeground yes\n"
        f"StreamMaxLength 3M\nMaxFileSize {limit}\n" + "".join(f"{alert} yes\n" for alert in alerts),
        encoding="utf-8",
    )
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([CLAMD, "-c", str(folder / "clamd.conf")], stdout=log, stderr=log)
    scanner = Clamd(f"unix:{folder}/socket")
    try:
        for _ in range(600):
            try:
                scanner.version()
                break
            except ScannerUnavailable:
                assert process.poll() is None, (folder / "log").read_text(errors="replace")
                time.sleep(0.05)
        yield scanner
    finally:
        process.kill()
        process.wait()
        (folder / "socket").unlink(missing_ok=True)


needs_clamd = pytest.mark.skipif(CLAMD is None, reason="there is no clamd on this machine")


@dataclass
class Speaking:
    """A server that speaks clamd's protocol up to the point where ``answer`` departs from it."""

    address: str
    heard: list[bytes] = field(default_factory=list)
    """The whole stream of each file, as it was put together from its chunks."""


@contextmanager
def speaking(
    folder: Path, answer: Callable[[socket.socket, bytes | None], None], hears: bool = True
) -> Iterator[Speaking]:
    """``answer`` is called once a connection, with what was streamed (None: nothing was read of it)."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(folder / "own"))
    listener.listen(16)
    told = Speaking(f"unix:{folder}/own")

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                given = None
                if hears:
                    given = _stream_of(connection)
                    told.heard.append(given)
                answer(connection, given)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield told
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(10)


def _stream_of(connection: socket.socket) -> bytes:
    stream = connection.makefile("rb")
    command = b""
    while not command.endswith(b"\0"):
        command += stream.read(1)
    if command != b"zINSTREAM\0":
        return command
    given = b""
    while length := int.from_bytes(stream.read(4), "big"):
        given += stream.read(length)
    return given


def says(octets: bytes) -> Callable[[socket.socket, bytes | None], None]:
    return lambda connection, _given: connection.sendall(octets)


def written(folder: Path, octets: bytes) -> Path:
    file = folder / "file"
    file.write_bytes(octets)
    return file


# The true scanner.


@needs_clamd
def test_the_true_scanner_tells_clean_from_infected_and_from_what_it_does_not_read(folder: Path) -> None:
    with real_clamd(folder) as scanner:
        assert scanner.version().engine.startswith("ClamAV ")
        assert scanner.scan(written(folder, b"an honest text")) == Scanned(Verdict.CLEAN)
        assert scanner.scan(written(folder, b"")) == Scanned(Verdict.CLEAN)
        infected = scanner.scan(written(folder, b"%PDF-1.7 " + INFECTION))
        assert (infected.verdict, infected.detail) == (Verdict.INFECTED, "Mahfuz.Test.UNOFFICIAL")
        at_the_end = scanner.scan(written(folder, b"-" * 300_000 + INFECTION))
        assert at_the_end.verdict is Verdict.INFECTED, "every chunk arrives"
        beyond = scanner.scan(written(folder, b"-" * 700_000 + INFECTION))
        assert beyond == Scanned(Verdict.BEYOND_LIMIT, "Heuristics.Limits.Exceeded.MaxFileSize")
        too_long = scanner.scan(written(folder, bytes(5 << 20)))
        assert too_long.verdict is Verdict.BEYOND_LIMIT
        assert "INSTREAM size limit exceeded" in too_long.detail


@needs_clamd
def test_many_files_at_once_get_each_their_own_verdict(folder: Path) -> None:
    files = {}
    for number in range(60):
        file = folder / f"{number}"
        file.write_bytes(f"text {number} ".encode() + (INFECTION if number % 7 == 0 else b""))
        files[str(number)] = file
    with real_clamd(folder) as scanner:
        verdicts = scanner.scan_all(files)
    assert {key for key, found in verdicts.items() if found.verdict is Verdict.INFECTED} == {
        str(number) for number in range(0, 60, 7)
    }
    assert {found.verdict for found in verdicts.values()} == {Verdict.CLEAN, Verdict.INFECTED}


# A scanner with faults.


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (b"stream: OK\0", Verdict.CLEAN),
        (b"stream: Eicar-Test-Signature FOUND\0", Verdict.INFECTED),
        (b"stream: A name with blanks FOUND\0", Verdict.INFECTED),
        (b"INSTREAM size limit exceeded. ERROR\0", Verdict.BEYOND_LIMIT),
        (b"stream: Heuristics.Limits.Exceeded.MaxScanSize FOUND\0", Verdict.BEYOND_LIMIT),
        (b"stream: Can't allocate memory ERROR\0", Verdict.NOT_SCANNED),
        (b"stream: OK", Verdict.NOT_SCANNED),
        (b"stream: ok\0", Verdict.NOT_SCANNED),
        (b" stream: OK\0", Verdict.NOT_SCANNED),
        (b"stream: OK\nstream: OK\0", Verdict.NOT_SCANNED),
        (b"OK\0", Verdict.NOT_SCANNED),
        (b"UNKNOWN COMMAND\0", Verdict.NOT_SCANNED),
        (b"\0", Verdict.NOT_SCANNED),
        (b"", Verdict.NOT_SCANNED),
        (b"\xff\xfe\0", Verdict.NOT_SCANNED),
        (b"a" * 100_000, Verdict.NOT_SCANNED),
    ],
)
def test_only_the_one_word_for_clean_is_clean(folder: Path, answer: bytes, verdict: Verdict) -> None:
    content = bytes(range(256)) * 2000
    with speaking(folder, says(answer)) as server:
        found = Clamd(server.address, 20).scan(written(folder, content))
    assert found.verdict is verdict, found
    assert bool(found.detail) == (verdict is not Verdict.CLEAN)
    assert server.heard == [content]


def test_clean_before_it_has_the_whole_file_is_not_clean(folder: Path) -> None:
    with speaking(folder, says(b"stream: OK\0"), hears=False) as server:
        found = Clamd(server.address, 20).scan(written(folder, bytes(8 << 20)))
    assert found.verdict is Verdict.NOT_SCANNED, found


def test_infected_before_it_has_the_whole_file_is_infected(folder: Path) -> None:
    with speaking(folder, says(b"stream: Early FOUND\0"), hears=False) as server:
        found = Clamd(server.address, 20).scan(written(folder, bytes(8 << 20)))
    assert found == Scanned(Verdict.INFECTED, "Early")


@pytest.mark.parametrize("hears", [True, False])
def test_a_scanner_that_hangs_is_doubt(folder: Path, hears: bool) -> None:
    ended = threading.Event()
    with speaking(folder, lambda _connection, _given: bool(ended.wait(20)) and None, hears=hears) as server:
        found = Clamd(server.address, 0.2).scan(written(folder, bytes(8 << 20)))
        ended.set()
    assert found.verdict is Verdict.NOT_SCANNED
    assert found.detail in {"no answer in time", "it stopped taking the bytes"}


@pytest.mark.parametrize("address", ["unix:{}/nobody", "tcp://127.0.0.1:1", "tcp://[::1]:1"])
def test_a_scanner_that_is_not_there_is_doubt(folder: Path, address: str) -> None:
    scanner = Clamd(address.format(folder), 5)
    found = scanner.scan(written(folder, b"text"))
    assert found.verdict is Verdict.NOT_SCANNED
    with pytest.raises(ScannerUnavailable, match="did not answer"):
        scanner.scan_all({"a": written(folder, b"text")})
    with pytest.raises(ScannerUnavailable) as raised:
        scanner.version()
    again = pickle.loads(pickle.dumps(raised.value))
    assert (str(again), again.reason) == (str(raised.value), raised.value.reason)


def test_a_socket_over_tcp_is_spoken_to_as_well(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                assert _stream_of(connection) == b"text"
                connection.sendall(b"stream: OK\0")

        thread = threading.Thread(target=serve)
        thread.start()
        found = Clamd(f"tcp://127.0.0.1:{listener.getsockname()[1]}", 20).scan(written(folder, b"text"))
        thread.join()
    assert found == Scanned(Verdict.CLEAN)


def test_something_else_that_listens_there_is_no_scanner(folder: Path) -> None:
    with (
        speaking(folder, says(b"220 mail.example.org ESMTP\0")) as server,
        pytest.raises(ScannerUnavailable, match="ESMTP"),
    ):
        Clamd(server.address, 20).version()


def test_the_version_tells_the_day_of_the_signatures() -> None:
    full = parse_version("ClamAV 1.4.3/27460/Sun Nov  7 09:31:00 2024")
    assert (full.engine, full.signatures) == ("ClamAV 1.4.3", 27460)
    assert full.dated == datetime(2024, 11, 7, 9, 31, tzinfo=UTC)
    assert str(full) == "ClamAV 1.4.3, signatures 27460 of 2024-11-07"
    assert str(parse_version("ClamAV 1.4.3")) == "ClamAV 1.4.3"
    with pytest.raises(ValueError, match="VERSION"):
        parse_version("nginx")


# What becomes of a delivery.


def _archive(home: Path, address: str) -> Installation:
    return Installation(
        home,
        folder_store_table("ankara", home),
        folder_store_table("izmir", home),
        more=f'[ingest]\nquiet_seconds = 0\nclamd = "{address}"\n',
    )


def _infected(target: Path, articles: Sequence[Published]) -> Path:
    sent = delivery(target, articles)
    with zipfile.ZipFile(sent, "a") as archive:
        archive.writestr(zipfile.ZipInfo(f"{articles[0].stem}/{articles[0].stem}.txt"), INFECTION)
    return sent


def _event(archive: Installation, kind: str) -> tuple[str, str]:
    """The outcome and the note of an event in the PREMIS of the only bag."""
    (bag,) = (archive.home / "ankara").rglob("v1.tar")
    with bag.open("rb") as stream:
        document = verify_stream(stream).tag_files["metadata/premis.xml"]
    names = {"p": NAMESPACE}
    (event,) = (
        e for e in etree.fromstring(document).iterfind("p:event", names) if e.findtext("p:eventType", "", names) == kind
    )
    return (
        event.findtext(".//p:eventOutcome", "", names),
        event.findtext(".//p:eventOutcomeDetailNote", "", names),
    )


@needs_clamd
def test_an_infected_delivery_is_held_whole(folder: Path, tmp_path: Path) -> None:
    archive = _archive(tmp_path / "home", f"unix:{folder}/socket")
    sent = _infected(tmp_path / "a.zip", [Published("10.5555/hasta.1"), Published("10.5555/saglam.2")])
    with real_clamd(folder):
        (told,) = archive.run("ingest", str(sent), "--publisher", PUBLISHER, status=1)["deliveries"]
        assert (told["state"], told["articles"]) == ("quarantined", [])
        expected = finding("VIRUS_FOUND", "hasta.1/hasta.1.txt", signature="Mahfuz.Test.UNOFFICIAL")
        assert told["findings"] == [expected.as_json()]
        assert [name for name in archive.objects("ankara") if name.endswith(".tar")] == []
        archive.run("receive")
        clean = delivery(tmp_path / "b.zip", [Published("10.5555/hasta.1")])
        (told,) = archive.run("ingest", str(clean), "--publisher", PUBLISHER)["deliveries"]
    assert told["state"] == "accepted"
    outcome, note = _event(archive, "virus check")
    assert outcome == "success"
    assert note.startswith("no virus found in the files of this delivery, by ClamAV ")


@needs_clamd
def test_a_file_beyond_the_scanners_limit_is_held_and_taken_in_when_it_is_raised(folder: Path, tmp_path: Path) -> None:
    archive = _archive(tmp_path / "home", f"unix:{folder}/socket")
    sent = delivery(tmp_path / "a.zip", [Published("10.5555/buyuk.1")])
    with zipfile.ZipFile(sent, "a") as packed:
        packed.writestr(zipfile.ZipInfo("buyuk.1/buyuk.1.csv"), b"1,2\n" * 500_000)
    with real_clamd(folder):
        (told,) = archive.run("ingest", str(sent), "--publisher", PUBLISHER, status=1)["deliveries"]
    assert told["state"] == "quarantined"
    assert [(found["code"], found["path"]) for found in told["findings"]] == [
        ("VIRUS_NOT_SCANNED", "buyuk.1/buyuk.1.csv")
    ]
    assert [name for name in archive.objects("ankara") if name.endswith(".tar")] == []
    with real_clamd(folder, "3M"):
        (told,) = archive.run("ingest", str(sent), "--publisher", PUBLISHER)["deliveries"]
    assert told["state"] == "accepted"


def _packed(depth: int, content: bytes) -> bytes:
    """Zips inside each other; whoever does not open them all sees nothing of the content."""
    for _ in range(depth):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(zipfile.ZipInfo("icinde.zip"), content)
        content = out.getvalue()
    return content


NOISE = hashlib.sha512(b"what is behind a password").digest()


def _locked(content: bytes) -> bytes:
    """A zip that says of its only file that it is behind a password."""
    whole = bytearray(_packed(1, content))
    whole[6] |= 1
    whole[whole.rindex(b"PK\x01\x02") + 8] |= 1
    return bytes(whole)


@needs_clamd
@pytest.mark.parametrize(
    ("supplement", "alerts", "code"),
    [
        (_packed(3, INFECTION), ("AlertExceedsMax",), "VIRUS_FOUND"),
        (_packed(120, b"clean"), ("AlertExceedsMax",), "VIRUS_NOT_SCANNED"),
        (_packed(120, b"clean"), (), "VIRUS_NOT_SCANNED"),
        (_packed(1, b"clean"), (), "VIRUS_NOT_SCANNED"),
        (_packed(1, b"clean"), ("AlertExceedsMax",), None),
        (_locked(NOISE), ("AlertExceedsMax",), "VIRUS_NOT_SCANNED"),
        (_locked(NOISE), ("AlertExceedsMax", "AlertEncryptedArchive"), "VIRUS_NOT_SCANNED"),
        (_packed(1, _locked(NOISE)), ("AlertExceedsMax", "AlertEncryptedArchive"), "VIRUS_NOT_SCANNED"),
    ],
    ids=[
        "3 deep",
        "120 deep",
        "120 deep, silent",
        "1 deep, silent",
        "1 deep",
        "locked",
        "locked, told",
        "locked inside",
    ],
)
def test_what_the_scanner_did_not_see_is_never_clean(
    folder: Path, tmp_path: Path, supplement: bytes, alerts: Sequence[str], code: str | None
) -> None:
    archive = _archive(tmp_path / "home", f"unix:{folder}/socket")
    sent = delivery(tmp_path / "a.zip", [Published("10.5555/ek.1")])
    with zipfile.ZipFile(sent, "a") as packed:
        packed.writestr(zipfile.ZipInfo("ek.1/ek.1-veri.zip"), supplement)
    with real_clamd(folder, alerts=alerts):
        _, out, _ = archive.tell("ingest", str(sent), "--publisher", PUBLISHER, "--json")
    (told,) = json.loads(out)["deliveries"]
    assert told["state"] == ("quarantined" if code else "accepted")
    held = [(found["code"], found["path"]) for found in told["findings"] if found["level"] == "error"]
    assert held == ([(code, "ek.1/ek.1-veri.zip")] if code else [])


@needs_clamd
def test_while_the_scanner_is_silent_deliveries_wait_and_go_on_by_themselves(folder: Path, tmp_path: Path) -> None:
    archive = _archive(tmp_path / "home", f"unix:{folder}/socket")
    inbox = archive.home / "inbox" / PUBLISHER
    inbox.mkdir(parents=True)
    delivery(inbox / "a.zip", [Published("10.5555/bekleyen.1")])
    for _ in range(2):
        status, out, err = archive.tell("receive")
        assert status == 3, out
        assert "virus scanner" in err + out
        assert "did not answer" in err + out
        assert [name for name in archive.objects("ankara") if name.endswith(".tar")] == []
    with real_clamd(folder):
        (told,) = archive.run("receive")["deliveries"]
    assert told["state"] == "accepted"
    assert [line["outcome"] for line in told["articles"]] == ["accepted"]


def test_without_a_scanner_the_bag_says_that_nothing_was_scanned(tmp_path: Path) -> None:
    archive = _archive(tmp_path / "home", "")
    sent = delivery(tmp_path / "a.zip", [Published("10.5555/taranmadi.1")])
    archive.run("ingest", str(sent), "--publisher", PUBLISHER)
    assert _event(archive, "virus check") == ("not performed", "no virus scanner is set up")


# What the doctor says.


def _doctor(archive: Installation, status: int) -> dict[str, str]:
    archive.run("init")
    lines = archive.run("doctor", status=status)["lines"]
    (found,) = (line for line in lines if line["what"] == "virus scanner")
    return dict(found)


def test_the_doctor_tells_a_scanner_that_is_not_there_from_one_that_is_not_wanted(folder: Path, tmp_path: Path) -> None:
    assert _doctor(_archive(tmp_path / "without", ""), 0)["verdict"] == "note"
    silent = _doctor(_archive(tmp_path / "silent", f"unix:{folder}/nobody"), 3)
    assert silent["verdict"] == "doubt"
    assert f"unix:{folder}/nobody" in silent["detail"]


@pytest.mark.parametrize(("days", "verdict", "status"), [(1, "good", 0), (30, "bad", 1)])
def test_the_doctor_tells_the_age_of_the_signatures(
    folder: Path, tmp_path: Path, days: int, verdict: str, status: int
) -> None:
    then = datetime.now(UTC) - timedelta(days=days, hours=1)

    def answer(connection: socket.socket, command: bytes | None) -> None:
        version = f"ClamAV 1.4.3/27460/{then:%a %b %d %H:%M:%S %Y}\0".encode("ascii")
        connection.sendall(b"PONG\0" if command == b"zPING\0" else version)

    with speaking(folder, answer) as server:
        told = _doctor(_archive(tmp_path / "home", server.address), status)
    assert told["verdict"] == verdict
    assert f"age in days: {days}" in told["detail"]


@pytest.mark.parametrize("address", ["/run/clamd", "unix:clamd", "tcp://host", "tcp://host:abc", "http://host:3310"])
def test_an_address_that_is_none_is_refused_with_an_example(tmp_path: Path, address: str) -> None:
    status, _, err = _archive(tmp_path / "home", address).tell("receive")
    assert status == 2
    assert "unix:/run/clamav/clamd.ctl" in err
