"""The parts of the program: which runs on which machine, who leads the clock, and whether all are of one version."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from config.doctor.lines import Line, Value, bad, doubt, good, moment, note
from config.doctor.questions import Patient
from config.wiring import AGENT
from fixity.lookout import CLOCK, STANDBY
from repository.catalogue import heartbeats
from repository.catalogue.alone import key_of
from repository.catalogue.heartbeats import FORGOTTEN
from repository.models import Heartbeat
from repository.texts import marked

GONE = timedelta(days=1)
"""A machine that was silent for a day, while another runs the part, was taken away."""
AHEAD = timedelta(seconds=5)


def beats(patient: Patient, session: Session) -> Iterator[Line]:
    """Each part that has to run, and each machine on which it does or did."""
    settings, found = patient.archive.settings.alerts, heartbeats.beats(session)
    for part in dict.fromkeys([*settings.parts, *sorted(found)]):
        rows = found.get(part, [])
        if not rows:
            yield note("part", marked("has never run"), part)
        elif part != STANDBY:
            yield from _of_part(patient, part, rows, wanted=part in settings.parts)


def _of_part(patient: Patient, part: str, rows: Sequence[Heartbeat], *, wanted: bool) -> Iterator[Line]:
    now, silent = patient.clock(), patient.archive.settings.alerts.silent_seconds
    alive = [row for row in rows if abs((now - row.beat_at).total_seconds()) <= silent]
    for row in reversed(rows):
        subject = part if len(rows) == 1 else f"{part}, {row.host}"
        if row in alive:
            yield good("part", marked("runs on {host}, {version}"), subject, host=row.host, version=row.version)
            continue
        age, values = now - row.beat_at, {"since_at": moment(row.beat_at), "host": row.host}
        said = marked("no sign of life since {since_at}, on {host}")
        if not alive and wanted and row is rows[-1]:
            yield bad("part", said, subject, **values)
        elif age < GONE:
            yield doubt("part", said, subject, **values)
        elif age < FORGOTTEN:
            yield note("part", said, subject, **values)


def leader(patient: Patient, session: Session) -> Iterator[Line]:
    """Which clock ticks, and which wait to take its place."""
    settings, now = patient.archive.settings.alerts, patient.clock()
    found = heartbeats.beats(session)
    quiet = timedelta(seconds=settings.silent_seconds)
    ticking = [row for row in found.get(CLOCK, []) if now - row.beat_at <= quiet]
    waiting = [row.host for row in found.get(STANDBY, []) if now - row.beat_at <= quiet]
    holder = _holder(session)
    if len(ticking) > 1:
        hosts = ", ".join(row.host for row in ticking)
        yield note("leader", marked("the clock ticked on several machines lately: {hosts}"), hosts=hosts)
    elif ticking and holder == "nobody":
        yield bad("leader", marked("{host} ticks without holding the lock of the clock"), host=ticking[0].host)
    elif ticking and waiting:
        values: dict[str, Value] = {"host": ticking[0].host, "others": ", ".join(waiting)}
        yield good("leader", marked("{host}; {others} stand by"), **values)
    elif ticking:
        yield good("leader", marked("{host}; no other stands by"), host=ticking[0].host)
    elif holder not in (None, "nobody"):
        said = marked("{holder} holds the lock of the clock and gives no sign of life")
        yield bad("leader", said, holder=str(holder))
    else:
        yield note("leader", marked("no clock is ticking"))


def _holder(session: Session) -> str | None:
    """Who holds the lock in PostgreSQL: an address, or ``nobody``; None where the database does not tell."""
    if session.get_bind().dialect.name != "postgresql":
        return None
    rows = session.execute(
        text(
            "SELECT coalesce(host(a.client_addr), 'this machine') || ', process ' || l.pid FROM pg_locks l"
            " LEFT JOIN pg_stat_activity a ON a.pid = l.pid WHERE l.locktype = 'advisory' AND l.granted"
            " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            " AND ((CAST(l.classid AS bigint) << 32) | CAST(l.objid AS bigint)) = :lock"
        ),
        {"lock": key_of("clock")},
    ).scalars()
    return next(iter(rows), "nobody")


def versions(patient: Patient, session: Session) -> Iterator[Line]:
    """Whether every part that runs is of the same version."""
    quiet = timedelta(seconds=patient.archive.settings.alerts.silent_seconds)
    now, running = patient.clock(), {AGENT: [f"{patient.part}, {patient.host}"]}
    for part, rows in heartbeats.beats(session).items():
        for row in rows:
            if abs(now - row.beat_at) <= quiet:
                running.setdefault(row.version, []).append(f"{part}, {row.host}")
    if len(running) == 1:
        yield good("versions", marked("{version} everywhere"), version=AGENT)
        return
    told = "; ".join(f"{version}: {' · '.join(dict.fromkeys(who))}" for version, who in sorted(running.items()))
    yield note("versions", "{told}", told=told)


def clocks(patient: Patient, session: Session) -> Iterator[Line]:
    """Whether a machine says that it lives in a moment that has not come yet."""
    now = patient.clock()
    ahead = {
        row.host: (row.beat_at - now).total_seconds()
        for rows in heartbeats.beats(session).values()
        for row in rows
        if row.beat_at - now > AHEAD
    }
    for host, seconds in sorted(ahead.items()):
        said = marked("{host} is {seconds} seconds ahead of {here}")
        values: dict[str, Value] = {"host": host, "seconds": round(seconds), "here": patient.host}
        yield bad("clocks", said, host, **values)
    if not ahead:
        yield good("clocks", marked("no machine is ahead of {here}"), here=patient.host)
