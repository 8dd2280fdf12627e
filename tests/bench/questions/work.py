"""What works at night: the watch, an inventory, the clock's jobs when nothing is due, alerts, and what commands ask."""

from __future__ import annotations

import io
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial

from bench.cost import Question
from bench.generator import STORES, issn
from bench.questions.asked import Asked
from sqlalchemy import update
from sqlalchemy.orm import Session

import fixity.causes
import ingest.causes
from config import window
from config.commands.holdings import status_of
from config.wiring import AGENT
from fixity import inventory, ledgers, proving, standing
from fixity.forecast import forecasts
from fixity.rounds import Scope, run_round
from fixity.share import late_now, late_of_publishers, share_left
from fixity.watch import Watch
from ingest import completeness, disposal
from oai_pmh import preparing
from repository.access import triggers
from repository.catalogue import (
    chain,
    changes,
    copies,
    inventories,
    recount,
    registration,
    titles,
    watch,
)
from repository.models import Copy
from repository.promise import Promises
from repository.storage import ByteStream
from repository.storage.directory import DirectoryStore
from repository.vocabulary import ArticleRecord, Author, bag_key, parse_bag_key, utc_now
from repository.vocabulary import article_id as derived_id

_LATE = timedelta(days=70)
"""After so long without a watch most copies are late."""
_NEW = 100
_A_RANGE = "a range is full, with 65,536 bags, in the larger catalogue only"
_BOUNDED = "late copies are counted, and looked up, to 100,000 in each store and no further"
_LOOKED_AT = "it looks at 200 copies that are not whole, and at no more"
_A_THOUSAND = "in the smaller catalogue they lie in fewer pages"


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


def questions(asked: Asked) -> Iterator[Question]:
    """Each as the part that needs it asks."""
    read = partial(_read, asked)
    archive = asked.archive
    policies, promises = archive.policies(), archive.promises()
    for what, ask in (
        ("share of the day, and what is late", lambda s: share_left(s, promises, utc_now())),
        ("figures of the dashboard", lambda s: watch.figures(s, utc_now())),
        ("the same, most copies late", lambda s: watch.figures(s, utc_now() + _LATE)),
        ("forecast", lambda s: forecasts(s, policies, utc_now())),
        ("tallies of a range counted again", lambda s: recount._compared(s, recount.Range("bags", 0))),
    ):
        yield Question("the watch", what, read(ask), _A_RANGE if "range" in what else "")
    yield Question(
        "the watch", "late copies at the end of a round, most are", partial(_late, asked, utc_now() + _LATE), _BOUNDED
    )
    for question in _causes(asked):
        name = " and ".join(question.kinds)
        yield Question("alerts", name, read(lambda s, ask=question.ask: list(ask(s, utc_now()))), _LOOKED_AT)
    yield Question(
        "the watch", "1,000 rows of an inventory, in the middle", lambda: _expected(asked, STORES[0]), _A_THOUSAND
    )
    for store in (None, STORES[0]):
        what = "128 copies of an audit of all, in the middle" + (", of one store" if store else "")
        yield Question("the watch", what, partial(_walk, asked, store))
    _make_due(asked)
    yield Question("the watch", "the next 128 copies of a round, claimed", partial(_claim, asked))
    yield Question("commands", "mahfuz status", lambda: status_of(archive))
    yield from _nothing_due(asked)
    yield Question("ingest", f"registration of {_NEW} new articles", partial(_register, asked))
    yield Question("the watch", "a pass over 1,000 due copies, canaries and all", partial(_pass, asked))


def _read(asked: Asked, ask: Callable[[Session], object]) -> Callable[[], object]:
    def put() -> None:
        with asked.catalogue.reading() as session:
            ask(session)

    return put


def _late(asked: Asked, at: datetime) -> None:
    with asked.catalogue.reading() as session:
        late = late_now(session, at)
    late_of_publishers(asked.catalogue, at, late)


def _causes(asked: Asked) -> Iterator[fixity.causes.Question]:
    archive = asked.archive
    yield from fixity.causes.questions(lambda _store: 90.0, timedelta(hours=26), archive.policies(), rehearsal_days=90)
    yield from ingest.causes.questions(archive.feeds, timedelta(days=7))


