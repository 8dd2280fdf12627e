"""Commands for the day on which the catalogue has burned, and for the days before: ledgers, rehearsals, the rebuild."""

from __future__ import annotations

from dataclasses import asdict, replace

import click
from rich.console import Console

from config.commands.answers import Asked, answer, as_json, progress
from ingest import burning
from ingest.burning import Rehearsed
from ingest.ledger import lay_down
from ingest.rebuild import Rebuilt
from ingest.rebuild import rebuild as rebuilt_from_bags
from repository.catalogue import chain
from repository.errors import UsageError


@click.command()
@click.option("--from", "store", help="Read the bags of this store only; the others are listed and due to be read.")
@click.option("--rehearse", is_flag=True, help="Into a scratch database, compared with the catalogue and thrown away.")
@click.option("--sample", type=click.IntRange(min=1), help="Rehearse so many articles only, behind the last sample.")
@as_json
@click.pass_obj
def rebuild(asked: Asked, store: str | None, rehearse: bool, sample: int | None, json_wanted: bool) -> None:
    """Write the catalogue again from the stores. What is registered stays as it is; it may be killed and repeated.

    With --rehearse the catalogue is left as it is. Exit status then: 0 the same came back, 1 something else did,
    3 a store did not answer for all of it.
    """
    if sample is not None and not rehearse:
        raise UsageError("--sample is for --rehearse: a catalogue is written again whole")
    with asked.archive() as archive, progress("bags") as bar:
        if rehearse:
            work = archive.rehearsing(store, sample)
            work = replace(work, rebuilding=replace(work.rebuilding, progress=lambda done: bar(done, 0)))
            trial = burning.rehearse(work)
            chain.link_all(archive.catalogue)
            answer(json_wanted, trial.as_json(), lambda console: _say_rehearsed(console, trial), trial.exit_status)
            return
        done = rebuilt_from_bags(replace(archive.rebuilding(store), progress=lambda done: bar(done, 0)))
        chain.link_all(archive.catalogue)
    answer(json_wanted, asdict(done), lambda console: _say(console, done), done.exit_status)


def _say(console: Console, done: Rebuilt) -> None:
    console.print(
        f"{done.aips} bags entered, {done.already} were known, {done.copies} copies read to the end, "
        f"{done.damaged_copies} damaged, {done.missing_copies} missing, {done.disposed} tombstones, "
        f"{done.receipts} receipts, {done.ledgers} ledgers with {done.events} events"
    )
    for problem in done.problems:
        console.print(f"  {problem['store']}: {problem['key']}: {problem['problem']}", markup=False)


def _say_rehearsed(console: Console, trial: Rehearsed) -> None:
    of = "all articles" if trial.whole else "a sample of the articles"
    word = "in doubt" if trial.doubt else f"{trial.difference_count} differences"
    console.print(f"rehearsal {trial.number}, of {of}: {word}", style="bold", markup=False)
    made = trial.rebuilt
    console.print(
        f"{trial.articles} articles, {made.aips} bags read and {made.disposed} tombstones, "
        f"{made.ledgers} ledgers with {made.events} events",
        markup=False,
    )
    for one in trial.differences:
        console.print(f"  {one['what']} {one['key']}:", markup=False)
        console.print(f"    catalogue: {one['catalogue']}", markup=False)
        console.print(f"    rebuilt:   {one['rebuilt']}", markup=False)
    if trial.difference_count > len(trial.differences):
        console.print(f"  and {trial.difference_count - len(trial.differences)} more")
    if trial.doubt:
        console.print(f"  {trial.doubt}", markup=False)


@click.command()
@as_json
@click.pass_obj
def ledger(asked: Asked, json_wanted: bool) -> None:
    """Lay down what no article's bag holds, as a bag in every store, now. The clock does it once a day.

    Exit status 3: a store did not answer, and gets it later; 4: one has other bytes under its key.
    """
    with asked.archive() as archive:
        done = lay_down(archive.bookkeeping(), daily=False)

    def say(console: Console) -> None:
        for name in done.made:
            console.print(name, markup=False)
        for name, number in done.put.items():
            console.print(f"  {name}: {number} put and read back", markup=False)
        for name, reason in done.waiting.items():
            console.print(f"  {name}: not yet: {reason}", markup=False)

    answer(json_wanted, {"made": done.made, "put": done.put, "waiting": done.waiting}, say, done.exit_status)
