"""What a page shows, asked a page at a time: every list goes on after a key, none counts and none skips rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, exists, func, literal, or_, select, tuple_
from sqlalchemy.orm import Session

from repository.catalogue import copies, titles
from repository.models import (
    Aip,
    Article,
    Copy,
    Delivery,
    DeliveryArticle,
    Event,
    File,
    Issue,
    Moment,
    Publisher,
    Title,
    TitleIssn,
)
from repository.turkish import tr_fold, tr_sort_key
from repository.vocabulary import GIVEN_UP, ArticleRecord, ArticleState, CopyState, Digest, bag_key

_NOT_THERE = (CopyState.MISSING, *GIVEN_UP)


@dataclass(frozen=True, slots=True)
class TitleLine:
    """One journal in a list. ``issn`` is the one under which its page lies."""

    id: int
    name: str
    sort_key: str
    issn: str
    publisher: str
    articles: int


@dataclass(frozen=True, slots=True)
class ArticleLine:
    """One article in a list, with the journal in which it stands."""

    id: str
    shelf: str
    issue_shelf: str
    record: ArticleRecord
    title: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where one store keeps a bag, and what is known of that copy."""

    store: str
    state: str


@dataclass(frozen=True, slots=True)
class FoundFile:
    """One payload file of one version: where its bytes lie in the bag, and the stores that are believed to have it."""

    article_id: str
    version: int
    aip_id: int
    path: str
    offset: int
    bytes: int
    sha512: str
    places: tuple[Place, ...]

    @property
    def key(self) -> str:
        """The key of its bag in every store."""
        return bag_key(self.article_id, self.version)

    @property
    def digest(self) -> Digest:
        """What its bytes are compared with."""
        return Digest("sha512", self.sha512)


@dataclass(frozen=True, slots=True)
class DeliveryLine:
    """One delivery in a list."""

    id: str
    publisher: str
    file_names: tuple[str, ...]
    bytes: int
    state: str
    accepted_on: datetime
    finished_at: datetime | None
    attempts: int


def titles_listed(
    session: Session, *, after: tuple[str, int] | None = None, start: str = "", limit: int
) -> list[TitleLine]:
    """The next journals in the order of the Turkish alphabet, from those that begin with ``start`` on."""
    where = [Title.sort_key >= tr_sort_key(start)] if start else []
    if after is not None:
        where.append(tuple_(Title.sort_key, Title.id) > tuple_(literal(after[0]), literal(after[1])))
    return _title_lines(session, *where, limit=limit)


def titles_with(session: Session, words: Sequence[str], *, limit: int) -> list[TitleLine]:
    """The journals whose names hold every one of these folded words. Reads the table of titles, which is never long."""
    return _title_lines(session, *(Title.folded.contains(word, autoescape=True) for word in words), limit=limit)


def title_named(session: Session, name: str) -> Title | None:
    """The journal of exactly this name, marks and capitals set aside."""
    return session.execute(
        select(Title).where(Title.folded == tr_fold(name)).order_by(Title.id).limit(1)
    ).scalar_one_or_none()


def title_line(session: Session, title: Title) -> TitleLine:
    """One journal as lists show it."""
    return _title_lines(session, Title.id == title.id, limit=1)[0]


def title_lines(session: Session, identifiers: Sequence[int]) -> list[TitleLine]:
    """These journals as lists show them, in the order of the Turkish alphabet."""
    return _title_lines(session, Title.id.in_(identifiers), limit=len(identifiers))


def publisher_names(session: Session, *, limit: int) -> Sequence[str]:
    """The names of the publishers that the archive knows, in the order in which they came."""
    return session.execute(select(Publisher.name).order_by(Publisher.id).limit(limit)).scalars().all()


def how_many_titles(session: Session) -> int:
    """How many journals the archive knows (the one table of nouns that is small enough to be counted)."""
    return session.execute(select(func.count()).select_from(Title)).scalar_one()


