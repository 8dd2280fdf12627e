"""Commands for publishers' and ingest operators."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import click
import structlog
from rich.console import Console
from stdnum import issn as issn_numbers

from config import feeding
from config.commands.answers import Asked, answer, as_json, progress
from config.wiring import Archive
from ingest import inbox, pipeline, workers
from ingest.agreed import read_titles
from ingest.door import Door
from ingest.feeds import Feed, bring, due
from ingest.findings import sentence
from ingest.profiles import DEFAULT
from ingest.receipts import Receipt
from repository.access import changes as access_changes
from repository.access import triggers
from repository.bags import shown
from repository.catalogue import chain
from repository.catalogue import titles as title_rows
from repository.errors import UsageError
from repository.kbart_lines import content_of, said_of
from repository.vocabulary import ArticleOutcome, DeliveryState, utc_now

if TYPE_CHECKING:
    from ingest.mirroring import Mirror, Mirrored

log = structlog.get_logger(__name__)

_NO_ARCHIVE: Mapping[str, Mirrored] = {}
ABANDONED = timedelta(days=1)
"""A delivery that has not been copied on for so long never will be: its command was killed."""


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--publisher", required=True, help="Who delivers, by the name under which the archive knows them.")
@click.option("--profile", help="How it is delivered, by the name of a profile; otherwise the publisher's own.")
@as_json
@click.pass_obj
def ingest(asked: Asked, files: tuple[Path, ...], publisher: str, profile: str | None, json_wanted: bool) -> None:
    """Take these deliveries now: zip, tar or tar.gz files. An archive and its .md5 or go.xml are one delivery."""
    known_profile(asked, profile)
    with asked.archive() as archive, progress("articles") as bar:
        door = replace(archive.door(), progress=bar)
        works = [partial(_taken_in, members, publisher, profile) for members in inbox.sets_of(files)]
        done = workers.each(door, works)
        chain.link_all(archive.catalogue)
        wait_until_visible(done)
    _answer_receipts(json_wanted, done)


def _taken_in(files: Sequence[Path], publisher: str, profile: str | None, door: Door) -> Receipt:
    return pipeline.ingest(door, inbox.accept(door.catalogue, door.home, files, publisher, door.clock, profile))


def known_profile(asked: Asked, name: str | None) -> None:
    """Raises UsageError for the name of a profile that the settings do not have."""
    names = [profile.name for profile in asked.settings().profiles]
    if name is not None and name not in (*names, DEFAULT.name):
        raise UsageError(f"no profile is named {name!r}; there are: {', '.join((*names, DEFAULT.name))}")


@click.command()
@as_json
@click.pass_obj
def receive(asked: Asked, json_wanted: bool) -> None:
    """One pass over every feed and the inbox (home/inbox/<publisher>/), after every delivery that was interrupted."""
    with asked.archive() as archive, progress("articles") as bar:
        mirror = archive.mirror()
        done = list(receive_once(archive, replace(archive.door(), progress=_of_several(bar)), mirror=mirror))
        chain.link_all(archive.catalogue)
        wait_until_visible(done)
    _answer_receipts(json_wanted, done, mirror.done)


def _of_several(bar: Callable[[int, int], None]) -> Callable[[int, int], None]:
    """One bar for the articles of deliveries that come one after the other, however many those are."""
    before = last = 0

    def show(done: int, of_all: int) -> None:
        nonlocal before, last
        if done < last:  # the next delivery has begun
            before += last
        last = done
        bar(before + done, before + of_all)

    return show


def receive_once(
    archive: Archive, door: Door, among: Sequence[Feed] | None = None, mirror: Mirror | None = None
) -> Iterator[Receipt]:
    """Take up what was interrupted, then whatever in the feeds (all of them, or ``among``) is complete.

    A delivery for which our disk has no room pauses and stops no other; what it met is raised at the end. Bags of other
    archives are kept by ``mirror``; where there is none, no such feed is looked at.
    """
    trouble: OSError | None = None
    try:
        yield from pipeline.resume(door)
    except OSError as error:
        trouble = error
    inbox.tidy(archive.home, utc_now() - ABANDONED)
    for feed in archive.feeds() if among is None else among:
        if feed.mirrors:
            if mirror is None:
                continue
            mirror.of(feed)
        for arrived in bring(feed, archive.catalogue, archive.home, utc_now, mirror):
            try:
                receipt = pipeline.ingest(door, arrived)
            except OSError as error:
                trouble = trouble or error
            else:
                yield receipt
    if trouble is not None:
        raise trouble


def look_at_feeds(archive: Archive) -> None:
    """Keep what has arrived at those feeds of the settings that are due; the next pass takes it in.

    So a slow publisher holds nobody up, and no connection waits while a delivery is taken in.
    """
    for feed in feeding.configured(archive.settings):
        if not feed.mirrors and due(feed, archive.catalogue, utc_now()):
            for arrived in bring(feed, archive.catalogue, archive.home, utc_now):
                log.info("arrived", feed=feed.name, delivery_id=arrived.delivery_id, files=list(arrived.file_names))


def follow_archives(archive: Archive) -> None:
    """Keep what is new in those archives that are mirrored and due. It may take days, and holds no other feed up."""
    for feed in feeding.configured(archive.settings):
        if feed.mirrors and due(feed, archive.catalogue, utc_now()):
            mirror = archive.mirror()
            for _ in bring(feed, archive.catalogue, archive.home, utc_now, mirror):
                """Bags are no deliveries: none is given back."""
            log.info("followed", feed=feed.name, **mirror.of(feed).as_json())


def wait_until_visible(done: Iterable[Receipt]) -> None:
    """Return when harvesters are shown what was just registered: its datestamp lies a second or two ahead."""
    last = max((line.datestamp for receipt in done for line in receipt.articles if line.datestamp), default=None)
    if last is not None and (seconds := (last - utc_now()).total_seconds()) > 0:
        time.sleep(min(seconds, 5.0))


@click.group()
def titles() -> None:
    """The titles that a publisher has agreed to deliver."""


@titles.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--publisher", required=True)
@as_json
@click.pass_obj
def agree(asked: Asked, file: Path, publisher: str, json_wanted: bool) -> None:
    """Load agreed titles from a KBART list (TSV or CSV; publication_title, print_identifier, online_identifier).

    From then on a title that is not on this publisher's list is quarantined. Lines without a true ISSN are told and
    passed over: exit status 1.
    """
    listed = read_titles(str(file), content_of(file))
    with asked.archive(with_stores=False) as archive, archive.catalogue.writing() as session:
        of_publisher = title_rows.publisher_named(session, publisher)
        number = title_rows.agree(session, of_publisher, listed.titles, utc_now())

    def say(console: Console) -> None:
        console.print(f"{number} titles agreed with {publisher}", markup=False)
        for line in said_of(file.name, listed.complaints):
            console.print(line, markup=False)

    data = {"agreed": number, "complaints": [str(each) for each in listed.complaints]}
    answer(json_wanted, data, say, 1 if listed.complaints else 0)


@titles.command()
@click.argument("issn")
@click.option("--to", "receiving", required=True, help="The publisher that the title goes to.")
@click.option(
    "--on",
    required=True,
    type=click.DateTime(["%Y-%m-%d"]),
    help="The effective transfer date: until then the publisher that it leaves may deliver it too.",
)
@as_json
@click.pass_obj
def transfer(asked: Asked, issn: str, receiving: str, on: datetime, json_wanted: bool) -> None:
    """A title goes to another publisher (NISO Transfer). What is held of it stays as it was delivered.

    Where a trigger event names one of the two publishers, harvesters are told what that opens or closes. If this was
    stopped in between, the same transfer again tells the rest.
    """
    with asked.archive(with_stores=False) as archive:
        with archive.catalogue.writing() as session:
            title = title_rows.title_by_issn(session, (issn_numbers.format(issn),))
            if title is None:
                raise UsageError(f"no title has the ISSN {issn}")
            zone = ZoneInfo(archive.settings.archive.time_zone)
            to = title_rows.publisher_named(session, receiving)
            already = title.publisher_id == to.id
            data = {"title": title.name, "from": None, "to": to.name, "on": on.date().isoformat()}
            if not already:
                leaving = title_rows.transfer(session, title, to, on.replace(tzinfo=zone), utc_now())
                access_changes.moved(session)  # lists of what may be read name the publisher, and follow its triggers
                data["from"] = leaving.name
        told = triggers.tell_of_title(archive.catalogue, title.id)
    if already and not told:
        raise UsageError(f"{data['title']} is with {data['to']} already")

    def say(console: Console) -> None:
        if already:
            console.print(f"{data['title']} is with {data['to']} already", markup=False)
        else:
            console.print(f"{data['title']}: from {data['from']} to {data['to']} on {data['on']}", markup=False)
        if told:
            console.print(f"{told} articles announced again", markup=False)

    answer(json_wanted, data | {"announced": told}, say)


def _answer_receipts(json_wanted: bool, done: list[Receipt], mirrored: Mapping[str, Mirrored] = _NO_ARCHIVE) -> None:
    refused = any(
        receipt.state in (DeliveryState.REFUSED, DeliveryState.QUARANTINED, DeliveryState.PARTIAL) for receipt in done
    )
    refused = refused or any(one.refused for one in mirrored.values())
    decide = any(one.conflicts for one in mirrored.values()) or any(
        found.code == "STORE_HOLDS_OTHER" for receipt in done for line in receipt.articles for found in line.findings
    )

    def say(console: Console) -> None:
        for receipt in done:
            _say_receipt(console, receipt)
        for name, one in mirrored.items():
            console.print(
                f"{name}: {one.bags} bags mirrored ({one.bytes} bytes), {one.already} here already, "
                f"{one.withdrawn} articles withdrawn, {one.restored} shown again",
                markup=False,
            )
            for each in (*one.conflicts, *one.refused):
                console.print(f"  ✗ {each['name']}: {each['problem']}", markup=False)
        if not done and not mirrored:
            console.print("nothing was waiting")

    status = 4 if decide else 1 if refused else 0
    data = {"deliveries": [receipt.as_json() for receipt in done]}
    if mirrored:
        data["mirrored"] = [{"feed": name, **one.as_json()} for name, one in mirrored.items()]
    answer(json_wanted, data, say, status)


def _say_receipt(console: Console, receipt: Receipt) -> None:
    console.print(
        f"{shown(receipt.file_names[0])}: {receipt.shown_state} ({receipt.delivery_id})", markup=False, style="bold"
    )
    for found in receipt.findings:
        console.print(f"  {found.level}: {found.code}: {sentence(found)}", markup=False)
    for line in receipt.articles:
        mark = {ArticleOutcome.ACCEPTED: "✓", ArticleOutcome.UNCHANGED: "="}.get(line.outcome, "✗")
        name = shown(line.doi or line.title or line.name)
        outcome = "unchanged" if receipt.repeated and line.outcome is ArticleOutcome.ACCEPTED else line.outcome
        console.print(
            f"  {mark} {name}: {outcome}" + (f", version {line.version}" if line.version else ""), markup=False
        )
        for found in line.findings:
            console.print(f"      {found.level}: {found.code}: {sentence(found)}", markup=False)
