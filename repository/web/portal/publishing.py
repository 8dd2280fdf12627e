"""A publisher's pages: what is held of its journals, what became of its deliveries, and the claims on its licences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from flask import redirect, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from repository.access import claims, held, keepers, our_rights, told
from repository.access.claims import Line
from repository.access.our_rights import Journal, Safety
from repository.catalogue import browse
from repository.coverage import runs_of
from repository.errors import NotNow
from repository.models import Entitlement, Licence, Publisher, Title
from repository.rights import ClaimState, LicenceType, Side
from repository.web import paging
from repository.web.portal.claiming import evidence_given, line_of, said_next, shown
from repository.web.portal.room import Portal, publisher
from repository.web.tables import csv_answer

A_PAGE = 50
WAITING = (ClaimState.ASSERTED, ClaimState.DISPUTED)
COLUMNS = (
    "title", "print_identifier", "online_identifier", "articles", "state", "preserved", "in_progress",
    "missing_items", "expected_items",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Kept:
    """One journal of the publisher, and how safe what is held of it is."""

    journal: Journal
    articles: int
    safety: Safety | None
    """None: nothing is held, and no list expects anything."""
    preserved: tuple[int, ...]
    in_progress: tuple[int, ...]


def journals(portal: Portal) -> ResponseReturnValue:
    """What is held of the publisher's journals, as a page or as CSV."""
    after = paging.asked_key(str, int)
    with portal.catalogue.reading() as rows:
        visit, whose = publisher(rows)
        as_csv = request.args.get("as") == "csv"
        found = [] if as_csv else _kept(portal, rows, whose, after, A_PAGE + 1)
        totals = rows.execute(
            select(func.count(), func.coalesce(func.sum(Title.articles), 0)).where(
                Title.publisher_id == whose.id, Title.articles > 0
            )
        ).one()
        waiting = _waiting(rows, whose)
    if as_csv:
        return csv_answer(f"held-{whose.slug}", COLUMNS, _cells(portal, whose))
    some, following = paging.page_of(found, A_PAGE, lambda one: (one.journal.sort_key, one.journal.id))
    return render_template(
        "portal/journals.html",
        visit=visit,
        publisher=whose,
        found=some,
        following=following,
        begun=after is not None,
        titles=totals[0],
        articles=totals[1],
        waiting=waiting,
        years=_years,
        as_csv=paging.here(**{"as": "csv"}, after=None),
    )


def deliveries(portal: Portal) -> ResponseReturnValue:
    """The publisher's deliveries, the newest first, each leading to its receipt."""
    key = paging.asked_key(str, str)
    before = (paging.moment_in(key[0]), key[1]) if key else None
    with portal.catalogue.reading() as rows:
        visit, whose = publisher(rows)
        listed = browse.deliveries_listed(rows, publisher=whose.id, before=before, limit=A_PAGE + 1)
    some, following = paging.page_of(listed, A_PAGE, lambda line: (line.accepted_on.isoformat(), line.id))
    return render_template(
        "portal/deliveries.html",
        visit=visit,
        publisher=whose,
        lines=some,
        following=following,
        begun=before is not None,
    )


def disputes(portal: Portal) -> ResponseReturnValue:
    """The claims on the publisher's licences: those that wait for an answer, or all."""
    after, every = paging.asked_key(int), request.args.get("show") == "all"
    with portal.catalogue.reading() as rows:
        visit, whose = publisher(rows)
        states = () if every else tuple(str(one) for one in WAITING)
        found = _listed(rows, whose, states, after[0] if after else 0)
    some, following = paging.page_of(found, A_PAGE, lambda line: (line.row.id,))
    return render_template(
        "portal/disputes.html",
        visit=visit,
        publisher=whose,
        lines=some,
        following=following,
        begun=after is not None,
        every=every,
        coverage_text=told.coverage_text,
    )


