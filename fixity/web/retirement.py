"""A store that lacks something still, and one that is to be given up: what stands in the way, and who decided what."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session
from werkzeug.exceptions import BadRequest, NotFound

from fixity.retiring import COLUMNS, row_of
from fixity.web.room import Dashboard
from repository.access.web.guard import member
from repository.catalogue import filling, retiring
from repository.catalogue.walks import every
from repository.errors import NotNow
from repository.models import Aip, Lacking
from repository.texts import marked
from repository.vocabulary import as_utc_text, bag_name, utc_now
from repository.web import paging
from repository.web.tables import csv_answer

A_PAGE = 100
LONGEST_REASON = 4000
LACKING_COLUMNS = ("store", "bag", "problem", "since", "next_try")
NO_REASON = marked("Say why: a text of at most %(number)s characters.")


def lacking(room: Dashboard, store: str) -> ResponseReturnValue:
    """The bags that could not be copied into a store, with the reason of each; as a page or as CSV."""
    if request.args.get("format") == "csv":
        return csv_answer("lacking", LACKING_COLUMNS, (_lacking_row(*one) for one in _every(room, store)))
    after = paging.asked_key(int)
    with room.catalogue.reading() as rows:
        found = filling.problems(rows, store, after=after[0] if after else 0, limit=A_PAGE + 1)
    shown, following = paging.page_of(found, A_PAGE, lambda one: (one[1].id,))
    return render_template(
        "fixity/lacking.html",
        lines=shown,
        following=following,
        begun=after is not None,
        store=store,
        as_csv=paging.here(format="csv", after=None),
    )


def retirement(room: Dashboard, store: str) -> ResponseReturnValue:
    """How the retirement of a store stands, and what may be decided now; as CSV: the bags that others lack."""
    if request.args.get("format") == "csv":
        with room.catalogue.reading() as rows:
            left = retiring.others(rows, store, room.places)
        short = retiring.short(room.catalogue, store, left, room.copies, utc_now())
        return csv_answer("kept-too-rarely", COLUMNS, map(row_of, short))
    return _page(room, store)


def decide(room: Dashboard, store: str) -> ResponseReturnValue:
    """The signed-in person asks that a store be given up, approves it, or stops it."""
    person = member()
    assert person is not None
    told: dict[str, Any] = {"by": person.login, "at": utc_now(), "agent": room.agent}
    reason = request.form.get("reason", "").strip()

    def ask(rows: Session) -> object:
        if not reason or len(reason) > LONGEST_REASON or not paging.storable(reason):
            raise NotNow(NO_REASON, number=LONGEST_REASON)
        return retiring.ask(rows, store, reason=reason, stores=room.places, needed=room.copies, **told)

    acts: dict[str, Callable[[Session], object]] = {
        "ask": ask,
        "approve": lambda rows: retiring.approve(rows, store, **told),
        "cancel": lambda rows: retiring.cancel(rows, store, **told),
    }
    act = acts.get(request.form.get("act", ""))
    if act is None:
        raise BadRequest
    try:
        with room.catalogue.writing() as rows:
            act(rows)
    except NotNow as no:
        return _page(room, store, no), 422
    return redirect(url_for("fixity.retirement", store=store), 303)


def _page(room: Dashboard, store: str, problem: NotNow | None = None) -> str:
    person = member()
    with room.catalogue.reading() as rows:
        entry = filling.progress(rows, utc_now()).get(store)
        if entry is None:
            raise NotFound
        every_one = retiring.of(rows, store)
        left = retiring.others(rows, store, room.places)
        number = retiring.count(rows, store)
    return render_template(
        "fixity/retirement.html",
        store=store,
        entry=entry,
        retirements=every_one,
        under_way=any(one.state in retiring.OPEN for one in every_one),
        is_open=lambda one: one.state in retiring.OPEN,
        others=left,
        needed=room.copies,
        number=number,
        login=person.login if person else "",
        sentence=(problem.sentence, problem.params) if problem else None,
        longest=LONGEST_REASON,
        typed=request.form.get("reason", ""),
        as_csv=paging.here(format="csv"),
    )


def _every(room: Dashboard, store: str) -> Iterator[tuple[Lacking, Aip]]:
    return every(
        room.catalogue,
        lambda rows, after, limit: filling.problems(rows, store, after=after or 0, limit=limit),
        lambda one: one[1].id,
    )


def _lacking_row(one: Lacking, aip: Aip) -> tuple[object, ...]:
    bag = bag_name(aip.article_id, aip.version)
    return (one.store, bag, one.problem, as_utc_text(one.since), as_utc_text(one.next_try))
