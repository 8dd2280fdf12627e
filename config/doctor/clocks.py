"""This machine's clock, compared with the database's and with those of the stores."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from config.doctor.lines import Line, Verdict, say
from config.doctor.questions import About, Beyond, Patient
from repository.catalogue import changes
from repository.errors import Doubt
from repository.storage import Clocked, Store
from repository.texts import marked

NOTED, BAD = timedelta(seconds=2), timedelta(seconds=30)
"""Harvesters see datestamps that lie two seconds ahead; a store refuses signatures a quarter of an hour old."""


def database(patient: Patient) -> Iterator[Line]:
    """The database's clock, which stamps what harvesters see; SQLite has none of its own."""
    catalogue = patient.archive.catalogue
    if catalogue.engine.dialect.name != "postgresql":
        return
    with catalogue.reading() as session:
        changes.now(session)  # the connection stands, and the question is short
        before = patient.clock()
        theirs = changes.now(session)
        after = patient.clock()
    yield _told("clock-database", "", apart(before, theirs, after))


def stores(found: tuple[Store, ...]) -> list[Beyond]:
    """A question to each store that has a clock of its own."""
    return [Beyond("clock-store", _of(one), About.HOST, one.name) for one in found if isinstance(one, Clocked)]


def _of(store: Store) -> Callable[[Patient], Iterator[Line]]:
    def ask(patient: Patient) -> Iterator[Line]:
        if not isinstance(store, Clocked):
            return
        before = patient.clock()
        try:
            theirs = store.now()
        except Doubt as error:
            yield say("clock-store", Verdict.DOUBT, "{problem}", store.name, problem=str(error))
            return
        after = patient.clock()
        if theirs is not None:  # a folder has this machine's
            yield _told("clock-store", store.name, apart(before, theirs, after, timedelta(seconds=1)))

    return ask


def apart(before: datetime, theirs: datetime, after: datetime, exact: timedelta = timedelta(0)) -> timedelta:
    """How far their clock is ahead of ours at least (negative: behind), asked between two moments of ours.

    ``theirs`` may be up to ``exact`` more: an HTTP ``Date`` has whole seconds.
    """
    if theirs > after:
        return theirs - after
    if theirs + exact < before:
        return theirs + exact - before
    return timedelta(0)


def _told(code: str, subject: str, ahead: timedelta) -> Line:
    seconds = round(abs(ahead).total_seconds(), 1)
    verdict = Verdict.BAD if abs(ahead) > BAD else Verdict.NOTE if abs(ahead) > NOTED else Verdict.GOOD
    if verdict is Verdict.GOOD:
        return say(code, verdict, marked("agrees with this machine's"), subject)
    said = marked("{seconds} seconds ahead of this machine's") if ahead > timedelta(0) else marked(
        "{seconds} seconds behind this machine's"
    )  # fmt: skip
    return say(code, verdict, said, subject, seconds=seconds)
