"""Commands that make evidence: certificates of a period, and all that an auditor asks for in one file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from config.app import create_app
from config.commands.answers import Asked, answer, as_json
from config.commands.genuine import verifies
from config.wiring import Archive, rooms
from fixity.evidence import certificates, looks, statements
from fixity.evidence.certificate import KIND, Wanted
from fixity.evidence.facts import gather
from fixity.evidence.matrix import Matrix, Standing, held_against
from fixity.evidence.pack import pack
from fixity.evidence.requirements import FRAMEWORKS, framework
from fixity.evidence.room import Evidence
from fixity.web.evidence import printer
from repository.catalogue.periods import Period
from repository.errors import UsageError
from repository.vocabulary import utc_now

_DAY = click.DateTime(["%Y-%m-%d"])


@click.group(invoke_without_command=True)
@click.option("--from", "first", type=_DAY, help="The first day (UTC).")
@click.option("--to", "last", type=_DAY, help="The last day (UTC).")
@click.option("--store", help="Of this store only.")
@click.option("--publisher", help="Of the articles of this publisher only.")
@click.option("--out", "target", type=click.Path(dir_okay=False, path_type=Path), help="Write it to this file.")
@as_json
@click.pass_context
def certificate(
    context: click.Context,
    first: datetime | None,
    last: datetime | None,
    store: str | None,
    publisher: str | None,
    target: Path | None,
    json_wanted: bool,
) -> None:
    """Issue a signed fixity certificate of a period: what was read, what came of it, and what is not known.

    It is kept under home/evidence, shown at /staff/evidence, and told in the chain of events (docs/evidence.md).
    """
    if context.invoked_subcommand:
        return
    asked: Asked = context.obj
    if first is None or last is None:
        raise UsageError("a certificate is of a period, for example --from 2026-01-01 --to 2026-12-31")
    _expect_folder(target)
    wanted = Wanted(Period(first.date(), last.date()), store, publisher)
    with asked.archive(with_stores=False) as archive:
        made = certificates.issue(archive.evidence(), wanted, utc_now())
    if target is not None:
        target.write_text(made.text, encoding="ascii")

    def say(console: Console) -> None:
        console.print(made.name, markup=False)
        for one in made.document["stores"]:
            readings = one["readings"]
            told = ", ".join(f"{name} {'?' if value is None else value}" for name, value in readings.items())
            console.print(f"  {one['store']}: {one['held']['copies']} copies held; {told}", markup=False)
        for note in made.document["notes"]:
            console.print(f"  note: {note['sentence']}", markup=False)

    answer(json_wanted, made.signed, say)


def _kind(envelope: object) -> str:
    return "manifest" if isinstance(envelope, dict) and "manifest" in envelope else KIND


certificate.add_command(
    verifies(_kind, "Say whether a certificate, or the manifest of a pack, is genuine and unchanged.")
)


@click.command()
@click.option("--out", "target", type=click.Path(dir_okay=False, path_type=Path), help="Write the pack to this file.")
@click.option("--from", "first", type=_DAY, help="The first day (UTC); without it, the first of this year.")
@click.option("--to", "last", type=_DAY, help="The last day (UTC); without it, today.")
@click.option("--no-look", is_flag=True, help="Use what was seen at the last look; try no store, walk no chain.")
@click.option("--list", "listing", is_flag=True, help="Only list every requirement with its key and how it stands.")
@as_json
@click.pass_obj
def evidence(
    asked: Asked,
    target: Path | None,
    first: datetime | None,
    last: datetime | None,
    no_look: bool,
    listing: bool,
    json_wanted: bool,
) -> None:
    """Write all that an auditor asks for into one ZIP: NDSA Levels, CoreTrustSeal, ISO 16363, and what proves them.

    First each store is tried, the chain of events walked, and the virus scanner asked (docs/evidence.md).
    """
    if target is None and not listing:
        raise UsageError("where shall the pack go? for example --out evidence.zip (or --list)")
    _expect_folder(target)
    now = utc_now()
    begin = first.date() if first else date(now.year, 1, 1)
    period = Period(begin, last.date() if last else now.date())
    if period.first > period.last:
        raise UsageError(f"a period from {period.first} to {period.last} has no day")
    with asked.archive(with_stores=not no_look) as archive:
        room = archive.evidence()
        if not no_look:
            looks.look(room, now)
        octets = _write(archive, room, period, now, target) if target else 0
        facts, said = gather(room, now), statements.read(room.folder)
        matrices = [held_against(framework(name), facts, said) for name in FRAMEWORKS]
    data: dict[str, Any] = {
        "file": str(target) if target else None,
        "bytes": octets,
        "period": {"from": period.first.isoformat(), "to": period.last.isoformat()},
        "frameworks": [matrix.as_json() for matrix in matrices],
    }
    answer(json_wanted, data, lambda console: _say(console, target, matrices, listing=listing))


def _say(console: Console, target: Path | None, matrices: Sequence[Matrix], *, listing: bool) -> None:
    for matrix in matrices:
        counted = ", ".join(f"{number} {one}" for one in Standing if (number := matrix.number(one)))
        console.print(f"{matrix.framework.title['en']}, {matrix.framework.edition}: {counted}", markup=False)
        for area in matrix.framework.areas if matrix.framework.levels else ():
            console.print(f"  {area}: level {matrix.reached(area)}", markup=False)
        for one in matrix.judged if listing else ():
            console.print(f"  {one.requirement.key:28} {one.standing}", markup=False)
    if target:
        console.print(str(target), markup=False)


def _write(archive: Archive, room: Evidence, period: Period, at: datetime, target: Path) -> int:
    """The pack lies at ``target`` whole, or what was there before; how many octets it has."""
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        # The pages of the pack are printed by the application that shows them.
        with create_app(rooms(archive)).app_context(), part.open("wb") as file:
            file.writelines(pack(room, period, at, printer(room)))
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return target.stat().st_size


def _expect_folder(target: Path | None) -> None:
    if target is not None and not target.absolute().parent.is_dir():
        raise UsageError(f"{target.parent} is no folder to write into")