def _expected(asked: Asked, store: str) -> None:
    rows = inventories.expected(asked.catalogue, store, bag_key("8" + "0" * 31, 1))
    for _, _row in zip(range(1000), rows, strict=False):
        pass


def _walk(asked: Asked, store: str | None) -> None:
    with asked.catalogue.reading() as session:
        copies.walk(session, after=(asked.size.articles // 2, STORES[1]), limit=128, store=store)


def _make_due(asked: Asked) -> None:
    """The first copies are to be read at once, as somebody asks for it: beyond any day's share."""
    with asked.catalogue.writing() as session:
        again = update(Copy).where(Copy.aip_id.between(1, asked.size.due // len(STORES)))
        session.execute(again.values(next_due=copies.ASKED_FOR))


def _claim(asked: Asked) -> None:
    with asked.catalogue.writing() as session:
        refs = copies.claim_due(session, at=utc_now(), lease_for=timedelta(hours=1), limit=128, stores=STORES)
        if len(refs) != 128:
            raise SystemExit(f"{len(refs)} copies were due and not 128: nothing was measured")
        copies.give_back(session, refs)


def _nothing_due(asked: Asked) -> Iterator[Question]:
    archive, catalogue = asked.archive, asked.catalogue
    seen_from = window.of(archive)
    given, read = archive.watch(), partial(_read, asked)
    for name, act in (
        ("inventory", lambda: list(inventory.take_due(given, 30))),
        ("completeness", lambda: completeness.count_due(catalogue, utc_now, lambda: False)),
        ("announcements", lambda: changes.take_up(catalogue)),
        ("triggers", lambda: triggers.tell(catalogue, lambda: False)),
        ("records", lambda: preparing.prepare(seen_from, ["oai_dc"], lambda: True)),
        ("events", lambda: chain.link_all(catalogue, lambda: False)),
        ("testimony", lambda: proving.look(archive.notary(), lambda: False)),
        ("recount", read(lambda s: recount.is_due(s, utc_now()))),
        ("standing", lambda: standing.look(catalogue, archive.stores, utc_now)),
        ("ledgers", lambda: ledgers.read_due(given)),
        ("disposal", lambda: disposal.carry_out(archive.deaccession(), lambda: False)),
    ):
        yield Question("the clock, nothing being due", name, act)


def _register(asked: Asked) -> None:
    """As a delivery enters them, each with its three copies; every time others."""
    at, mark = datetime.now(UTC), secrets.token_hex(4)
    records = [
        ArticleRecord(
            title=f"Yeni bir makale {mark} {number}",
            language="tr",
            journal_title="Örnek Dergisi 1",
            publisher="Yayınevi 1",
            issn_electronic=issn(1 + number % 5),
            volume="25",
            issue="1",
            first_page=str(number),
            doi=f"10.5555/{mark}.{number}",
            authors=(Author(family="Örnek", given="Ayşe"),),
            published={"electronic/pub": "2025-03"},
        )
        for number in range(_NEW)
    ]
    entering = [
        registration.Entering(
            record,
            registration.Sealed(
                article_id=derived_id(record),
                version=1,
                seal=secrets.token_hex(32),
                bytes=45,
                payload_digest=secrets.token_hex(32),
                bagging_date=f"{at:%Y-%m-%d}",
                files=(),
                verified=dict.fromkeys(STORES, at),
            ),
        )
        for record in records
    ]
    with asked.catalogue.writing() as session:
        publisher = titles.publisher_named(session, "Yayınevi 1")
        registration.register_all(
            session, publisher, entering, at=at, agent=AGENT, delivery_id=None, promises=Promises()
        )


def _pass(asked: Asked) -> None:
    """One due round over the copies that are due in a catalogue of any size; they are made due again first."""
    stores = {name: PaperStore(name, asked.archive.home / "paper" / name) for name in STORES}
    for store in stores.values():
        store.prepare()
    given = Watch(
        catalogue=asked.catalogue,
        stores=stores,
        promises=Promises(),
        quarantine=asked.archive.home / "quarantine",
        canaries=asked.archive.home / "canaries",
        agent=AGENT,
        clock=lambda: datetime.now(UTC),
    )
    _make_due(asked)
    report = run_round(given, Scope(due=True))
    if report.expected < asked.size.due // 2:
        raise SystemExit(f"the pass was over {report.counts}: nothing was measured")
