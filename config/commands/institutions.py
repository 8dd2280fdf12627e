"""Commands about institutions and consortia: who they are, and how their readers and machines are known."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from config.commands.answers import Asked, answer, as_json
from config.commands.tables import a_day, by, lines_of, out_file, table, take_in, write_out
from repository.access import consortia, institutions, requestors
from repository.access.exchange import consortia as consortia_table
from repository.access.exchange import institutions as institutions_table
from repository.access.institutions import ENTITY, SCOPE, Described
from repository.catalogue.walks import every
from repository.texts import Remark
from repository.vocabulary import as_utc_text, utc_now


@click.group()
def institution() -> None:
    """The libraries that read, or have read, what they licensed (docs/licences.md)."""


def _described(function: Any) -> Any:
    for name, told in (
        ("supply", "Where its readers ask for document supply: an address or an e-mail address."),
        ("contact", "Where its readers find help: an address or an e-mail address."),
        ("resolver", "The address of its link resolver."),
        ("counter-id", "COUNTER's customer id."),
        ("isni", "ISNI, with its check digit."),
        ("ror", "ROR, with its check digits."),
    ):
        function = click.option(f"--{name}", help=told)(function)
    return function


@institution.command()
@click.argument("code")
@click.option("--name", required=True)
@_described
@by
@as_json
@click.pass_obj
def add(asked: Asked, /, code: str, name: str, who: str, json_wanted: bool, **said: Any) -> None:
    """Enter an institution under a code, by which commands and files name it for ever."""
    with asked.archive(with_stores=False) as archive, archive.catalogue.writing() as session:
        row = institutions.enter(session, who, code, Described(name, **said), at=utc_now())
        data = institutions.as_json(session, row)
    answer(json_wanted, data, lambda console: lines_of(data, console))


@institution.command()
@click.argument("code")
@click.option("--name")
@click.option("--active/--inactive", default=None, help="Whether its readers are still let in by its addresses.")
@_described
@by
@as_json
@click.pass_obj
def change(asked: Asked, /, code: str, who: str, json_wanted: bool, **said: Any) -> None:
    """Say something else of an institution; an empty value takes one away."""
    with asked.archive(with_stores=False) as archive, archive.catalogue.writing() as session:
        row = institutions.named(session, code)
        given = {name: value for name, value in said.items() if value is not None}
        institutions.change(session, who, row, replace(institutions.described(row), **given), at=utc_now())
        data = institutions.as_json(session, row)
    answer(json_wanted, data, lambda console: lines_of(data, console))


@institution.command()
@click.argument("code")
@as_json
@click.pass_obj
def show(asked: Asked, code: str, json_wanted: bool) -> None:
    """All that is kept of an institution, and which of its ranges overlap."""
    with asked.archive(with_stores=False) as archive, archive.catalogue.reading() as session:
        row = institutions.named(session, code)
        data = institutions.as_json(session, row)
        data["keys"] = [_key(one) for one in requestors.of(session, row)]
        data["consortia"] = [
            {"code": group.code, "since": one.since.isoformat(), "until": one.until.isoformat() if one.until else None}
            for one, group in consortia.memberships_of(session, row)
        ]
        data["remarks"] = [str(told) for told in institutions.remarks(session, row)]
    answer(json_wanted, data, lambda console: lines_of(data, console))


@institution.command("list")
@click.option("--find", "question", default="", help="Part of a name or a code.")
@as_json
@click.pass_obj
def list_(asked: Asked, question: str, json_wanted: bool) -> None:
    """Every institution, by the alphabet."""
    with asked.archive(with_stores=False) as archive:
        walk = every(
            archive.catalogue,
            lambda session, after, limit: institutions.listed(session, question, after=after, limit=limit),
            lambda row: (row.sort_key, row.id),
        )
        data = [{"code": row.code, "name": row.name, "active": row.active} for row in walk]

    def say(console: Console) -> None:
        for one in data:
            console.print(f"{one['code']}  {one['name']}{'' if one['active'] else '  (inactive)'}", markup=False)

    answer(json_wanted, {"institutions": data}, say)


@institution.command()
@click.argument("code")
@click.option("--add", "added", multiple=True, help="An address, a network, or the first and the last with a hyphen.")
@click.option("--drop", "dropped", multiple=True, help="One that is entered.")
@by
@as_json
@click.pass_obj
def network(
    asked: Asked, code: str, added: tuple[str, ...], dropped: tuple[str, ...], who: str, json_wanted: bool
) -> None:
    """From which addresses an institution's readers come; what is worth knowing of a range is told."""
    told: list[Remark] = []
    with asked.archive(with_stores=False) as archive, archive.catalogue.writing() as session:
        row = institutions.named(session, code)
        for given in dropped:
            institutions.drop_network(session, who, row, given, at=utc_now())
        for given in added:
            told += institutions.add_network(session, who, row, given, at=utc_now())
        data = {
            "code": row.code,
            "networks": institutions.as_json(session, row)["networks"],
            "remarks": [*map(str, told)],
        }
    answer(json_wanted, data, lambda console: lines_of(data, console))


