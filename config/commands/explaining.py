"""Commands that tell who may read what, and why."""

from __future__ import annotations

from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import click
from rich.console import Console

from config import languages
from config.commands.answers import Asked, answer, as_json
from repository.access import readers, told
from repository.access.entitlement import SENTENCES
from repository.access.explain import explained, moment_of
from repository.access.readers import How
from repository.catalogue import holdings
from repository.errors import UsageError


@click.group()
def access() -> None:
    """Who may read what."""


@access.command()
@click.option("--institution", metavar="CODE", help="Whose reader asks; without it and without --address: nobody's.")
@click.option("--address", metavar="IP", help="From which address somebody asks.")
@click.option("--article", "id_or_doi", metavar="ID-OR-DOI", required=True, help="What is to be read.")
@click.option("--on", "day", metavar="DAY", help="At the end of which day, as 2026-11-27; without it: now.")
@as_json
@click.pass_obj
def explain(
    asked: Asked, institution: str | None, address: str | None, id_or_doi: str, day: str | None, json_wanted: bool
) -> None:
    """May this reader open this article? Yes (exit status 0) or no (1), with the reason and every claim weighed."""
    if institution is not None and address is not None:
        raise UsageError("give --institution or --address, not both")
    with asked.archive(with_stores=False) as archive, archive.catalogue.reading() as session:
        on = moment_of(_day(day), ZoneInfo(archive.settings.archive.time_zone))
        article = holdings.find_article(session, id_or_doi)
        if article is None:
            raise UsageError(f"there is no article {id_or_doi!r}")
        known = readers.NOBODY if address is None else readers.by_address(session, address)
        if institution is not None:
            known = readers.by_code(session, institution, How.NOBODY)
            if known.library is None:
                raise UsageError(f"there is no institution {institution!r}")
        found = explained(session, article, known, on)
        texts = languages.load(("tr", "en"))
    says: dict[str, told.Say] = {code: _saying(one.gettext) for code, one in texts.items()}
    data = told.as_json(found, says, considered=True)
    answer(json_wanted, data, lambda console: _say(console, found, says["en"]), 0 if found.decision.allowed else 1)


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise UsageError(f"--on {text}: no day, for example 2026-11-27") from error


def _saying(gettext: Any) -> told.Say:
    return lambda text, **values: gettext(text).format_map(values) if values else gettext(text)


def _say(console: Console, asked: told.Asked, say: told.Say) -> None:
    decision, day = asked.decision, asked.on.date()
    console.print("open" if decision.allowed else "not open", style="bold")
    library = asked.known.library
    lines = [
        ("article", asked.doi or asked.article),
        ("reader", f"{library.name} ({library.code})" if library else "of no institution"),
        ("moment", asked.on.isoformat(timespec="seconds")),
        ("reason", decision.reason),
        ("", told.provided(asked.known, decision, day, say)),
        *told.grounds(decision, day, say),
    ]
    for name, value in lines:
        if value:
            console.print(f"{name:20} {value}", markup=False)
    for one in decision.considered:
        console.print(
            f"\nweighed: {one.claim.licence_name} ({one.claim.licence}, line {one.claim.entitlement_id})", markup=False
        )
        console.print(f"{'':20} {SENTENCES[one.reason]}", markup=False)
        for name, value in told.claim_facts(one.claim, day, say)[1:]:
            console.print(f"{name:20} {value}", markup=False)
