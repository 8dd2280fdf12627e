"""Commands about entitlements: what is claimed, what is said to it, and what stands."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from config.commands.answers import Asked, answer, as_json
from config.commands.tables import a_day, by, lines_of, one_of, out_file, table, take_in, write_out
from repository.access import claims, documents, institutions, licences
from repository.access.claims import Line
from repository.access.exchange import entitlements as entitlements_table
from repository.access.runs import run_of
from repository.catalogue.walks import every
from repository.errors import UsageError
from repository.kbart_lines import Reading, content_of
from repository.rights import ClaimState, Side
from repository.vocabulary import as_utc_text, utc_now

_reason = click.option("--reason", required=True, help="Why: it is kept with what was decided.")
_evidence = click.option(
    "--document", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A file that bears witness."
)
_side = click.option("--side", type=one_of(Side), default=Side.ARCHIVE.value, show_default=True, help="For whom.")


@click.group()
def entitlement() -> None:
    """Which runs of which journals may be read for ever, and what libraries and publishers say of it."""


@entitlement.command()
@click.option("--licence", required=True, help="By its code.")
@click.option("--institution", required=True, help="By its code.")
@click.option("--issn", required=True)
@click.option("--title", default="", help="The journal's name, where the archive does not know it.")
@click.option("--from", "first", default="", help="The first date: 2009, 2009-03 or 2009-03-14.")
@click.option("--to", "last", default="", help="The last date; without, up to the present.")
@click.option("--from-volume", default="")
@click.option("--from-issue", default="")
@click.option("--to-volume", default="")
@click.option("--to-issue", default="")
@click.option("--embargo", default="", help="As KBART has it: P1Y, R180D.")
@_reason
@_evidence
@by
@as_json
@click.pass_obj
def claim(
    asked: Asked,
    /,
    licence: str,
    institution: str,
    reason: str,
    document: Path | None,
    who: str,
    json_wanted: bool,
    **said: str,
) -> None:
    """An institution claims a run of a journal under a licence; the publisher, or the archive, agrees or does not."""
    reading = Reading("")
    run = run_of(_cells(said), 0, reading)
    if run is None or reading.wrong:
        raise UsageError(str(reading.wrong[0]))
    with asked.archive(with_stores=False) as archive, archive.catalogue.writing() as session:
        evidence = _kept(session, who, document)
        line = claims.claim(
            session,
            who,
            licences.named(session, licence),
            institutions.named(session, institution),
            run,
            reason,
            at=utc_now(),
            document=evidence,
        )
        data = _told(session, line)
    answer(json_wanted, data, lambda console: lines_of(data, console))


def _act(name: str, state: ClaimState, told: str) -> None:
    @click.argument("number", type=click.IntRange(1, 2**63 - 1))
    @_reason
    @_evidence
    @_side
    @by
    @as_json
    @click.pass_obj
    def said(
        asked: Asked, number: int, reason: str, document: Path | None, side: str, who: str, json_wanted: bool
    ) -> None:
        with asked.archive(with_stores=False) as archive, archive.catalogue.writing() as session:
            evidence = _kept(session, who, document)
            line = claims.act(session, who, number, state, Side(side), reason, at=utc_now(), document=evidence)
            data = _told(session, line)
        answer(json_wanted, data, lambda console: lines_of(data, console))

    entitlement.command(name, help=told)(said)


_act("agree", ClaimState.AGREED, "The publisher, or the archive for it, agrees: the right stands.")
_act("dispute", ClaimState.DISPUTED, "It is in doubt, and opens nothing; what is agreed the archive alone may dispute.")
_act("reject", ClaimState.REJECTED, "It is no right; a library so takes back a claim of its own (--side library).")


@entitlement.command()
@click.argument("number", type=click.IntRange(1, 2**63 - 1))
@click.option("--on", "day", required=True, callback=a_day, help="The last day that it covers.")
@_reason
@by
@as_json
@click.pass_obj
def end(asked: Asked, number: int, day: date, reason: str, who: str, json_wanted: bool) -> None:
    """A run goes no further than a day, for a journal that left the package; what came before stays a right."""
    with asked.archive(with_stores=False) as archive, archive.catalogue.writing() as session:
        data = _told(session, claims.end(session, who, number, day, reason, at=utc_now()))
    answer(json_wanted, data, lambda console: lines_of(data, console))


@entitlement.command()
@click.argument("number", type=click.IntRange(1, 2**63 - 1))
@as_json
@click.pass_obj
def show(asked: Asked, number: int, json_wanted: bool) -> None:
    """One entitlement with everything that was said of it."""
    with asked.archive(with_stores=False) as archive, archive.catalogue.reading() as session:
        data = _told(session, claims.find(session, number))
    answer(json_wanted, data, lambda console: lines_of(data, console))


@entitlement.command("list")
@click.option("--licence", help="By its code.")
@click.option("--institution", help="Those that it claims itself, by its code.")
@click.option("--state", "states", multiple=True, type=one_of(ClaimState))
@click.option("--left-out", is_flag=True, help="Those that a list named once and the newest does not.")
@as_json
@click.pass_obj
def list_(
    asked: Asked,
    licence: str | None,
    institution: str | None,
    states: tuple[str, ...],
    left_out: bool,
    json_wanted: bool,
) -> None:
    """Entitlements, in the order in which they were entered."""

    def page(session: Any, after: int | None, limit: int) -> list[Line]:
        return claims.listed(
            session,
            licence=licences.named(session, licence) if licence else None,
            institution=institutions.named(session, institution) if institution else None,
            states=states,
            left_out=left_out,
            after=after or 0,
            limit=limit,
        )

    with asked.archive(with_stores=False) as archive:
        data = [line.as_json() for line in every(archive.catalogue, page, lambda line: line.row.id)]

    def say(console: Console) -> None:
        for one in data:
            run = "–".join(str(one[f"date_{end}_issue_online"] or "…") for end in ("first", "last"))
            whose = one["institution"] or "all parties"
            console.print(
                f"{one['id']}  {one['state']}  {one['licence']}  {whose}  {one['publication_title']}  {run}",
                markup=False,
            )

    answer(json_wanted, {"entitlements": data}, say)


@entitlement.command("import")
@table
@by
@as_json
@click.pass_obj
def import_(asked: Asked, file: Path, who: str, json_wanted: bool) -> None:
    """Enter the entitlements of a CSV, or bring them to its states; rows that are refused are told: exit status 1."""
    take_in(asked, json_wanted, file, who, entitlements_table.enter_all)


@entitlement.command()
@click.option("--licence", help="Of this one only, by its code.")
@out_file
@as_json
@click.pass_obj
def export(asked: Asked, licence: str | None, out: Path, json_wanted: bool) -> None:
    """Write every entitlement into a CSV that `import` takes."""
    write_out(
        asked,
        json_wanted,
        out,
        entitlements_table.COLUMNS,
        lambda catalogue: entitlements_table.told(catalogue, licence),
    )


def _cells(said: dict[str, str]) -> dict[str, str]:
    return {
        "publication_title": said["title"],
        "online_identifier": said["issn"],
        "date_first_issue_online": said["first"],
        "num_first_vol_online": said["from_volume"],
        "num_first_issue_online": said["from_issue"],
        "date_last_issue_online": said["last"],
        "num_last_vol_online": said["to_volume"],
        "num_last_issue_online": said["to_issue"],
        "embargo_info": said["embargo"],
    }


def _kept(session: Any, who: str, document: Path | None) -> str | None:
    if document is None:
        return None
    return documents.keep(session, who, document.name, content_of(document), at=utc_now())


def _told(session: Any, line: Line) -> dict[str, Any]:
    acts = [
        {
            "at": as_utc_text(act.at),
            "state": act.state,
            "side": act.side,
            "by": act.by,
            "reason": act.reason,
            "document": act.document,
        }
        for act in claims.acts_of(session, line.row)
    ]
    return {**line.as_json(), "acts": acts}
