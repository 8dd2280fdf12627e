"""Publishers hear once a day what became of their deliveries: planned in the catalogue, handed in, remembered.

A digest tells of whole days, from the midnight to which the publisher was told before. It is entered
before it is sent, claimed by the one process that sends it, and settled with the addresses for which the
mail server took it: whatever is interrupted goes on by itself, and nobody is written to twice. Only where
the connection breaks after the letter and before the server's answer does nobody know: it is then handed
in again with the same Message-ID, as RFC 1047 advises, because a lost letter is worse than a double one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from uuid import uuid4
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy.orm import Session

from ingest import attestation, digest_text
from ingest.wording import Say
from repository.catalogue import Catalogue, digests, letters, titles
from repository.mail import LEASE, MailServer, attempt, pause_after
from repository.models import Digest, Publisher
from repository.vocabulary import DigestState

SETTLED = timedelta(minutes=10)
"""A day is told of when it is over for so long: what was finished at its very end is in the catalogue by then."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Addressee:
    """Where and in which language a publisher is written to."""

    recipients: tuple[str, ...]
    language: str


@dataclass(frozen=True, slots=True)
class Post:
    """What digests are written and sent with; it reads no settings of its own."""

    catalogue: Catalogue
    server: MailServer
    sender: str
    copies_to: tuple[str, ...]
    """The archive's own people, who get every digest too."""
    addressees: Mapping[str, Addressee]
    """By the names of publishers, in the order of the settings."""
    at: time
    zone: ZoneInfo
    archive: str
    email: str
    base_url: str
    identifier: str
    secret: bytes
    texts: Mapping[str, Say]
    """Language code to what says English sentences in it."""
    clock: Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Letter:
    """A digest as it would be sent, or was, and how that ended."""

    publisher: str
    since: datetime
    until: datetime
    recipients: tuple[str, ...]
    message: EmailMessage
    state: DigestState
    problem: str | None = None
    silent: bool = False
    """True when the server did not answer, so that nothing is known and no other letter need be tried."""


def send(post: Post, only: Sequence[str] = (), *, at_once: bool = False) -> Iterator[Letter]:
    """Plan what is due and hand in what waits; each letter that was tried, with how it ended.

    ``only``: these publishers. ``at_once``: whatever the hour, without the pause after a failure, and what the
    server refused too. A server that does not answer is asked once: the other letters wait untried.
    Raises DatabaseUnavailable.
    """
    silent: str | None = None
    for name in only or tuple(post.addressees):
        _plan(post, name, at_once)
        for digest in _unsent(post, name, at_once):
            if silent is None:
                letter = _sent(post, name, digest)
                silent = letter.problem if letter is not None and letter.silent else None
            else:
                letter = _untried(post, name, digest, silent)
            if letter is not None:
                yield letter


def rehearse(post: Post, only: Sequence[str] = ()) -> Iterator[Letter]:
    """The letters that :func:`send` would hand in ``at_once``; nothing is changed and nobody is asked."""
    for name in only or tuple(post.addressees):
        with post.catalogue.reading() as session:
            publisher = titles.find_publisher(session, name)
            if publisher is None:
                continue
            spans = [
                (row.since, row.until, row.told) for row in digests.unsent(session, publisher, refused=True, due=None)
            ]
            since, until = _span(post, session, publisher, at_once=True)
            if since < until and digests.anything(session, publisher, since, until):
                spans.append((since, until, []))
            for start, end, told in spans:
                message = _message(post, session, publisher, start, end, post.clock())
                recipients = _recipients(post, name, told)
                yield Letter(name, start, end, recipients, message, DigestState.WAITING)


def _plan(post: Post, name: str, at_once: bool) -> None:
    """Enter the digest of the days that have ended since the last one, where that is due and not done yet."""
    with post.catalogue.reading() as session:
        publisher = titles.find_publisher(session, name)
        if publisher is None:
            return
        since, until = _span(post, session, publisher, at_once)
    if since >= until:
        return
    with post.catalogue.writing() as session:
        # Asked again under the lock of the publisher's row: another process may have planned it meanwhile.
        publisher = session.get_one(Publisher, publisher.id, with_for_update=True)
        since, until = _span(post, session, publisher, at_once)
        if since < until:
            digests.plan(session, publisher, since, until, post.clock())


