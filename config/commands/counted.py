"""Commands that tell what was read, as COUNTER reports."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from config.commands.answers import Asked, answer, as_json
from repository.access import counter_reports, counter_tables, institutions
from repository.access.counter import REPORTS, Refused
from repository.access.counter_questions import understood
from repository.access.counter_reports import THE_WORLD, Platform
from repository.errors import UsageError


@click.group()
def usage() -> None:
    """What readers did, by the rules of COUNTER 5.1."""


@usage.command()
@click.argument("report", type=click.Choice(list(REPORTS), case_sensitive=False))
@click.option("--institution", metavar="CODE", help="Of its readers (default: of all, the world).")
@click.option("--from", "begin", metavar="YYYY-MM", required=True, help="The first month.")
@click.option("--to", "end", metavar="YYYY-MM", help="The last month (default: the first).")
@click.option("--format", "kind", type=click.Choice(["tsv", "json"]), default="tsv", show_default=True)
@click.option(
    "--out", "target", required=True, type=click.Path(dir_okay=False, path_type=Path), help="Where to write it."
)
@as_json
@click.pass_obj
def report(
    asked: Asked,
    report: str,
    institution: str | None,
    begin: str,
    end: str | None,
    kind: str,
    target: Path,
    json_wanted: bool,
) -> None:
    """One report or Standard View, as a table or as the API gives it."""
    with asked.archive(with_stores=False) as archive:
        who = archive.settings.archive
        now, platform = datetime.now(ZoneInfo(who.time_zone)), Platform(who.name, who.base_url.rstrip("/"))
        with archive.catalogue.reading() as session:
            found = institutions.find(session, institution) if institution else None
            if institution and found is None:
                raise UsageError(f"no institution has the code {institution!r}")
            given = {"begin_date": begin, "end_date": end or begin}
            first = counter_reports.first_month(session)
            try:
                made_for = understood(REPORTS[report.upper()], given, platform.name, first, now.date())
            except Refused as refused:
                raise UsageError(str(refused)) from None
            of = counter_reports.whose(found) if found is not None else THE_WORLD
            lines = counter_reports.lines(session, made_for, of, platform)
    if kind == "json":
        told = json.dumps(counter_reports.document(made_for, of, platform, lines, now), ensure_ascii=False, indent=1)
    else:
        told = "".join(counter_tables.tsv(made_for, of, platform, lines, now))
    part = target.with_name(f".{target.name}.part")
    part.write_text(told, encoding="utf-8", newline="")
    part.replace(target)
    data = {
        "file": str(target),
        "report": made_for.report.id,
        "institution": of.name,
        "exceptions": [one.as_json() for one in counter_reports.exceptions(made_for, lines)],
    }
    answer(
        json_wanted, data, lambda console: console.print(f"{target}: {made_for.report.id} of {of.name}", markup=False)
    )