def dispute(portal: Portal, number: int) -> ResponseReturnValue:
    """One claim on a licence of the publisher, and what it says to it."""
    with portal.catalogue.reading() as rows:
        visit, whose = publisher(rows)
        _own(rows, whose, number)
    if request.method != "POST":
        return _page(portal, number)
    try:
        said_next(portal, visit, number, Side.PUBLISHER)
    except NotNow as no:
        return _page(portal, number, no), 422
    return redirect(visit.at("dispute", number=number), 303)


def evidence(portal: Portal, word: str) -> ResponseReturnValue:
    """A file of evidence on a claim under a licence of the publisher, whoever brought it."""
    with portal.catalogue.reading() as rows:
        _, whose = publisher(rows)
        return evidence_given(rows, word, Licence.publisher_id == whose.id)


def _kept(portal: Portal, rows: Session, whose: Publisher, after: tuple[str, int] | None, limit: int) -> list[Kept]:
    found = our_rights.journals_of_publisher(rows, whose.id, after, limit)
    numbers = [one.id for one in found]
    issues, not_yet = held.issues_of(rows, numbers), keepers.exceptions(rows, portal.stores, numbers)
    counted = select(Title.id, Title.articles).where(Title.id.in_(numbers))
    articles = {row.id: row.articles for row in rows.execute(counted)}
    kept = []
    for journal in found:
        mine = issues.get(journal.id, [])
        progress = {one.year for one in mine if one.id in not_yet}
        years = {one.year for one in mine}
        safety = Safety.IN_PROGRESS if progress else Safety.PRESERVED if mine else None
        kept.append(
            Kept(
                journal,
                articles[journal.id],
                Safety.MISSING if journal.missing else safety,
                tuple(sorted(year for year in years - progress if year is not None)),
                tuple(sorted(year for year in progress if year is not None)),
            )
        )
    return kept


def _cells(portal: Portal, whose: Publisher) -> Iterator[Sequence[object]]:
    after: tuple[str, int] | None = None
    while True:
        with portal.catalogue.reading() as rows:
            some = _kept(portal, rows, whose, after, our_rights.AT_ONCE)
        for one in some:
            journal = one.journal
            names = (journal.name, journal.issn_print, journal.issn_electronic, one.articles)
            kept = (str(one.safety or ""), _years(one.preserved), _years(one.in_progress))
            yield (*names, *(text.replace("–", "-") for text in kept), journal.missing, journal.expected)
        if len(some) < our_rights.AT_ONCE:
            return
        after = (some[-1].journal.sort_key, some[-1].journal.id)


def _years(some: Sequence[int]) -> str:
    return told.years_text(runs_of(some))


def _listed(rows: Session, whose: Publisher, states: Sequence[str], after: int) -> list[Line]:
    """Claims of institutions under the publisher's licences; title lists are no claims, unless they are in doubt."""
    return claims.listed(rows, publisher_id=whose.id, states=states, claimed=True, after=after, limit=A_PAGE + 1)


def _waiting(rows: Session, whose: Publisher) -> int:
    asked = select(func.count()).select_from(Entitlement).join(Licence, Licence.id == Entitlement.licence_id)
    asked = asked.where(Entitlement.state.in_([str(one) for one in WAITING]), text(claims.UNSETTLED))
    return rows.execute(asked.where(Licence.publisher_id == whose.id)).scalar_one()


def _own(rows: Session, whose: Publisher, number: int) -> Line:
    def is_own(line: Line) -> bool:
        return line.licence.publisher_id == whose.id and line.licence.type != LicenceType.OPEN

    return line_of(rows, number, is_own)


def _page(portal: Portal, number: int, problem: NotNow | None = None) -> str:
    with portal.catalogue.reading() as rows:
        visit, whose = publisher(rows)
        given = shown(rows, visit, _own(rows, whose, number), Side.PUBLISHER, problem)
    return render_template("portal/dispute.html", publisher=whose, **given)
