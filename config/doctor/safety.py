"""What the archive would be brought back with: backup, ledger, rehearsal; and what it gives out as files."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from config.doctor.lines import Line, Value, bad, good, moment, note
from config.doctor.questions import Patient
from oai_pmh.whole import dumps
from repository.catalogue import backups, ledgers, rehearsals
from repository.texts import marked

BACKUP, LEDGER = timedelta(days=2), timedelta(days=2)
"""Older than that the last one is bad: each is made every day."""
HALF_MADE = timedelta(days=1)


def last_backup(session: Session) -> datetime | None:
    """When the last backup of the database was made and found whole, or told of by whoever made it."""
    last = backups.latest(session)
    return None if last is None else last.at


def backup(patient: Patient, session: Session) -> Iterator[Line]:
    """The last backup of the database."""
    at = last_backup(session)
    if at is None:
        yield note("backup", marked("nothing is known of a backup of the database"))
    elif patient.clock() - at > BACKUP:
        yield bad("backup", marked("the last was made {made_at}"), made_at=moment(at))
    else:
        yield good("backup", marked("the last was made {made_at}"), made_at=moment(at))


def ledger(patient: Patient, session: Session) -> Iterator[Line]:
    """The last ledger: what no bag tells, laid down in the stores every day."""
    last = ledgers.latest(session)
    if last is None:
        yield note("ledger", marked("none was laid down yet"))
    elif patient.clock() - last.at > LEDGER:
        yield bad("ledger", marked("the last was laid down {made_at}"), made_at=moment(last.at))
    else:
        yield good("ledger", marked("the last was laid down {made_at}"), made_at=moment(last.at))


def rehearsal(patient: Patient, session: Session) -> Iterator[Line]:
    """The last rehearsal of writing the catalogue again from the stores."""
    days = patient.archive.settings.policy.rehearsal_days
    last, ended = next(iter(rehearsals.latest(session, limit=1)), None), rehearsals.last_ended(session)
    if ended is None:
        yield note("rehearsal", marked("none was held yet") if days else marked("none is held: the settings say so"))
        return
    values: dict[str, Value] = {"held_at": moment(ended.started_at), "articles": ended.articles}
    if ended.differences:
        said = marked("of {held_at}, {articles} articles: another catalogue came of it ({differences} differences)")
        yield bad("rehearsal", said, **values, differences=ended.differences)
    elif days and patient.clock() - ended.started_at > timedelta(days=2 * days):
        yield bad("rehearsal", marked("the last that came to its end is of {held_at}"), **values)
    elif last is not None and last.doubt:
        yield note("rehearsal", marked("the last could not be carried to its end: {problem}"), problem=last.doubt)
    else:
        yield good("rehearsal", marked("of {held_at}, {articles} articles: the same catalogue came of it"), **values)


def dumps_made(patient: Patient) -> Iterator[Line]:
    """The age of each file of all records that harvesters can load."""
    given, now = patient.archive.settings.oai, patient.clock()
    for wanted in given.dumps:
        prefix, _, place = wanted.partition("/")
        found = dumps.latest(patient.archive.dumps, dumps.Of.named(prefix, place or dumps.ALL))
        if found is None:
            yield note("dump", marked("not made yet"), wanted)
            continue
        at = datetime.fromisoformat(found["horizon"])
        late = now - at > timedelta(days=2 * given.dump_days)
        yield (bad if late else good)("dump", marked("made {made_at}"), wanted, made_at=moment(at))


def lists_made(patient: Patient) -> Iterator[Line]:
    """The lists of what is held: each is made when somebody asks for it; what lies half made was left behind."""
    folder, now = patient.archive.home / "lists", patient.clock()
    ages = [(file.name, file.stat().st_mtime) for file in folder.iterdir()] if folder.is_dir() else []
    made = [at for name, at in ages if not name.startswith(".")]
    left = [at for name, at in ages if name.startswith(".") and now.timestamp() - at > HALF_MADE.total_seconds()]
    if left:
        said = marked("{left} files were left half made in {folder}")
        yield note("lists", said, left=len(left), folder=str(folder))
    elif made:
        newest = moment(datetime.fromtimestamp(max(made), now.tzinfo))
        yield good("lists", marked("{number} lie ready, the newest of {newest_at}"), number=len(made), newest_at=newest)
    else:
        yield good("lists", marked("none was asked for yet"))
