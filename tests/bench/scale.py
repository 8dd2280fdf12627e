"""A catalogue of millions of copies without bytes behind them: what the next round, a page and a pass cost in it.

Rows go straight into the tables, by statements that run inside the database. A bag's bytes are its own key, so
that a pass can read it to its last byte and find its seal without a disk.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Index, insert, text
from sqlalchemy.orm import Session

import fixity.causes
from config.app import create_app
from config.settings import load
from config.wiring import AGENT, opened, rooms
from fixity.forecast import forecasts
from fixity.rounds import Scope, run_round
from fixity.share import late_now, share_left
from fixity.watch import Watch
from repository.access import staff
from repository.catalogue import Catalogue, copies, schema, tallies, titles, watch
from repository.models import Aip, Article, Copy, Issue, PolicyInForce, Title
from repository.promise import Promises
from repository.storage import ByteStream
from repository.storage.directory import DirectoryStore
from repository.vocabulary import bag_key, parse_bag_key, utc_now

STORES = ("ankara", "izmir", "van")
DUE = 1_000
"""So many copies are due, in a catalogue of any size: the pass that is measured takes them and no others."""
JOURNALS = 200
_SPAN_DAYS = 71
"""Copies were verified up to so many days ago, each due again 80 to 100 % of 90 days after that."""

_PASSWORD = "bench: uzun bir parola"


class PaperStore(DirectoryStore):
    """A folder in which under every key of a bag lies that key; what else is put into it is really there."""

    @contextmanager
    def open(self, key: str, offset: int = 0, length: int | None = None) -> Iterator[ByteStream]:
        """As a folder, or the key itself."""
        if parse_bag_key(key) is None:
            with super().open(key, offset, length) as stream:
                yield stream
        else:
            yield io.BytesIO(key.encode()[offset:] if length is None else key.encode()[offset : offset + length])


@dataclass(frozen=True)
class Cost:
    """Seconds of one question, asked so often."""

    what: str
    seconds: Sequence[float]


# How each database counts, makes names and reckons moments inside itself.

_SQLITE = {
    "numbers": (
        "(WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :count) SELECT i FROM n) AS n"
    ),
    "id": "md5_of(i)",
    "seal": "seal_of(i)",
    "json": "json_object('title', 'Makale ' || i, 'journal_title', 'Örnek Dergi', 'publisher', 'Örnek Yayınevi')",
    "moment": "strftime('%Y-%m-%d %H:%M:%S', unixepoch(:now) - ({seconds}), 'unixepoch') || '.000000'",
}
_POSTGRESQL = {
    "numbers": "generate_series(0, CAST(:count AS bigint) - 1) AS n(i)",
    "id": "md5(CAST(i AS text))",
    "seal": (
        "encode(sha256(convert_to(substr(h, 1, 2) || '/' || substr(h, 3, 2) || '/' || h || '/v1.tar', 'UTF8')), 'hex')"
    ),
    "json": (
        "json_build_object('title', 'Makale ' || i, 'journal_title', 'Örnek Dergi', 'publisher', 'Örnek Yayınevi')"
    ),
    "moment": "CAST(:now AS timestamptz) - ({seconds}) * interval '1 second'",
}


def _md5_of(number: int) -> str:
    return hashlib.md5(str(number).encode(), usedforsecurity=False).hexdigest()


def _seal_of(number: int) -> str:
    return hashlib.sha256(bag_key(_md5_of(number), 1).encode()).hexdigest()


def fill(catalogue: Catalogue, count: int) -> int:
    """Enter ``count`` copies, as many in each of the three stores; returned is how many bags that are.

    Of the copies one in ten thousand is damaged, one in twenty thousand missing, as many were never read and as
    many cannot be read; :data:`DUE` are due, the others are to be read in the weeks to come.
    """
    bags = -(-count // len(STORES))
    with catalogue.writing() as session:
        words = _words(session)
        now = utc_now().replace(microsecond=0)
        values = {"count": bags, "now": now.strftime("%Y-%m-%d %H:%M:%S") if words is _SQLITE else now}
        publisher = titles.publisher_named(session, "Örnek Yayınevi")
        numbers = range(1, JOURNALS + 1)
        session.execute(
            insert(Title),
            [
                {"id": n, "publisher_id": publisher.id, "name": f"Dergi {n}", "sort_key": f"{n:04}", "folded": f"{n}"}
                for n in numbers
            ],
        )
        session.execute(insert(Issue), [{"id": n, "title_id": n, "shelf": "2024"} for n in numbers])
        with _without_indexes(session, Article, Aip, Copy):
            for statement in _statements(words, publisher.id):
                session.execute(text(statement), values)
        tallies.add(session, "articles", "active", bags)
        tallies.add(session, "aips", "kept", bags)
        applied = {"digest": Promises().digest, "aip_id": bags, "started_at": now, "finished_at": now}
        session.add(PolicyInForce(id=1, **applied))
        session.execute(text(_COUNTED))
        session.execute(text(_NEVER_COUNTED))
    with catalogue.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as bare:
        bare.execute(text("ANALYZE"))
    return bags


def _words(session: Session) -> dict[str, str]:
    if session.connection().dialect.name == "postgresql":
        return _POSTGRESQL
    driver = session.connection().connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    driver.execute("PRAGMA cache_size = -1000000")  # kB: indexes of millions of rows are sorted in it
    driver.create_function("md5_of", 1, _md5_of, deterministic=True)
    driver.create_function("seal_of", 1, _seal_of, deterministic=True)
    return _SQLITE


def _statements(words: dict[str, str], publisher: int) -> Iterator[str]:
    moment = words["moment"]
    old = moment.format(seconds="864000")
    yield f"""
        INSERT INTO article (id, title_id, publisher_id, state, version, doi, issue_id, shelf, record, change_number,
                             datestamp)
        SELECT {words["id"]}, i % {JOURNALS} + 1, {publisher}, 'active', 1, '10.5555/' || i, i % {JOURNALS} + 1, '',
               {words["json"]}, i + 1, {old}
          FROM {words["numbers"]}"""
    named = f"(SELECT i, {words['id']} AS h FROM {words['numbers']}) AS named"
    yield f"""
        INSERT INTO aip (id, article_id, version, seal, bytes, payload_digest, bagging_date, registered_at)
        SELECT i + 1, h, 1, {words["seal"]}, 45, h || h, '2024-01-01', {old} FROM {named}"""
    for place, store in enumerate(STORES):
        # A copy's number decides everything of it: its state, and when it was read and is to be read.
        mix = f"((i + {place}) * 2654435761 % 4294967296)"
        age = f"({mix} % {_SPAN_DAYS * 86400})"
        ahead = f"(80 * 86400 - {age} + {mix} % 86400 + 3600)"
        dues = -(-DUE // len(STORES))
        due = f"CASE WHEN i < {dues} AND {dues} * {place} + i < {DUE} THEN 60 + i ELSE -{ahead} END"
        yield f"""
            INSERT INTO copy (aip_id, store, state, verified_at, promised_until, unreadable_since, next_due)
            SELECT i + 1, '{store}',
                   CASE {mix} % 20000 WHEN 1 THEN 'damaged' WHEN 2 THEN 'damaged' WHEN 3 THEN 'missing'
                                      WHEN 4 THEN 'unverified' ELSE 'intact' END,
                   CASE {mix} % 20000 WHEN 4 THEN NULL ELSE {moment.format(seconds=age)} END,
                   CASE {mix} % 20000 WHEN 4 THEN NULL ELSE {moment.format(seconds=f"{age} - 90 * 86400")} END,
                   CASE {mix} % 20000 WHEN 5 THEN {moment.format(seconds="7200")} END,
                   {moment.format(seconds=due)}
              FROM {words["numbers"]}"""


_COUNTED = """
    INSERT INTO tally (what, part, place, state, number, bytes)
    SELECT 'copies', aip_id / 65536, store, CASE WHEN unreadable_since IS NULL THEN state ELSE 'unreadable' END,
           count(*), 45 * count(*)
      FROM copy GROUP BY 2, 3, 4"""
_NEVER_COUNTED = """
    INSERT INTO tally (what, part, place, state, number, bytes)
    SELECT 'never verified', aip_id / 65536, store, '', count(*), 45 * count(*)
      FROM copy WHERE verified_at IS NULL GROUP BY 2, 3"""


@contextmanager
def _without_indexes(session: Session, *models: Any) -> Iterator[None]:
    """Indexes are made when the rows are there: a tenth of the time."""
    indexes: list[Index] = [index for model in models for index in model.__table__.indexes]
    for index in indexes:
        index.drop(session.connection())
    yield
    for index in indexes:
        index.create(session.connection())


def measure(settings: Path) -> list[Cost]:
    """Every question of the watch and the pages, asked of the catalogue that is there."""
    with opened(load(settings).settings) as archive:
        site = create_app(rooms(archive))
        catalogue, policies, promises = archive.catalogue, archive.policies(), archive.promises()
        late = timedelta(days=70)
        found = [
            _read(catalogue, "share of the day, and what is late", lambda s: share_left(s, promises, utc_now())),
            _claimed(catalogue),
            _read(catalogue, "figures of the dashboard", lambda s: watch.figures(s, utc_now())),
            _read(catalogue, "the same, most copies late", lambda s: watch.figures(s, utc_now() + late)),
            _read(catalogue, "late copies, most are", lambda s: late_now(s, utc_now() + late)),
            _read(catalogue, "forecast", lambda s: forecasts(s, policies, utc_now())),
            _read(catalogue, "every cause of an alert asked for", lambda s: _causes(s, policies)),
        ]
        browser = site.test_client()
        _sign_in(catalogue, browser)
        found += [_timed(f"page {address}", partial(_page, browser, address)) for address in PAGES]
        found.append(_pass(catalogue, archive.home))
        return found


PAGES = (
    "/staff/fixity",
    "/staff/copies?state=damaged",
    "/staff/copies?state=intact",
    "/staff/copies?state=unreadable",
    "/staff/copies?oldest=1",
    "/staff/copies?within=1&store=izmir",
    "/staff/copies?never=1",
    "/staff/copies?overdue=1",
    "/staff/rounds",
    "/staff/alerts",
    "/staff/inventory",
)


def _timed(what: str, ask: Callable[[], object], times: int = 7) -> Cost:
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        ask()
        taken.append(time.perf_counter() - began)
    return Cost(what, taken)


def _read(catalogue: Catalogue, what: str, ask: Callable[[Session], object]) -> Cost:
    def asked() -> None:
        with catalogue.reading() as session:
            ask(session)

    return _timed(what, asked)


def _causes(session: Session, policies: dict[str, Any]) -> None:
    for question in fixity.causes.questions(lambda _store: 90.0, timedelta(hours=26), policies):
        list(question.ask(session, utc_now()))


def _claimed(catalogue: Catalogue) -> Cost:
    """The next 128 copies of a round, claimed and given back."""

    def claim() -> None:
        with catalogue.writing() as session:
            refs = copies.claim_due(session, at=utc_now(), lease_for=timedelta(hours=1), limit=128, stores=STORES)
            if len(refs) != 128:
                raise SystemExit(f"{len(refs)} copies were due and not 128: nothing was measured")
            copies.give_back(session, refs)

    return _timed("the next 128 copies of a round, claimed", claim)


def _page(browser: Any, address: str) -> None:
    answer = browser.get(address)
    if answer.status_code != 200:
        raise SystemExit(f"{address} was answered with {answer.status_code}")


def _sign_in(catalogue: Catalogue, browser: Any) -> None:
    import pages

    with catalogue.writing() as session:
        password = staff.create(session, f"bench{time.time_ns()}", "staff")
        login = f"bench{time.time_ns()}"
        password = staff.create(session, login, "staff")
    pages.sign_in(browser, login, password)
    pages.post(browser, "/staff/password", old=password, new=_PASSWORD, again=_PASSWORD)


def _pass(catalogue: Catalogue, home: Path) -> Cost:
    """One due round over :data:`DUE` copies, canaries and all."""
    stores = {name: PaperStore(name, home / "paper" / name) for name in STORES}
    for store in stores.values():
        store.prepare()
    asked = Watch(
        catalogue=catalogue,
        stores=stores,
        promises=Promises(),
        quarantine=home / "quarantine",
        canaries=home / "canaries",
        agent=AGENT,
        clock=lambda: datetime.now(UTC),
    )
    run_round(asked, Scope(due=False, article_id=_md5_of(0)))  # lays the canaries out
    began = time.perf_counter()
    report = run_round(asked, Scope(due=True))
    seconds = time.perf_counter() - began
    if not report.counts.intact == report.expected >= DUE - 10:
        raise SystemExit(f"the pass was over {report.counts}: nothing was measured")
    return Cost(f"a pass over {report.expected} copies", [seconds])


def main(arguments: Sequence[str] | None = None) -> None:
    """``fill SETTINGS COPIES`` or ``measure SETTINGS``: the costs as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("step", choices=("fill", "measure"))
    parser.add_argument("settings", type=Path)
    parser.add_argument("copies", type=int, nargs="?", default=10_000)
    asked = parser.parse_args(arguments)
    if asked.step == "fill":
        with opened(load(asked.settings).settings, with_stores=False) as archive:
            schema.migrate(archive.catalogue)
            fill(archive.catalogue, asked.copies)
    else:
        costs = measure(asked.settings)
        sys.stdout.write(json.dumps([{"what": one.what, "seconds": list(one.seconds)} for one in costs]))


if __name__ == "__main__":
    main()
