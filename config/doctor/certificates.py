"""Certificates: how long those of the servers that we talk to are good, our own, and those that lie in files."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509

from config.doctor.lines import Line, bad, doubt, good, moment, note
from config.doctor.questions import Beyond, Patient
from config.settings import Settings
from repository.texts import marked

SECONDS = 10
LATE, SOON = timedelta(days=7), timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Server:
    """One that speaks TLS from the first byte, and by which authorities its certificate is judged (None: usual)."""

    host: str
    port: int
    ca_file: Path | None = None

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def questions(settings: Settings) -> list[Beyond]:
    """One for each server and each file of certificates that the settings name."""
    named = [Beyond("certificate", _of_server(one), subject=str(one)) for one in servers(settings)]
    return [*named, *(Beyond("certificate", _of_file(one), subject=one.name) for one in files(settings))]


def servers(settings: Settings) -> list[Server]:
    """Our own web server, as the world reaches it, stores, OpenID providers, and mail by TLS."""
    urls: list[tuple[str | None, Path | None]] = [(settings.archive.base_url, None)]
    urls += [(one.endpoint_url, None) for one in settings.stores]
    urls += [(one.issuer, one.ca_file) for one in settings.access.openid]
    found = []
    for url, ca_file in urls:
        place = urlsplit(url or "")
        if place.scheme == "https" and place.hostname:
            found.append(Server(place.hostname, place.port or 443, ca_file))
    if settings.mail.server and settings.mail.security == "tls":
        found.append(Server(settings.mail.server, settings.mail.port_used, settings.mail.ca_file))
    return list(dict.fromkeys(found))


def files(settings: Settings) -> list[Path]:
    """Files of certificates of authorities."""
    given = [settings.testimony.time_stamp_ca_file, settings.mail.ca_file, *(o.ca_file for o in settings.access.openid)]
    return list(dict.fromkeys(one for one in given if one is not None))


def _of_server(server: Server) -> Callable[[Patient], Iterator[Line]]:
    def ask(patient: Patient) -> Iterator[Line]:
        context = ssl.create_default_context(cafile=str(server.ca_file) if server.ca_file else None)
        name = str(server)
        try:
            with (
                socket.create_connection((server.host, server.port), SECONDS) as line,
                context.wrap_socket(line, server_hostname=server.host) as secured,
            ):
                told = secured.getpeercert() or {}
        except ssl.SSLCertVerificationError as error:
            yield bad("certificate", marked("not believed: {problem}"), name, problem=error.verify_message)
            return
        except OSError as error:
            yield doubt("certificate", marked("could not be seen: {problem}"), name, problem=str(error))
            return
        ends = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(told["notAfter"])), UTC)
        yield _line(name, ends, patient.clock())

    return ask


def _of_file(file: Path) -> Callable[[Patient], Iterator[Line]]:
    def ask(patient: Patient) -> Iterator[Line]:
        try:
            found = x509.load_pem_x509_certificates(file.read_bytes())
        except (OSError, ValueError) as error:
            yield bad("certificate", marked("cannot be read: {problem}"), str(file), problem=str(error))
            return
        yield _line(str(file), min(one.not_valid_after_utc for one in found), patient.clock())

    return ask


def _line(name: str, ends: datetime, now: datetime) -> Line:
    if ends <= now:
        return bad("certificate", marked("ran out {ends_at}"), name, ends_at=moment(ends))
    line = bad if ends - now < LATE else note if ends - now < SOON else good
    return line("certificate", marked("good until {ends_at}"), name, ends_at=moment(ends))
