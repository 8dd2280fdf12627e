"""Commands about licences: what was agreed, when it runs, for whom, of which titles, and with which documents."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from config.commands.answers import Asked, answer, as_json
from config.commands.tables import (
    a_day,
    by,
    lines_of,
    one_of,
    out_file,
    say_written,
    table,
    take_in,
    write_lines,
    write_out,
)
from repository.access import consortia, documents, institutions, licences, terms, title_lists
from repository.access.exchange import entitlements as entitlements_table
from repository.access.exchange import licences as licences_table
from repository.access.licences import Described
from repository.catalogue.walks import every
from repository.errors import UsageError
from repository.kbart_lines import content_of, said_of
from repository.rights import Basis, ClaimState, Closure, Hosting, LicenceStatus, LicenceType, Perpetual
from repository.vocabulary import as_utc_text, utc_now

_OPEN = [status for status in LicenceStatus if status is not LicenceStatus.CLOSED]


@click.group()
def licence() -> None:
    """Agreements with publishers, as far as they decide who may read what for ever (docs/licences.md)."""


def _described(function: Any) -> Any:
    for option in (
        click.option("--note"),
        click.option("--supply/--no-supply", default=None, help="Whether it permits document supply."),
        click.option("--archival-copy/--no-archival-copy", default=None, help="Whether it permits an archival copy."),
        click.option("--hosting", type=one_of(Hosting), help="When the archive may serve it."),
        click.option("--back-years", type=click.IntRange(0, 500), help="With paid_years: years before the first paid."),
        click.option("--perpetual-to", help="With years: up to when."),
        click.option("--perpetual-from", help="With years: from when."),
        click.option("--perpetual", type=one_of(Perpetual), help="What the clause gives for ever."),
        click.option("--status", type=one_of(_OPEN)),
        click.option("--basis", type=one_of(Basis), help="What it rests on."),
        click.option("--type", type=one_of(LicenceType), help="Whom it is for."),
    ):
        function = option(function)
    return function


@licence.command()
@click.argument("code")
@click.option("--name", required=True)
@click.option("--publisher", required=True, help="By its name; one that is not known is entered.")
@_described
@by
@as_json
@click.pass_obj
def add(asked: Asked, /, code: str, name: str, publisher: str, who: str, json_wanted: bool, **said: Any) -> None:
    """Enter a licence under a code, by which commands and files name it for ever."""
    given = {key: value for key, value in said.items() if value is not None}
    with asked.archive(with_stores=False) as archive, archive.catalogue.writing() as session:
        row = licences.enter(session, who, code, Described(name, publisher, **given), at=utc_now())
        data = licences.as_json(session, row)
    answer(json_wanted, data, lambda console: lines_of(data, console))


@licence.command()
@click.argument("code")
@click.option("--name")
@click.option("--publisher")
@_described
@by
@as_json
@click.pass_obj
def change(asked: Asked, /, code: str, who: str, json_wanted: bool, **said: Any) -> None:
    """Say something else of a licence; an empty value takes one away."""
    given = {key: value for key, value in said.items() if value is not None}
    with asked.archive(with_stores=False) as archive, archive.catalogue.writing() as session:
        row = licences.named(session, code)
        licences.change(session, who, row, replace(licences.described(session, row), **given), at=utc_now())
        data = licences.as_json(session, row)
    answer(json_wanted, data, lambda console: lines_of(data, console))


@licence.command()
@click.argument("code")
@as_json
@click.pass_obj
def show(asked: Asked, code: str, json_wanted: bool) -> None:
    """A licence with its periods, its parties and its documents."""
    with asked.archive(with_stores=False) as archive, archive.catalogue.reading() as session:
        row = licences.named(session, code)
        data = licences.as_json(session, row)
        data["documents"] = [_document(one) for one in documents.of(session, row)]
    answer(json_wanted, data, lambda console: lines_of(data, console))


@licence.command("list")
@click.option("--find", "question", default="", help="Part of a name or a code.")
@click.option("--status", type=one_of(LicenceStatus))
@as_json
@click.pass_obj
def list_(asked: Asked, question: str, status: str | None, json_wanted: bool) -> None:
    """Every licence, by its code."""
    with asked.archive(with_stores=False) as archive:
        walk = every(
            archive.catalogue,
            lambda session, after, limit: licences.listed(
                session, question, status=status, after=after or "", limit=limit
            ),
            lambda pair: pair[0].code,
        )
        data = [
            {"code": row.code, "name": row.name, "publisher": publisher.name, "type": row.type, "status": row.status}
            for row, publisher in walk
        ]

    def say(console: Console) -> None:
        for one in data:
            console.print("  ".join(str(value) for value in one.values()), markup=False)

    answer(json_wanted, {"licences": data}, say)


@licence.command()
@click.argument("code")
@click.option("--add", "added", callback=a_day, metavar="DAY", help="A period begins on this day.")
@click.option("--change", "changed", callback=a_day, metavar="DAY", help="The period that began on this day.")
@click.option("--drop", "dropped", callback=a_day, metavar="DAY", help="The period that began on this day never ran.")
@click.option("--until", callback=a_day, metavar="DAY", help="Its last day; without, it goes on.")
@click.option("--reason", default="", help="Why a period is made shorter or taken away.")
@by
@as_json
@click.pass_obj
def period(
    asked: Asked,
    code: str,
    added: date | None,
    changed: date | None,
    dropped: date | None,
    until: date | None,
    reason: str,
    who: str,
    json_wanted: bool,
) -> None:
    """When a licence runs: add a period, let one end on another day, or say that one never ran."""
    if sum(day is not None for day in (added, changed, dropped)) != 1:
        raise UsageError("one of --add, --change and --drop, for example --add 2009-01-01 --until 2018-12-31")
    with asked.archive(with_stores=False) as archive, archive.catalogue.writing() as session:
        row = licences.named(session, code)
        if added is not None:
            terms.add_period(session, who, row, added, until, at=utc_now())
        elif changed is not None:
            terms.end_period(session, who, row, changed, until, reason, at=utc_now())
        elif dropped is not None:
            terms.drop_period(session, who, row, dropped, reason, at=utc_now())
        data = {"code": row.code, "periods": terms.periods_json(session, row)}
    answer(json_wanted, data, lambda console: lines_of(data, console))


@licence.command()
@click.argument("code")
@click.option("--institution", help="By its code.")
@click.option("--consortium", help="By its code: all its members, as long as they are members.")
@click.option("--since", callback=a_day, metavar="DAY", help="Without, as long as the licence runs.")
@click.option("--until", callback=a_day, metavar="DAY")
@click.option("--end", callback=a_day, metavar="DAY", help="It is one already, and up to this day.")
@by
@as_json
@click.pass_obj
def party(
    asked: Asked,
    code: str,
    institution: str | None,
    consortium: str | None,
    since: date | None,
    until: date | None,
    end: date | None,
    who: str,
    json_wanted: bool,
) -> None:
    """For whom a licence runs."""
    if (institution is None) == (consortium is None):
        raise UsageError("a party is --institution or --consortium, for example --institution ornek")
    with asked.archive(with_stores=False) as archive, archive.catalogue.writing() as session:
        row = licences.named(session, code)
        one = institutions.named(session, institution) if institution else consortia.named(session, consortium or "")
        if end is not None:
            terms.end_party(session, who, row, one, end, at=utc_now())
        else:
            terms.add_party(session, who, row, one, since, until, at=utc_now())
        data = {"code": row.code, "parties": [each.as_json() for each in terms.parties_of(session, row)]}
    answer(json_wanted, data, lambda console: lines_of(data, console))


@licence.command()
@click.argument("code")
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--asserted", is_flag=True, help="The list is one side's word: nothing of it opens before it is agreed to."
)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the list as KBART instead.")
@click.option("--by", "who", default="", help="Who loads it.")
@as_json
@click.pass_obj
def titles(
    asked: Asked, code: str, file: Path | None, asserted: bool, out: Path | None, who: str, json_wanted: bool
) -> None:
    """Load the title list of a licence, as KBART gives it, or write it out.

    Rows that name no run of a journal are told and passed over: exit status 1. What an older list named and this one
    does not stands as it was and is told: a person decides about it.
    """
    if (file is None) == (out is None) or (file is not None and not who):
        raise UsageError(
            "a FILE to load with --by NAME, or --out FILE to write, for example titles ulusal-2009 liste.txt --by ayse"
        )
    if out is not None:
        with asked.archive(with_stores=False) as archive:
            number = write_lines(out, entitlements_table.kbart(archive.catalogue, code))
        say_written(json_wanted, out, number - 1)
        return
    assert file is not None
    listed = title_lists.read_list(file.name, content_of(file))
    state = ClaimState.ASSERTED if asserted else ClaimState.AGREED
    with asked.archive(with_stores=False) as archive, archive.catalogue.writing() as session:
        row = licences.named(session, code)
        done = title_lists.load(session, who, row, listed, at=utc_now(), state=state)

    def say(console: Console) -> None:
        console.print(
            f"{code}: {done.rows} runs, {done.new} new, {done.extended} longer than before, {done.unchanged} unchanged",
            markup=False,
        )
        for name in done.no_longer[:50]:
            console.print(f"no longer listed, stands as it was: {name}", markup=False)
        if len(done.no_longer) > 50:
            console.print(f"and {len(done.no_longer) - 50} more", markup=False)
        for line in said_of(file.name, done.complaints):
            console.print(line, markup=False)

    answer(json_wanted, {"licence": code, "source": file.name, **done.as_json()}, say, 1 if done.complaints else 0)


@licence.command()
@click.argument("code")
@click.option("--on", "day", required=True, callback=a_day, help="The last day that was paid for.")
@click.option("--reason", required=True, type=one_of(Closure))
@by
@as_json
@click.pass_obj
def close(asked: Asked, code: str, day: date, reason: str, who: str, json_wanted: bool) -> None:
    """A licence ends; nothing that it gave until then is taken away."""
    with asked.archive(with_stores=False) as archive, archive.catalogue.writing() as session:
        row = licences.named(session, code)
        licences.close(session, who, row, day, Closure(reason), at=utc_now())
        data = licences.as_json(session, row)
    answer(json_wanted, data, lambda console: lines_of(data, console))


@licence.command()
@click.argument("code")
@click.option("--reason", required=True, help="Why it was a mistake to close it.")
@by
@as_json
@click.pass_obj
def reopen(asked: Asked, code: str, reason: str, who: str, json_wanted: bool) -> None:
    """A licence was closed by mistake; periods that the closing cut are entered anew."""
    with asked.archive(with_stores=False) as archive, archive.catalogue.writing() as session:
        row = licences.named(session, code)
        licences.reopen(session, who, row, reason, at=utc_now())
        data = licences.as_json(session, row)
    answer(json_wanted, data, lambda console: lines_of(data, console))


@licence.command()
@click.argument("code")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@by
@as_json
@click.pass_obj
def document(asked: Asked, code: str, file: Path, who: str, json_wanted: bool) -> None:
    """A file belongs to a licence: the agreement, an invoice, a letter; at most 10 MiB."""
    content = content_of(file)
    with asked.archive(with_stores=False) as archive, archive.catalogue.writing() as session:
        row = licences.named(session, code)
        documents.attach(session, who, row, file.name, content, at=utc_now())
        data = {"code": row.code, "documents": [_document(one) for one in documents.of(session, row)]}
    answer(json_wanted, data, lambda console: lines_of(data, console))


@licence.command("import")
@table
@click.option("--parties", is_flag=True, help="The file is of parties, not of licences.")
@by
@as_json
@click.pass_obj
def import_(asked: Asked, file: Path, parties: bool, who: str, json_wanted: bool) -> None:
    """Enter or change the licences, or the parties, of a CSV; rows that are refused are told: exit status 1."""
    enter = licences_table.enter_parties if parties else licences_table.enter_all
    take_in(asked, json_wanted, file, who, enter)


@licence.command()
@click.option("--parties", is_flag=True, help="The parties, not the licences.")
@out_file
@as_json
@click.pass_obj
def export(asked: Asked, parties: bool, out: Path, json_wanted: bool) -> None:
    """Write every licence, or every party, into a CSV that `import` takes."""
    if parties:
        write_out(asked, json_wanted, out, licences_table.PARTY_COLUMNS, licences_table.parties_told)
    else:
        write_out(asked, json_wanted, out, licences_table.COLUMNS, licences_table.told)


def _document(one: documents.About) -> dict[str, Any]:
    return {"sha256": one.sha256, "name": one.name, "bytes": one.bytes, "by": one.by, "at": as_utc_text(one.at)}
