"""What waits to be done: the queues of the catalogue, which is the truth, and of what was handed to workers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from config.doctor.lines import Line, Value, Verdict, moment, say
from config.doctor.questions import Patient
from repository.catalogue import Catalogue, queues
from repository.catalogue.queues import Queue
from repository.texts import marked

LONGEST = {"deliveries": timedelta(hours=6), "overdue": timedelta(days=1), "announcements": timedelta(minutes=5)}
"""How long the first of a queue may have waited before it is a note; four times as long is bad."""
HANDED_ON = timedelta(hours=1)
"""The same of any other queue."""


def every(catalogue: Catalogue, session: Session, at: datetime) -> list[Queue]:
    """All queues at this moment, those among them from which workers on any machine take."""
    return [*queues.queues(session, at), *_handed_over(catalogue)]


def _handed_over(catalogue: Catalogue) -> list[Queue]:
    if not catalogue.is_shared:
        return []
    from config import tasks  # noqa: PLC0415  (who has no PostgreSQL does not wait for it)

    return tasks.queues(catalogue)


def waiting(patient: Patient, session: Session) -> Iterator[Line]:
    """A line for each queue."""
    now = patient.clock()
    for one in every(patient.archive.catalogue, session, now):
        yield _line(one, now)


def _line(one: Queue, now: datetime) -> Line:
    age = now - one.oldest if one.oldest is not None else timedelta(0)
    longest = LONGEST.get(one.name, HANDED_ON)
    verdict = Verdict.NOTE if age > longest or one.failed or one.stalled else Verdict.GOOD
    verdict = Verdict.BAD if age > 4 * longest else verdict
    if one.name == "mending" and one.waiting:
        verdict = Verdict.BAD
    values: dict[str, Value] = {"waiting": one.waiting, "running": one.running}
    values |= {"stalled": one.stalled, "failed": one.failed}
    if one.oldest is not None:
        values["since_at"] = moment(one.oldest)
    return say("queue", verdict, _sentence(one), one.name, **values)


def _sentence(one: Queue) -> str:
    if one.running or one.stalled or one.failed:
        if one.oldest is None:
            return marked("waiting {waiting}, running {running}, stalled {stalled}, failed {failed}")
        return marked(
            "waiting {waiting}, the first since {since_at}; running {running}, stalled {stalled}, failed {failed}"
        )
    if not one.waiting:
        return marked("nothing waits")
    if one.oldest is None:
        return marked("waiting {waiting}")
    if one.more:
        return marked("more than {waiting} wait, the first since {since_at}")
    return marked("waiting {waiting}, the first since {since_at}")
