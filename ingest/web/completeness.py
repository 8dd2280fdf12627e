"""What should be here and is not, as people see it: a grid of volumes and issues, the list, and the letter."""

from __future__ import annotations

from itertools import groupby

from flask import Response, abort, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from ingest.letters import COLUMNS, Claim, letter, missing_rows
from ingest.web.desk import Desk
from repository.catalogue import browse, completeness, titles
from repository.models import Title
from repository.vocabulary import utc_now
from repository.web import paging
from repository.web.tables import csv_answer

A_PAGE = 30
MISSING = 200


def titles_expected(desk: Desk) -> ResponseReturnValue:
    """The titles of which a list says what should be there, each with what is held and what is missing."""
    after = paging.asked_key(str, int)
    with desk.catalogue.reading() as rows:
        listed = completeness.titles_expected(rows, after=after, limit=A_PAGE + 1)
        shown, following = paging.page_of(listed, A_PAGE, lambda title: (title.sort_key, title.id))
        lines = [(browse.title_line(rows, title), completeness.grid(rows, title)) for title in shown]
    return render_template("ingest/expected.html", lines=lines, following=following, begun=after is not None)


def title(desk: Desk, issn: str) -> ResponseReturnValue:
    """One title: volume by issue, what is held of what is expected, and the first of what is missing; or all as CSV."""
    with desk.catalogue.reading() as rows:
        found = _title(rows, issn)
        if request.args.get("format") == "csv":
            lines = list(missing_rows(completeness.lines_of(rows, found)))
            return csv_answer(f"missing-{issn}", COLUMNS, lines)
        line = browse.title_line(rows, found)
        cells = completeness.grid(rows, found)
        missing = []
        for each in completeness.lines_of(rows, found):
            if not each.held:
                missing.append(each)
            if len(missing) > MISSING:
                break
    volumes = [(volume, list(group)) for volume, group in groupby(cells, key=lambda cell: (cell.volume, cell.year))]
    return render_template(
        "ingest/completeness.html",
        title=line,
        issn=issn,
        volumes=volumes,
        held=sum(cell.held for cell in cells),
        expected=sum(cell.expected for cell in cells),
        gaps=sum(cell.missing for cell in cells),
        missing=missing[:MISSING],
        more=len(missing) > MISSING,
        as_csv=paging.here(format="csv"),
    )


def claim_letter(desk: Desk, issn: str, language: str) -> ResponseReturnValue:
    """The letter to the publisher as plain text."""
    if language not in ("tr", "en"):
        abort(404)
    with desk.catalogue.reading() as rows:
        found = _title(rows, issn)
        line = browse.title_line(rows, found)
        cells = completeness.grid(rows, found)
    claim = Claim(desk.archive, desk.email, line.publisher, line.name, line.issn or issn, utc_now().date(), cells)
    answer = Response(letter(claim, language), mimetype="text/plain")
    answer.headers["Content-Disposition"] = f'inline; filename="claim-{issn}-{language}.txt"'
    return answer


def _title(rows: Session, issn: str) -> Title:
    found = titles.title_by_issn(rows, (issn,))
    if found is None:
        abort(404)
    return found
