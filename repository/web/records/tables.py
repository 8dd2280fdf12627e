"""Whole tables of records, taken in and given out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from flask import render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import BadRequest, NotFound

from repository.access.exchange import consortia, entitlements, institutions, licences
from repository.access.exchange.tables import Imported
from repository.catalogue import Catalogue
from repository.kbart_lines import MOST_COMPLAINTS, BadList, Complaint
from repository.vocabulary import utc_now
from repository.web.records import acting
from repository.web.records.titles import NO_FILE
from repository.web.room import ReadingRoom
from repository.web.tables import csv_answer


class _Table(NamedTuple):
    columns: Sequence[str]
    told: Callable[[Catalogue], Iterable[Sequence[object]]]
    enter: Callable[..., Imported]


TABLES = {
    "institutions": _Table(institutions.COLUMNS, institutions.told, institutions.enter_all),
    "consortia": _Table(consortia.COLUMNS, consortia.told, consortia.enter_all),
    "licences": _Table(licences.COLUMNS, licences.told, licences.enter_all),
    "parties": _Table(licences.PARTY_COLUMNS, licences.parties_told, licences.enter_parties),
    "entitlements": _Table(entitlements.COLUMNS, entitlements.told, entitlements.enter_all),
}
"""In the order in which an empty archive takes them in."""


def form(
    _room: ReadingRoom, done: Imported | None = None, wrong: Sequence[Complaint] = (), name: str = "", what: str = ""
) -> ResponseReturnValue:
    """Every table to be saved, and the form by which one is loaded."""
    page = render_template(
        "records/tables.html",
        tables=TABLES,
        done=done,
        name=name,
        what=what,
        wrong=wrong[:MOST_COMPLAINTS],
        more=max(0, len(wrong) - MOST_COMPLAINTS),
        remarks=done.remarks[:MOST_COMPLAINTS] if done else (),
        megabytes=acting.MOST_UPLOADED >> 20,
    )
    return page, 422 if wrong and done is None else 200


def load(room: ReadingRoom) -> ResponseReturnValue:
    """The rows of the table that was sent are entered; what is refused is told by its line."""
    what = request.form.get("what", "")
    if what not in TABLES:
        raise BadRequest
    name, data = acting.uploaded()
    if not name:
        return form(room, wrong=(Complaint(NO_FILE),), what=what)
    try:
        done = TABLES[what].enter(room.catalogue, acting.login(), name, data, at=utc_now())
    except BadList as no:
        return form(room, wrong=no.complaints, name=name, what=what)
    return form(room, done, done.complaints, name, what)


def written(room: ReadingRoom, name: str) -> ResponseReturnValue:
    """A whole table as CSV."""
    if name not in TABLES:
        raise NotFound
    return csv_answer(name, TABLES[name].columns, TABLES[name].told(room.catalogue))
