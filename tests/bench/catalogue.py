"""A catalogue of many articles whose bags exist only on paper, filled and laid ready in one process each."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import Any

from bench.generate import PUBLISHER, describe
from sqlalchemy import insert, text, update
from sqlalchemy.orm import Session

from config import window, wiring
from config.settings import load
from oai_pmh import preparing
from oai_pmh.sheaves import A_SHEAF
from repository.catalogue import Catalogue, feed_days, sets, shelves, tallies, titles
from repository.models import Article, Change, ChangeHead
from repository.vocabulary import ArticleRecord, ArticleState, Author, article_id

_LETTERS = "aaaaeeeeiiııoöuüürrrllnnnnddkkkttssşmmybgzçhğvpcfj"
_AT_ONCE = 5000
_TEXTS = 2999
"""Abstracts that are told again and again, too far apart for any compression to notice."""

_BEGAN = datetime(2024, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Said:
    """What is long in a description."""

    turkish: str
    english: str
    keywords: tuple[str, ...]


def fill(catalogue: Catalogue, count: int) -> None:
    """Enter ``count`` articles, stamped one second after the other, as a harvest sees them: no bags, no copies.

    In bulk and not by :func:`repository.catalogue.registration.register`, which would take longer than all the rest.
    """
    chance = random.Random(count)
    words = ["".join(chance.choices(_LETTERS, k=chance.randint(2, 11))) for _ in range(20_000)]
    weights = list(accumulate(1 / (rank + 5) for rank in range(len(words))))
    said = partial(_said, chance, words, weights)
    texts = [Said(said(60), said(70), tuple(said(2) for _ in range(6))) for _ in range(_TEXTS)]
    places: dict[tuple[str, str], tuple[int, int]] = {}
    for start in range(0, count, _AT_ONCE):
        with catalogue.writing() as session:
            publisher = titles.publisher_named(session, PUBLISHER)
            entered = []
            for number in range(start, min(start + _AT_ONCE, count)):
                record = _record(number, said, texts[number % _TEXTS])
                place = (record.issns[0], shelves.issue_shelf(record))
                if place not in places:
                    title = titles.title_of(session, publisher, record)
                    places[place] = (title.id, shelves.issue_of(session, title, record).id)
                entered.append(Article(**_row(number, record, publisher.id, *places[place])))
            _enter(session, entered)
    with catalogue.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as bare:
        bare.execute(text("ANALYZE"))


def _enter(session: Session, entered: Sequence[Article]) -> None:
    standing = sets.places_of(session, entered)
    for one in entered:
        one.places = standing[one.id]
    columns = [column.key for column in Article.__table__.columns]
    session.execute(insert(Article), [{name: getattr(one, name) for name in columns} for one in entered])
    told = [
        {"number": one.change_number, "article_id": one.id}
        | {name: getattr(one, name) for name in ("version", "state", "datestamp")}
        for one in entered
    ]
    session.execute(insert(Change), told)
    sets.join(session, entered)
    lines = ((feed_days.Line(one.id, one.datestamp, False), one.places) for one in entered)
    feed_days.moved(session, (), lines)
    tallies.add(session, "articles", ArticleState.ACTIVE, len(entered))
    last = entered[-1]
    session.execute(update(ChangeHead).values(number=last.change_number, datestamp=last.datestamp))


def _said(chance: random.Random, words: list[str], weights: list[float], number: int) -> str:
    """A sentence of so many words, as frequent as those of a language: no two are the same."""
    return " ".join(chance.choices(words, cum_weights=weights, k=number)).capitalize() + "."


def _record(number: int, said: Callable[[int], str], texts: Said) -> ArticleRecord:
    article = describe(number)
    return ArticleRecord(
        title=said(10),
        translated_titles={"en": said(11)},
        language=article.language,
        journal_title=article.journal.title,
        publisher=article.journal.publisher,
        issn_electronic=article.journal.issn_electronic,
        issn_l=article.journal.issn_l,
        volume=article.volume,
        issue=article.issue,
        first_page=article.first_page,
        last_page=article.last_page,
        doi=article.doi,
        authors=tuple(Author(family=writer.family, given=writer.given) for writer in article.authors),
        published={"electronic/pub": article.published},
        article_type=article.type,
        licence=article.licence or None,
        abstracts={"tr": texts.turkish, "en": texts.english},
        keywords=texts.keywords,
    )


def _row(number: int, record: ArticleRecord, publisher: int, title: int, issue: int) -> dict[str, Any]:
    return {
        "id": article_id(record),
        "title_id": title,
        "publisher_id": publisher,
        "state": ArticleState.ACTIVE,
        "version": 1,
        "doi": record.doi,
        "issue_id": issue,
        "shelf": shelves.page_shelf(record),
        "record": record.as_json(),
        "change_number": number + 1,
        "datestamp": _BEGAN + timedelta(seconds=number),
    }


def main(step: str, settings: Path, count: int) -> None:
    """Do one step; print its seconds."""
    with wiring.opened(load(settings).settings, with_stores=False) as archive:
        began = time.perf_counter()
        if step == "fill":
            fill(archive.catalogue, count)
        else:
            laid = preparing.prepare(window.of(archive), ["oai_dc"], lambda: False)
            if laid.records < 2 * (count - A_SHEAF):
                raise SystemExit(f"{laid.records} of {2 * count} records were laid ready: nothing was measured")
        sys.stdout.write(f"{time.perf_counter() - began}\n")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
