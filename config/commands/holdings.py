"""Commands that tell what is kept, and hand it out byte for byte."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from config.commands.answers import Asked, answer, as_json
from config.wiring import Archive
from ingest import pauses
from ingest.feeds import standings
from ingest.sealing import BAGIT_PROFILE
from repository import bags
from repository.bags.second_opinion import bagit_opinion
from repository.catalogue import copies, filling, tallies
from repository.catalogue import holdings as rows
from repository.errors import MahfuzError, ObjectMissing, StoreUnavailable, UsageError
from repository.models import Article
from repository.storage import BUFFER, Store
from repository.vocabulary import as_utc_text, bag_key, parse_bag_name, utc_now

_ALL = 1 << 62
_MOST_PAUSED = 20


def status_of(archive: Archive) -> dict[str, Any]:
    """The figures of the contract, from the tallies. ``overdue``: copies not verified within what is promised.

    ``paused``: the first deliveries of the queue that wait for something of ours, with what it is.
    """
    now = utc_now()
    with archive.catalogue.reading() as session:
        held: dict[str, dict[str, int]] = {}
        for (store, state), count in tallies.of(session, "copies").items():
            held.setdefault(store, {})[state] = count.number
        oldest = copies.oldest_verification(session)
        aips = tallies.of(session, "aips").get(("", "kept"), tallies.NOTHING)
        return {
            "articles": sum(count.number for count in tallies.of(session, "articles").values()),
            "aips": aips.number,
            "bytes": aips.bytes,
            "copies": held,
            "never_verified": sum(count.number for count in tallies.of(session, "never verified").values()),
            "overdue": sum(copies.late(session, store, at=now, up_to=_ALL) for store in held),
            "oldest_verification": as_utc_text(oldest) if oldest else None,
            "deliveries": {state: count.number for (_, state), count in tallies.of(session, "deliveries").items()},
            "paused": [
                {
                    "delivery_id": line.id,
                    "publisher": line.publisher,
                    "files": list(line.file_names),
                    "since": as_utc_text(line.accepted_on),
                    "cause": line.held_up,
                }
                for line in pauses.paused(session, archive.home, limit=_MOST_PAUSED)
            ],
            "stores": {name: one.as_json() for name, one in filling.progress(session, now).items()},
            "feeds": dict(Counter(str(one.state) for one in standings(session, archive.feeds(), now))),
        }


@click.command()
@as_json
@click.pass_obj
def status(asked: Asked, json_wanted: bool) -> None:
    """How much is kept, and what is known of it."""
    with asked.archive(with_stores=False) as archive:
        data = status_of(archive)

    def say(console: Console) -> None:
        for key, value in data.items():
            if key == "stores":
                for name, one in value.items():
                    left = f"lacks {one['lacks']} bags" if one["state"] == "filling" else one["state"]
                    until = f", all of it on {one['ends_at'][:10]}" if one["ends_at"] else ""
                    console.print(f"{key:22} {name}: {left}{until}", markup=False)
            elif isinstance(value, dict):
                for name, number in value.items():
                    console.print(f"{key:22} {name}: {number}", markup=False)
            elif isinstance(value, list):
                for one in value:
                    console.print(f"{key:22} {bags.shown(one['files'][0])}: {one['cause']}", markup=False)
            else:
                console.print(f"{key:22} {value}", markup=False)

    answer(json_wanted, data, say)


@click.command()
@click.argument("id_or_doi")
@as_json
@click.pass_obj
def article(asked: Asked, id_or_doi: str, json_wanted: bool) -> None:
    """Everything known of one article: description, versions, files, copies."""
    with asked.archive(with_stores=False) as archive, archive.catalogue.reading() as session:
        data = rows.article_json(session, _article(rows.find_article(session, id_or_doi), id_or_doi))

    def say(console: Console) -> None:
        for key, value in data.items():
            if key != "versions" and value:
                for place, line in enumerate(_lines(value)):
                    console.print(f"{'' if place else key:20} {line}", markup=False)
        for version in data["versions"]:
            console.print(f"version {version['version']}: {version['bytes']} bytes, seal {version['seal']}")
            if version["delivered_by"]:
                console.print(f"  delivered by {version['delivered_by']}", markup=False)
            for copy in version["copies"]:
                console.print(f"  {copy['store']}: {copy['state']}, verified {copy['verified_at']}")
            for file in version["files"]:
                console.print(f"  {file['path']} ({file['bytes']} bytes)", markup=False)

    answer(json_wanted, data, say)


def _lines(value: Any) -> list[str]:
    """A value as a person reads it: one line for each author, date, keyword or related article."""
    if isinstance(value, dict):
        return [f"{name or '-'}: {said}" for name, said in value.items()]
    if isinstance(value, (list, tuple)):
        return [
            ", ".join(str(part) for part in (one.values() if isinstance(one, dict) else [one]) if part) for one in value
        ]
    return [str(value)]


@click.command()
@click.argument("id_or_doi")
@click.option("--version", "number", type=int, help="Which version (default: the latest).")
@click.option(
    "--out", "target", required=True, type=click.Path(dir_okay=False, path_type=Path), help="Where to write it."
)
@as_json
@click.pass_obj
def bag(asked: Asked, id_or_doi: str, number: int | None, target: Path, json_wanted: bool) -> None:
    """Write the AIP of an article to a file, byte for byte as it is stored, compared with its seal."""
    with asked.archive() as archive:
        with archive.catalogue.reading() as session:
            found = _article(rows.find_article(session, id_or_doi), id_or_doi)
            version = number or found.version
            aip = rows.aip_version(session, found.id, version)
            if aip is None:
                raise UsageError(f"article {found.id} has no version {version}; its latest is {found.version}")
        place = _fetch(archive.stores, bag_key(found.id, version), aip.seal, target)
    data = {
        "id": found.id,
        "version": version,
        "seal": aip.seal,
        "bytes": aip.bytes,
        "store": place,
        "file": str(target),
    }
    answer(
        json_wanted, data, lambda console: console.print(f"{target}: version {version}, seal {aip.seal}, from {place}")
    )


@click.command()
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.option("--with-bagit", is_flag=True, help="Ask the Library of Congress's bagit as well.")
@as_json
@click.pass_obj
def verify(_asked: Asked, path: Path, with_bagit: bool, json_wanted: bool) -> None:
    """Judge any bag, a tar or a folder, by RFC 8493; the tar of one of ours byte for byte."""
    report = _judged(path)
    opinion = bagit_opinion(path) if with_bagit else None
    findings = [*report.findings, *([opinion] if opinion else [])]
    valid = report.valid and opinion is None
    data = {
        "path": str(path),
        "valid": valid,
        "seal": report.seal,
        "bytes": report.bytes,
        "findings": [found.as_json() for found in findings],
    }

    def say(console: Console) -> None:
        console.print(f"{path}: {'valid' if valid else 'NOT valid'}", markup=False, style="bold")
        for found in findings:
            where = f" {found.path}" if found.path else ""
            line = f", line {found.line}" if found.line else ""
            console.print(f"  {found.level}: {found.code}:{where}{line}: {found.message} {found.remedy}", markup=False)

    answer(json_wanted, data, say, 0 if valid else 1)


def _judged(path: Path) -> bags.BagReport:
    report = bags.verify_path(path)
    ours = parse_bag_name(report.name or "")
    if ours is None or not path.is_file() or dict(report.bag_info).get("BagIt-Profile-Identifier") != BAGIT_PROFILE:
        return report
    # A tar that says it is ours must be what we write, down to the padding that RFC 8493 does not speak of.
    with path.open("rb") as stream:
        return bags.verify_stream(stream, own=ours)


def _article(found: Article | None, asked_for: str) -> Article:
    if found is None:
        raise MahfuzError(f"no article has the id or DOI {asked_for!r}")
    return found


def _fetch(stores: tuple[Store, ...], key: str, seal: str, target: Path) -> str:
    """Write the object to ``target`` from the first store whose bytes match ``seal``; the name of that store."""
    troubles = []
    for store in stores:
        descriptor, name = tempfile.mkstemp(dir=target.absolute().parent, prefix=".mahfuz-")
        temporary = Path(name)
        try:
            with store.open(key) as stream, os.fdopen(descriptor, "wb") as written:
                while block := stream.read(BUFFER):
                    written.write(block)
            with temporary.open("rb") as written_file:
                found, _ = bags.seal_of(written_file)
            if found == seal:
                temporary.replace(target)
                return store.name
            troubles.append(f"{store.name}: damaged")
        except (StoreUnavailable, ObjectMissing) as error:
            troubles.append(str(error))
        finally:
            temporary.unlink(missing_ok=True)
    raise StoreUnavailable("every store", f"no intact copy of {key}: {'; '.join(troubles)}")
