"""A letter handed to a mail server (SMTP, RFC 5321), which says for each recipient whether it takes it."""

from __future__ import annotations

import base64
import smtplib
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Literal

from repository.errors import Doubt, MahfuzError
from repository.vocabulary import DigestState

PATIENCE_SECONDS = 60.0
"""How long each answer of the server is waited for."""
FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=1), timedelta(hours=1)
"""A letter that was not taken is tried again after the first pause, then after twice as long, up to the longest."""
LEASE = timedelta(minutes=15)
"""Longer than answers are waited for. A process that is killed lets go of the letter that it was sending after it."""


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where letters are handed in. ``security`` is kept to: a server that cannot do it is not talked to in clear."""

    host: str
    port: int
    security: Literal["starttls", "tls", "none"]
    user: str | None = None
    password: str | None = None
    ca_file: Path | None = None

    def __repr__(self) -> str:
        return f"{self.host}:{self.port}"


class MailUnavailable(Doubt):
    """The mail server did not answer, not now, or not as it must: the letter waits."""


class MailRefused(MahfuzError):
    """The mail server answered that it will not take this letter: a person has to mend an address or the settings."""


@dataclass(frozen=True, slots=True)
class Handed:
    """How an attempt to hand in a letter ended. ``silent``: the server did not answer, no other need be tried now."""

    state: DigestState
    taken: tuple[str, ...] = ()
    """The addresses for which the server has taken it."""
    problem: str | None = None
    silent: bool = False


def attempt(server: MailServer, letter: EmailMessage, sender: str, recipients: Sequence[str]) -> Handed:
    """Try to hand the letter in: SENT for all ``recipients``, WAITING where a later attempt may go better, or REFUSED.

    Without recipients there is nobody left to tell, and nobody is asked.
    """
    if not recipients:
        return Handed(DigestState.SENT)
    try:
        refused = hand_in(server, letter, sender, recipients)
    except MailUnavailable as error:
        return Handed(DigestState.WAITING, problem=str(error), silent=True)
    except MailRefused as error:
        return Handed(DigestState.REFUSED, problem=str(error))
    if not refused:
        return Handed(DigestState.SENT, tuple(recipients))
    for_now = any(answer.startswith("4") for answer in refused.values())
    return Handed(
        DigestState.WAITING if for_now else DigestState.REFUSED,
        tuple(address for address in recipients if address not in refused),
        "; ".join(f"{address}: {answer}" for address, answer in refused.items()),
    )


def pause_after(attempts: int) -> timedelta:
    """How long a letter waits after so many attempts before this one."""
    doubled: int = 2 ** min(attempts, 10)
    return min(FIRST_PAUSE * doubled, LONGEST_PAUSE)


def hand_in(server: MailServer, letter: EmailMessage, sender: str, recipients: Sequence[str]) -> Mapping[str, str]:
    """Hand the letter in for all ``recipients`` at once; those for whom it was not taken, each with the answer.

    An answer that begins with 5 is for good, one with 4 for now (RFC 5321 4.2.1). What the header says of recipients
    goes for nothing. Raises MailUnavailable and MailRefused when it was taken for nobody.
    """
    octets = letter.as_bytes(policy=SMTP)
    with _talking(server) as line:
        try:
            refused = line.sendmail(sender, list(recipients), octets)
        except smtplib.SMTPRecipientsRefused as error:
            refused = error.recipients
        return {address: _answer(code, text) for address, (code, text) in refused.items()}


def look(server: MailServer) -> str:
    """Talk to the server without handing anything in: how it was reached. Raises MailUnavailable, MailRefused."""
    with _talking(server) as line:
        line.noop()
        manner = {"starttls": "STARTTLS", "tls": "TLS", "none": "without encryption"}[server.security]
        return f"{server!r}, {manner}" + (f", as {server.user}" if server.user else "")


@contextmanager
def _talking(server: MailServer) -> Iterator[smtplib.SMTP]:
    """A connection that is secured and signed in. Whatever goes wrong on it is one of our two errors."""
    try:
        context = ssl.create_default_context(cafile=str(server.ca_file) if server.ca_file else None)
        if server.security == "tls":
            line: smtplib.SMTP = smtplib.SMTP_SSL(server.host, server.port, timeout=PATIENCE_SECONDS, context=context)
        else:
            line = smtplib.SMTP(server.host, server.port, timeout=PATIENCE_SECONDS)
    except (OSError, UnicodeError, smtplib.SMTPException) as error:  # UnicodeError: no name of a host
        raise MailUnavailable(f"the mail server {server!r} did not answer: {_said(error)}") from error
    try:
        if server.security == "starttls":
            line.starttls(context=context)
        if server.user and server.password is not None:
            _sign_in(line, server.user, server.password)
        yield line
    except smtplib.SMTPAuthenticationError as error:
        raise MailUnavailable(f"the mail server {server!r} does not let {server.user} in: {_said(error)}") from error
    except smtplib.SMTPResponseException as error:
        if error.smtp_code >= 500:
            raise MailRefused(f"the mail server {server!r} refused: {_said(error)}") from error
        raise MailUnavailable(f"the mail server {server!r} cannot now: {_said(error)}") from error
    except (OSError, smtplib.SMTPException) as error:
        raise MailUnavailable(f"the mail server {server!r} broke off: {_said(error)}") from error
    finally:
        with suppress(OSError, smtplib.SMTPException):
            line.quit()
        line.close()


def _sign_in(line: smtplib.SMTP, user: str, password: str) -> None:
    """AUTH PLAIN (RFC 4616) or LOGIN, in UTF-8: smtplib's own way takes ASCII only."""
    line.ehlo_or_helo_if_needed()
    offered = line.esmtp_features.get("auth", "").upper().split()
    if "PLAIN" in offered:
        code, said = line.docmd("AUTH", f"PLAIN {_base64(f'{chr(0)}{user}{chr(0)}{password}')}")
    elif "LOGIN" in offered:
        code, said = line.docmd("AUTH", f"LOGIN {_base64(user)}")
        if code == 334:
            code, said = line.docmd(_base64(password))
    else:
        raise smtplib.SMTPNotSupportedError("it offers neither AUTH PLAIN nor AUTH LOGIN")
    if code != 235:
        raise smtplib.SMTPAuthenticationError(code, said)


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode("ascii")


def _said(error: BaseException) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        return _answer(error.smtp_code, error.smtp_error)
    return " ".join(str(error).split())[:300] or type(error).__name__


def _answer(code: int, text: bytes | str) -> str:
    said = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    plain = "".join(character if character.isprintable() else " " for character in said)
    return f"{code} {' '.join(plain.split())}"[:300]
