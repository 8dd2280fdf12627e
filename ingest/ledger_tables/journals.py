"""Publishers, their journals, which continues which, and what was agreed about them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ingest.ledger_tables.kept import Kept, Told, as_moment, as_text, at_once
from repository.catalogue import titles
from repository.catalogue.parts import parts
from repository.models import Agreement, Publisher, Title, TitleIssn
from repository.turkish import tr_fold, tr_sort_key


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
        yield {"issn": row.issn, "publisher": row.name, "since": as_text(row.since), "until": as_text(row.until)}


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
            row = Agreement(title_id=title.id, publisher_id=publisher.id, since=as_moment(one["since"]))
            session.add(row)
        elif not newer:
            continue
        row.since, row.until = datetime.fromisoformat(one["since"]), as_moment(one["until"])
    session.flush()


def _successions(session: Session) -> Iterator[Told]:
    issns = first_issns(session)
    rows = session.execute(select(Title.id, Title.preceding_id).where(Title.preceding_id.is_not(None)))
    pairs = [(issns[row.id], issns[row.preceding_id]) for row in rows if {row.id, row.preceding_id} <= issns.keys()]
    for issn, preceding in sorted(pairs):
        yield {"issn": issn, "preceding": preceding}


def _enter_successions(session: Session, told: Sequence[Told], newer: bool) -> None:
    places = places_of(session, {one[name] for one in told for name in ("issn", "preceding")})
    for one in told:
        title, before = places.get(one["issn"]), places.get(one["preceding"])
        if title is not None and before is not None and title != before:
            row = titles.by_id(session, title)
            if newer or row.preceding_id is None:
                row.preceding_id = before
    session.flush()


def first_issns(session: Session) -> dict[int, str]:
    """By which ISSN a ledger names each journal."""
    rows = session.execute(
        select(TitleIssn.title_id, func.min(TitleIssn.issn).label("issn")).group_by(TitleIssn.title_id)
    )
    return {row.title_id: row.issn for row in rows}


def places_of(session: Session, issns: set[str]) -> dict[str, int]:
    """The numbers here of the journals to which these ISSNs lead."""
    found: dict[str, int] = {}
    for some in parts(sorted(issns)):
        rows = session.execute(select(TitleIssn.issn, TitleIssn.title_id).where(TitleIssn.issn.in_(some)))
        found.update((row.issn, row.title_id) for row in rows)
    return found


JOURNALS = (
    Kept("publishers", at_once(_publishers), _enter_publishers, key=("name",)),
    Kept("titles", at_once(_titles), _enter_titles, key=("issns",)),
    Kept("successions", at_once(_successions), _enter_successions, key=("issn",)),
    Kept("agreements", at_once(_agreements), _enter_agreements, key=("issn", "publisher")),
)
