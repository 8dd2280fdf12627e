"""Commands about the archive's staff."""

from __future__ import annotations

import click

from config.commands.answers import Asked, answer, as_json
from repository.access import staff as accounts


@click.group()
def staff() -> None:
    """The people who may sign in."""


@staff.command()
@click.argument("login")
@click.option("--role", default="staff", show_default=True, help="staff, librarian or publisher.")
@click.option("--institution", metavar="CODE", help="Whose librarian it is.")
@click.option("--publisher", metavar="NAME", help="Whose account it is, with the role publisher.")
@as_json
@click.pass_obj
def add(asked: Asked, login: str, role: str, institution: str | None, publisher: str | None, json_wanted: bool) -> None:
    """Enter a member of staff, a librarian or a publisher; prints a one-time password, to be changed at once."""
    with asked.archive(with_stores=False) as archive, archive.catalogue.writing() as session:
        password = accounts.create(session, login, role, institution=institution, publisher=publisher)
    answer(json_wanted, {"login": login, "password": password}, lambda console: console.print(f"{login}: {password}"))


@staff.command()
@click.argument("login")
@as_json
@click.pass_obj
def reset(asked: Asked, login: str, json_wanted: bool) -> None:
    """Give a member of staff a new one-time password and end all their sessions."""
    with asked.archive(with_stores=False) as archive, archive.catalogue.writing() as session:
        password = accounts.reset(session, login)
    answer(json_wanted, {"login": login, "password": password}, lambda console: console.print(f"{login}: {password}"))
