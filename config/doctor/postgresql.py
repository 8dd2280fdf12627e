"""PostgreSQL: its version, what it promises of a commit, and what makes it slow or full when nobody looks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.orm import Session

from config.doctor.lines import Line, bad, good, moment, note
from config.doctor.questions import Patient
from repository.catalogue import heartbeats
from repository.texts import marked

END_OF_LIFE = {
    13: date(2025, 11, 13),
    14: date(2026, 11, 12),
    15: date(2027, 11, 11),
    16: date(2028, 11, 9),
    17: date(2029, 11, 8),
    18: date(2030, 11, 14),
}
"""After which day the project mends nothing in a version any more (postgresql.org/support/versioning)."""
OLDEST = 13
"""Of what the work queue needs."""
CONCURRENTLY_SPOILT = range(140000, 140004)
"""14.0 to 14.3: CREATE INDEX CONCURRENTLY leaves rows out of the index; mended in 14.4."""
OF_A_PROCESS = 30
"""Connections that one process of ours may hold: a pool of 10, and 20 beyond it."""
FULL_SHARE = 0.8
LONG, TOO_LONG = timedelta(minutes=10), timedelta(hours=1)
MOST_KEPT_BYTES = 10 * 1000**3
OLDEST_AGE = 1_000_000_000
"""Transactions without a freeze; at 2,000 million the server stops taking any."""
_NAMED = 5

_SETTINGS = ("fsync", "full_page_writes", "synchronous_commit", "data_checksums", "max_connections", "autovacuum",
             "track_counts", "server_version", "server_version_num", "archive_mode",
             "superuser_reserved_connections")  # fmt: skip


def look(patient: Patient, session: Session) -> Iterator[Line]:
    """Everything that can be asked of the server without a right of its own."""
    if session.get_bind().dialect.name != "postgresql":
        return
    asked = text("SELECT name, setting FROM pg_settings WHERE name = ANY(:names)")
    said: dict[str, str] = dict(session.execute(asked, {"names": list(_SETTINGS)}).all())
    yield _version(patient, session, said)
    yield _durability(said)
    yield _checksums(said)
    yield from _collation(session)
    yield _connections(session, said)
    yield from _slots(session)
    yield from _archiving(session, said)
    yield _transactions(patient, session)
    yield _vacuum(session, said)
    yield _indexes(session)


def _version(patient: Patient, session: Session, said: dict[str, str]) -> Line:
    number, version = int(said["server_version_num"]), said["server_version"].split()[0]
    if session.execute(text("SELECT pg_is_in_recovery()")).scalar_one():
        return bad("postgresql", marked("{version}: it is a standby, and takes no changes"), version=version)
    if number in CONCURRENTLY_SPOILT:
        return bad("postgresql", marked("{version}: indexes that it builds concurrently lack rows"), version=version)
    if number // 10000 < OLDEST:
        return bad("postgresql", marked("{version} is too old: {oldest} or newer"), version=version, oldest=OLDEST)
    ends = END_OF_LIFE.get(number // 10000)
    if ends is not None and patient.clock().date() > ends:
        return note("postgresql", marked("{version}: not mended since {ends_day}"), version=version, ends_day=str(ends))
    return good("postgresql", "{version}", version=version)


def _durability(said: dict[str, str]) -> Line:
    off = [name for name in ("fsync", "full_page_writes", "synchronous_commit") if said.get(name) == "off"]
    if off:
        return bad("durability", marked("off: {names}"), names=", ".join(off))
    return good("durability", marked("a commit is on the disk before it is acknowledged"))


def _checksums(said: dict[str, str]) -> Line:
    if said.get("data_checksums") == "on":
        return good("checksums", marked("the server notices damaged pages"))
    return note("checksums", marked("off: damaged pages of the database would be read as they are"))


def _collation(session: Session) -> Iterator[Line]:
    row = session.execute(
        text(
            "SELECT pg_encoding_to_char(encoding) AS encoding, datcollate, to_jsonb(d) ->> 'datcollversion' AS made"
            " FROM pg_database d WHERE datname = current_database()"
        )
    ).one()
    if row.encoding != "UTF8":
        yield bad("collation", marked("the database is encoded as {encoding}, not UTF8"), encoding=row.encoding)
        return
    now = None
    if row.made is not None:
        now = session.execute(
            text("SELECT pg_database_collation_actual_version(oid) FROM pg_database WHERE datname = current_database()")
        ).scalar_one()
    if row.made is not None and now is not None and row.made != now:
        said = marked("{collation}: indexes are in the order of version {made}, and the system now sorts by {now}")
        yield bad("collation", said, collation=row.datcollate, made=row.made, now=now)
    else:
        yield good("collation", marked("UTF8, {collation}"), collation=row.datcollate)


def _connections(session: Session, said: dict[str, str]) -> Line:
    most = int(said["max_connections"]) - int(said.get("superuser_reserved_connections", "3"))
    used = session.execute(
        text("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'")
    ).scalar_one()
    values = {"used": int(used), "most": most}
    if used > FULL_SHARE * most:
        return bad("connections", marked("{used} of {most} in use"), **values)
    wanted = OF_A_PROCESS * max(1, _processes(session))
    if wanted > most:
        said_ = marked("{used} of {most} in use; all parts together may want {wanted}")
        return note("connections", said_, **values, wanted=wanted)
    return good("connections", marked("{used} of {most} in use"), **values)


def _processes(session: Session) -> int:
    try:
        with session.begin_nested():
            return sum(len(rows) for rows in heartbeats.beats(session).values())
    except Exception:  # noqa: BLE001  (a database without our tables yet)
        return 0


def _slots(session: Session) -> Iterator[Line]:
    rows = session.execute(
        text(
            "SELECT slot_name, active, coalesce(wal_status, '') AS status,"
            " CASE WHEN pg_is_in_recovery() THEN 0"
            " ELSE coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn), 0) END AS kept"
            " FROM pg_replication_slots ORDER BY slot_name"
        )
    ).all()
    for row in rows:
        values = {"kept_bytes": max(0, int(row.kept))}
        if row.status == "lost":
            yield bad("slot", marked("lost: what it stood for was thrown away"), row.slot_name)
        elif row.active:
            yield good("slot", marked("in use, keeps {kept_bytes} of the log"), row.slot_name, **values)
        elif row.kept > MOST_KEPT_BYTES:
            yield bad("slot", marked("nobody uses it, and it keeps {kept_bytes} of the log"), row.slot_name, **values)
        else:
            yield note("slot", marked("nobody uses it, and it keeps {kept_bytes} of the log"), row.slot_name, **values)


def _archiving(session: Session, said: dict[str, str]) -> Iterator[Line]:
    if said.get("archive_mode") in (None, "off"):
        return
    row = session.execute(text("SELECT * FROM pg_stat_archiver")).one()
    if row.last_failed_time and (row.last_archived_time is None or row.last_failed_time > row.last_archived_time):
        at = moment(row.last_failed_time)
        yield bad("wal-archive", marked("fails since {failed_at}: {file}"), failed_at=at, file=row.last_failed_wal)
    elif row.last_archived_time:
        yield good("wal-archive", marked("last file {last_at}"), last_at=moment(row.last_archived_time))
    else:
        yield note("wal-archive", marked("switched on, and nothing was archived yet"))


def _transactions(patient: Patient, session: Session) -> Line:
    rows = session.execute(
        text(
            "SELECT pid, xact_start AS since, coalesce(application_name, '') AS who, state FROM pg_stat_activity"
            " WHERE xact_start IS NOT NULL AND pid <> pg_backend_pid() AND datname = current_database()"
            " AND backend_type = 'client backend'"
            " UNION ALL SELECT 0, prepared, gid, 'prepared' FROM pg_prepared_xacts WHERE database = current_database()"
            " ORDER BY since LIMIT 1"
        )
    ).all()
    oldest: Row[tuple[int, object, str, str]] | None = rows[0] if rows else None
    now = patient.clock()
    if oldest is None or now - oldest.since < LONG:
        return good("transactions", marked("none is open for long"))
    values = {"since_at": moment(oldest.since), "pid": str(oldest.pid), "who": oldest.who or "–", "state": oldest.state}
    said = marked("one is open since {since_at}: process {pid} ({who}, {state})")
    return (bad if now - oldest.since > TOO_LONG else note)("transactions", said, **values)


def _vacuum(session: Session, said: dict[str, str]) -> Line:
    off = [name for name in ("autovacuum", "track_counts") if said.get(name) == "off"]
    if off:
        return bad("autovacuum", marked("off: {names}"), names=", ".join(off))
    rows = session.execute(
        text(
            "SELECT relname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace"
            " WHERE n.nspname = ANY(current_schemas(false)) AND relkind = 'r'"
            " AND EXISTS (SELECT 1 FROM unnest(reloptions) AS o WHERE o = ANY(:off)) ORDER BY relname"
        ),
        {"off": [f"autovacuum_enabled={word}" for word in ("false", "off", "0", "no")]},
    ).scalars()
    if tables := list(rows):
        return bad("autovacuum", marked("off for the tables {names}"), names=_named(tables))
    asked = text("SELECT age(datfrozenxid) FROM pg_database WHERE datname = current_database()")
    age = session.execute(asked).scalar_one()
    if age > OLDEST_AGE:
        return bad("autovacuum", marked("it does not keep up: {age} transactions are not frozen"), age=int(age))
    return good("autovacuum", marked("on, {age} transactions are not frozen"), age=int(age))


def _indexes(session: Session) -> Line:
    rows = session.execute(
        text(
            "SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
            " JOIN pg_namespace n ON n.oid = c.relnamespace WHERE NOT (i.indisvalid AND i.indisready)"
            " AND n.nspname = ANY(current_schemas(false))"
            " AND NOT EXISTS (SELECT 1 FROM pg_stat_progress_create_index p WHERE p.index_relid = i.indexrelid)"
            " ORDER BY c.relname"
        )
    ).scalars()
    if names := list(rows):
        return bad("indexes", marked("not valid: {names}"), names=_named(names))
    return good("indexes", marked("all valid"))


def _named(names: list[str]) -> str:
    return ", ".join(names[:_NAMED]) + (" …" if len(names) > _NAMED else "")
