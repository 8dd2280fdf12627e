"""A catalogue of many articles whose bags exist only on paper, filled, queried and harvested in one process each."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench.generate import PUBLISHER, describe
from bench.harvest import harvest
from sqlalchemy import insert, select, update

from config import wiring
from config.app import create_app
from config.settings import load
from repository.catalogue import Catalogue, shelves, tallies, titles
from repository.models import Article, Change, ChangeHead
from repository.vocabulary import ArticleRecord, ArticleState, Author, article_id

_BEGAN = datetime(2024, 1, 1, tzinfo=UTC)


def fill(catalogue: Catalogue, count: int) -> None:
    """Enter ``count`` articles, stamped one second after the other, as a harvest sees them: no bags, no copies.

    In bulk and not by :func:`repository.catalogue.registration.register`, which would take longer than all the rest.
    """
    with catalogue.writing() as session:
        publisher = titles.publisher_named(session, PUBLISHER)
        places: dict[tuple[str, str], tuple[int, int]] = {}
        entered: list[dict[str, Any]] = []
        for number in range(count):
            record = _record(number)
            place = (record.issns[0], shelves.issue_shelf(record))
            if place not in places:
                title = titles.title_of(session, publisher, record)
                places[place] = (title.id, shelves.issue_of(session, title, record).id)
            entered.append(_row(number, record, publisher.id, *places[place]))
        session.execute(insert(Article), entered)
        shared = ("version", "state", "datestamp")
        session.execute(
            insert(Change),
            [
                {"number": row["change_number"], "article_id": row["id"], **{name: row[name] for name in shared}}
                for row in entered
            ],
        )
        tallies.add(session, "articles", ArticleState.ACTIVE, count)
        session.execute(update(ChangeHead).values(number=count, datestamp=entered[-1]["datestamp"]))


def rows(catalogue: Catalogue, count: int) -> float:
    """Seconds to read what a harvest needs of every article, in its order, as values, in one query."""
    columns = (Article.change_number, Article.datestamp, Article.id, Article.state, Article.title_id)
    statement = select(*columns, Article.publisher_id, Article.record)
    statement = statement.order_by(Article.datestamp, Article.change_number).execution_options(yield_per=500)
    began = time.perf_counter()
    with catalogue.reading() as session:
        found = sum(1 for _ in session.execute(statement))
    seconds = time.perf_counter() - began
    if found != count:
        raise SystemExit(f"the query brought {found} of {count} rows: nothing was measured")
    return seconds


def wsgi(archive: wiring.Archive, count: int) -> float:
    """Seconds of a full harvest through the web application without a server in front."""
    client = create_app(wiring.rooms(archive)).test_client()
    return harvest(lambda query: client.get(f"/oai?{query}").data, count)


def _record(number: int) -> ArticleRecord:
    article = describe(number)
    return ArticleRecord(
        title=article.title,
        translated_titles=article.translated_titles,
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
        abstracts=article.abstract,
        keywords=tuple(word for words in article.keywords.values() for word in words),
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
    """Do one step; print its seconds where it is measured."""
    with wiring.opened(load(settings).settings, with_stores=step == "wsgi") as archive:
        if step == "fill":
            fill(archive.catalogue, count)
        else:
            seconds = rows(archive.catalogue, count) if step == "rows" else wsgi(archive, count)
            sys.stdout.write(f"{seconds}\n")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
