"""Commands for whoever sets the archive up and looks after its machine."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from enum import StrEnum

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from config import exposure, wiring
from config.commands.answers import Asked, answer, as_json
from fixity import standing
from ingest.feeds import standings
from repository import mail
from repository.catalogue import Catalogue, alerts, digests, heartbeats, schema
from repository.errors import Doubt, MahfuzError
from repository.storage.capabilities import Capabilities, probe
from repository.vocabulary import DigestState, utc_now

_LEAST_FREE = 0.05
_OLDEST_SIGNATURES_DAYS = 7
_SCANNER = "virus scanner"
_MAIL = "mail"
_WAL_RESET_FIXED = (3, 51, 3)


class Verdict(StrEnum):
    """How one thing stands."""

    GOOD = "good"
    NOTE = "note"
    BAD = "bad"
    DOUBT = "doubt"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the doctor's table: what was looked at, how it stands, and what to do."""

    what: str
    verdict: Verdict
    detail: str
    remedy: str = ""


@click.command()
@as_json
@click.pass_obj
def init(asked: Asked, json_wanted: bool) -> None:
    """Create or migrate the database, and make the places of stores that keep nothing yet."""
    with asked.archive() as archive:
        data = {
            "database": archive.catalogue.shown_url,
            "schema": schema.revision_of(archive.catalogue),
            "stores": list(archive.by_name),
            "home": str(archive.home),
        }

    def say(console: Console) -> None:
        for key, value in data.items():
            console.print(f"{key:10} {value}", markup=False)

    answer(json_wanted, data, say)


@click.command()
@as_json
@click.pass_obj
def doctor(asked: Asked, json_wanted: bool) -> None:
    """Look at the database, at each store by trying it, at the disk, virus scanner, mail and feeds; say what to do."""
    settings = asked.settings()
    with wiring.opened(settings) as archive:
        found: dict[str, Capabilities] = {}
        lines = [*_database(archive.catalogue), *_stores(archive, found), *_exposure(archive, found)]
        lines += [_disk(archive), _virus_scanner(archive)]
        lines += [_mail(archive), *_digests(archive.catalogue), *_alerts(archive), *_feeds(archive)]
    status = 3 if any(line.verdict is Verdict.DOUBT for line in lines) else 0
    status = 1 if any(line.verdict is Verdict.BAD for line in lines) else status
    data = {"healthy": status == 0, "lines": [asdict(line) for line in lines]}
    answer(json_wanted, data, lambda console: _say(console, lines), status)


@click.group()
def config() -> None:
    """The settings."""


@config.command()
@as_json
@click.pass_obj
def show(asked: Asked, json_wanted: bool) -> None:
    """Every setting with its value and where it came from; secrets are masked."""
    rows = list(asked.loaded().shown())
    data = {key: {"value": value, "origin": origin} for key, value, origin in rows}

    def say(console: Console) -> None:
        for key, value, origin in rows:
            console.print(f"{key:34} {value!s:44} {origin}", markup=False)

    answer(json_wanted, data, say)


def _database(catalogue: Catalogue) -> Iterator[Line]:
    try:
        present, wanted = schema.revision_of(catalogue), schema.HEAD
    except MahfuzError as error:
        yield Line("database", Verdict.DOUBT, str(error), "start the database, or mend database.url")
        return
    if present != wanted:
        yield Line("database", Verdict.BAD, f"schema {present}, wanted {wanted}", "run `mahfuz init`")
    else:
        yield Line("database", Verdict.GOOD, f"{catalogue.shown_url}, schema {present}")
    if catalogue.url.get_backend_name() == "sqlite":
        with catalogue.reading() as session:
            mode = session.execute(text("PRAGMA journal_mode")).scalar_one()
        good = mode == "delete" or sqlite3.sqlite_version_info >= _WAL_RESET_FIXED
        yield Line(
            "SQLite",
            Verdict.GOOD if good else Verdict.BAD,
            f"{sqlite3.sqlite_version}, journal_mode {mode}",
            "" if good else "this SQLite can lose commits in WAL mode; use journal_mode DELETE",
        )


def _exposure(archive: wiring.Archive, found: Mapping[str, Capabilities]) -> Iterator[Line]:
    """Where one credential could destroy every copy, and what stands against it."""
    for one in exposure.looked_at(archive.settings, found):
        yield Line(one.what, Verdict.GOOD if one.safe else Verdict.NOTE, one.detail, one.remedy)


def _stores(archive: wiring.Archive, tried: dict[str, Capabilities]) -> Iterator[Line]:
    for store in archive.stores:
        try:
            found = tried[store.name] = probe(store)
        except Doubt as error:
            yield Line(
                f"store {store.name}", Verdict.DOUBT, str(error), "start the store, mount its disk, or mend its url"
            )
            continue
        with suppress(Doubt, DBAPIError):  # no catalogue, or one that was not migrated yet: told already
            standing.keep(archive.catalogue, found, utc_now())
        for item in found.tried:
            verdict = Verdict.GOOD if item.verdict == "yes" else Verdict.BAD if item.alarming else Verdict.NOTE
            if item.verdict == "unknown" and item.needed:
                verdict = Verdict.DOUBT
            yield Line(f"store {store.name}: {item.name}", verdict, f"{item.verdict}: {item.detail}")


def _disk(archive: wiring.Archive) -> Line:
    usage = shutil.disk_usage(archive.home)
    share = usage.free / usage.total
    detail = f"{usage.free // 2**30} GiB of {usage.total // 2**30} GiB free in {archive.home}"
    if share < _LEAST_FREE:
        return Line("disk", Verdict.BAD, detail, "make room: ingest pauses when this disk is full")
    return Line("disk", Verdict.GOOD, detail)


