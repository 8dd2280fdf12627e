"""Commands for those who watch over the copies."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import click
from rich.console import Console

from config.commands.answers import Asked, answer, as_json, progress
from config.wiring import AGENT
from fixity.forecast import forecasts
from fixity.inventory import take_inventory
from fixity.rounds import run_round
from fixity.watch import Scope
from repository.catalogue import chain, holdings
from repository.catalogue import recount as recounting
from repository.errors import UsageError
from repository.vocabulary import DifferenceKind, utc_now


@click.command()
@click.option("--due", "which", flag_value="due", help="What is due today (the default, unless a store is named).")
@click.option("--all", "which", flag_value="all", help="Every copy.")
@click.option("--article", "article_id", help="The copies of one article, by its id or DOI.")
@click.option("--store", help="Every copy in this store (with --due: what is due there).")
@click.option("--deep", is_flag=True, help="Check every manifest inside the bags as well.")
@click.option("--no-mend", is_flag=True, help="Only tell; mend nothing.")
@as_json
@click.pass_obj
def audit(
    asked: Asked,
    which: str | None,
    article_id: str | None,
    store: str | None,
    deep: bool,
    no_mend: bool,
    json_wanted: bool,
) -> None:
    """Read copies to the last byte, and make damaged ones whole from one that has just been verified."""
    with asked.archive() as archive, progress("copies") as bar:
        if store is not None:
            archive.store(store)
            which = which or "all"
        if article_id is not None:
            with archive.catalogue.reading() as session:
                found = holdings.find_article(session, article_id)
            if found is None:
                raise UsageError(f"no article has the id or DOI {article_id!r}")
            article_id, which = found.id, "all"
        scope = Scope(due=which in (None, "due"), article_id=article_id, store=store, deep=deep, mend=not no_mend)
        report = run_round(replace(archive.watch(), progress=bar), scope)
        chain.link_all(archive.catalogue)

    data: dict[str, Any] = report.as_json()

    def say(console: Console) -> None:
        console.print(
            f"{report.expected} copies expected: {report.intact} intact, {report.damaged} damaged, "
            f"{report.missing} missing, {report.unreadable} unreadable; {report.mended} mended "
            f"({report.bytes} bytes in {report.seconds:.1f} s)"
        )
        for detail in data.get("details", []):
            console.print("  " + ", ".join(f"{key} {value}" for key, value in detail.items()), markup=False)

    answer(json_wanted, data, say, report.exit_status)


@click.command()
@click.option("--store", help="Only this store.")
@as_json
@click.pass_obj
def inventory(asked: Asked, store: str | None, json_wanted: bool) -> None:
    """Compare what each store lists with what the catalogue says, both ways; no bag is read.

    A copy that is absent from a listing or has another size is made due at once: the next audit says what it is.
    """
    with asked.archive() as archive:
        names = [archive.store(store).name] if store else list(archive.by_name)
        taken = {name: take_inventory(archive.watch(), name) for name in names}
    reports = [report for report in taken.values() if report is not None]
    busy = [name for name, report in taken.items() if report is None]
    data = {"stores": [report.as_json() for report in reports], "busy": busy}

    def say(console: Console) -> None:
        for report in reports:
            console.print(
                f"{report.store}: {report.copies} copies expected, {report.objects} objects listed ({report.bytes} B)"
                + (f", {report.arriving} arriving" if report.arriving else "")
                + ("" if report.complete else f"; NOT COMPLETE: {report.held_up}"),
                markup=False,
            )
            for kind in DifferenceKind:
                if number := report.found.get(kind.value):
                    console.print(f"  {number} {kind.value}", markup=False)
        for name in busy:
            console.print(f"{name}: another process is making this inventory", markup=False)

    statuses = [report.exit_status for report in reports] + [3 for _ in busy]
    answer(json_wanted, data, say, max((status for status in statuses if status != 3), default=0) or max(statuses))


@click.command()
@click.option(
    "--correct", is_flag=True, help="Afterwards make the tallies say what the rows say; an event tells of it."
)
@click.option("--by", "who", help="Who decides that.")
@click.option("--reason", help="Why.")
@as_json
@click.pass_obj
def recount(asked: Asked, correct: bool, who: str | None, reason: str | None, json_wanted: bool) -> None:
    """Count again what the pages show, and compare it with the tallies that are kept; the clock does it once a day.

    Others may write meanwhile. A difference is told; it is corrected only where a person says so.
    """
    if correct and not (who and reason):
        raise UsageError("a correction is a person's: say --by WHO and --reason WHY")
    with asked.archive(with_stores=False) as archive, progress("ranges") as bar:
        report = recounting.run(archive.catalogue, utc_now, anew=True, progress=bar)
        put_right: tuple[recounting.Difference, ...] = ()
        if correct and report.differences:
            told = {"by": who or "", "reason": reason or "", "agent": AGENT}
            put_right = recounting.correct(archive.catalogue, utc_now, **told)
            chain.link_all(archive.catalogue)
    columns = ("what", "part", "place", "state", "tallied", "tallied_bytes", "counted", "counted_bytes")
    wrong = [{name: getattr(one, name) for name in columns} for one in report.differences]
    data = {"ranges": report.ranges, "rows": report.rows, "wrong": wrong, "corrected": len(put_right)}

    def say(console: Console) -> None:
        console.print(f"{report.rows} rows counted in {report.ranges} ranges: {len(wrong)} tallies are wrong")
        for one in wrong:
            console.print(
                f"  {one['what']} {one['place']} {one['state']} (part {one['part']}): {one['tallied']} tallied, "
                f"{one['counted']} counted; {one['tallied_bytes']} and {one['counted_bytes']} bytes",
                markup=False,
            )
        if correct:
            console.print(f"{len(put_right)} corrected", markup=False)

    answer(json_wanted, data, say, 1 if wrong and not correct else 0)


@click.command()
@click.option("--store", help="Only this store.")
@click.option("--fixity-days", type=click.FloatRange(min=1), help="What if each copy were read within so many days?")
@click.option(
    "--megabytes-per-second", type=click.FloatRange(min=0), help="What if audits took so much at most? 0: any."
)
@click.option(
    "--requests-per-second", type=click.FloatRange(min=0), help="What if they asked so often? 0: as often as it goes."
)
@as_json
@click.pass_obj
def forecast(
    asked: Asked,
    store: str | None,
    fixity_days: float | None,
    megabytes_per_second: float | None,
    requests_per_second: float | None,
    json_wanted: bool,
) -> None:
    """Say whether every copy is read within its days at the measured rate; ask it before a policy is changed."""
    wanted = {
        "days": fixity_days,
        "megabytes_per_second": megabytes_per_second,
        "requests_per_second": requests_per_second,
    }
    given: dict[str, Any] = {name: value for name, value in wanted.items() if value is not None}
    with asked.archive() as archive:
        if store is not None:
            archive.store(store)
        policies = {name: replace(one, **given) for name, one in archive.policies().items() if store in (None, name)}
        with archive.catalogue.reading() as session:
            told = forecasts(session, policies, utc_now())

    def say(console: Console) -> None:
        for one in told:
            if one.pass_days is None:
                console.print(f"{one.store}: too few copies were read here to say how fast it goes", markup=False)
                continue
            until = f", a cycle that begins now ends on {one.ends_at:%Y-%m-%d}" if one.ends_at else ""
            verdict = "kept" if one.kept else f"MISSED by {one.missed_by_days:.1f} days"
            console.print(
                f"{one.store}: every {one.policy.days:g} days: {verdict}; one pass takes {one.pass_days:.2f} days "
                f"(bound by {one.bound_by}){until}",
                markup=False,
            )
            if not one.kept:
                console.print(
                    f"  what would have to change: {one.shortest_days} days can be kept; {one.policy.days:g} days need "
                    f"{one.megabytes_needed:.1f} MB and {one.requests_needed:.1f} requests a second",
                    markup=False,
                )

    verdicts = [one.kept for one in told]
    status = 1 if False in verdicts else 3 if None in verdicts else 0
    answer(json_wanted, {"stores": [one.as_json() for one in told]}, say, status)
