"""Commands about the stores: how each stands, what one that was added lacks, and whether one can be given up."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import click
from rich.console import Console

from config.commands.answers import Asked, answer, as_json, progress
from fixity import filling, notary, retiring
from fixity.retiring import COLUMNS, row_of
from ingest.ledger import lay_down
from repository.catalogue import filling as rows
from repository.catalogue.retiring import short as rows_short
from repository.vocabulary import as_utc_text, bag_name, utc_now

_MOST = 1000


@click.group()
def store() -> None:
    """The stores: what each has of all that is kept."""


@store.command("list")
@as_json
@click.pass_obj
def list_(asked: Asked, json_wanted: bool) -> None:
    """Every store, what it lacks, and the first bags that could not be copied into it."""
    with asked.archive(with_stores=False) as archive, archive.catalogue.writing() as session:
        rows.know(session, utc_now())
        standing = rows.progress(session, utc_now())
        found = {name: one.as_json() for name, one in standing.items()}
        troubled = {
            name: [
                {
                    "bag": bag_name(aip.article_id, aip.version),
                    "problem": lacking.problem,
                    "since": as_utc_text(lacking.since),
                    "next_try": as_utc_text(lacking.next_try),
                }
                for lacking, aip in rows.problems(session, name, limit=_MOST)
            ]
            for name in found
        }
        placed = archive.places
    data = [{"store": name, "configured": name in placed, **one, "bags": troubled[name]} for name, one in found.items()]
    unseen = [name for name in placed if name not in found]
    data += [{"store": name, "configured": True, "state": "new"} for name in unseen]

    def say(console: Console) -> None:
        for one in data:
            told = str(standing[one["store"]]) if one["state"] != "new" else "no clock has looked at it yet"
            gone = "" if one["configured"] or one["state"] == "retired" else "; not in the settings any more"
            console.print(f"{one['store']}: {told}{gone}", markup=False)
            for bag in one.get("bags", ()):
                console.print(f"  {bag['bag']}: {bag['problem']}", markup=False)

    answer(json_wanted, {"stores": data}, say)


@store.command()
@click.argument("name")
@as_json
@click.pass_obj
def fill(asked: Asked, name: str, json_wanted: bool) -> None:
    """Copy into a store what it lacks of all that is kept, as the clock does; each bag is read back there.

    It may be stopped at any moment and goes on where it was.
    """
    with asked.archive() as archive, progress("bags") as bar:
        archive.store(name)
        given = archive.filling()
        done = filling.fill(replace(given, watch=replace(given.watch, progress=bar)), name)
        sealed, laid = notary.seal(archive.notary(), daily=True), lay_down(archive.bookkeeping(), daily=True)
        waiting = sealed.waiting.get(name) or laid.waiting.get(name)
    data = done.as_json() if done else {"store": name, "busy": True}
    data |= {"heads": sealed.put.get(name, 0), "ledgers": laid.put.get(name, 0), "waiting": waiting}

    def say(console: Console) -> None:
        if done is None:
            console.print(f"{name}: another process fills it at this moment, or it was retired", markup=False)
            return
        console.print(f"{name}: {done.copied} bags of {done.bytes} bytes copied in {done.seconds:.1f} s", markup=False)
        if done.left:
            console.print(f"  {done.left} bags of {done.left_bytes} bytes are lacking still", markup=False)
            console.print("  `mahfuz store list` names those that could not be copied" if done.problems else "")
        if done.held_up or waiting:
            console.print(f"  held up: {done.held_up or waiting}", markup=False)

    answer(json_wanted, data, say, (done.exit_status if done else 3) or (3 if waiting else 0))


@store.command()
@click.argument("name")
@click.option("--list", "target", type=click.Path(dir_okay=False, path_type=Path), help="What is lacking, as CSV.")
@as_json
@click.pass_obj
def retire(asked: Asked, name: str, target: Path | None, json_wanted: bool) -> None:
    """Prove whether a store can be given up: every bag that it keeps, looked for in the other stores.

    It is decided on the pages, by two people who are signed in there; whoever sits at this machine could be both.
    """
    with asked.archive() as archive:
        with archive.catalogue.writing() as session:
            rows.know(session, utc_now())
            known = rows.progress(session, utc_now())
        if name not in known:
            archive.store(name)
        watch, needed = archive.watch(), archive.settings.policy.copies
        proof = retiring.proved(watch, name, needed)
        if target is not None:
            with target.open("w", encoding="utf-8", newline="") as file:
                lines = csv.writer(file)
                lines.writerow(COLUMNS)
                lines.writerows(map(row_of, rows_short(archive.catalogue, name, proof.others, needed, utc_now())))
        address = f"{archive.settings.archive.base_url}/staff/storage/{name}/retirement"
    data = {"store": name, "whole": proof.whole, **proof.as_json(), "trouble": proof.trouble or None}

    def say(console: Console) -> None:
        console.print(f"{name} keeps {proof.bags} bags; others: {', '.join(proof.others) or 'none'}", markup=False)
        if proof.whole:
            console.print(f"Each of them was read whole in {needed} others, within what is promised.", markup=False)
            console.print(f"Two members of staff decide at {address}", markup=False)
            return
        console.print(f"It cannot be given up: {proof.trouble}", style="red", markup=False)
        for one in proof.first:
            told = ", ".join(f"{place} {state}" for place, state in one.states)
            console.print(f"  {bag_name(one.article_id, one.version)}: {told}", markup=False)

    answer(json_wanted, data, say, 0 if proof.whole else 1)