def _virus_scanner(archive: wiring.Archive) -> Line:
    scanner = archive.door().virus_scanner
    if scanner is None:
        return Line(_SCANNER, Verdict.NOTE, "none: deliveries are not scanned for viruses", "set ingest.clamd")
    try:
        found = scanner.version()
    except Doubt as error:
        return Line(_SCANNER, Verdict.DOUBT, str(error), "start clamd, or mend ingest.clamd")
    if found.dated is None:
        return Line(_SCANNER, Verdict.NOTE, f"{found}, of unknown age", "run freshclam")
    days = (utc_now() - found.dated).days
    if days > _OLDEST_SIGNATURES_DAYS:
        return Line(_SCANNER, Verdict.BAD, f"{found}, age in days: {days}", "run freshclam, and let it run every day")
    return Line(_SCANNER, Verdict.GOOD, f"{found}, age in days: {days}")


def _mail(archive: wiring.Archive) -> Line:
    server = archive.mail_server()
    if server is None:
        return Line(_MAIL, Verdict.NOTE, "none: publishers hear nothing by mail", "set mail.server")
    try:
        return Line(_MAIL, Verdict.GOOD, mail.look(server))
    except mail.MailUnavailable as error:
        return Line(_MAIL, Verdict.DOUBT, str(error), "start the mail server, or mend [mail]")
    except mail.MailRefused as error:
        return Line(_MAIL, Verdict.BAD, str(error), "mend [mail]")


def _digests(catalogue: Catalogue) -> Iterator[Line]:
    """Letters that the mail server has not taken."""
    try:
        if schema.revision_of(catalogue) != schema.HEAD:
            return  # told already
        with catalogue.reading() as session:
            found = digests.waiting(session)
    except Doubt:
        return  # told already
    for state, verdict, remedy in (
        (DigestState.WAITING, Verdict.DOUBT, "they go on by themselves when the mail server takes them"),
        (DigestState.REFUSED, Verdict.BAD, "mend the address or [mail], then run `mahfuz digest send`"),
    ):
        if state in found:
            number, since, problem = found[state]
            yield Line(f"digests {state}", verdict, f"{number}, the first since {since:%Y-%m-%d}: {problem}", remedy)


def _alerts(archive: wiring.Archive) -> Iterator[Line]:
    """Whether alerts reach anybody, whether the parts run, and what is the matter."""
    settings = archive.settings.alerts
    ways = [*settings.recipients, *(f"webhook {one.name}" for one in settings.webhooks)]
    if ways:
        yield Line("alerts", Verdict.GOOD, f"told to {', '.join(ways)}", "try `mahfuz alerts test` now and then")
    else:
        remedy = "set alerts.recipients or [[alerts.webhooks]]"
        yield Line("alerts", Verdict.NOTE, "reach nobody: only the pages show them", remedy)
    if not settings.heartbeat_url.get_secret_value():
        missing = "nobody outside notices when this whole machine is silent"
        yield Line("sign of life", Verdict.NOTE, missing, "set alerts.heartbeat_url")
    try:
        if schema.revision_of(archive.catalogue) != schema.HEAD:
            return  # told already
        with archive.catalogue.reading() as session:
            number, parts = alerts.number_open(session), heartbeats.beats(session)
    except Doubt:
        return  # told already
    if number:
        yield Line("alerts open", Verdict.NOTE, str(number), "see `mahfuz alerts`")
    for part in settings.parts:
        last = parts[part][-1] if part in parts else None
        if last is None:
            yield Line(f"part {part}", Verdict.NOTE, "has never run", "start it: `mahfuz up`, or each part by itself")
        elif abs((utc_now() - last.beat_at).total_seconds()) > settings.silent_seconds:
            detail = f"no sign of life since {last.beat_at:%Y-%m-%d %H:%M} UTC, on {last.host}"
            yield Line(f"part {part}", Verdict.BAD, detail, "start it again; its log says why it ended")
        else:
            yield Line(f"part {part}", Verdict.GOOD, f"runs on {last.host}, {last.version}")


def _feeds(archive: wiring.Archive) -> Iterator[Line]:
    """Feeds that fail or are late: what a publisher has to mend does not make this machine ill."""
    try:
        if schema.revision_of(archive.catalogue) != schema.HEAD:
            return  # told already
        with archive.catalogue.reading() as session:
            found = standings(session, archive.feeds(), utc_now())
    except Doubt:
        return  # told already
    for one in found:
        if one.row is not None and one.row.last_error is not None:
            detail = f"fails since {one.row.error_since:%Y-%m-%d}: {one.row.last_error}"
            yield Line(f"feed {one.feed.name}", Verdict.NOTE, detail, f"try `mahfuz feed test {one.feed.name}`")
        if one.late and one.expected_by is not None:
            detail = f"late: {one.feed.publisher} was expected by {one.expected_by:%Y-%m-%d}"
            yield Line(f"feed {one.feed.name}", Verdict.NOTE, detail, "ask the publisher")


def _say(console: Console, lines: list[Line]) -> None:
    table = Table("", "what", "how it stands", "what to do", box=None)
    marks = {
        Verdict.GOOD: "[green]✓ good[/]",
        Verdict.NOTE: "[cyan]· note[/]",
        Verdict.BAD: "[red]✗ bad[/]",
        Verdict.DOUBT: "[yellow]? doubt[/]",
    }
    for line in lines:
        table.add_row(marks[line.verdict], escape(line.what), escape(line.detail), escape(line.remedy))
    console.print(table)
