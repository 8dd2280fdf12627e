"""Every unpacked file is shown to clamd before anything is made of it; what it did not answer for is never clean.

The protocol is clamd(8)'s: ``zINSTREAM`` with length-prefixed chunks, ``zPING``, ``zVERSION``, each answer ended by a
zero octet. The bytes are sent, so the scanner needs no access to the archive's folders and may be on another machine.
"""

from __future__ import annotations

import io
import re
import select
import socket
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from pathlib import Path

from ingest.findings import finding
from ingest.threads import Threads
from ingest.unpack import Member, is_locked
from ingest.unpack.archives import form_of, head_of, unsupported_form
from repository.errors import Doubt
from repository.vocabulary import Finding

_CHUNK = 1 << 17
_LONGEST_ANSWER = 4096
_SIDE_BY_SIDE = 4
_MOST_FINDINGS = 100
_CLEAN = "stream: OK"
_FOUND = re.compile(r"stream: (\S.*) FOUND")
_TOO_LARGE = re.compile(r"INSTREAM size limit exceeded\.?(?: ERROR)?")
_NOT_READ = ("Heuristics.Limits.Exceeded", "Heuristics.Encrypted")
_LOCKED = "it holds files behind a password"
_SILENT = (
    "the scanner does not say when it stops before the end of a packed file (AlertExceedsMax yes in its clamd.conf)"
)
_VERSION = re.compile(r"(ClamAV [^/]+)(?:/(\d+)/\w{3} (\w{3}) {1,2}(\d{1,2}) (\d\d:\d\d:\d\d) (\d{4}))?.*", re.DOTALL)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Verdict(StrEnum):
    """What clamd says of one file. Only the first lets it pass."""

    CLEAN = "clean"
    INFECTED = "infected"
    BEYOND_LIMIT = "beyond limit"
    """Not scanned, and the same again at the next try: larger than the scanner's settings allow, or locked."""
    NOT_SCANNED = "not scanned"
    """The scanner did not answer; it may later."""


@dataclass(frozen=True, slots=True)
class Scanned:
    """``detail``: the signature's name for INFECTED, the reason for the two that were not scanned, else empty."""

    verdict: Verdict
    detail: str = ""


class ScannerUnavailable(Doubt):
    """The virus scanner that the settings name did not answer: the delivery waits, nothing of it counts as clean."""

    def __init__(self, address: str, reason: str) -> None:
        super().__init__(f"the virus scanner {address} did not answer: {reason}; the delivery waits until it does")
        self.address = address
        self.reason = reason

    def __reduce__(self) -> tuple[type[ScannerUnavailable], tuple[str, str]]:
        """It may be raised in one process and told in another."""
        return type(self), (self.address, self.reason)


@dataclass(frozen=True, slots=True)
class ScannerVersion:
    """clamd's own words about itself; ``signatures`` and ``dated`` are None when it does not say."""

    engine: str
    signatures: int | None
    dated: datetime | None

    def __str__(self) -> str:
        if self.signatures is None:
            return self.engine
        return f"{self.engine}, signatures {self.signatures}" + (f" of {self.dated:%Y-%m-%d}" if self.dated else "")