@institution.command()
@click.argument("code")
@click.option("--add-entity", multiple=True, help="An entityID that speaks for it.")
@click.option("--add-scope", multiple=True, help="A scope: what stands behind the @ of an affiliation.")
@click.option("--drop-entity", multiple=True)
@click.option("--drop-scope", multiple=True)
@by
@as_json
@click.pass_obj
def login(asked: Asked, /, code: str, who: str, json_wanted: bool, **given: tuple[str, ...]) -> None:
    """By which identity providers and scopes an institution's readers are known; each speaks for one only."""
    with asked.archive(with_stores=False) as archive, archive.catalogue.writing() as session:
        row = institutions.named(session, code)
        for kind in (ENTITY, SCOPE):
            for value in given[f"drop_{kind}"]:
                institutions.drop_login(session, who, row, kind, value, at=utc_now())
            for value in given[f"add_{kind}"]:
                institutions.add_login(session, who, row, kind, value, at=utc_now())
        told = institutions.as_json(session, row)
    data = {name: told[name] for name in ("code", "entities", "scopes")}
    answer(json_wanted, data, lambda console: lines_of(data, console))


@institution.command()
@click.argument("code")
@click.option("--make", help="A name for the machine: COUNTER's requestor_id.")
@click.option("--close", "closed", help="The name of an open key, which opens nothing any more.")
@by
@as_json
@click.pass_obj
def key(asked: Asked, code: str, make: str | None, closed: str | None, who: str, json_wanted: bool) -> None:
    """Keys with which an institution's machines fetch its usage and holdings; a new one is shown this once."""
    with asked.archive(with_stores=False) as archive, archive.catalogue.writing() as session:
        row = institutions.named(session, code)
        if closed:
            requestors.close(session, who, row, closed, at=utc_now())
        made = requestors.make(session, who, row, make, at=utc_now()) if make else None
        data = {"code": row.code, "made": made, "keys": [_key(one) for one in requestors.of(session, row)]}
    answer(json_wanted, data, lambda console: lines_of(data, console))


@institution.command("import")
@table
@by
@as_json
@click.pass_obj
def import_(asked: Asked, file: Path, who: str, json_wanted: bool) -> None:
    """Enter or change the institutions of a CSV; rows that are refused are told and passed over: exit status 1."""
    take_in(asked, json_wanted, file, who, institutions_table.enter_all)


@institution.command()
@out_file
@as_json
@click.pass_obj
def export(asked: Asked, out: Path, json_wanted: bool) -> None:
    """Write every institution into a CSV that `import` takes."""
    write_out(asked, json_wanted, out, institutions_table.COLUMNS, institutions_table.told)