def issues_of(session: Session, title_id: int, *, before: str | None = None, limit: int) -> Sequence[Issue]:
    """The issues of a journal that show at least one article, the newest first, those after the shelf ``before``."""
    where = [Issue.title_id == title_id, Issue.articles > 0]
    if before is not None:
        where.append(Issue.shelf < before)
    return session.execute(select(Issue).where(*where).order_by(Issue.shelf.desc()).limit(limit)).scalars().all()


def articles_in(session: Session, issue_id: int, *, after: tuple[str, str] | None = None, limit: int) -> list[Article]:
    """The articles of an issue in the order of their pages."""
    where = [Article.issue_id == issue_id, Article.state == ArticleState.ACTIVE]
    if after is not None:
        where.append(tuple_(Article.shelf, Article.id) > tuple_(literal(after[0]), literal(after[1])))
    statement = select(Article).where(*where).order_by(Article.shelf, Article.id).limit(limit)
    return list(session.execute(statement).scalars())


def article_lines(session: Session, identifiers: Sequence[str]) -> list[ArticleLine]:
    """These articles as lists show them, in the order asked for; those that are withdrawn are left out."""
    rows = session.execute(
        select(Article, Title.name, Issue.shelf)
        .join(Title, Title.id == Article.title_id)
        .join(Issue, Issue.id == Article.issue_id)
        .where(Article.id.in_(identifiers), Article.state == ArticleState.ACTIVE)
    )
    found = {
        row.Article.id: ArticleLine(
            row.Article.id, row.Article.shelf, row.shelf, ArticleRecord.from_json(row.Article.record), row.name
        )
        for row in rows
    }
    return [found[identifier] for identifier in identifiers if identifier in found]


def by_newest_shelf(session: Session, identifiers: Sequence[str]) -> list[str]:
    """These articles, the newest issue first; those that are withdrawn are left out."""
    rows = session.execute(
        select(Article.id)
        .join(Issue, Issue.id == Article.issue_id)
        .where(Article.id.in_(identifiers), Article.state == ArticleState.ACTIVE)
        .order_by(Issue.shelf.desc(), Article.id)
    )
    return list(rows.scalars())


def file_of(session: Session, article_id: str, path: str, version: int | None = None) -> FoundFile | None:
    """The file of this path in this version, or in the newest version that has one and was not disposed of."""
    kept = exists().where(Copy.aip_id == Aip.id, Copy.state.not_in(GIVEN_UP))
    where = [Aip.article_id == article_id, File.path == path, kept]
    if version is not None:
        where.append(Aip.version == version)
    row = session.execute(
        select(File, Aip.version).join(Aip, Aip.id == File.aip_id).where(*where).order_by(Aip.version.desc()).limit(1)
    ).first()
    if row is None:
        return None
    return FoundFile(
        article_id=article_id,
        version=row.version,
        aip_id=row.File.aip_id,
        path=row.File.path,
        offset=row.File.offset,
        bytes=row.File.bytes,
        sha512=row.File.sha512.hex(),
        places=places_of(session, row.File.aip_id),
    )


def places_of(session: Session, aip_id: int) -> tuple[Place, ...]:
    """The stores that are believed to have this bag."""
    places = [Place(copy.store, copies.shown_state(copy)) for copy in copies.of(session, aip_id)]
    return tuple(place for place in places if place.state not in _NOT_THERE)


def latest_events(session: Session, article_id: str, *, before: int | None = None, limit: int) -> Sequence[Event]:
    """The events of an article, the newest first, those before the event numbered ``before``."""
    where = [Event.article_id == article_id]
    if before is not None:
        where.append(Event.id < before)
    return session.execute(select(Event).where(*where).order_by(Event.id.desc()).limit(limit)).scalars().all()