@dataclass(frozen=True, slots=True)
class Clamd:
    """A clamd at ``unix:/path`` or ``tcp://host:port``. It holds no connection and may be used by many threads."""

    address: str
    seconds: float = 180.0
    """How long one step (connecting, sending a chunk, the answer) may take; clamd itself gives up after 120."""

    def scan_all(self, files: Mapping[str, Path]) -> dict[str, Scanned]:
        """The verdict on each file, by the key under which it is given.

        Raises ScannerUnavailable as soon as one is NOT_SCANNED, OSError when our own disk cannot be read.
        """
        with Threads(_SIDE_BY_SIDE, "virus") as pool:
            return dict(zip(files, pool.map(self._scan_or_doubt, files.values()), strict=True))

    def scan(self, file: Path) -> Scanned:
        """The verdict on one file. Never raises for what the scanner does, OSError when ``file`` cannot be read."""
        with file.open("rb") as stream:
            try:
                with self._connected() as connection:
                    return _judged(*_streamed(connection, iter(lambda: stream.read(_CHUNK), b"")))
            except _NoAnswer as error:
                return Scanned(Verdict.NOT_SCANNED, str(error))

    def version(self) -> ScannerVersion:
        """What clamd runs with, after it has answered a PING. Raises ScannerUnavailable."""
        try:
            if (answer := self._command(b"zPING\0")) != "PONG":
                raise _NoAnswer(f"it answered {answer!r} to a PING")
            return parse_version(self._command(b"zVERSION\0"))
        except (_NoAnswer, ValueError) as error:
            raise ScannerUnavailable(self.address, str(error)) from error

    def tells_its_limits(self) -> bool:
        """Whether it says so when it stops before the end of a packed file (``AlertExceedsMax yes``).

        It is shown more zips inside each other than it can be set to open. Raises ScannerUnavailable.
        """
        try:
            with self._connected() as connection:
                return _judged(*_streamed(connection, iter([_deeper_than_any_limit()]))).verdict is not Verdict.CLEAN
        except _NoAnswer as error:
            raise ScannerUnavailable(self.address, str(error)) from error

    def _scan_or_doubt(self, file: Path) -> Scanned:
        scanned = self.scan(file)
        if scanned.verdict is Verdict.NOT_SCANNED:
            raise ScannerUnavailable(self.address, scanned.detail)
        return scanned

    def _command(self, command: bytes) -> str:
        with self._connected() as connection:
            _send(connection, command)
            return _answer(connection)

    def _connected(self) -> socket.socket:
        kind, _, place = self.address.partition(":")
        try:
            if kind == "unix":
                connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                try:
                    connection.settimeout(self.seconds)
                    connection.connect(place)
                except BaseException:
                    connection.close()
                    raise
                return connection
            host, _, port = place.removeprefix("//").rpartition(":")
            return socket.create_connection((host.strip("[]"), int(port)), self.seconds)
        except TimeoutError as error:
            raise _NoAnswer(f"no connection within {self.seconds:g} s") from error
        except OSError as error:
            raise _NoAnswer(error.strerror or str(error)) from error


@dataclass(frozen=True, slots=True)
class Check:
    """What came of scanning a delivery: findings that hold it, or none and a ``note`` for what is preserved of it."""

    findings: tuple[Finding, ...]
    note: str


def checked_for_viruses(scanner: Clamd, members: Iterable[Member]) -> Check:
    """Show every member of an opened delivery to the scanner, the same bytes once.

    VIRUS_FOUND and VIRUS_NOT_SCANNED (beyond the scanner's own limits, or behind a password) hold the delivery. A
    packed file counts as scanned only by a scanner that says when it stops early. Raises ScannerUnavailable when
    the scanner does not answer for all of them, OSError for our own disk.
    """
    named = list(members)
    version = scanner.version()
    verdicts = scanner.scan_all({member.sha512: member.source for member in named})
    passed = [member for member in named if verdicts[member.sha512].verdict is Verdict.CLEAN and _is_packed(member)]
    tells_its_limits = scanner.tells_its_limits() if passed else True
    for member in passed:
        if is_locked(member.source):
            verdicts[member.sha512] = Scanned(Verdict.BEYOND_LIMIT, _LOCKED)
        elif not tells_its_limits:
            verdicts[member.sha512] = Scanned(Verdict.BEYOND_LIMIT, _SILENT)
    bad = [member for member in named if verdicts[member.sha512].verdict is not Verdict.CLEAN]
    findings = [_held(member.name, verdicts[member.sha512]) for member in bad[:_MOST_FINDINGS]]
    if len(bad) > _MOST_FINDINGS:
        rest = f"{len(bad) - _MOST_FINDINGS} more files are infected or were not scanned"
        findings.append(finding("VIRUS_NOT_SCANNED", level=None, detail=rest))
    return Check(tuple(findings), f"no virus found in the files of this delivery, by {version}")


