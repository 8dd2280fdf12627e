"""Commands that propose, approve, refuse, revoke and rehearse triggers, and the crisis simulator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click
from rich.console import Console
from sqlalchemy.orm import Session

from config import wiring
from config.commands.answers import Asked, answer, as_json
from config.commands.tables import a_day
from repository import spreadsheet
from repository.access import preview, rehearsal, scoping, simulator, triggers
from repository.access.triggers import Proposal
from repository.catalogue import titles
from repository.errors import UsageError
from repository.models import Trigger
from repository.rights import Audience, TriggerKind, TriggerState
from repository.vocabulary import as_utc_text, utc_now
from repository.web import streaming
from repository.web.declaring import simulating
from repository.web.declaring.triggering import read_whole

_MOST = 1000

_by = click.option("--by", "who", required=True, help="The login of the member of staff who says so.")
_reason = click.option("--reason", required=True, help="Why: it is shown to readers and kept for ever.")


@click.group()
def trigger() -> None:
    """Trigger events: proposed by one member of staff, approved by another, effective at a moment, revocable."""


def _proposing(command: Any) -> Any:
    for option in reversed(
        (
            click.option("--kind", type=click.Choice([str(one) for one in TriggerKind]), required=True),
            click.option(
                "--title", "issns", multiple=True, metavar="ISSN", help="A journal that opens; may be repeated."
            ),
            click.option("--publisher", "publishers", multiple=True, help="All journals of this publisher."),
            click.option("--nation", is_flag=True, help="Everything that is kept."),
            click.option("--institution", "institutions", multiple=True, metavar="CODE", help="Only for these."),
            click.option(
                "--audience",
                type=click.Choice([str(one) for one in Audience]),
                default=str(Audience.ENTITLED),
                show_default=True,
                help="Institutions with a right, all those named whatever their rights, or everyone.",
            ),
            click.option("--effective", metavar="MOMENT", help="From when; otherwise as soon as it is approved."),
            click.option("--until", metavar="MOMENT", help="Until when; otherwise for good."),
        )
    ):
        command = option(command)
    return command


@trigger.command()
@_proposing
@_reason
@_by
@as_json
@click.pass_obj
def propose(asked: Asked, /, reason: str, who: str, json_wanted: bool, **given: Any) -> None:
    """Propose a trigger: nothing opens until somebody else approves it."""
    with asked.archive(with_stores=False) as archive, archive.catalogue.writing() as session:
        wanted = _wanted(session, archive, reason, **given)
        row = triggers.propose(session, wanted, preview.of(session, wanted), by=who, at=utc_now())
        data = _told(session, row)
    answer(json_wanted, data, _say(data))


@trigger.command("preview")
@_proposing
@as_json
@click.pass_obj
def preview_(asked: Asked, /, json_wanted: bool, **given: Any) -> None:
    """What such a trigger would open: nothing is kept of the question."""
    with asked.archive(with_stores=False) as archive, archive.catalogue.reading() as session:
        data = preview.of(session, _wanted(session, archive, "-", **given))
    answer(json_wanted, data, lambda console: console.print(_opens(data), markup=False))


@trigger.command()
@click.argument("code")
@_by
@as_json
@click.pass_obj
def approve(asked: Asked, code: str, who: str, json_wanted: bool) -> None:
    """Approve a trigger that somebody else proposed; what it opens at once is announced at once."""
    with asked.archive(with_stores=False) as archive:
        with archive.catalogue.writing() as session:
            triggers.approve(session, code, by=who, at=utc_now())
        data = _told_at_once(archive, code)
    answer(json_wanted, data, _say(data))


@trigger.command()
@click.argument("code")
@_reason
@_by
@as_json
@click.pass_obj
def refuse(asked: Asked, code: str, reason: str, who: str, json_wanted: bool) -> None:
    """Say no to a trigger that waits for a second person."""
    with asked.archive(with_stores=False) as archive, archive.catalogue.writing() as session:
        data = _told(session, triggers.refuse(session, code, by=who, reason=reason, at=utc_now()))
    answer(json_wanted, data, _say(data))


@trigger.command()
@click.argument("code")
@_reason
@_by
@as_json
@click.pass_obj
def revoke(asked: Asked, code: str, reason: str, who: str, json_wanted: bool) -> None:
    """Close what a trigger opened, from this moment on; harvesters are told at once."""
    with asked.archive(with_stores=False) as archive:
        with archive.catalogue.writing() as session:
            triggers.revoke(session, code, by=who, reason=reason, at=utc_now())
        data = _told_at_once(archive, code)
    answer(json_wanted, data, _say(data))


@trigger.command()
@click.argument("code")
@_by
@as_json
@click.pass_obj
def rehearse(asked: Asked, code: str, who: str, json_wanted: bool) -> None:
    """Decide on some of its articles as if it stood, and read their files from the stores. Status 1: not all opened."""
    with asked.archive() as archive:
        outcome = rehearsal.rehearse(archive.catalogue, code, _reading(archive), by=who, at=utc_now())

    def say(console: Console) -> None:
        for one in outcome["articles"]:
            told = one.get("problem") or f"{one['bytes']} bytes read"
            console.print(f"{one['article']}  {one['institution'] or '-'}  {one['reason']}  {told}", markup=False)
        console.print(f"{outcome['opened']} of {len(outcome['articles'])} opened, {outcome['read']} read", markup=False)

    answer(json_wanted, outcome, say, 0 if rehearsal.passed(outcome) else 1)


@trigger.command("list")
@as_json
@click.pass_obj
def list_(asked: Asked, json_wanted: bool) -> None:
    """The triggers, the newest first."""
    with asked.archive(with_stores=False) as archive, archive.catalogue.reading() as session:
        data = {"triggers": [_told(session, row) for row in triggers.listed(session, limit=_MOST)]}

    def say(console: Console) -> None:
        for one in data["triggers"]:
            console.print(f"{one['code']}  {one['state']}  {one['kind']}  {one['reason']}", markup=False)

    answer(json_wanted, data, say)


@trigger.command()
@click.argument("code")
@as_json
@click.pass_obj
def show(asked: Asked, code: str, json_wanted: bool) -> None:
    """One trigger: what it opens, to whom, from when, and who declared it."""
    with asked.archive(with_stores=False) as archive, archive.catalogue.reading() as session:
        data = _told(session, _found(session, code))
    answer(json_wanted, data, _say(data))


@click.command()
@click.option("--publisher", required=True, help="Who stops serving.")
@click.option("--on", "day", metavar="DAY", callback=a_day, help="From which day; otherwise today.")
@click.option("--institution", "institutions", multiple=True, metavar="CODE", help="Only these.")
@click.option("--csv", "file", type=click.Path(dir_okay=False, path_type=Path), help="Every journal of each, as CSV.")
@as_json
@click.pass_obj
def simulate(
    asked: Asked, publisher: str, day: date | None, institutions: Sequence[str], file: Path | None, json_wanted: bool
) -> None:
    """If a publisher stopped serving: who keeps what, by which clause, from which store, and what is missing."""
    with asked.archive(with_stores=False) as archive, archive.catalogue.reading() as session:
        owner = titles.find_publisher(session, publisher)
        if owner is None:
            raise UsageError(f"no publisher {publisher!r} is known")
        found = simulator.simulate(
            session,
            day or datetime.now(ZoneInfo(archive.settings.archive.time_zone)).date(),
            publisher_id=owner.id,
            institution_ids=scoping.institution_ids(session, institutions),
            stores=tuple(archive.places),
        )
    if file is not None:
        with file.open("w", encoding="utf-8", newline="") as sheet:
            sheet.writelines(spreadsheet.parts(simulating.COLUMNS, simulating.cells(found)))
    data = {
        "publisher": publisher,
        "on": found.on.isoformat(),
        "titles": len(found.held),
        "articles": found.articles,
        "nobodys": found.nobodys,
        "missing": found.lacking,
        "stores": [
            {"store": one.store, "damaged": one.damaged, "missing": one.missing, "silent": one.silent}
            for one in found.sources
        ],
        "institutions": [
            {
                "institution": one.code,
                "name": one.name,
                "titles": one.titles,
                "articles": one.articles,
                "until_subscription_ends": one.until_it_ends,
                "claimed": one.claimed,
                "licences": [
                    {"licence": code, "clause": str(found.clauses[code]), "articles": number}
                    for code, number in one.by_licence.items()
                ],
            }
            for one in found.kept
        ],
    }

    def say(console: Console) -> None:
        for one in found.kept:
            console.print(
                f"{one.code}: {one.articles} articles of {one.titles} journals kept, "
                f"{one.until_it_ends} until the subscription ends, {one.claimed} claimed",
                markup=False,
            )
        console.print(
            f"{found.articles} articles held, {found.nobodys} of them nobody's, {found.lacking} missing", markup=False
        )

    answer(json_wanted, data, say)


def _wanted(
    session: Session,
    archive: wiring.Archive,
    reason: str,
    *,
    kind: str,
    issns: Sequence[str],
    publishers: Sequence[str],
    nation: bool,
    institutions: Sequence[str],
    audience: str,
    effective: str | None,
    until: str | None,
) -> Proposal:
    zone = ZoneInfo(archive.settings.archive.time_zone)
    scope = scoping.scope(session, issns, publishers, institutions, nation=nation)
    starts = scoping.moment(effective, zone) or utc_now()
    return Proposal(TriggerKind(kind), Audience(audience), scope, reason, starts, scoping.moment(until, zone))


def _told_at_once(archive: wiring.Archive, code: str) -> dict[str, Any]:
    """Harvesters are told of what the trigger has just opened or closed; how it stands then."""
    triggers.tell(archive.catalogue)
    with archive.catalogue.reading() as session:
        return _told(session, _found(session, code))


def _reading(archive: wiring.Archive) -> Callable[[str], int]:
    counter = streaming.Counter(archive.open_range(), tuple(archive.places), lambda _file, _store: None)
    return partial(read_whole, archive.catalogue, counter)


def _found(session: Session, code: str) -> Trigger:
    row = triggers.found(session, code)
    if row is None:
        raise UsageError(f"there is no trigger {code!r}")
    return row


def _told(session: Session, row: Trigger) -> dict[str, Any]:
    def moment(value: datetime | None) -> str | None:
        return as_utc_text(value) if value else None

    state: TriggerState = triggers.state_of(row, utc_now())
    return {
        "code": row.code,
        "state": str(state),
        "kind": row.kind,
        "audience": row.audience,
        "scope": triggers.named(session, row),
        "reason": row.reason,
        "effective": moment(row.effective),
        "until": moment(row.until),
        "preview": row.preview,
        "proposed_by": row.proposed_by,
        "proposed_at": moment(row.proposed_at),
        "approved_by": row.approved_by,
        "approved_at": moment(row.approved_at),
        "refused_by": row.refused_by,
        "revoked_by": row.revoked_by,
        "revoked_at": moment(row.revoked_at),
        "said": row.said,
        "announced": row.announced,
    }


def _opens(said: dict[str, Any]) -> str:
    whom = "everyone" if said["institutions"] is None else f"{said['institutions']} institutions"
    most = "at most " if said["at_most"] else ""
    missing = f", {said['missing']} expected things missing" if said["missing"] else ""
    return f"opens {most}{said['articles']} articles of {said['titles']} titles to {whom}{missing}"


def _say(data: dict[str, Any]) -> Any:
    def say(console: Console) -> None:
        console.print(f"{data['code']}  {data['state']}  {data['kind']}", markup=False)
        console.print(f"  {_opens(data['preview'])}", markup=False)
        console.print(f"  from {data['effective']} until {data['until'] or 'for good'}: {data['reason']}", markup=False)
        console.print(
            f"  proposed by {data['proposed_by']}, approved by {data['approved_by'] or '-'}"
            + (f", revoked by {data['revoked_by']}: {data['said']}" if data["revoked_by"] else ""),
            markup=False,
        )

    return say
