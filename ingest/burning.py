"""A rehearsal of the day on which the catalogue has burned: written again elsewhere from the stores, and compared.

Nothing of the archive's own home is used, and nothing of the catalogue is touched: what comes back comes from the
bags, the notices and the ledgers. So a rehearsal begins with a ledger of this moment, as the night would lay it down.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from ingest.ledger import Bookkeeping, lay_down
from ingest.ledger_tables.kept import Kept, Told
from ingest.rebuild import Rebuilding, Rebuilt, rebuild
from ingest.taking_up import sweep
from repository.catalogue import Catalogue, chain, compared, holdings, ledgers, rehearsals, schema, testimony
from repository.catalogue.compared import Unlike
from repository.errors import Doubt
from repository.models import ChangeHead, Rehearsal
from repository.vocabulary import EventType, as_utc_text

DETAILS = 100
"""Differences that are kept one by one; all are counted."""
_SCRATCH = ".rehearsal-"


@dataclass(frozen=True, slots=True)
class Rehearsing:
    """What a rehearsal is given to work with."""

    books: Bookkeeping
    rebuilding: Rebuilding
    store: str | None = None
    """The one store that it is made from; None: all."""
    sample: int | None = None
    """So many articles, behind those of the last sample; None: all."""


@dataclass
class Rehearsed:
    """What a rehearsal showed."""

    number: int
    whole: bool
    articles: int = 0
    rebuilt: Rebuilt = field(default_factory=Rebuilt)
    difference_count: int = 0
    differences: list[dict[str, Any]] = field(default_factory=list)
    doubt: str | None = None

    @property
    def exit_status(self) -> int:
        """0: the same catalogue; 1: another; 3: a store did not answer, and nothing follows."""
        return 3 if self.doubt else 1 if self.difference_count else 0

    def found(self, unlike: Unlike) -> None:
        """Note a difference."""
        self.difference_count += 1
        if len(self.differences) < DETAILS:
            self.differences.append(unlike.as_json())

    def as_json(self) -> dict[str, Any]:
        """As ``mahfuz rebuild --rehearse --json`` prints it."""
        return asdict(self)


def rehearse(work: Rehearsing) -> Rehearsed:
    """The catalogue is written again in a scratch database, compared with the one in use, and thrown away.

    What changed meanwhile is no difference. The result is kept as a row and as an event. Raises DatabaseUnavailable.
    """
    books, catalogue = work.books, work.books.catalogue
    laid = lay_down(books, daily=False)
    with catalogue.writing() as session:
        first = rehearsals.next_first(session) if work.sample is not None else ""
        number = rehearsals.begin(session, books.clock(), whole=work.sample is None, store=work.store, first=first)
    done = Rehearsed(number, work.sample is None)
    sweep(books.home, _SCRATCH)
    scratch = Path(tempfile.mkdtemp(dir=books.home, prefix=_SCRATCH))
    last = ""
    try:
        with closing(Catalogue(f"sqlite:///{scratch / 'catalogue.sqlite'}")) as again:
            schema.migrate(again)
            last = _compared(work, done, again, scratch, first)
    except Doubt as doubt:
        done.doubt = str(doubt)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    if done.rebuilt.doubts and done.doubt is None:
        done.doubt = "; ".join(problem["problem"] for problem in done.rebuilt.problems)[:1000]
    if laid.decide and done.doubt is None:
        done.doubt = "; ".join(laid.waiting.values())
    _keep(work, done, last)
    return done


def _compared(work: Rehearsing, done: Rehearsed, again: Catalogue, home: Path, first: str) -> str:
    """Rebuild into ``again`` and note every difference; the id of the last article of a sample, empty for the end."""
    books, ours = work.books, work.books.catalogue
    with ours.reading() as session:
        begun = books.clock().replace(microsecond=0)  # some moments are told to the second
        number = session.get_one(ChangeHead, 1).number
        ledger = ledgers.gone_on_from(session)
    before = {kept.name: list(kept.tell(ours, None)) for kept in books.tables if not kept.grows}
    rebuilding = replace(
        work.rebuilding, catalogue=again, home=home, tables=books.tables, behind=first, most=work.sample
    )
    done.rebuilt = rebuild(rebuilding)
    for problem in done.rebuilt.problems:
        done.found(Unlike("problem", problem["key"], problem["problem"], problem["store"]))
    done.articles = done.rebuilt.articles
    last = done.rebuilt.last if done.articles == work.sample else ""
    for unlike in compared.articles(ours, again, first=first, last=last, number=number, whole=done.whole):
        done.found(unlike)
    for kept in books.tables:
        _compare_table(done, kept, ours, again, before.get(kept.name), begun)
    if ledger is not None:
        with again.reading() as session:
            found = chain.hash_at(session, ledger.position) if ledger.position else ledger.hash
        if found != ledger.hash:
            told = f"{ledger.position} events, {ledger.hash.hex()}"
            done.found(Unlike("events", ledger.name, told, found.hex() if found else None))
    return last


def _compare_table(
    done: Rehearsed, kept: Kept, ours: Catalogue, again: Catalogue, before: Sequence[Told] | None, begun: datetime
) -> None:
    """One table that ledgers tell, as it was when the rehearsal began, beside what came back of it."""

    def key(row: Told) -> str:
        return "\t".join(str(row[name]) for name in kept.key)

    def since(row: Told) -> bool:
        return kept.moment is not None and datetime.fromisoformat(row[kept.moment]) >= begun

    one: Iterable[Told] = before if before is not None else kept.tell(ours, None)
    if not done.whole and kept.after_bags:  # of the others the articles are not there
        one = list(one)
        with again.reading() as session:
            there = holdings.versions_among(session, [row["article"] for row in one])
        one = [row for row in one if row["article"] in there]
    other = kept.tell(again, None)
    one, other = (sorted(rows, key=key) if isinstance(rows, list) else rows for rows in (one, other))
    for unlike in compared.rows(kept.name, key, one, other, since):
        done.found(unlike)


def _keep(work: Rehearsing, done: Rehearsed, last: str) -> None:
    at, agent = work.books.clock(), work.rebuilding.agent
    with work.books.catalogue.writing() as session:
        row = session.get_one(Rehearsal, done.number)
        row.finished_at, row.last, row.doubt = None if done.doubt else at, last, done.doubt
        row.articles, row.aips = done.articles, done.rebuilt.aips
        row.events, row.ledgers = done.rebuilt.events, done.rebuilt.ledgers
        row.differences, row.details = done.difference_count, done.differences
        testimony.witness(
            session,
            EventType.VALIDATION,
            at=at,
            outcome="unknown" if done.doubt else "failure" if done.difference_count else "success",
            agent=agent,
            detail={
                "rehearsal": done.number,
                "begun": as_utc_text(row.started_at),
                "of": "all articles" if done.whole else "a sample",
                "from": work.store or "every store",
                "articles": done.articles,
                "versions": done.rebuilt.aips,
                "ledgers": done.rebuilt.ledgers,
                "events": done.rebuilt.events,
                "differences": done.difference_count,
                **({"doubt": done.doubt} if done.doubt else {}),
            },
        )


def rehearse_when_due(work: Rehearsing, days: float) -> Rehearsed | None:
    """A rehearsal where the last one began ``days`` ago; None where none is due."""
    with work.books.catalogue.reading() as session:
        due = rehearsals.is_due(session, work.books.clock(), days)
    return rehearse(work) if due else None
