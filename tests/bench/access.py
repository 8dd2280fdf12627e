"""Who may read what, how fast: decisions, the simulator and a preview over a nation, each beside its bare rows."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from bench.generator import STORES, Size, article_id, generate, word
from bench.measure import Line
from sqlalchemy import select
from sqlalchemy.orm import Session

from repository import search
from repository.access import lists, preview, rights, simulator
from repository.access.entitlement import Reader
from repository.access.lists import Publishing
from repository.access.triggers import Proposal, Scope
from repository.catalogue import Catalogue, schema
from repository.models import Article, Entitlement, Issue, Title
from repository.rights import Audience, TriggerKind

ASKED = 1000
_SEARCHES = {
    "a rare word": word(20_000),
    "the most frequent word": word(0),
    "the two most frequent words": f"{word(0)} {word(1)}",
    "the eight most frequent words": " ".join(word(rank) for rank in range(8)),
    "a frequent word and a rare one": f"{word(0)} {word(20_000)}",
    "the beginning of twenty frequent words": word(0)[:4],
    "two frequent words and such a beginning": f"{word(0)} {word(5)} {word(0)[:4]}",
    "frequent words that are never together": " ".join(word(rank) for rank in range(20, 28)),
}
_ON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def bench(folder: Path, url: str, *, size: Size, rounds: int) -> Iterator[Line]:
    """A catalogue of this size is made at ``url`` and asked; its lists are written in ``folder``.

    Ratios are to reading the rows that decide, by the same library.
    """
    catalogue = Catalogue(url)
    schema.migrate(catalogue)
    generate(catalogue, size)
    dice = random.Random(7)
    asked = [(article_id(dice.randrange(size.articles)), dice.randint(1, size.institutions)) for _ in range(ASKED)]
    with catalogue.reading() as session:
        bare = [_timed(lambda: _bare(session, asked)) for _ in range(rounds)]
        decided = [_timed(lambda: _decide(session, asked)) for _ in range(rounds)]
        yield Line(f"{ASKED} articles and their title lists, the bare rows", bare, _each(bare), "", None)
        ratio = f"{min(decided) / min(bare):.1f} × the bare rows"
        yield Line(
            f"{ASKED} decisions for readers of {size.institutions} institutions", decided, _each(decided), ratio, None
        )
        for whose, first, step in (
            (f"one publisher of {size.publishers}, {size.per_publisher:,} journals", 2, 1),
            (f"the largest publisher, {size.largest:,} journals", 1, 0),
        ):
            asked_of = [first + at * step for at in range(rounds)]
            bare = [_timed(lambda of=of: _bare_publisher(session, of)) for of in asked_of]  # type: ignore[misc]
            yield Line(f"issues and title lists of {whose}, the bare rows", bare, "", "", None)
            for what, ask in (("simulator", _simulate), ("preview of a trigger", _preview)):
                seconds = [_timed(lambda ask=ask, of=of: ask(session, of)) for of in asked_of]  # type: ignore[misc]
                yield Line(f"{what}, {whose}", seconds, "", f"{min(seconds) / min(bare):.1f} × the bare rows", None)
    for what, words in _SEARCHES.items():
        seconds = [_timed(lambda words=words: _search(catalogue, words)) for _ in range(max(rounds, 5))]  # type: ignore[misc]
        yield Line(f"search: {what}", seconds, f"{median(seconds) * 1000:.0f} ms each", "", None)
    asked_for = Publishing(catalogue, folder, "http://127.0.0.1", "Ölçüm", "olcum", STORES)
    seconds = [_timed(lambda: lists.all_titles(asked_for)), _timed(lambda: lists.all_titles(asked_for))]
    made = f"KBART of all {size.journals:,} journals, made"
    yield Line(made, seconds[:1], f"{size.journals / seconds[0]:,.0f} journals/s", "", None)
    yield Line("the same again, nothing having changed", seconds[1:], "", "", None)
    catalogue.close()


def _timed(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def _search(catalogue: Catalogue, words: str) -> None:
    """As the page does: the journals, and the first page of the articles."""
    question = search.understand(words)
    with catalogue.reading() as session:
        search.journals(session, question, 20)
        search.articles(session, question, limit=25)


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
    simulator.simulate(session, _ON.date(), publisher_id=publisher, stores=STORES)


def _preview(session: Session, publisher: int) -> None:
    scope = Scope(publisher_ids=frozenset((publisher,)))
    preview.of(session, Proposal(TriggerKind.PUBLISHER_CEASED, Audience.ENTITLED, scope, "ölçüm", _ON))
