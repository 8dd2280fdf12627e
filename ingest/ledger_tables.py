"""What a ledger tells besides the events: every table that no bag, no notice and no receipt brings back, once each.

Whoever adds a table that a burned catalogue must not lose enters it in :data:`TABLES`, and nowhere else: it is then
laid down every night, taken up by a rebuild, and compared by a rehearsal. A table of few rows is told whole whenever
it has changed; one that grows tells what is new since its mark. Rows name others by what they are called everywhere
(a publisher by its name, a journal by an ISSN), never by a number of this catalogue. Secrets are not told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import exists, func, insert, select
from sqlalchemy.orm import Session

from ingest import ledger_usage, receipts
from ingest.receipts import Receipt
from repository.catalogue import Catalogue, deliveries, titles
from repository.models import (
    Agreement,
    Article,
    Decision,
    Delivery,
    Disposal,
    DisposalTurn,
    Publisher,
    Staff,
    Title,
    TitleIssn,
)
from repository.turkish import tr_fold, tr_sort_key
from repository.vocabulary import DeliveryState, DisposalState, TurnState

Told = Mapping[str, Any]

_PAGE = 200
_OVERLAP = timedelta(hours=1)
"""What was committed while the ledger before was made may bear a moment before its mark."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One table, under the name of its file in the ledger."""

    name: str
    tell: Callable[[Catalogue, str | None], Iterable[Told]]
    """Its rows in the order of their keys; of one that grows, those behind the mark (None: all). In short transactions,
    however many there are.
    """
    enter: Callable[[Session, Sequence[Told], bool], None]
    """Rows that another catalogue told are rows here. Those that are there stay, unless what is told is newer."""
    key: tuple[str, ...]
    """The values by which a row is known everywhere."""
    grows: bool = False
    """Told from mark to mark; the mark is the moment of the ledger, as text."""
    moment: str | None = None
    """The value that says when a row came, in a table that grows."""
    after_bags: bool = False
    """It speaks of articles, which have to be there first."""

    @property
    def file(self) -> str:
        """Its file in the payload."""
        return f"{self.name}.jsonl"


def _at_once(tell: Callable[[Session], Iterable[Told]]) -> Callable[[Catalogue, str | None], Iterable[Told]]:
    """A table of few rows, told whole."""

    def told(catalogue: Catalogue, _mark: str | None) -> Iterable[Told]:
        with catalogue.reading() as session:
            return list(tell(session))

    return told


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _publishers(session: Session) -> Iterator[Told]:
    for row in session.execute(select(Publisher).order_by(Publisher.slug)).scalars():
        yield {"name": row.name, "slug": row.slug, "titles_agreed": row.titles_agreed}


def _enter_publishers(session: Session, told: Sequence[Told], newer: bool) -> None:
    for one in told:
        row = titles.find_publisher(session, one["name"])
        if row is None:
            taken = titles.publisher_with_slug(session, one["slug"]) is not None
            row = titles.publisher_named(session, one["name"])
            row.slug = row.slug if taken else one["slug"]
            newer_here = True
        else:
            newer_here = newer
        if newer_here:
            row.titles_agreed = one["titles_agreed"]
    session.flush()


def _titles(session: Session) -> Iterator[Told]:
    issns: dict[int, list[str]] = {}
    for row in session.execute(select(TitleIssn.title_id, TitleIssn.issn).order_by(TitleIssn.issn)):
        issns.setdefault(row.title_id, []).append(row.issn)
    names = {row.id: row.name for row in session.execute(select(Publisher.id, Publisher.name))}
    rows = session.execute(select(Title)).scalars()
    known = [title for title in rows if title.id in issns]
    for title in sorted(known, key=lambda one: issns[one.id]):
        yield {
            "issns": issns[title.id],
            "name": title.name,
            "publisher": names[title.publisher_id],
            "issn_l": title.issn_l,
            "issn_print": title.issn_print,
            "issn_electronic": title.issn_electronic,
            "set_issn": title.set_issn,
        }


