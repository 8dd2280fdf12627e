"""A library's own list compared with its rights and with what is held, and rows of it turned into claims.

A comparison is answered and forgotten. What is claimed travels in the page itself and is read again as carefully as a
list is when it comes back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing

from flask import redirect, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session
from werkzeug.exceptions import BadRequest

from repository.access import claims, comparing, documents, entitled, told
from repository.access.comparing import Compared, Comparison, Verdict
from repository.access.runs import COVERAGE, Run, run_of
from repository.coverage import runs_of
from repository.errors import NotNow
from repository.kbart_lines import BadList, Complaint, Reading
from repository.models import Licence
from repository.rights import Side
from repository.texts import marked
from repository.vocabulary import utc_now
from repository.web import language, paging
from repository.web.portal.claiming import claimable, evidence_sent, licence_named
from repository.web.portal.room import Portal, library, side_of
from repository.web.tables import csv_answer

MOST_UPLOADED = 16 << 20
"""Bytes of a list that is compared."""
MOST_SENT = documents.MOST + (1 << 20)
MOST_SHOWN = 60
"""Rows of each kind on the page: as many can be claimed at once. All of them stand in the CSV."""
COLUMNS = (
    "row", "verdict", "title", "print_identifier", "online_identifier", "years_with_a_right", "preserved",
    "in_progress", "nothing_held", "held_without_a_right", "remark",
)  # fmt: skip
_CELLS = ("publication_title", "print_identifier", "online_identifier", *COVERAGE, "embargo_info")

NO_FILE = marked("Choose a file.")
NOT_CHOSEN = marked("Choose at least one row.")


def compare(portal: Portal) -> ResponseReturnValue:
    """The form, and the answer to it, as a page or as CSV."""
    with portal.catalogue.reading() as rows:
        _, institution = library(rows)
    if request.method != "POST":
        return _page(portal)
    sent = request.files.get("file")
    name = (sent.filename or "").replace("\\", "/").rpartition("/")[2][:200] if sent else ""
    if sent is None or not name:
        return _page(portal, wrong=[Complaint(NO_FILE)]), 422
    with closing(sent):
        data = sent.stream.read()
    try:
        found = comparing.compare(portal.catalogue, institution.id, name, data, portal.now(), portal.stores)
    except BadList as error:
        return _page(portal, wrong=error.complaints, name=name), 422
    if request.form.get("as") == "csv":
        return csv_answer(f"comparison-{institution.code}", COLUMNS, list(_rows(found)))
    return _page(portal, found=found, name=name)


def claim_rows(portal: Portal) -> ResponseReturnValue:
    """The rows that were chosen are claimed under one licence, each an act of its own; all of them or none."""
    now = utc_now()
    try:
        with portal.catalogue.writing() as rows:
            visit, institution = library(rows)
            wanted = [_run_in(text) for text in request.form.getlist("run")[:MOST_SHOWN]]
            if not wanted:
                raise NotNow(NOT_CHOSEN)
            licence = licence_named(rows, institution, request.form.get("licence", ""))
            document = evidence_sent(rows, visit.by, now)
            side, why = side_of(visit, Side.LIBRARY), request.form.get("reason", "")
            for run in wanted:
                claimable(rows, licence, run.title.issns)
                claims.claim(rows, visit.by, licence, institution, run, why, at=now, side=side, document=document)
            address = visit.at("claims_listed", made=len(wanted))
    except NotNow as no:
        return _page(portal, problem=no), 422
    return redirect(address, 303)


def _page(
    portal: Portal,
    *,
    found: Comparison | None = None,
    name: str = "",
    wrong: Sequence[Complaint] = (),
    problem: NotNow | None = None,
) -> str:
    with portal.catalogue.reading() as rows:
        visit, institution = library(rows)
        licences = licences_of(rows, institution.id)
    complaints = found.complaints if found is not None else wrong
    return render_template(
        "portal/compare.html",
        visit=visit,
        institution=institution,
        found=found,
        name=name,
        verdicts=list(Verdict),
        wrong=complaints[:MOST_SHOWN],
        how_many_wrong=len(complaints),
        problem=problem,
        licences=licences,
        most=MOST_SHOWN,
        megabytes=MOST_UPLOADED >> 20,
        years=_years,
        years_text=told.years_text,
        coverage_text=told.coverage_text,
        said=said,
        run_text=_run_text,
        kept={"run": request.form.getlist("run")[:MOST_SHOWN], "reason": request.form.get("reason", "")}
        if problem
        else None,
    )


def licences_of(rows: Session, institution_id: int) -> list[Licence]:
    """The licences to which a library is or was a party, by their codes."""
    return sorted(entitled.agreements_of(rows, institution_id).licences.values(), key=lambda one: one.code)


def said(complaint: Complaint) -> str:
    """What is wrong with a line, in the reader's language."""
    if complaint.params:
        return language.gettext(complaint.message) % complaint.params
    return language.gettext(complaint.message, given=f"“{complaint.given}”")


def _years(some: Sequence[int]) -> str:
    return told.years_text(runs_of(some))


def _rows(found: Comparison) -> Iterator[Sequence[object]]:
    for one in found.lines:
        yield _row(one)
    for complaint in found.complaints:
        yield (complaint.line, "error", "", "", "", "", "", "", "", "", said(complaint))
    for right in found.unlisted:
        journal, years = right.journal, told.years_text(right.years).replace("–", "-")
        names = (journal.name, journal.issn_print, journal.issn_electronic)
        kept = (_plain(right.preserved), _plain(right.in_progress), _plain(right.lacking))
        yield ("", "not_in_the_list", *names, years, *kept, "", "; ".join(right.licences))


def _row(one: Compared) -> Sequence[object]:
    issns = (one.run.title.issn_print, one.run.title.issn_electronic)
    years = (one.right, one.preserved, one.in_progress, one.lacking, one.without)
    return (one.run.line, str(one.verdict), one.run.title.name, *issns, *(_plain(some) for some in years), "")


def _plain(some: Sequence[int]) -> str:
    return _years(some).replace("–", "-")


def _run_text(run: Run) -> str:
    """A run as the value of a box to tick."""
    title, coverage = run.title, run.coverage
    ends = (
        *(coverage.first_date, coverage.first_volume, coverage.first_issue),
        *(coverage.last_date, coverage.last_volume, coverage.last_issue),
    )
    cells = (title.name, title.issn_print, title.issn_electronic, *ends, run.embargo)
    return paging.key_text([cell or "" for cell in cells])


def _run_in(text: str) -> Run:
    """The run in such a value. Raises BadRequest for one that no page of ours wrote."""
    cells = paging.key_in(text, *(str for _ in _CELLS))
    reading = Reading("")
    run = run_of(dict(zip(_CELLS, cells, strict=True)), 0, reading)
    if run is None:
        raise BadRequest
    return run