def _span(post: Post, session: Session, publisher: Publisher, at_once: bool) -> tuple[datetime, datetime]:
    """From where the last digest ended to the last midnight that is told of by now; a first one tells of one day."""
    now = post.clock()
    here = (now - SETTLED).astimezone(post.zone)
    day = here.date()
    if not at_once and now.astimezone(post.zone).timetz().replace(tzinfo=None) < post.at:
        day -= timedelta(days=1)
    until = datetime.combine(day, time(), post.zone)
    before = datetime.combine(day - timedelta(days=1), time(), post.zone)
    return digests.last_end(session, publisher) or before, until


def _unsent(post: Post, name: str, at_once: bool) -> Sequence[Digest]:
    with post.catalogue.reading() as session:
        publisher = titles.find_publisher(session, name)
        if publisher is None:
            return ()
        return digests.unsent(session, publisher, refused=at_once, due=None if at_once else post.clock())


def _sent(post: Post, name: str, digest: Digest) -> Letter | None:
    """One attempt; None when another process has this digest."""
    now = post.clock()
    with post.catalogue.writing() as session:
        claimed = digests.claim(session, digest, uuid4().hex, now, now + LEASE)
    if claimed is None:
        return None
    with post.catalogue.reading() as session:
        publisher = session.get_one(Publisher, digest.publisher_id)
        message = _message(post, session, publisher, digest.since, digest.until, claimed.made_at)
    recipients = _recipients(post, name, claimed.told)
    handed = attempt(post.server, message, post.sender, recipients)
    at = post.clock()
    again = at + pause_after(claimed.attempts)
    told = [*claimed.told, *handed.taken]
    with post.catalogue.writing() as session:
        letters.settle(session, claimed, handed.state, told=told, at=at, next_try=again, problem=handed.problem)
    log.info("digest", publisher=name, until=str(digest.until), state=str(handed.state), problem=handed.problem)
    return Letter(
        name, digest.since, digest.until, recipients, message, handed.state, handed.problem, silent=handed.silent
    )


def _untried(post: Post, name: str, digest: Digest, problem: str) -> Letter:
    with post.catalogue.reading() as session:
        publisher = session.get_one(Publisher, digest.publisher_id)
        message = _message(post, session, publisher, digest.since, digest.until, digest.made_at)
    recipients = _recipients(post, name, digest.told)
    return Letter(name, digest.since, digest.until, recipients, message, DigestState.WAITING, problem)


def _recipients(post: Post, name: str, told: Sequence[str]) -> tuple[str, ...]:
    everyone = dict.fromkeys((*post.addressees[name].recipients, *post.copies_to))
    return tuple(address for address in everyone if address not in told)


def _message(
    post: Post, session: Session, publisher: Publisher, since: datetime, until: datetime, made_at: datetime
) -> EmailMessage:
    """The letter, the same however often it is written: only its deliveries may have gone on meanwhile."""
    addressee = post.addressees[publisher.name]
    writer = digest_text.Writer(
        archive=post.archive,
        email=post.email,
        base_url=post.base_url,
        zone=post.zone,
        language=addressee.language,
        say=post.texts[addressee.language],
        receipt=lambda identifier: f"{post.base_url}/receipts/{attestation.token(post.secret, identifier)}",
    )
    told = digests.deliveries_told(session, publisher, since, until, digest_text.MOST_REFUSALS)
    message = EmailMessage()
    message["From"] = Address(post.archive, addr_spec=post.sender)
    message["To"] = ", ".join(addressee.recipients)
    message["Reply-To"] = post.email
    message["Subject"] = writer.subject(since, until)
    message["Date"] = format_datetime(made_at.astimezone(post.zone))
    message["Message-ID"] = f"<digest.{publisher.slug}.{until.astimezone(UTC):%Y%m%d%H%M}@{post.identifier}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: answered by no other machine
    message["Content-Language"] = addressee.language
    message.set_content(writer.text(publisher.name, since, until, told), cte="quoted-printable")
    return message
