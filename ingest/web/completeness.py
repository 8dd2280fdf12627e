"""What should be here and is not, as people see it: the grid of volumes and issues, the lists behind it, the letter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from email.policy import SMTP
from itertools import accumulate, groupby

from flask import Response, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session
from werkzeug.exceptions import BadRequest

from ingest.letters import COLUMNS, Claim, letter, message, missing_csv, missing_rows
from ingest.web.desk import Desk
from repository.catalogue import browse, completeness, shortfalls, titles
from repository.catalogue.completeness import Cell, Line
from repository.models import Title
from repository.vocabulary import utc_now
from repository.web import paging
from repository.web.tables import csv_answer

A_PAGE = 30
AT_ONCE = 3000
"""Lines of the lists of one page that are counted while somebody waits; longer ones are told as counted last."""
ROWS = 40
CELLS = 500
"""Volumes on one page of the grid, and about how many issues: a weekly of a hundred and fifty years stays readable."""
LINES = 100
FIRST_MISSING = 10
LISTS = 50


def titles_expected(desk: Desk) -> ResponseReturnValue:
    """The titles of which a list says what should be there, each with what is held and what is missing."""
    after = paging.asked_key(str, int)
    with desk.catalogue.reading() as rows:
        listed = completeness.titles_expected(rows, after=after, limit=A_PAGE + 1)
        shown, following = paging.page_of(listed, A_PAGE, lambda title: (title.sort_key, title.id))
        lines = browse.title_lines(rows, [title.id for title in shown])
        numbers = _counted(rows, shown)
    return render_template(
        "ingest/expected.html",
        lines=[(line, *numbers[line.id]) for line in lines],
        following=following,
        begun=after is not None,
        loaded=request.args.get("loaded", type=int),
    )


def title(desk: Desk, issn: str) -> ResponseReturnValue:
    """One title: volume by issue, what is held of what is expected, the first of what is missing, and who says so."""
    after = paging.asked_key(str, str)
    with desk.catalogue.reading() as rows:
        found = _title(rows, issn)
        line = browse.title_line(rows, found)
        cells = completeness.grid(rows, found, utc_now().date())
        lists = completeness.sources(rows, found, LISTS + 1)
        missing, _ = _lines(rows, found, "missing", None, 0, FIRST_MISSING)
    volumes = [(row, list(group)) for row, group in groupby(cells, key=lambda cell: cell.place[:2])]
    begun = next((place for place, (row, _) in enumerate(volumes, start=1) if row == after), 0)
    left = volumes[begun:]
    shown, following = paging.page_of(left, _rows_on_a_page(left), lambda volume: volume[0])
    return render_template(
        "ingest/completeness.html",
        title=line,
        issn=issn,
        volumes=[(_heading(group), group) for _, group in shown],
        following=following,
        begun=begun > 0,
        held=sum(cell.held for cell in cells),
        expected=sum(cell.expected for cell in cells),
        gaps=sum(cell.missing for cell in cells),
        missing=missing,
        lists=lists[:LISTS],
        more_lists=LISTS if len(lists) > LISTS else 0,
        listed=_listed,
        loaded=request.args.get("loaded", type=int),
        as_csv=url_for("ingest.lines", issn=issn, which="missing", format="csv"),
    )


def lines(desk: Desk, issn: str) -> ResponseReturnValue:
    """The lines that a number of the grid counts: expected or missing, of the title or of one cell; or all as CSV."""
    which = request.args.get("which", "expected")
    cell = paging.asked_key(str, str, str, name="cell")
    after = paging.asked_key(int)
    if which not in ("expected", "missing"):
        raise BadRequest
    with desk.catalogue.reading() as rows:
        found = _title(rows, issn)
        line = browse.title_line(rows, found)
        if request.args.get("format") == "csv":
            return csv_answer(f"missing-{issn}", COLUMNS, missing_rows(_every_missing(desk, found)))
        shown, last = _lines(rows, found, which, cell, after[0] if after else 0, LINES)
    return render_template(
        "ingest/lines.html",
        title=line,
        issn=issn,
        which=which,
        lines=shown,
        of_cell=cell is not None,
        place=shown[0].expected if cell and shown else None,
        following=paging.here(after=paging.key_text((last,))) if last else None,
        begun=after is not None,
        everything=url_for("ingest.lines", issn=issn, which=which),
        as_csv=url_for("ingest.lines", issn=issn, which="missing", format="csv"),
    )


def forget(desk: Desk, issn: str) -> ResponseReturnValue:
    """Take a list away that should not have been loaded."""
    source, delivery = request.form.get("source", ""), request.form.get("delivery") or None
    if not paging.storable(source) or not paging.storable(delivery or ""):
        raise BadRequest
    with desk.catalogue.writing() as rows:
        found = _title(rows, issn)
        completeness.forget(rows, found, source, delivery)
    return redirect(url_for("ingest.title", issn=issn))


def claim_letter(desk: Desk, issn: str, language: str) -> ResponseReturnValue:
    """The letter to the publisher as plain text."""
    claim, _ = _claim(desk, issn, language, listed=False)
    answer = Response(letter(claim, language), mimetype="text/plain")
    answer.headers["Content-Disposition"] = f'inline; filename="claim-{issn}-{language}.txt"'
    return answer


def claim_mail(desk: Desk, issn: str, language: str) -> ResponseReturnValue:
    """The letter with its list attached, as a file that a mail program opens as a draft (RFC 5322)."""
    claim, listed = _claim(desk, issn, language, listed=True)
    answer = Response(message(claim, language, listed).as_bytes(policy=SMTP), mimetype="message/rfc822")
    answer.headers["Content-Disposition"] = f'attachment; filename="claim-{issn}-{language}.eml"'
    return answer


def _claim(desk: Desk, issn: str, language: str, *, listed: bool) -> tuple[Claim, str]:
    if language not in ("tr", "en"):
        abort(404)
    today = utc_now().date()
    with desk.catalogue.reading() as rows:
        found = _title(rows, issn)
        line = browse.title_line(rows, found)
        cells = completeness.grid(rows, found, today)
        missing = missing_csv(completeness.lines_of(rows, [found], today)) if listed else ""
    return Claim(desk.archive, desk.email, line.publisher, line.name, line.issn or issn, today, cells), missing


def _lines(
    rows: Session, found: Title, which: str, cell: tuple[str, ...] | None, after: int, limit: int
) -> tuple[list[Line], int | None]:
    """The next lines that fit, and the id to go on after; the lines for which one that goes on stands stay together."""
    shown: list[Line] = []
    for line in completeness.lines_of(rows, [found], utc_now().date(), (found.id, after)):
        if (which == "missing" and line.held) or (cell is not None and line.place != cell):
            continue
        if len(shown) >= limit and line.id != shown[-1].id:
            return shown, shown[-1].id
        shown.append(line)
    return shown, None


def _every_missing(desk: Desk, found: Title) -> Iterator[Line]:
    after: int | None = 0
    while after is not None:
        with desk.catalogue.reading() as rows:
            page, after = _lines(rows, found, "missing", None, after, 1000)
        yield from page


def _rows_on_a_page(volumes: list[tuple[tuple[str, str], list[Cell]]]) -> int:
    cells = accumulate(len(group) for _, group in volumes[:ROWS])
    return max(1, sum(together <= CELLS for together in cells))


def _heading(cells: list[Cell]) -> tuple[str | None, int | None]:
    """The volume of a row of the grid, and its newest year."""
    return cells[0].volume, max((cell.year for cell in cells if cell.year), default=None)


def _counted(rows: Session, shown: Sequence[Title]) -> dict[int, tuple[int | None, int | None]]:
    """Expected and missing of each title, by its id: as counted last, or now where that is old and little work."""
    now = utc_now()
    kept = shortfalls.of(rows, [title.id for title in shown])
    found = {title.id: (kept[title.id].expected, kept[title.id].missing) for title in shown if title.id in kept}
    old = [title for title in shown if title.id not in kept or kept[title.id].due <= now]
    if old and shortfalls.are_short(rows, [title.id for title in old], AT_ONCE):
        anew = completeness.summaries(rows, old, now.date())
        found |= {title: (count.expected, count.missing) for title, count in anew.items()}
    return {title.id: found.get(title.id, (None, None)) for title in shown}


def _listed(issn: str, which: str, cell: Cell) -> str:
    """The address of the lines that a number of this cell counts."""
    return url_for("ingest.lines", issn=issn, which=which, cell=paging.key_text(cell.place))


def _title(rows: Session, issn: str) -> Title:
    found = titles.title_by_issn(rows, (issn,))
    if found is None:
        abort(404)
    return found