def _held(name: str, scanned: Scanned) -> Finding:
    if scanned.verdict is Verdict.INFECTED:
        return finding("VIRUS_FOUND", name, signature=scanned.detail)
    return finding("VIRUS_NOT_SCANNED", name, detail=scanned.detail)


def _is_packed(member: Member) -> bool:
    head = head_of(member.source)
    return form_of(head) is not None or unsupported_form(head) is not None


@cache
def _deeper_than_any_limit() -> bytes:
    """Zips inside each other, 120 deep: clamd's MaxRecursion is at most 100."""
    data = b"nothing"
    for _ in range(120):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            archive.writestr(zipfile.ZipInfo("0.zip"), data)
        data = out.getvalue()
    return data


def parse_version(answer: str) -> ScannerVersion:
    """``ClamAV 1.4.3/27460/Sun Nov 17 09:31:00 2024``; without published signatures the first part stands alone.

    Raises ValueError for anything else.
    """
    told = _VERSION.fullmatch(answer)
    if told is None:
        raise ValueError(f"it answered {answer!r} to VERSION")
    engine, number, month, day, clock, year = told.groups()
    dated = None
    if month in _MONTHS:
        text = f"{year}-{_MONTHS.index(month) + 1:02}-{int(day):02}T{clock}"
        try:
            dated = datetime.fromisoformat(text).replace(tzinfo=UTC)
        except ValueError:
            dated = None
    return ScannerVersion(engine.strip(), int(number) if number else None, dated)


class _NoAnswer(Exception):
    """What came, or did not come, instead of an answer."""


def _judged(answer: str, whole: bool) -> Scanned:
    """clamd's answer to a stream; whatever is not exactly its word for clean, to the ``whole`` file, is not clean."""
    if answer == _CLEAN and whole:
        return Scanned(Verdict.CLEAN)
    if found := _FOUND.fullmatch(answer):
        kind = Verdict.BEYOND_LIMIT if found.group(1).startswith(_NOT_READ) else Verdict.INFECTED
        return Scanned(kind, found.group(1))
    if _TOO_LARGE.fullmatch(answer):
        return Scanned(Verdict.BEYOND_LIMIT, answer)
    return Scanned(Verdict.NOT_SCANNED, f"it answered {answer!r}" + ("" if whole else " before it had the whole file"))


def _streamed(connection: socket.socket, chunks: Iterable[bytes]) -> tuple[str, bool]:
    """The answer, and whether it was given to the whole file."""
    whole = False
    try:
        _send(connection, b"zINSTREAM\0")
        for chunk in chunks:
            if select.select([connection], [], [], 0)[0]:
                break  # it has answered already: it wants no more
            _send(connection, len(chunk).to_bytes(4, "big") + chunk)
        else:
            _send(connection, bytes(4))
            whole = True
    except _NoAnswer as error:
        try:  # it may have said why before it hung up
            return _answer(connection), False
        except _NoAnswer:
            raise error from None
    return _answer(connection), whole


def _send(connection: socket.socket, data: bytes) -> None:
    try:
        connection.sendall(data)
    except TimeoutError as error:
        raise _NoAnswer("it stopped taking the bytes") from error
    except OSError as error:
        raise _NoAnswer(f"it hung up while the bytes were sent: {error.strerror}") from error


def _answer(connection: socket.socket) -> str:
    """The answer up to its zero octet; one that was cut off is none."""
    got = b""
    while not got.endswith(b"\0"):
        if len(got) > _LONGEST_ANSWER:
            raise _NoAnswer("its answer has no end")
        try:
            more = connection.recv(_LONGEST_ANSWER)
        except TimeoutError as error:
            raise _NoAnswer("no answer in time") from error
        except OSError as error:
            raise _NoAnswer(f"it hung up without an answer: {error.strerror}") from error
        if not more:
            raise _NoAnswer(f"it hung up after {got!r}" if got else "it hung up without an answer")
        got += more
    return got[:-1].decode("utf-8", "replace")