@click.group()
def consortium() -> None:
    """Institutions that license together, and who belonged to them from when to when."""


@consortium.command("add")
@click.argument("code")
@click.option("--name", required=True)
@by
@as_json
@click.pass_obj
def add_consortium(asked: Asked, code: str, name: str, who: str, json_wanted: bool) -> None:
    """Enter a consortium."""
    with asked.archive(with_stores=False) as archive, archive.catalogue.writing() as session:
        data = consortia.as_json(session, consortia.enter(session, who, code, name, at=utc_now()))
    answer(json_wanted, data, lambda console: lines_of(data, console))


@consortium.command("show")
@click.argument("code")
@as_json
@click.pass_obj
def show_consortium(asked: Asked, code: str, json_wanted: bool) -> None:
    """A consortium with every membership."""
    with asked.archive(with_stores=False) as archive, archive.catalogue.reading() as session:
        data = consortia.as_json(session, consortia.named(session, code))
    answer(json_wanted, data, lambda console: lines_of(data, console))


@consortium.command("list")
@as_json
@click.pass_obj
def list_consortia(asked: Asked, json_wanted: bool) -> None:
    """Every consortium, by its code."""
    with asked.archive(with_stores=False) as archive:
        walk = every(
            archive.catalogue,
            lambda session, after, limit: consortia.listed(session, after=after or "", limit=limit),
            lambda row: row.code,
        )
        data = [{"code": row.code, "name": row.name} for row in walk]

    def say(console: Console) -> None:
        for one in data:
            console.print(f"{one['code']}  {one['name']}", markup=False)

    answer(json_wanted, {"consortia": data}, say)


@consortium.command()
@click.argument("code")
@click.argument("member")
@click.option("--since", required=True, callback=a_day, help="Its first day as a member.")
@click.option("--until", callback=a_day, help="Its last day; without, it stays.")
@by
@as_json
@click.pass_obj
def join(asked: Asked, code: str, member: str, since: date, until: date | None, who: str, json_wanted: bool) -> None:
    """An institution belongs to a consortium from one day to another."""
    with asked.archive(with_stores=False) as archive, archive.catalogue.writing() as session:
        row, one = consortia.named(session, code), institutions.named(session, member)
        consortia.join(session, who, row, one, since, until, at=utc_now())
        data = consortia.as_json(session, row)
    answer(json_wanted, data, lambda console: lines_of(data, console))


@consortium.command()
@click.argument("code")
@click.argument("member")
@click.option("--on", "day", required=True, callback=a_day, help="Its last day as a member.")
@by
@as_json
@click.pass_obj
def leave(asked: Asked, code: str, member: str, day: date, who: str, json_wanted: bool) -> None:
    """A membership ends; what was paid for until then stays the institution's right."""
    with asked.archive(with_stores=False) as archive, archive.catalogue.writing() as session:
        row, one = consortia.named(session, code), institutions.named(session, member)
        consortia.leave(session, who, row, one, day, at=utc_now())
        data = consortia.as_json(session, row)
    answer(json_wanted, data, lambda console: lines_of(data, console))


@consortium.command("import")
@table
@by
@as_json
@click.pass_obj
def import_consortia(asked: Asked, file: Path, who: str, json_wanted: bool) -> None:
    """Enter the consortia and memberships of a CSV; rows that are refused are told: exit status 1."""
    take_in(asked, json_wanted, file, who, consortia_table.enter_all)


@consortium.command("export")
@out_file
@as_json
@click.pass_obj
def export_consortia(asked: Asked, out: Path, json_wanted: bool) -> None:
    """Write every membership into a CSV that `import` takes."""
    write_out(asked, json_wanted, out, consortia_table.COLUMNS, consortia_table.told)


def _key(one: Any) -> dict[str, Any]:
    closed = as_utc_text(one.closed_at) if one.closed_at else None
    return {"name": one.name, "made": as_utc_text(one.created_at), "by": one.created_by, "closed": closed}
