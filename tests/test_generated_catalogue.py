"""A generated catalogue is one that the archive could have written: its tallies, its feed and its pages agree."""

from __future__ import annotations

from datetime import UTC, datetime

from bench.generator import Size, article_id, generate, issn, word
from sqlalchemy import func, select

from repository import search
from repository.access import rights
from repository.access.entitlement import Reader
from repository.catalogue import Catalogue, feed_days, harvest, recount, schema
from repository.models import Article, Copy, Issue, Title, TitleIssn
from repository.vocabulary import ArticleRecord, ArticleState, utc_now

_SIZE = Size(2_000, publishers=5, institutions=7, licences=20, due=30, spoken=True)


def test_what_is_generated_is_counted_harvested_searched_and_decided_as_if_it_had_come(empty_database_url: str) -> None:
    catalogue = Catalogue(empty_database_url)
    schema.migrate(catalogue)
    generate(catalogue, _SIZE)
    assert not recount.run(catalogue, utc_now).differences
    with catalogue.reading() as session:
        shown = select(func.count()).select_from(Article).where(Article.state == ArticleState.ACTIVE)
        active = session.execute(shown).scalar_one()
        assert session.execute(select(func.sum(Title.articles))).scalar_one() == active
        assert session.execute(select(func.sum(Issue.articles))).scalar_one() == active
        assert (
            session.execute(select(func.count()).select_from(Copy).where(Copy.next_due < utc_now())).scalar_one() == 30
        )
        span = harvest.Span(datetime.now(UTC))
        assert harvest.size(session, harvest.WHOLE_FEED, span) == _SIZE.articles
        assert len(harvest.numbers(session, harvest.WHOLE_FEED, span, after=None, limit=5_000)) == _SIZE.articles
        days = session.execute(select(func.sum(feed_days.FeedDay.number)).where(feed_days.FeedDay.place == ""))
        assert days.scalar_one() == _SIZE.articles
        article = session.get_one(Article, article_id(11))
        record = ArticleRecord.from_json(article.record)
        assert record.abstracts
        assert session.get_one(TitleIssn, record.issn_electronic).title_id == article.title_id
        assert issn(article.title_id) == record.issn_electronic
        found = search.articles(session, search.understand(word(0)), limit=25)
        assert len(found.articles) == 25
        assert all(word(0) in one.record.title.split() for one in found.articles if one.record.title)
        assert rights.on_article(session, article, Reader(3), datetime(2026, 6, 1, tzinfo=UTC)).reason
    catalogue.close()
