"""The stores: whether each answers, what it lacks, when its room ends, and where one hand could destroy every copy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from config import exposure
from config.doctor.lines import Line, Said, Value, Verdict, bad, doubt, good, moment, note, say
from config.doctor.questions import Beyond, Patient
from fixity import standing as standings
from repository.catalogue import copies, filling, standing
from repository.errors import Doubt
from repository.models import StoreAnswer
from repository.storage import Store
from repository.storage.capabilities import Capabilities, Capability, probe
from repository.storage.capabilities import Verdict as Seen
from repository.texts import marked

LEAST_FREE = 0.05
SOON, AHEAD = timedelta(days=30), timedelta(days=180)
"""A store that is full so soon is bad; one that will be within half a year is worth ordering disks for."""
_GROWTH_DAYS = 366


def trials(stores: tuple[Store, ...]) -> list[Beyond]:
    """Each store tried, which leaves small objects where nothing can be deleted: only when a person asks."""
    return [Beyond("store", _tried(store), subject=store.name, trying=True) for store in stores]


def _tried(store: Store) -> Callable[[Patient], Iterator[Line]]:
    def ask(patient: Patient) -> Iterator[Line]:
        catalogue = patient.archive.catalogue
        with suppress(Doubt, DBAPIError):  # no catalogue, or one that was not migrated yet: told already
            standings.ask(catalogue, store, patient.clock)
        found = probe(store)
        with suppress(Doubt, DBAPIError):
            standings.keep(catalogue, found, patient.clock())
        last = found.tried[-1]
        if last.name == "answers" and last.verdict is not Seen.YES:
            verdict = Verdict.BAD if last.verdict is Seen.NO else Verdict.DOUBT
            yield say("store", verdict, "{problem}", store.name, problem=last.detail)
        else:
            yield _able(found)
        yield from _lacks(found)

    return ask


def known(patient: Patient, session: Session) -> Iterator[Line]:
    """Each store as the clock found it last."""
    answers, tried = standing.answers(session), standings.trials(session)
    for name in patient.archive.places:
        answer, trial = answers.get(name), tried.get(name)
        if answer is not None and answer.silent_since is not None:
            values = {"since_at": moment(answer.silent_since), "problem": answer.problem or ""}
            yield doubt("store", marked("does not answer since {since_at}: {problem}"), name, **values)
        elif trial is None and answer is None:
            yield note("store", marked("the clock has not asked it yet"), name)
        elif trial is None:
            yield note("store", marked("it answers; what it can was not tried yet"), name)
        else:
            yield _able(trial.found)
        if trial is not None:
            yield from _lacks(trial.found)


def _able(found: Capabilities) -> Line:
    tried = [one for one in found.tried if one.name != "answers"]
    values: dict[str, Value] = {"can": sum(one.verdict is Seen.YES for one in tried), "tried": len(tried)}
    if found.fit:
        said = marked("it answers, and does what an archive needs; {can} of {tried} trials said yes")
        return good("store", said, found.store, **values)
    said = marked("it answers, and lacks what an archive needs; {can} of {tried} trials said yes")
    return bad("store", said, found.store, **values)


def _lacks(found: Capabilities) -> Iterator[Line]:
    for one in found.tried:
        if one.name != "answers" and one.verdict is not Seen.YES:
            sentence = marked("not known: {detail}") if one.verdict is Seen.UNKNOWN else marked("no: {detail}")
            line = say("store-lacks", _weight(one), sentence, f"{found.store}: {one.name}", detail=one.detail)
            yield replace(line, remedy=Said("")) if line.verdict is Verdict.NOTE else line


def _weight(one: Capability) -> Verdict:
    if one.verdict is Seen.UNKNOWN and one.needed:
        return Verdict.DOUBT
    return Verdict.BAD if one.alarming else Verdict.NOTE


def exposed(patient: Patient, session: Session) -> Iterator[Line]:
    """Where one credential could destroy every copy, and what stands against it."""
    found = {name: trial.found for name, trial in standings.trials(session).items()}
    for one in exposure.looked_at(patient.archive.settings, found):
        yield Line(one.code, Verdict.GOOD if one.safe else Verdict.NOTE, one.said, one.subject, one.remedy)


def whole(patient: Patient, session: Session) -> Iterator[Line]:
    """What each store lacks of all that is kept, and the stores that only the catalogue knows."""
    given = set(patient.archive.places)
    for name in sorted(copies.stores_with_copies(session) - given):
        yield bad("store-whole", marked("keeps copies and is not in the settings: nobody reads them"), name)
    for name, one in filling.progress(session, patient.clock()).items():
        lacks = {"number": one.lacks.number, "problems": one.problems}
        if one.retired_at is not None:
            if name in given:
                yield note("store-whole", marked("retired, and still in the settings"), name)
        elif name not in given:
            continue
        elif not one.lacks.number and not one.problems:
            yield good("store-whole", marked("it has everything that is kept"), name)
        elif one.problems:
            said = marked("{number} bags are still to be copied into it, and {problems} could not be")
            yield bad("store-whole", said, name, **lacks)
        elif one.ends_at is not None:
            said = marked("{number} bags are still to be copied into it, until about {ends_day}")
            yield note("store-whole", said, name, number=one.lacks.number, ends_day=one.ends_at.date().isoformat())
        else:
            yield note(
                "store-whole", marked("{number} bags are still to be copied into it"), name, number=one.lacks.number
            )


def room(patient: Patient, session: Session) -> Iterator[Line]:
    """How much each store has left that can tell, and on which day it will be full."""
    now = patient.clock()
    grown, answers = standing.growth(session, now.date(), days=_GROWTH_DAYS), standing.answers(session)
    for name in patient.archive.places:
        answer = answers.get(name)
        if answer is not None and answer.free_bytes is not None and answer.total_bytes:
            yield _left(name, answer, standings.full_on(answer, grown.get(name), now))


def _left(name: str, answer: StoreAnswer, full: standings.Full | None) -> Line:
    free, total = answer.free_bytes or 0, answer.total_bytes or 1
    values = {"free_bytes": free, "total_bytes": total}
    if full is None:
        verdict = Verdict.BAD if free < LEAST_FREE * total else Verdict.GOOD
        return say("room", verdict, marked("{free_bytes} of {total_bytes} free"), name, **values)
    verdict = Verdict.NOTE if full.days < AHEAD.days else Verdict.GOOD
    if full.days < SOON.days or free < LEAST_FREE * total:
        verdict = Verdict.BAD
    said = marked("{free_bytes} of {total_bytes} free; full about {full_day} at the present growth")
    return say("room", verdict, said, name, **values, full_day=full.at.date().isoformat())
