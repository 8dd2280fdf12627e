"""The one list of questions, and the three who ask it: a person, a part of the program now and then, and the page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from config.doctor import (
    asking,
    certificates,
    clocks,
    database,
    letters,
    libraries,
    machine,
    parts,
    postgresql,
    safety,
    sign_on,
    stores,
    work,
)
from config.doctor.entries import ENTRIES
from config.doctor.lines import Line, Said, Verdict
from config.doctor.questions import About, Beyond, OfRows, Patient, Question
from config.wiring import Archive
from fixity.lookout import CLOCK
from repository.catalogue import system_lines
from repository.catalogue.system_lines import Answered, Found
from repository.models import SystemLine

LOOK_SECONDS = 300
"""How often each machine looks at itself, and the clock over the network."""
OLD = timedelta(seconds=6 * LOOK_SECONDS)
"""What was found longer ago is doubt: nobody looks any more."""
_FRESH = timedelta(seconds=0.8 * LOOK_SECONDS)
"""What another part on the same machine has just asked is not asked again."""
_ORDER = {code: place for place, code in enumerate(ENTRIES)}


def questions(archive: Archive) -> list[Question]:
    """All of them; those to the database itself come first."""
    return [
        OfRows("database", database.answers, of_server=True),
        OfRows("schema", database.its_schema, of_server=True),
        OfRows("sqlite", database.sqlite, of_server=True),
        OfRows("postgresql", postgresql.look, of_server=True),
        *stores.trials(archive.stores),
        OfRows("store", stores.known, when_tried=False),
        OfRows("one-hand", stores.exposed),
        OfRows("store-whole", stores.whole),
        OfRows("room", stores.room),
        OfRows("queue", work.waiting),
        OfRows("part", parts.beats),
        OfRows("leader", parts.leader),
        OfRows("versions", parts.versions),
        OfRows("clocks", parts.clocks),
        Beyond("disk", machine.disk, About.HOST),
        Beyond("temporary", machine.temporary, About.HOST),
        Beyond("open-files", machine.open_files, About.PROCESS),
        Beyond("time-zone", machine.zone, About.HOST),
        Beyond("locale", machine.language, About.PROCESS),
        Beyond("secrets", machine.secrets, About.HOST),
        Beyond("clock-database", clocks.database, About.HOST),
        *clocks.stores(archive.stores),
        Beyond("library", libraries.faults, About.HOST),
        Beyond("virus-scanner", machine.virus_scanner, About.HOST),
        Beyond("mail", letters.mail_server),
        OfRows("digests-waiting", letters.letters),
        OfRows("alerts", letters.alerts_told),
        OfRows("feed", letters.feeds),
        *sign_on.providers(archive.settings),
        Beyond("front", sign_on.front),
        *certificates.questions(archive.settings),
        OfRows("backup", safety.backup),
        OfRows("ledger", safety.ledger),
        OfRows("rehearsal", safety.rehearsal),
        Beyond("dump", safety.dumps_made),
        Beyond("lists", safety.lists_made),
    ]


def examine(patient: Patient, seconds: float = asking.SECONDS) -> list[Line]:
    """Everything is asked now, stores are tried, and what is about this machine is about this process."""
    asked = questions(patient.archive)
    # First what takes long, whose findings are among the rows that are asked afterwards.
    far = asking.beyond(patient, [one for one in asked if isinstance(one, Beyond)], seconds)
    near = asking.of_rows(patient, [one for one in asked if isinstance(one, OfRows) and one.when_tried])
    return ordered([*near, *(line for _, lines in far for line in lines)])


def look(patient: Patient, seconds: float = asking.SECONDS) -> None:
    """This machine is looked at, and by the clock what lies beyond it; what is found is kept for the page.

    Raises DatabaseUnavailable.
    """
    catalogue, now = patient.archive.catalogue, patient.clock()
    with catalogue.reading() as session:
        known = system_lines.last_asked(session, patient.host)
    wanted = [
        one
        for one in questions(patient.archive)
        if isinstance(one, Beyond) and not one.trying and _is_ours(patient, one, known, now)
    ]
    found = [_answered(patient, question, lines) for question, lines in asking.beyond(patient, wanted, seconds)]
    with catalogue.writing() as session:
        system_lines.keep(session, found, now)


def shown(patient: Patient) -> list[Line]:
    """What is asked of the database at once, and what was found lately of everything else."""
    asked = [one for one in questions(patient.archive) if isinstance(one, OfRows)]
    now = patient.clock()

    def remembered(_patient: Patient, session: Session) -> Iterable[Line]:
        return [_line(row, now) for row in system_lines.kept(session)]

    return ordered(asking.of_rows(patient, [*asked, OfRows("disk", remembered)]))


def ordered(lines: Iterable[Line]) -> list[Line]:
    """The lines in the order of their entries, those of one machine together."""
    return sorted(lines, key=lambda line: (_ORDER[line.code], line.host))


def counted(lines: Sequence[Line]) -> dict[Verdict, int]:
    """How many lines there are of each verdict, the gravest first."""
    return {verdict: sum(line.verdict is verdict for line in lines) for verdict in reversed(Verdict)}


def _is_ours(patient: Patient, one: Beyond, known: dict[tuple[str, str], datetime], now: datetime) -> bool:
    if one.about is About.ARCHIVE:
        return patient.part == CLOCK
    last = known.get((one.name, ""))
    return one.about is About.PROCESS or last is None or abs(now - last) > _FRESH


def _answered(patient: Patient, question: Beyond, lines: Iterable[Line]) -> Answered:
    return Answered(
        host=system_lines.ARCHIVE if question.about is About.ARCHIVE else patient.host,
        question=question.name,
        part=patient.part if question.about is About.PROCESS else "",
        lines=[
            Found(one.code, one.subject, one.verdict, one.said.as_json(), one.remedy.as_json() if one.remedy else None)
            for one in lines
        ],
    )


def _line(row: SystemLine, now: datetime) -> Line:
    verdict = Verdict(row.verdict)
    if now - row.asked_at > OLD and verdict is not Verdict.BAD:
        verdict = Verdict.DOUBT
    subject = row.subject or row.part
    remedy = Said.from_json(row.remedy) if row.remedy else None
    return Line(row.code, verdict, Said.from_json(row.said), subject, remedy, row.host, row.asked_at)
