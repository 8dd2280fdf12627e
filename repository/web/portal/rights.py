"""A library's rights as a page and as CSV: which years of which journal are its own for ever, and how safe they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from flask import render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import BadRequest

from repository.access import our_rights, told
from repository.access.our_rights import UNSAFE, Journal, Right
from repository.coverage import runs_of
from repository.models import Institution
from repository.turkish import tr_fold
from repository.web import paging
from repository.web.portal.room import Portal, library
from repository.web.tables import csv_answer

A_PAGE = 50
COLUMNS = (
    "title", "print_identifier", "online_identifier", "publisher", "perpetual_years", "licences", "clauses", "state",
    "preserved", "in_progress", "nothing_held", "missing_items", "expected_items",
)  # fmt: skip


def rights(portal: Portal) -> ResponseReturnValue:
    """The rights of one library: all, or those that are not safe yet."""
    after = paging.asked_key(str, int)
    unsafe, words = request.args.get("show") == "unsafe", tr_fold(request.args.get("q", "")[:200])
    if not paging.storable(words) or request.args.get("show") not in (None, "", "unsafe"):
        raise BadRequest

    def named(journal: Journal) -> bool:
        return words in tr_fold(journal.name) or words in tr_fold(journal.issn)

    def wanted(right: Right) -> bool:
        return not unsafe or right.safety in UNSAFE

    with portal.catalogue.reading() as rows:
        visit, institution = library(rows)
        number = our_rights.how_many(rows, institution.id)
        as_csv = request.args.get("as") == "csv"
        found, following = (
            ([], None)
            if as_csv
            else our_rights.page(
                rows,
                institution.id,
                portal.now(),
                portal.stores,
                named=named,
                wanted=wanted,
                after=after,
                limit=A_PAGE,
            )
        )
    if as_csv:
        return csv_answer(
            f"rights-{institution.code}",
            COLUMNS,
            _cells(portal, institution, named, wanted),
        )
    return render_template(
        "portal/rights.html",
        visit=visit,
        institution=institution,
        found=found,
        following=paging.here(after=paging.key_text(following)) if following else None,
        begun=after is not None,
        unsafe=unsafe,
        question=request.args.get("q", "")[:200],
        number=number,
        years_text=told.years_text,
        runs_of=runs_of,
        clauses=told.WORDS,
        as_csv=paging.here(**{"as": "csv"}, after=None),
    )


def _cells(
    portal: Portal, institution: Institution, named: Callable[[Journal], bool], wanted: Callable[[Right], bool]
) -> Iterator[Sequence[object]]:
    for some in our_rights.walk(portal.catalogue, institution.id, portal.now(), portal.stores, named=named):
        for one in some:
            if wanted(one):
                yield _row(one)


def _row(one: Right) -> Sequence[object]:
    def years(some: Sequence[int]) -> str:
        return told.years_text(runs_of(some)).replace("–", "-")

    journal = one.journal
    return (
        journal.name,
        journal.issn_print,
        journal.issn_electronic,
        journal.publisher,
        "; ".join([told.years_text(one.years).replace("–", "-"), *one.by_number]).strip("; "),
        "; ".join(one.licences),
        "; ".join(dict.fromkeys(str(clause) for _, clause in one.licences.values())),
        str(one.safety),
        years(one.preserved),
        years(one.in_progress),
        years(one.lacking),
        journal.missing,
        journal.expected,
    )
