"""Who may read what, how fast: decisions, the simulator and a preview over a nation, each beside its bare rows."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from bench.measure import Line
from bench.nation import Nation, found
from sqlalchemy import select
from sqlalchemy.orm import Session

from repository.access import lists, preview, rights, simulator
from repository.access.entitlement import Reader
from repository.access.lists import Publishing
from repository.access.triggers import Proposal, Scope
from repository.catalogue import Catalogue, schema
from repository.models import Article, Entitlement, Issue, Title
from repository.rights import Audience, TriggerKind

ASKED = 1000
_ON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def bench(folder: Path, *, nation: Nation, rounds: int) -> Iterator[Line]:
    """A catalogue of this nation is made and asked; ratios are to reading the rows that decide, by the same library."""
    catalogue = Catalogue(f"sqlite:///{folder / 'nation.sqlite'}")
    schema.migrate(catalogue)
    found(catalogue, nation)
    dice = random.Random(7)
    asked = [(f"{dice.randint(1, nation.articles):032x}", dice.randint(1, nation.institutions)) for _ in range(ASKED)]
    with catalogue.reading() as session:
        bare = [_timed(lambda: _bare(session, asked)) for _ in range(rounds)]
        decided = [_timed(lambda: _decide(session, asked)) for _ in range(rounds)]
        yield Line(f"{ASKED} articles and their title lists, the bare rows", bare, _each(bare), "", None)
        ratio = f"{min(decided) / min(bare):.1f} × the bare rows"
        yield Line(
            f"{ASKED} decisions for readers of {nation.institutions} institutions", decided, _each(decided), ratio, None
        )
        bare = [_timed(lambda at=at: _bare_publisher(session, 1 + at)) for at in range(rounds)]  # type: ignore[misc]
        yield Line("issues and title lists of one publisher, the bare rows", bare, "", "", None)
        for what, ask in (("simulator", _simulate), ("preview of a trigger", _preview)):
            seconds = [_timed(lambda ask=ask, at=at: ask(session, 1 + at)) for at in range(rounds)]  # type: ignore[misc]
            line = f"{what}, one publisher of {nation.publishers}"
            yield Line(line, seconds, "", f"{min(seconds) / min(bare):.1f} × the bare rows", None)
    asked_for = Publishing(catalogue, folder / "lists", "http://127.0.0.1", "Ölçüm", "olcum", ("main", "second"))
    (folder / "lists").mkdir()
    seconds = [_timed(lambda: lists.all_titles(asked_for)), _timed(lambda: lists.all_titles(asked_for))]
    made = f"KBART of all {nation.titles:,} journals, made"
    yield Line(made, seconds[:1], f"{nation.titles / seconds[0]:,.0f} journals/s", "", None)
    yield Line("the same again, nothing having changed", seconds[1:], "", "", None)
    catalogue.close()


def _timed(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def _each(seconds: list[float]) -> str:
    return f"{min(seconds) / ASKED * 1000:.2f} ms each"


def _bare(session: Session, asked: list[tuple[str, int]]) -> None:
    for identifier, _institution in asked:
        article = session.get_one(Article, identifier, populate_existing=True)
        session.execute(select(Entitlement).where(Entitlement.title_id == article.title_id)).scalars().all()


def _decide(session: Session, asked: list[tuple[str, int]]) -> None:
    for identifier, institution in asked:
        article = session.get_one(Article, identifier, populate_existing=True)
        rights.on_article(session, article, Reader(institution), _ON)


def _bare_publisher(session: Session, publisher: int) -> None:
    of_it = select(Title.id).where(Title.publisher_id == publisher)
    session.execute(select(Issue).where(Issue.title_id.in_(of_it))).scalars().all()
    session.execute(select(Entitlement).where(Entitlement.title_id.in_(of_it))).scalars().all()


def _simulate(session: Session, publisher: int) -> None:
    simulator.simulate(session, _ON.date(), publisher_id=publisher, stores=("main", "second"))


def _preview(session: Session, publisher: int) -> None:
    scope = Scope(publisher_ids=frozenset((publisher,)))
    preview.of(session, Proposal(TriggerKind.PUBLISHER_CEASED, Audience.ENTITLED, scope, "ölçüm", _ON))
