"""Commands for harvests: the archive's records as files, and a harvest of any Mahfuz proved complete."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import click
from rich.console import Console

from config import window
from config.commands.answers import Asked, answer, as_json, progress
from ingest.feeds.asking import Asking
from ingest.feeds.oai_protocol import Repository
from ingest.feeds.offered import FeedFailed
from oai_pmh.whole import dumps
from oai_pmh.whole.compared import Comparison, compare
from oai_pmh.whole.days import Counted
from oai_pmh.whole.dumps import Of
from oai_pmh.whole.harvested import Harvested, Header, read
from repository.catalogue.feed_days import Count
from repository.errors import UsageError

_LARGEST = 256 << 20
_WHO = "the archive"


@click.command("harvest-check")
@click.argument("url")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--set", "set_spec", help="The set that was harvested (default: everything).")
@click.option("--name-days", default=20, show_default=True, help="Of so many differing days the records are named.")
@as_json
def harvest_check(url: str, files: tuple[Path, ...], set_spec: str | None, name_days: int, json_wanted: bool) -> None:
    """Compare a harvest with what the archive at URL counts: has it every record, and none but those?

    URL is the base URL of its OAI-PMH. FILES are the answers as they were harvested (XML, or gzip of it; the parts of a
    dump among them), in the order in which they came, or lines: identifier, datestamp, and "deleted" if it is so.
    """
    harvested = Harvested()
    with closing(harvested), Asking(_WHO, url) as asking:
        with progress("files") as bar:
            for number, file in enumerate(files, start=1):
                harvested.add(read(file))
                bar(number, len(files))
        try:
            found, as_of = _compared(asking, url, harvested, set_spec, name_days)
        except FeedFailed as error:
            raise UsageError(f"{url}: {error}") from error
    data: dict[str, Any] = {
        "equal": found.equal,
        "set": set_spec,
        "as_of": as_of,
        "days": found.days,
        "records": found.records,
        "archive_records": found.archive_records,
        "differing": [day.as_json() for day in found.differing],
    }
    answer(json_wanted, data, lambda console: _say(console, found, as_of), 0 if found.equal else 1)


def _compared(
    asking: Asking, url: str, harvested: Harvested, set_spec: str | None, most: int
) -> tuple[Comparison, str]:
    asked = {"set": set_spec} if set_spec else {}
    told = json.loads(_fetched(asking, f"{url}/days.json?{urlencode(asked)}"))
    days: dict[str, Counted] = {}
    for year in told["years"]:
        of_year = json.loads(_fetched(asking, f"{url}/days.json?{urlencode({**asked, 'year': year['year']})}"))
        for day in of_year["days"]:
            count = Count(day["number"], day["deleted"], int(day["digest"], 16))
            days[day["day"]] = Counted(day["day"], count)
    archive = Repository(_WHO, asking, url, "oai_dc", set_spec)

    def listed(day: str) -> list[Header]:
        begin = datetime.fromisoformat(day).replace(tzinfo=UTC)
        end = begin + timedelta(seconds=24 * 3600 - 1)
        return [
            Header(one.identifier, one.datestamp, one.deleted)
            for part in archive.parts("ListIdentifiers", begin, None, end)
            for one in part.headers
        ]

    return compare(harvested, days, "9999", listed, most), str(told["as_of"])


def _fetched(asking: Asking, url: str) -> bytes:
    with asking.asked(url) as response:
        body: bytes = response.read(_LARGEST)
        if response.status != 200:
            raise FeedFailed(_WHO, f"{url} was answered with {response.status}: is it the base URL of a Mahfuz?")
        return body


def _say(console: Console, found: Comparison, as_of: str) -> None:
    console.print(
        f"{found.records} records of {found.days} days here, {found.archive_records} in the archive at {as_of}"
    )
    if found.equal:
        console.print("The harvest is complete: every record as it is in the archive, and no other.", style="bold")
    for day in found.differing:
        console.print(
            f"  {day.there.name}: {day.here.count.number} here, {day.there.count.number} there;"
            f" {len(day.missing)} missing, {len(day.surplus)} only here",
            markup=False,
        )
        for name in day.missing[:10]:
            console.print(f"    missing  {name}", markup=False)


@click.group()
def dump() -> None:
    """The archive's records as files that anyone may load (at /oai/dumps)."""


@dump.command("make")
@click.option("--format", "prefix", default="oai_dc", show_default=True, help="The metadataPrefix.")
@click.option("--set", "set_spec", help="A setSpec (default: everything).")
@as_json
@click.pass_obj
def make(asked: Asked, prefix: str, set_spec: str | None, json_wanted: bool) -> None:
    """Make a dump now. One that was interrupted goes on where it was."""
    with asked.archive(with_stores=False) as archive:
        of = Of(prefix, set_spec)
        dumps.make(window.of(archive), archive.dumps, of)
        told = dumps.latest(archive.dumps, of)
    assert told is not None
    answer(json_wanted, told, lambda console: _say_dump(console, told))


@dump.command("list")
@as_json
@click.pass_obj
def listed(asked: Asked, json_wanted: bool) -> None:
    """The newest dump of each set and format."""
    with asked.archive(with_stores=False) as archive:
        found = [told for of in dumps.every(archive.dumps) if (told := dumps.latest(archive.dumps, of))]

    def say(console: Console) -> None:
        for told in found:
            _say_dump(console, told)

    answer(json_wanted, {"dumps": found}, say)


def _say_dump(console: Console, told: dict[str, Any]) -> None:
    size = sum(part["bytes"] for part in told["parts"])
    console.print(
        f"{told['metadata_prefix']}, {told['set'] or 'everything'}: {told['records']} records in {len(told['parts'])} "
        f"files, {size} bytes; goes on with from={told['continue_from']}",
        markup=False,
    )
