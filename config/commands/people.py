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
@click.option("--role", default="staff", show_default=True)
@as_json
@click.pass_obj
def add(asked: Asked, login: str, role: str, json_wanted: bool) -> None:
    """Enter a member of staff; prints a one-time password that has to be changed at the first sign-in."""
    with asked.archive(with_stores=False) as archive, archive.catalogue.writing() as session:
        password = accounts.create(session, login, role)
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