def _enter_titles(session: Session, told: Sequence[Told], newer: bool) -> None:
    for one in told:
        title, publisher = (
            titles.title_by_issn(session, one["issns"]),
            titles.publisher_named(session, one["publisher"]),
        )
        new = title is None
        if title is None:
            title = Title(publisher_id=publisher.id, name="", sort_key="", folded="", articles=0)
            session.add(title)
        if new or newer:
            title.name, title.sort_key, title.folded = one["name"], tr_sort_key(one["name"]), tr_fold(one["name"])
            title.publisher_id, title.issn_l = publisher.id, one["issn_l"]
            title.issn_print, title.issn_electronic = one["issn_print"], one["issn_electronic"]
            title.set_issn = one.get("set_issn") or title.set_issn
        session.flush()
        titles.lead_here(session, title, one["issns"])


def _agreements(session: Session) -> Iterator[Told]:
    first = select(func.min(TitleIssn.issn)).where(TitleIssn.title_id == Agreement.title_id).scalar_subquery()
    rows = select(first.label("issn"), Publisher.name, Agreement.since, Agreement.until)
    rows = rows.join(Publisher, Publisher.id == Agreement.publisher_id).where(first.is_not(None))
    for row in sorted(session.execute(rows), key=lambda row: (row.issn, row.name)):
        yield {"issn": row.issn, "publisher": row.name, "since": _text(row.since), "until": _text(row.until)}


def _enter_agreements(session: Session, told: Sequence[Told], newer: bool) -> None:
    for one in told:
        title, publisher = (
            titles.title_by_issn(session, [one["issn"]]),
            titles.find_publisher(session, one["publisher"]),
        )
        if title is None or publisher is None:
            continue
        row = session.get(Agreement, (title.id, publisher.id))
        if row is None:
            row = Agreement(title_id=title.id, publisher_id=publisher.id, since=_moment(one["since"]))
            session.add(row)
        elif not newer:
            continue
        row.since, row.until = datetime.fromisoformat(one["since"]), _moment(one["until"])
    session.flush()


def _staff(session: Session) -> Iterator[Told]:
    rows = select(Staff.login, Staff.role, Staff.active, Staff.created_at).where(Staff.login != "")
    for row in sorted(session.execute(rows), key=lambda row: str(row.login)):
        yield {"login": row.login, "role": row.role, "active": row.active, "created_at": _text(row.created_at)}


def _enter_staff(session: Session, told: Sequence[Told], newer: bool) -> None:
    """Nobody can sign in before `mahfuz staff reset`: no ledger holds anything that opens an account.

    One that is closed here stays closed, whatever is told.
    """
    for one in told:
        row = session.execute(select(Staff).where(Staff.login == one["login"])).scalar_one_or_none()
        if row is None:
            row = Staff(
                login=one["login"],
                password_hash="",
                must_change=True,
                failures=0,
                active=True,
                created_at=_moment(one["created_at"]),
            )
            session.add(row)
        elif not newer:
            continue
        row.role, row.active = one["role"], row.active and one["active"]
    session.flush()


def _receipts(catalogue: Catalogue, mark: str | None) -> Iterator[Told]:
    rows = select(Delivery.id).where(Delivery.finished_at.is_not(None), Delivery.state != DeliveryState.RECEIVED)
    if mark is not None:
        rows = rows.where(Delivery.finished_at >= datetime.fromisoformat(mark) - _OVERLAP)
    after = ""
    while True:
        with catalogue.reading() as session:
            page = session.execute(rows.where(Delivery.id > after).order_by(Delivery.id).limit(_PAGE)).scalars().all()
            told = [receipts.of_delivery(session, identifier).as_json() for identifier in page]
        yield from told
        if len(page) < _PAGE:
            return
        after = page[-1]


def _enter_receipts(session: Session, told: Sequence[Told], newer: bool) -> None:
    known = deliveries.states_of(session, [one["delivery_id"] for one in told])
    for one in told:
        receipt = Receipt.from_json(dict(one))
        before = known.get(receipt.delivery_id)
        # A delivery that is not finished here goes by its receipt; of two receipts the later one counts.
        if before == receipt.state or not (newer or before in (None, DeliveryState.RECEIVED)):
            continue
        enter_receipt(session, receipt)


