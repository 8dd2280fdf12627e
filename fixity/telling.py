"""Alerts are told by mail and webhook: each letter is claimed by one process, handed in, and kept until it is taken."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from gettext import NullTranslations
from uuid import uuid4
from zoneinfo import ZoneInfo

import structlog

from fixity import alert_letter
from repository import mail, webhook
from repository.catalogue import Catalogue, alert_letters, letters
from repository.catalogue.alert_letters import ESCALATION, WEBHOOK, Channels
from repository.cause_words import Words
from repository.causes import Cause
from repository.mail import Handed, MailServer
from repository.models import AlertLetter
from repository.vocabulary import DigestState, as_utc_text
from repository.webhook import NotTaken, Webhook

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Telling:
    """What alerts are told with; it reads no settings of its own."""

    catalogue: Catalogue
    clock: Callable[[], datetime]
    archive: str
    email: str
    base_url: str
    identifier: str
    zone: ZoneInfo
    texts: Mapping[str, NullTranslations]
    """The archive's languages by their codes, in their order."""
    server: MailServer | None = None
    sender: str = ""
    recipients: tuple[str, ...] = ()
    escalate_to: tuple[str, ...] = ()
    """Who is told of an alert that nobody acknowledged; the recipients once more where nobody is named."""
    webhooks: tuple[Webhook, ...] = ()
    gather: timedelta = timedelta(minutes=15)
    escalate: timedelta = timedelta(hours=4)
    patience: float = field(default=webhook.PATIENCE_SECONDS)

    @property
    def channels(self) -> Channels:
        """By which ways alerts are told."""
        by_mail = self.server is not None and bool(self.recipients)
        return Channels(by_mail, tuple(one.name for one in self.webhooks), self.gather, self.escalate)

    @property
    def words(self) -> list[Words]:
        """The archive's languages."""
        return [Words(code, texts, self.zone) for code, texts in self.texts.items()]


@dataclass(frozen=True, slots=True)
class Told:
    """One attempt at one channel, and how it ended."""

    channel: str
    where: str
    state: DigestState
    problem: str | None = None


def send(telling: Telling, *, at_once: bool = False) -> Iterator[Told]:
    """Hand in what waits; each letter that was tried, with how it ended.

    ``at_once``: without the pause after a failure, and what was refused too. A mail server or a receiver that does not
    answer is asked once: its other letters wait untried. Raises DatabaseUnavailable.
    """
    with telling.catalogue.reading() as session:
        waiting = alert_letters.unsent(
            session,
            refused=at_once,
            due=None if at_once else telling.clock(),
            longest_pause=mail.LONGEST_PAUSE,
        )
    silent: set[str] = set()
    for letter in waiting:
        way = letter.channel if letter.channel.startswith(WEBHOOK) else "mail"
        if way in silent:
            continue
        told = _sent(telling, letter, silent, way)
        if told is not None:
            yield told


def try_out(telling: Telling) -> Iterator[Told]:
    """A letter that says that it is a test, to every recipient and webhook now; nothing of it is kept."""
    at, name = telling.clock(), uuid4().hex
    for channel, people in (("mail", telling.recipients), (ESCALATION, telling.escalate_to)):
        if telling.server is not None and people:
            say = [(words.language, words.texts.gettext) for words in telling.words]
            body = "\n\n".join(text(alert_letter.TEST).format(archive=telling.archive) for _, text in say)
            subject = say[0][1](alert_letter.TEST_SUBJECT).format(archive=telling.archive)
            message = _message(telling, people, subject, f"{body}\n", at, f"alert-test.{name}.{channel}")
            handed = mail.attempt(telling.server, message, telling.sender, people)
            yield Told(channel, ", ".join(people), handed.state, handed.problem)
    for one in telling.webhooks:
        document = {"archive": telling.archive, "id": f"test-{name}", "made_at": as_utc_text(at), "test": True}
        handed = _posted(telling, one, {**document, "alerts": []}, f"test-{name}")
        yield Told(f"{WEBHOOK}{one.name}", one.name, handed.state, handed.problem)


