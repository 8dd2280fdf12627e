"""Usage for people: what was read in which months, journal by journal, and every report as a file.

Made for the usage of one institution or of all: the page of a library is this page without the choice.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from flask import Blueprint, Response, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.exceptions import BadRequest, NotFound

from repository.access import counter_reports, counter_tables, institutions
from repository.access.counter import REPORTS, THE_WORLD_ID, Asked, Refused
from repository.access.counter_questions import understood
from repository.access.counter_reports import THE_WORLD, Whose
from repository.access.kbart import word
from repository.access.usage import Metric
from repository.access.web.counter import Usage
from repository.access.web.guard import Route, Who, lay
from repository.models import Institution
from repository.texts import marked
from repository.turkish import machine_lower

MOST_JOURNALS = 25
LABELS = {
    str(Metric.TOTAL_REQUESTS): marked("Full texts read"),
    str(Metric.UNIQUE_REQUESTS): marked("Different full texts in a session"),
    str(Metric.TOTAL_INVESTIGATIONS): marked("Articles looked at"),
    str(Metric.UNIQUE_INVESTIGATIONS): marked("Different articles in a session"),
    str(Metric.NO_LICENSE): marked("Refused for want of a licence"),
    str(Metric.SEARCHES): marked("Searches"),
}


def usage_shown(usage: Usage) -> ResponseReturnValue:
    """For staff: the usage of an institution, or of the world."""
    with usage.catalogue.reading() as rows:
        institution = _chosen(rows)
        listed = rows.execute(
            select(Institution.code, Institution.name).order_by(Institution.sort_key, Institution.id)
        ).all()
    return page(usage, institution, "usage.report_given", choice=listed)


def report_given(usage: Usage, name: str, kind: str) -> ResponseReturnValue:
    """For staff: one report as a file."""
    with usage.catalogue.reading() as rows:
        institution = _chosen(rows)
    return given(usage, institution, name, kind)


def page(
    usage: Usage, institution: Institution | None, files: str, choice: Sequence[Any] = (), visit: Any = None
) -> ResponseReturnValue:
    """The page of one institution, or of the world where it is None.

    ``files`` is the endpoint of its reports; ``choice`` is what there is to choose from, code and name; ``visit`` is
    who asks among the pages of a library.
    """
    of = counter_reports.whose(institution) if institution is not None else THE_WORLD
    begin, end = _months(usage)
    told: dict[str, Any] = {"wrong": False, "months": [], "use": [], "read": [], "denied": [], "years": []}
    try:
        with usage.catalogue.reading() as rows:
            told |= _told(usage, rows, of, begin, end)
    except Refused:
        told["wrong"] = True
    return render_template(
        "usage/usage.html",
        institution=institution,
        choice=choice,
        visit=visit,
        code=institution.code if institution is not None else "",
        begin=begin,
        end=end,
        files=files,
        reports=list(REPORTS.values()),
        labels=LABELS,
        customer=(institution.counter_id or institution.code) if institution is not None else THE_WORLD_ID,
        lower=machine_lower,
        **told,
    )


def given(usage: Usage, institution: Institution | None, name: str, kind: str) -> Response:
    """One report of this institution, or of the world, as TSV or JSON; the address says for which months."""
    report = next((one for one in REPORTS.values() if machine_lower(one.id) == name), None)
    if report is None or kind not in ("tsv", "json"):
        raise NotFound
    of = counter_reports.whose(institution) if institution is not None else THE_WORLD
    begin, end = _months(usage)
    options = {key: value for key, value in request.args.items() if value and key not in ("institution", "from", "to")}
    with usage.catalogue.reading() as rows:
        now = usage.now
        try:
            asked = _understood(usage, rows, report.id, begin, end, options)
        except Refused:
            raise BadRequest from None
        lines = counter_reports.lines(rows, asked, of, usage.platform)
    if kind == "json":
        document = counter_reports.document(asked, of, usage.platform, lines, now)
        answer = Response(json.dumps(document, ensure_ascii=False, indent=1), mimetype="application/json")
    else:
        answer = Response(
            counter_tables.tsv(asked, of, usage.platform, lines, now),
            content_type="text/tab-separated-values; charset=utf-8",
        )
    whose = word(institution.code) if institution is not None else "World"
    file = f"{whose}_{report.id}_{asked.begin:%Y-%m}_{asked.end:%Y-%m}.{kind}"
    answer.headers["Content-Disposition"] = f'attachment; filename="{file}"'
    return answer


def _chosen(rows: Session) -> Institution | None:
    code = request.args.get("institution", "")
    if not code:
        return None
    found = institutions.find(rows, code) if len(code) <= 40 and code.isprintable() else None
    if found is None:
        raise NotFound
    return found


def _months(usage: Usage) -> tuple[str, str]:
    """The months that are asked for; the last that is over where none are (section 5.2)."""
    last = f"{usage.now.date().replace(day=1) - timedelta(days=1):%Y-%m}"
    begin = request.args.get("from") or request.args.get("to") or last
    return begin, request.args.get("to") or max(begin, last)


def _understood(
    usage: Usage, rows: Session, report: str, begin: str, end: str, options: Mapping[str, str] | None = None
) -> Asked:
    asked = {"begin_date": begin, "end_date": end, **(options or {})}
    first = counter_reports.first_month(rows)
    return understood(REPORTS[report], asked, usage.platform.name, first, usage.now.date())


def _told(usage: Usage, rows: Session, of: Whose, begin: str, end: str) -> dict[str, Any]:
    """What the page shows. The database adds up: of a month's use no line is made that nobody sees."""

    def asked(report: str) -> Asked:
        return _understood(usage, rows, report, begin, end)

    def most(report: str, metric: Metric) -> list[tuple[Mapping[str, Any], int]]:
        return counter_reports.most(rows, asked(report), of, str(metric), MOST_JOURNALS, usage.platform)

    whole = asked("PR")
    use = counter_reports.sums(rows, whole, of)
    if refusals := counter_reports.sums(rows, asked("TR_J2"), of).get(str(Metric.NO_LICENSE)):
        use[str(Metric.NO_LICENSE)] = refusals
    return {
        "months": _between(whole.begin, whole.end),
        "use": [(metric, use[metric]) for metric in LABELS if metric in use],
        "read": most("TR_J3", Metric.TOTAL_REQUESTS),
        "denied": most("TR_J2", Metric.NO_LICENSE),
        "years": counter_reports.years(rows, asked("TR_J4"), of, str(Metric.TOTAL_REQUESTS)),
        "not_ready": any(one.code == 3031 for one in whole.exceptions),
    }


def _between(begin: date, end: date) -> list[str]:
    first, last = begin.year * 12 + begin.month - 1, end.year * 12 + end.month - 1
    return [f"{number // 12:04d}-{number % 12 + 1:02d}" for number in range(first, last + 1)]


def blueprint(usage: Usage) -> Blueprint:
    """The pages of usage for staff."""
    return lay(
        Blueprint("usage", __name__),
        usage,
        (
            Route("/staff/usage", usage_shown, Who.STAFF),
            Route("/staff/usage/<name>.<kind>", report_given, Who.STAFF),
        ),
    )