def enter_receipt(session: Session, receipt: Receipt) -> None:
    """A delivery is as its receipt says."""
    deliveries.accept(
        session, receipt.publisher, receipt.file_names, receipt.sha256, receipt.bytes, receipt.accepted_on
    )
    deliveries.finish(
        session,
        receipt.delivery_id,
        receipt.state,
        receipt.findings,
        receipt.articles,
        receipt.finished_at or receipt.accepted_on,
    )


def _decisions(catalogue: Catalogue, mark: str | None) -> list[Told]:
    rows = select(Decision).order_by(Decision.delivery_id, Decision.at, Decision.id)
    if mark is not None:
        rows = rows.where(Decision.at >= datetime.fromisoformat(mark) - _OVERLAP)
    with catalogue.reading() as session:
        return [
            {
                "delivery": row.delivery_id,
                "at": _text(row.at),
                "verdict": row.verdict,
                "codes": row.codes,
                "reason": row.reason,
                "by": row.by,
            }
            for row in session.execute(rows).scalars()
        ]


def _enter_decisions(session: Session, told: Sequence[Told], _newer: bool) -> None:
    known = deliveries.states_of(session, [one["delivery"] for one in told])
    for one in told:
        at = datetime.fromisoformat(one["at"])
        here = exists().where(
            Decision.delivery_id == one["delivery"], Decision.at == at, Decision.verdict == one["verdict"]
        )
        if one["delivery"] not in known or session.execute(select(here)).scalar_one():
            continue
        values = {name: one[name] for name in ("verdict", "codes", "reason", "by")}
        session.execute(insert(Decision).values(delivery_id=one["delivery"], at=at, **values))


def _disposals(session: Session) -> Iterator[Told]:
    """Those under way of which no notice tells yet; the others come back with the article's notices."""
    rows = select(Disposal).where(
        Disposal.noticed.is_(None), Disposal.state.in_([DisposalState.ASKED, DisposalState.APPROVED])
    )
    for row in session.execute(rows.order_by(Disposal.article_id, Disposal.id)).scalars().all():
        turns = select(DisposalTurn.store).where(DisposalTurn.disposal_id == row.id).order_by(DisposalTurn.position)
        yield {
            "article": row.article_id,
            "asked_at": _text(row.asked_at),
            "version": row.version,
            "bags": row.bags,
            "asked_by": row.asked_by,
            "reason": row.reason,
            "wait_days": row.wait_days,
            "delay_days": row.delay_days,
            "stores": list(session.execute(turns).scalars()),
        }


def _enter_disposals(session: Session, told: Sequence[Told], _newer: bool) -> None:
    """They wait for a second person anew: nothing that lies in a store ever leads to a deletion by itself."""
    for one in told:
        known = select(Disposal.id).where(Disposal.article_id == one["article"])
        if session.get(Article, one["article"]) is None or session.execute(known).first() is not None:
            continue
        row = Disposal(
            article_id=one["article"],
            asked_at=_moment(one["asked_at"]),
            state=DisposalState.ASKED,
            **{name: one[name] for name in ("version", "bags", "asked_by", "reason", "wait_days", "delay_days")},
        )
        session.add(row)
        session.flush()
        session.add_all(
            DisposalTurn(disposal_id=row.id, position=position, store=store, state=TurnState.WAITING)
            for position, store in enumerate(one["stores"])
        )
        session.flush()


TABLES: tuple[Kept, ...] = (
    Kept("publishers", _at_once(_publishers), _enter_publishers, key=("name",)),
    Kept("titles", _at_once(_titles), _enter_titles, key=("issns",)),
    Kept("agreements", _at_once(_agreements), _enter_agreements, key=("issn", "publisher")),
    Kept("staff", _at_once(_staff), _enter_staff, key=("login",)),
    Kept("receipts", _receipts, _enter_receipts, key=("delivery_id",), grows=True, moment="finished_at"),
    Kept("decisions", _decisions, _enter_decisions, key=("delivery", "at", "verdict"), grows=True, moment="at"),
    Kept("disposals", _at_once(_disposals), _enter_disposals, key=("article", "asked_at"), after_bags=True),
    Kept("usage", ledger_usage.tell, ledger_usage.enter, key=ledger_usage.KEY, grows=True, moment="day"),
)
"""In the order in which they are entered."""