def _sent(telling: Telling, letter: AlertLetter, silent: set[str], way: str) -> Told | None:
    """One attempt; None when another process has this letter."""
    with telling.catalogue.writing() as session:
        claimed = alert_letters.claim(session, letter, uuid4().hex, telling.clock(), mail.LEASE)
    if claimed is None:
        return None
    where, handed = _handed(telling, claimed)
    if handed.silent:
        silent.add(way)
    at = telling.clock()
    again = at + mail.pause_after(claimed.attempts)
    told = [*claimed.told, *handed.taken]
    with telling.catalogue.writing() as session:
        letters.settle(session, claimed, handed.state, told=told, at=at, next_try=again, problem=handed.problem)
    log.info("alert told", letter=claimed.id, channel=claimed.channel, state=str(handed.state), problem=handed.problem)
    return Told(claimed.channel, where, handed.state, handed.problem)


def _handed(telling: Telling, letter: AlertLetter) -> tuple[str, Handed]:
    if letter.channel.startswith(WEBHOOK):
        name = letter.channel.removeprefix(WEBHOOK)
        known = next((one for one in telling.webhooks if one.name == name), None)
        if known is None:
            return name, Handed(DigestState.EMPTY, problem="the settings have no webhook of this name any more")
        return name, _posted(telling, known, _document(telling, letter), _name(letter))
    if telling.server is None:
        return "", Handed(DigestState.EMPTY, problem="the settings have no mail server any more")
    everyone = telling.recipients
    if letter.channel == ESCALATION:
        everyone = telling.escalate_to or telling.recipients
    recipients = tuple(address for address in everyone if address not in letter.told)
    first, *_ = every = telling.words
    message = _message(
        telling,
        everyone,
        alert_letter.subject(first, telling.archive, letter.items),
        alert_letter.text(every, telling.archive, telling.base_url, letter.items),
        letter.made_at,
        _name(letter),
    )
    return ", ".join(recipients), mail.attempt(telling.server, message, telling.sender, recipients)


def _name(letter: AlertLetter) -> str:
    """The same in every attempt, and another in a catalogue that was written anew."""
    return f"alert.{letter.made_at.astimezone(UTC):%Y%m%d%H%M%S}.{letter.id}"


def _document(telling: Telling, letter: AlertLetter) -> dict[str, object]:
    return {
        "archive": telling.archive,
        "id": _name(letter),
        "made_at": as_utc_text(letter.made_at),
        "test": False,
        "alerts": [
            {**item, "sentences": {words.language: words.sentence(Cause.from_json(item)) for words in telling.words}}
            for item in letter.items
        ],
        "page": f"{telling.base_url}/staff/alerts",
    }


def _posted(telling: Telling, to: Webhook, document: Mapping[str, object], name: str) -> Handed:
    body = json.dumps(document, ensure_ascii=False).encode()
    try:
        webhook.post(to, body, message=name, patience=telling.patience)
    except NotTaken as error:
        return Handed(DigestState.WAITING, problem=str(error), silent=True)
    return Handed(DigestState.SENT, (to.name,))


def _message(
    telling: Telling, people: Sequence[str], subject: str, body: str, made_at: datetime, name: str
) -> EmailMessage:
    message = EmailMessage()
    message["From"] = Address(telling.archive, addr_spec=telling.sender)
    message["To"] = ", ".join(people)
    message["Reply-To"] = telling.email
    message["Subject"] = subject
    message["Date"] = format_datetime(made_at.astimezone(telling.zone))
    message["Message-ID"] = f"<{name}@{telling.identifier}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: answered by no other machine
    message["Content-Language"] = ", ".join(telling.texts)
    message.set_content(body, cte="quoted-printable")
    return message