def events_of_copy(session: Session, article_id: str, version: int, store: str, *, limit: int) -> Sequence[Event]:
    """The events of a copy, and those of its bag and article that are of no store, the newest first."""
    where = (
        Event.article_id == article_id,
        or_(Event.store.is_(None), Event.store == store),
        or_(Event.version.is_(None), Event.version == version),
    )
    return session.execute(select(Event).where(*where).order_by(Event.id.desc()).limit(limit)).scalars().all()


def deliveries_listed(
    session: Session,
    *,
    state: str | None = None,
    publisher: int | None = None,
    within: tuple[datetime, datetime] | None = None,
    before: tuple[datetime, str] | None = None,
    limit: int,
) -> list[DeliveryLine]:
    """Deliveries, the newest first, in one state or in any, of one publisher or of all, ``within`` a first moment and
    the one after the last."""
    where = [Delivery.state == state] if state else []
    if within is not None:
        where += [Delivery.accepted_on >= within[0], Delivery.accepted_on < within[1]]
    if publisher is not None:
        where.append(Delivery.publisher_id == publisher)
    if before is not None:
        place = tuple_(literal(before[0], Moment()), literal(before[1]))
        where.append(tuple_(Delivery.accepted_on, Delivery.id) < place)
    return delivery_lines(session, *where, limit=limit)


def delivery_lines(session: Session, *where: ColumnElement[bool], limit: int) -> list[DeliveryLine]:
    """The newest ``limit`` deliveries for which every condition holds."""
    rows = session.execute(
        select(Delivery, Publisher.name)
        .join(Publisher, Publisher.id == Delivery.publisher_id)
        .where(*where)
        .order_by(Delivery.accepted_on.desc(), Delivery.id.desc())
        .limit(limit)
    )
    return [
        DeliveryLine(
            id=row.Delivery.id,
            publisher=row.name,
            file_names=tuple(row.Delivery.file_names),
            bytes=row.Delivery.bytes,
            state=row.Delivery.state,
            accepted_on=row.Delivery.accepted_on,
            finished_at=row.Delivery.finished_at,
            attempts=row.Delivery.attempts,
        )
        for row in rows
    ]


def delivery_articles(session: Session, delivery_id: str, *, after: int = -1, limit: int) -> Sequence[DeliveryArticle]:
    """The article lines of a receipt, those after the position ``after``."""
    statement = (
        select(DeliveryArticle)
        .where(DeliveryArticle.delivery_id == delivery_id, DeliveryArticle.position > after)
        .order_by(DeliveryArticle.position)
        .limit(limit)
    )
    return session.execute(statement).scalars().all()


def outcomes_of(session: Session, delivery_id: str) -> dict[str, int]:
    """How many articles of one delivery ended how."""
    rows = session.execute(
        select(DeliveryArticle.outcome, func.count())
        .where(DeliveryArticle.delivery_id == delivery_id)
        .group_by(DeliveryArticle.outcome)
    )
    return {outcome: number for outcome, number in rows}  # noqa: C416


def publisher_name(session: Session, publisher_id: int) -> str:
    """The name of a publisher."""
    return session.get_one(Publisher, publisher_id).name


def title_of_issn(session: Session, issn: str) -> Title | None:
    """The journal to which this ISSN leads."""
    return titles.title_by_issn(session, (issn,))


def _title_lines(session: Session, *where: ColumnElement[bool], limit: int) -> list[TitleLine]:
    any_issn = select(func.min(TitleIssn.issn)).where(TitleIssn.title_id == Title.id).scalar_subquery()
    issn = func.coalesce(Title.issn_electronic, Title.issn_print, Title.issn_l, any_issn, "")
    rows = session.execute(
        select(Title.id, Title.name, Title.sort_key, issn, Publisher.name, Title.articles)
        .join(Publisher, Publisher.id == Title.publisher_id)
        .where(*where)
        .order_by(Title.sort_key, Title.id)
        .limit(limit)
    )
    return [TitleLine(*row) for row in rows]
