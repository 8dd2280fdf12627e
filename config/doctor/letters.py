"""What goes out and comes in: mail, digests, alerts, the sign of life, and the feeds of publishers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sqlalchemy.orm import Session

from config.doctor.lines import Line, Said, bad, doubt, good, moment, note
from config.doctor.questions import Patient
from ingest.feeds import standings
from repository import mail
from repository.catalogue import alerts, digests
from repository.texts import marked
from repository.vocabulary import DigestState


def mail_server(patient: Patient) -> Iterator[Line]:
    """Whether the mail server takes our letters, without sending one."""
    server = patient.archive.mail_server()
    if server is None:
        yield note("mail", marked("none: nobody hears anything by mail"))
        return
    try:
        yield good("mail", "{found}", found=mail.look(server))
    except mail.MailUnavailable as error:
        yield doubt("mail", "{problem}", problem=str(error))
    except mail.MailRefused as error:
        yield bad("mail", "{problem}", problem=str(error))


def letters(_patient: Patient, session: Session) -> Iterator[Line]:
    """Letters that the mail server has not taken."""
    found = digests.waiting(session)
    for state, line in ((DigestState.WAITING, doubt), (DigestState.REFUSED, bad)):
        if state in found:
            number, since, problem = found[state]
            said = marked("{number}, the first since {since_day}: {problem}")
            day = since.date().isoformat()
            yield line(f"digests-{state}", said, number=number, since_day=day, problem=problem or "")


def alerts_told(patient: Patient, session: Session) -> Iterator[Line]:
    """Whether alerts reach anybody, and how many are open."""
    settings = patient.archive.settings.alerts
    ways = [*settings.recipients, *(f"webhook {one.name}" for one in settings.webhooks)]
    if ways:
        yield good("alerts", marked("told to {ways}"), ways=", ".join(ways))
    else:
        yield note("alerts", marked("reach nobody: only the pages show them"))
    if not settings.heartbeat_url.get_secret_value():
        yield note("sign-of-life", marked("nobody outside notices when this whole machine is silent"))
    else:
        yield good("sign-of-life", marked("given to somebody outside, every {minutes} minutes"),
                   minutes=settings.heartbeat_minutes)  # fmt: skip
    if number := alerts.number_open(session):
        yield note("alerts-open", "{number}", number=number)


def feeds(patient: Patient, session: Session) -> Iterator[Line]:
    """Feeds that fail or are late: what a publisher has to mend does not make this machine ill."""
    for one in standings(session, patient.archive.feeds(), patient.clock()):
        name = one.feed.name
        if one.row is not None and one.row.last_error is not None:
            said, since = marked("fails since {since_at}: {problem}"), moment(one.row.error_since or patient.clock())
            line = note("feed", said, name, since_at=since, problem=one.row.last_error)
            yield replace(line, remedy=Said(marked("Try `mahfuz feed test {feed}`."), {"feed": name}))
        if one.late and one.expected_by is not None:
            said, day = marked("late: {publisher} was expected by {by_day}"), one.expected_by.date().isoformat()
            line = note("feed", said, name, publisher=one.feed.publisher, by_day=day)
            yield replace(line, remedy=Said(marked("Ask the publisher.")))
