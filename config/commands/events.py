"""Commands about the testimony: what was done, whether it is whole, signed for outsiders and told to them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from config.commands.answers import Asked, answer, as_json, progress
from config.wiring import Archive
from fixity import notary
from fixity.proof import Proof, prove
from repository.canonical import form
from repository.catalogue import chain, holdings, testimony
from repository.errors import UsageError


@click.group()
def events() -> None:
    """What was done and how it ended: PREMIS events, each linked to all before it (docs/testimony.md)."""


@events.command()
@click.option("--from-store", "store", help="Hold the chain against the signed heads of this store only.")
@as_json
@click.pass_obj
def verify(asked: Asked, store: str | None, json_wanted: bool) -> None:
    """Find every event that was edited, removed, inserted, reordered or cut off.

    Exit status 0: the testimony is whole and agrees with every signed head; 1: it is not; 3: it is, as far as the
    stores that answered say.
    """
    with asked.archive() as archive, progress("events") as bar:
        stores = {store: archive.store(store)} if store else archive.by_name
        proof = prove(archive.notary(), stores, bar)
    answer(json_wanted, proof.as_json(), lambda console: _say(console, proof), proof.exit_status)


def _say(console: Console, proof: Proof) -> None:
    word = "NOT whole" if proof.problem_count else "whole"
    console.print(f"{proof.events} events in the chain: {word}", style="bold", markup=False)
    for problem in proof.problems:
        where = f" at {problem.position}" if problem.position is not None else ""
        where += f" in {problem.store}" if problem.store else ""
        console.print(f"  {problem.code}{where}: {problem.message}", markup=False)
    if proof.problem_count > len(proof.problems):
        console.print(f"  and {proof.problem_count - len(proof.problems)} more")
    for name, number in proof.heads.items():
        console.print(f"  {name}: {number} signed heads agree", markup=False)
    for name, counts in proof.time_stamps.items():
        told = ", ".join(f"{number} {word}" for word, number in counts.items())
        console.print(f"  {name}: time stamps: {told}", markup=False)
    for name, reason in proof.silent.items():
        console.print(f"  {name}: in doubt: {reason}", markup=False)
    if proof.newest is None:
        console.print("  no signed head agrees with it: a chain reckoned anew from end to end would look the same")
    else:
        at = proof.newest.as_json()["at"]
        console.print(f"  the newest head, of {at}, speaks of {proof.newest.position} events", markup=False)
    for one in proof.declared:
        lost = f", what {one['head']} speaks of is lost" if "head" in one else ""
        console.print(f"  at {one['position']}: the catalogue was written again on {one['at']}{lost}", markup=False)
    if proof.late:
        places = ", ".join(map(str, proof.late))
        console.print(f"  told long after the moment that they name: events at {places}", markup=False)


@events.command()
@as_json
@click.pass_obj
def seal(asked: Asked, json_wanted: bool) -> None:
    """Sign the end of the chain now, and put the signed head into every store. The clock does it once a day.

    Exit status 3: a store did not answer, and gets it later; 4: one has other bytes under its key.
    """
    with asked.archive() as archive:
        done = notary.seal(archive.notary(), daily=False)
    data = {
        "linked": done.linked,
        "head": done.head.as_json() if done.head else None,
        "key": done.head.key if done.head else None,
        "new": done.new,
        "put": done.put,
        "waiting": done.waiting,
        "stamped": done.stamped,
        "unstamped": done.unstamped or None,
    }

    def say(console: Console) -> None:
        console.print(f"{done.linked} events linked", markup=False)
        console.print(done.head.key if done.head else "there is no event yet", markup=False)
        for name, number in done.put.items():
            console.print(f"  {name}: {number} put and read back", markup=False)
        for name, reason in done.waiting.items():
            console.print(f"  {name}: not yet: {reason}", markup=False)
        if done.stamped or done.unstamped:
            console.print(f"  {done.stamped} stamped with the time {done.unstamped}".rstrip(), markup=False)

    answer(json_wanted, data, say, done.exit_status)


@events.command("list")
@click.option("--article", "wanted", help="Of one article, by its id or DOI.")
@click.option("--since", type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]), help="From this moment on (UTC).")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 100_000))
@as_json
@click.pass_obj
def listed(asked: Asked, wanted: str | None, since: datetime | None, limit: int, json_wanted: bool) -> None:
    """The latest events, the newest first. Copies that were whole and still are have one event a round together."""
    with asked.archive(with_stores=False) as archive, archive.catalogue.reading() as session:
        found = holdings.find_article(session, wanted) if wanted else None
        if wanted and found is None:
            raise UsageError(f"no article has the id or DOI {wanted!r}")
        rows = testimony.listed(
            session,
            article_id=found.id if found else None,
            since=since.replace(tzinfo=UTC) if since else None,
            limit=limit,
        )
        data: list[dict[str, Any]] = [chain.as_told(row, row.position) for row in rows]

    def say(console: Console) -> None:
        for one in data:
            about = " ".join(str(one[name]) for name in ("article", "store", "delivery") if one[name])
            console.print(f"{one['at'][:19]}Z {one['type']}: {one['outcome']} {about}", markup=False)
            console.print(f"  {form(one['detail']).decode()} ({one['agent']})", markup=False)

    answer(json_wanted, {"events": data}, say)


@events.command()
@click.option("--out", "target", required=True, type=click.Path(dir_okay=False, path_type=Path))
@as_json
@click.pass_obj
def export(asked: Asked, target: Path, json_wanted: bool) -> None:
    """Write the whole chain as JSON lines, which docs/verify_events.py verifies without this program."""
    if not target.absolute().parent.is_dir():
        raise UsageError(f"{target.parent} is no folder to write into")
    with asked.archive(with_stores=False) as archive, progress("events") as bar:
        chain.link_all(archive.catalogue)
        with archive.catalogue.reading() as session:
            end = chain.end_of(session)
        part = target.with_name(f".{target.name}.{os.getpid()}.part")
        try:
            with part.open("wb") as file:
                file.writelines(_lines(archive, end.position, bar))
                file.flush()
                os.fsync(file.fileno())
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
    data = {"file": str(target), "events": end.position, "hash": end.hash.hex()}
    answer(json_wanted, data, lambda console: console.print(f"{target}: {end.position} events", markup=False))


def _lines(archive: Archive, until: int, bar: Any) -> Iterator[bytes]:
    for link in chain.walk(archive.catalogue, until=until):
        yield chain.line(link)
        if link.position % chain.BATCH == 0:
            bar(link.position, until)
