"""Two journals that prove to be one, known by its printed ISSN here and by its electronic one there."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from sqlalchemy import RowMapping, delete, func, select, update
from sqlalchemy.orm import Session

from repository.catalogue import shelves, shortfalls
from repository.catalogue.parts import parts
from repository.catalogue.upsert import Upsert
from repository.models import (
    Agreement,
    Article,
    Entitlement,
    EntitlementAct,
    Expectation,
    Issue,
    Title,
    TitleIssn,
    TriggerScope,
    UsageDay,
)
from repository.turkish import tr_fold
from repository.vocabulary import ArticleRecord, utc_now

_ISSNS = ("issn_print", "issn_electronic", "issn_l")
_BEGINS = ("licence_id", "institution_id", "first_date", "first_volume", "first_issue", "embargo", "state")
_ENDS = ("last_date", "last_volume", "last_issue")
_LISTED = ("name", "source", "row")
_ORDER = ("institution_id", "day", "year", "access_type", "metric")
_ADD = Upsert(UsageDay, lambda more: {"number": UsageDay.number + more.number})


def join(session: Session, record: ArticleRecord, before: int | None = None) -> list[str]:
    """Make one title of those to which the record's ISSNs lead, and of the one in which the article stood ``before``.

    The ids of the articles whose journal is another now: harvesters are to hear of them.

    Only those of one name, which is the record's: an ISSN that was written by a slip makes no two journals one.
    Called before anything else of the record is entered, and nothing is done where there is one title or none.
    """
    name = tr_fold(record.journal_title or "")
    leading = set(session.execute(select(TitleIssn.title_id).where(TitleIssn.issn.in_(record.issns))).scalars())
    ids = leading | ({before} if before is not None else set())
    if len(ids) < 2 or not name:
        return []
    same = select(Title).where(Title.id.in_(ids), Title.folded == name).order_by(Title.id)
    found = session.execute(same).scalars().all()
    moved: list[str] = []
    for first, other in ((found[0], other) for other in found[1:]):
        moved += session.execute(select(Article.id).where(Article.title_id == other.id)).scalars()
        _joined(session, first, other)
        if before in (first.id, other.id) and before not in leading:  # its ISSN was mended
            for kind in _ISSNS:
                setattr(first, kind, getattr(record, kind) or getattr(first, kind))
    return moved


def _joined(session: Session, title: Title, other: Title) -> None:
    """All that is known of ``other`` is known of ``title``, and ``other`` is no more."""
    ours = {one.shelf: one for one in _issues(session, title)}
    moved: list[Issue] = []
    for issue in _issues(session, other):
        if (same := ours.get(issue.shelf)) is None:
            issue.title_id = title.id
            continue
        session.execute(update(Article).where(Article.issue_id == issue.id).values(issue_id=same.id))
        shelves.count(session, {(title.id, same.id): issue.articles, (other.id, issue.id): -issue.articles})
        moved.append(issue)
    session.flush()
    session.execute(update(Article).where(Article.title_id == other.id).values(title_id=title.id))
    session.execute(update(Expectation).where(Expectation.title_id == other.id).values(title_id=title.id))
    shortfalls.joined(session, title.id, other.id)
    session.execute(update(TitleIssn).where(TitleIssn.title_id == other.id).values(title_id=title.id))
    _agreements(session, title, other)
    for kind in _ISSNS:
        setattr(title, kind, getattr(title, kind) or getattr(other, kind))
    # From here on nobody enters a trigger that speaks of it; lists and claims wait for our turn to enter articles.
    session.refresh(other, with_for_update=True)
    _entitlements(session, title, other)
    _triggers(session, title, other)
    _succession(session, title, other)
    _usage(session, title, other)
    left = other.articles
    title.articles = Title.articles + left
    session.flush()
    for gone in (*moved, other):
        session.delete(gone)
    session.flush()


def _issues(session: Session, title: Title) -> Iterable[Issue]:
    return session.execute(select(Issue).where(Issue.title_id == title.id).order_by(Issue.id)).scalars().all()


def _agreements(session: Session, title: Title, other: Title) -> None:
    """An agreement that holds for one of the two holds for both."""
    for theirs in session.execute(select(Agreement).where(Agreement.title_id == other.id)).scalars().all():
        ours = session.get(Agreement, (title.id, theirs.publisher_id))
        if ours is None:
            session.add(
                Agreement(title_id=title.id, publisher_id=theirs.publisher_id, since=theirs.since, until=theirs.until)
            )
        else:
            ours.since = min(ours.since, theirs.since)
            ours.until = max(ours.until, theirs.until) if ours.until and theirs.until else None
    session.execute(delete(Agreement).where(Agreement.title_id == other.id))
    session.flush()


def _entitlements(session: Session, title: Title, other: Title) -> None:
    """Every right to one of the two is a right to both; of two runs of which one holds the other that one stays.

    The number of changes to rights does not grow: whoever loads a list locks it and then waits for those who enter
    articles, of whom we are one. What was worked out is known to be old by the change that tells of our article.
    """
    ours: dict[tuple[object, ...], list[Entitlement]] = {}
    for mine in _of(session, title):
        ours.setdefault(_values(mine, _BEGINS), []).append(mine)
    for theirs in _of(session, other):
        alike = ours.get(_values(theirs, _BEGINS), ())
        same = next((one for one in alike if _holds(one, theirs) or _holds(theirs, one)), None)
        if same is None:
            theirs.title_id = title.id
            continue
        longer = () if _holds(same, theirs) else _ENDS
        listed = _LISTED if same.row is None and theirs.row is not None else ()
        for name in (*longer, *listed):
            setattr(same, name, getattr(theirs, name))
        same.at = utc_now()  # a ledger tells both as one run, of which the latest counts
        said = update(EntitlementAct).where(EntitlementAct.entitlement_id == theirs.id)
        session.execute(said.values(entitlement_id=same.id))
        session.delete(theirs)
    session.flush()


def _of(session: Session, title: Title) -> Iterable[Entitlement]:
    rows = select(Entitlement).where(Entitlement.title_id == title.id).order_by(Entitlement.id)
    return session.execute(rows).scalars().all()


def _values(row: Entitlement, names: Iterable[str]) -> tuple[object, ...]:
    return tuple(getattr(row, name) for name in names)


def _holds(one: Entitlement, other: Entitlement) -> bool:
    """Whether a run plainly ends where another that begins alike ends, or after it."""
    return (one.last_date is None and one.last_volume is None) or _values(one, _ENDS) == _values(other, _ENDS)


def _triggers(session: Session, title: Title, other: Title) -> None:
    """A trigger that speaks of one of the two speaks of both, and says so once."""
    both = select(TriggerScope.trigger_id).where(TriggerScope.title_id == title.id)
    theirs = TriggerScope.title_id == other.id
    session.execute(delete(TriggerScope).where(theirs, TriggerScope.trigger_id.in_(both)))
    session.execute(update(TriggerScope).where(theirs).values(title_id=title.id))


def _succession(session: Session, title: Title, other: Title) -> None:
    """What the one continues the other continues, and whatever continues the one continues the other; never itself."""
    session.execute(update(Title).where(Title.preceding_id == other.id).values(preceding_id=title.id))
    session.refresh(title, ["preceding_id"])
    before = title.preceding_id if title.preceding_id not in (None, title.id) else other.preceding_id
    title.preceding_id = before if before not in (title.id, other.id) else None


def _usage(session: Session, title: Title, other: Title) -> None:
    """What readers did with ``other`` they did with ``title``. Looked up day by day, by index, and not in all usage."""
    # Asked one by one: both at once SQLite looks for in every row.
    first = session.execute(select(func.min(UsageDay.day))).scalar()
    last = session.execute(select(func.max(UsageDay.day))).scalar()
    if first is None or last is None:
        return
    columns, gone = UsageDay.__table__.c, list[RowMapping]()
    for days in parts([first + timedelta(number) for number in range((last - first).days + 1)]):
        taken = delete(UsageDay).where(UsageDay.day.in_(days), UsageDay.title_id == other.id).returning(*columns)
        gone += session.execute(taken).mappings()
    # In the order in which readers' acts are entered.
    ordered = sorted(gone, key=lambda row: tuple(row[name] for name in _ORDER))
    for some in parts(ordered):
        _ADD(session, [{**row, "title_id": title.id} for row in some])
