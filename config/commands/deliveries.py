"""Commands about deliveries that wait for a person."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import click
from rich.console import Console

from config.commands.answers import Asked, answer, as_json
from config.wiring import AGENT, Archive
from ingest import quarantine
from ingest.findings import sentence
from ingest.quarantine import Person
from repository.bags import shown
from repository.catalogue import browse, decisions, intake, titles
from repository.catalogue import deliveries as rows
from repository.catalogue.browse import DeliveryLine
from repository.catalogue.walks import every
from repository.errors import UsageError
from repository.vocabulary import DeliveryState, Finding, as_utc_text, utc_now

_identifiers = click.argument("identifiers", nargs=-1)
_every = click.option(
    "--all-quarantined", is_flag=True, help="Every delivery in quarantine (of --publisher, if given)."
)
_publisher = click.option("--publisher", help="Of this publisher only.")


@click.group()
def delivery() -> None:
    """Deliveries: which wait for a person, and what the person decides."""


@delivery.command("list")
@click.option("--state", type=click.Choice([str(state) for state in DeliveryState]))
@_publisher
@click.option("--find", "words", help="An id, a DOI, or the beginning of a file's name.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@as_json
@click.pass_obj
def listed(
    asked: Asked, state: str | None, publisher: str | None, words: str | None, limit: int, json_wanted: bool
) -> None:
    """Deliveries, the newest first."""
    with asked.archive(with_stores=False) as archive, archive.catalogue.reading() as session:
        if words:
            lines = intake.found(session, words, limit=limit)
        else:
            lines = browse.deliveries_listed(session, state=state, publisher=_known(archive, publisher), limit=limit)

    def say(console: Console) -> None:
        for line in lines:
            console.print(
                f"{line.id}  {line.state:11}  {line.publisher}  {shown(', '.join(line.file_names))}", markup=False
            )

    answer(json_wanted, {"deliveries": [_as_json(line) for line in lines]}, say)


@delivery.command()
@click.argument("identifier")
@as_json
@click.pass_obj
def show(asked: Asked, identifier: str, json_wanted: bool) -> None:
    """What was found of a delivery, how far it has come, and what was decided about it."""
    with asked.archive(with_stores=False) as archive, archive.catalogue.reading() as session:
        found = rows.known(session, identifier)
        data: dict[str, Any] = {
            "delivery_id": found.id,
            "publisher": rows.publisher_of(session, found).name,
            "files": found.file_names,
            "state": found.state,
            "accepted_on": as_utc_text(found.accepted_on),
            "finished_at": as_utc_text(found.finished_at) if found.finished_at else None,
            "attempts": found.attempts,
            "stage": found.stage,
            "done": found.done,
            "expected": found.expected,
            "held_up": found.held_up,
            "findings": found.findings,
            "decisions": [
                {
                    "verdict": one.verdict,
                    "by": one.by,
                    "at": as_utc_text(one.at),
                    "reason": one.reason,
                    "codes": one.codes,
                }
                for one in decisions.of(session, identifier)
            ],
        }

    def say(console: Console) -> None:
        for key, value in data.items():
            if key == "findings":
                for each in map(Finding.from_json, value):
                    console.print(f"  {each.level}: {each.code}: {sentence(each)}", markup=False)
            elif key == "decisions":
                for one in value:
                    console.print(f"  {one['at']} {one['by']}: {one['verdict']} {one['reason']}", markup=False)
            elif value not in (None, []):
                console.print(f"{key}: {shown(str(value))}", markup=False)

    answer(json_wanted, data, say)


@delivery.command()
@_identifiers
@_every
@_publisher
@as_json
@click.pass_obj
def retry(
    asked: Asked, identifiers: Sequence[str], all_quarantined: bool, publisher: str | None, json_wanted: bool
) -> None:
    """Work on these deliveries again from their kept bytes, at the next `mahfuz receive` or pass of the clock."""
    _decide(asked, identifiers, all_quarantined, publisher, json_wanted, quarantine.retry)


@delivery.command()
@_identifiers
@_every
@_publisher
@click.option("--reason", required=True, help="Why; it is kept, and stands on the receipt.")
@click.option("--code", "codes", multiple=True, help="In spite of this finding only (may be repeated).")
@as_json
@click.pass_obj
def release(
    asked: Asked,
    identifiers: Sequence[str],
    all_quarantined: bool,
    publisher: str | None,
    reason: str,
    codes: Sequence[str],
    json_wanted: bool,
) -> None:
    """Take in articles in spite of what keeps them out, at the next pass."""

    def decide(person: Person, identifier: str) -> None:
        quarantine.release(person, identifier, reason, codes)

    _decide(asked, identifiers, all_quarantined, publisher, json_wanted, decide)


@delivery.command()
@_identifiers
@_every
@_publisher
@click.option("--reason", required=True, help="Why; it stands on the publisher's receipt.")
@as_json
@click.pass_obj
def reject(
    asked: Asked,
    identifiers: Sequence[str],
    all_quarantined: bool,
    publisher: str | None,
    reason: str,
    json_wanted: bool,
) -> None:
    """Refuse these deliveries: the publisher has to send them again. Their bytes stay."""
    _decide(
        asked,
        identifiers,
        all_quarantined,
        publisher,
        json_wanted,
        lambda person, identifier: quarantine.reject(person, identifier, reason),
    )


def _decide(
    asked: Asked,
    identifiers: Sequence[str],
    all_quarantined: bool,
    publisher: str | None,
    json_wanted: bool,
    decide: Callable[[Person, str], object],
) -> None:
    """Decide on each; one that cannot be decided on is told and does not stop the others."""
    if bool(identifiers) == all_quarantined:
        raise UsageError("name the deliveries by their ids, or say --all-quarantined")
    done: list[str] = []
    refused: list[dict[str, str]] = []
    with asked.archive(with_stores=False) as archive:
        person = Person(getpass.getuser(), archive.catalogue, archive.home, AGENT, utc_now)
        for identifier in identifiers or _quarantined(archive, publisher):
            try:
                decide(person, identifier)
            except UsageError as error:
                refused.append({"delivery_id": identifier, "reason": str(error)})
            else:
                done.append(identifier)

    def say(console: Console) -> None:
        console.print(f"{len(done)} decided, {len(refused)} not")
        for one in refused:
            console.print(f"  {one['reason']}", markup=False)

    answer(json_wanted, {"decided": done, "refused": refused}, say, 1 if refused else 0)


def _quarantined(archive: Archive, publisher: str | None) -> list[str]:
    """All of them before the first is decided: a decision moves a delivery out of the list that is walked."""
    of = _known(archive, publisher)
    lines = every(
        archive.catalogue,
        lambda session, before, limit: browse.deliveries_listed(
            session, state=DeliveryState.QUARANTINED, publisher=of, before=before, limit=limit
        ),
        lambda line: (line.accepted_on, line.id),
    )
    return [line.id for line in lines]


def _known(archive: Archive, publisher: str | None) -> int | None:
    if publisher is None:
        return None
    with archive.catalogue.reading() as session:
        known = titles.find_publisher(session, publisher)
    if known is None:
        raise UsageError(f"no publisher is named {publisher!r}")
    return known.id


def _as_json(line: DeliveryLine) -> dict[str, Any]:
    data = asdict(line)
    data["accepted_on"] = as_utc_text(line.accepted_on)
    data["finished_at"] = as_utc_text(line.finished_at) if line.finished_at else None
    return data
