"""Commands about what is the matter, and about whether anybody hears of it."""

from __future__ import annotations

import getpass
from typing import Any
from zoneinfo import ZoneInfo

import click
from rich.console import Console

from config import languages
from config.commands.answers import Asked, answer, as_json
from fixity import telling
from repository.catalogue import alerts as rows
from repository.cause_words import Words, proof, section
from repository.errors import UsageError
from repository.models import Alert
from repository.vocabulary import DigestState, as_utc_text, utc_now

_ENGLISH = "en"


@click.group(invoke_without_command=True)
@as_json
@click.pass_context
def alerts(context: click.Context, json_wanted: bool) -> None:
    """What is the matter: the open alerts, one for each cause. Exit status 1 while there are any."""
    if context.invoked_subcommand is not None:
        return
    asked: Asked = context.obj
    with asked.archive(with_stores=False) as archive:
        words = Words(_ENGLISH, languages.load([_ENGLISH])[_ENGLISH], ZoneInfo(archive.settings.archive.time_zone))
        with archive.catalogue.reading() as session:
            found = rows.still_open(session, limit=None)

    def say(console: Console) -> None:
        for alert in found:
            cause = rows.cause_of(alert)
            console.print(f"{alert.id}. {alert.level}: {words.sentence(cause)}", markup=False)
            console.print(f"   {words.remedy(cause)} (docs/recovery.md, {section(cause)})", markup=False)
            if alert.acknowledged_by:
                note = f": {alert.note}" if alert.note else ""
                console.print(f"   {alert.acknowledged_by} looks after it{note}", markup=False)
        if not found:
            console.print("no alert is open")

    data = {"open": len(found), "alerts": [_as_json(alert, words) for alert in found]}
    answer(json_wanted, data, say, 1 if found else 0)


@alerts.command()
@click.argument("number", type=click.IntRange(1, 2**63 - 1))
@click.option("--note", default="", help="What you do about it, for the others.")
@as_json
@click.pass_obj
def acknowledge(asked: Asked, number: int, note: str, json_wanted: bool) -> None:
    """Say that you look after alert NUMBER: it is not escalated, and stays open until its cause is over."""
    with asked.archive(with_stores=False) as archive, archive.catalogue.writing() as session:
        alert = rows.acknowledge(session, number, by=getpass.getuser(), at=utc_now(), note=note)
        data = {"id": alert.id, "acknowledged_by": alert.acknowledged_by, "note": alert.note}
    answer(json_wanted, data, lambda console: console.print(f"{data['acknowledged_by']} looks after alert {number}"))


@alerts.command()
@as_json
@click.pass_obj
def send(asked: Asked, json_wanted: bool) -> None:
    """Send now what waits to be told, and what was refused. Exit status 3: something is not taken yet; 1: refused."""
    with asked.archive(with_stores=False) as archive:
        told = list(telling.send(archive.telling(), at_once=True))
    _answer_told(told, json_wanted, "nothing waits to be told")


@alerts.command()
@as_json
@click.pass_obj
def test(asked: Asked, json_wanted: bool) -> None:
    """Tell every recipient and webhook that this is a test, and say what happened. Exit status as for `send`."""
    with asked.archive(with_stores=False) as archive:
        told = list(telling.try_out(archive.telling()))
    if not told:
        raise UsageError("alerts reach nobody: set alerts.recipients or [[alerts.webhooks]] (docs/alerts.md)")
    _answer_told(told, json_wanted, "")


def _answer_told(told: list[telling.Told], json_wanted: bool, nothing: str) -> None:
    states = {one.state for one in told}
    status = 1 if DigestState.REFUSED in states else 3 if DigestState.WAITING in states else 0
    data = {
        "told": [
            {"channel": one.channel, "to": one.where, "state": str(one.state), "problem": one.problem} for one in told
        ]
    }

    def say(console: Console) -> None:
        for one in told:
            console.print(f"{one.channel}: {one.state} ({one.where})", markup=False)
            if one.problem:
                console.print(f"  {one.problem}", markup=False)
        if not told:
            console.print(nothing)

    answer(json_wanted, data, say, status)


def _as_json(alert: Alert, words: Words) -> dict[str, Any]:
    cause = rows.cause_of(alert)
    moments = ("opened_at", "last_seen_at", "told_at", "acknowledged_at", "escalated_at")
    return {
        "id": alert.id,
        **cause.as_json(),
        "sentence": words.sentence(cause),
        "remedy": words.remedy(cause),
        "section": section(cause),
        "page": proof(cause) or None,
        **{name: as_utc_text(getattr(alert, name)) if getattr(alert, name) else None for name in moments},
        "acknowledged_by": alert.acknowledged_by,
        "note": alert.note,
    }
