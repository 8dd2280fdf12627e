"""Commands that write what is held as knowledge bases, the Keepers Registry and union catalogues read it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import click

from config.commands.answers import Asked, answer, as_json
from repository.access import institutions, lists
from repository.access.lists import Made, Publishing
from repository.catalogue import titles
from repository.errors import UsageError

_out = click.option(
    "--out", "target", required=True, type=click.Path(dir_okay=False, path_type=Path), help="Where to write it."
)


@click.group()
def holdings() -> None:
    """Lists of what is held, the same as under /kbart/ and /reports/."""


@holdings.command()
@click.option("--publisher", help="Of this publisher's journals only.")
@click.option("--institution", metavar="CODE", help="What this institution may read for ever.")
@_out
@as_json
@click.pass_obj
def kbart(asked: Asked, publisher: str | None, institution: str | None, target: Path, json_wanted: bool) -> None:
    """All that is held, or a part of it, in KBART Phase II."""
    if publisher and institution:
        raise UsageError("name a publisher or an institution, not both")

    def make(given: Publishing) -> Made:
        with given.catalogue.reading() as session:
            theirs = titles.find_publisher(session, publisher) if publisher else None
            reader = institutions.find(session, institution) if institution else None
        if publisher and theirs is None:
            raise UsageError(f"no publisher is named {publisher!r}")
        if institution and reader is None:
            raise UsageError(f"no institution has the code {institution!r}")
        if theirs is not None:
            return lists.of_publisher(given, theirs)
        return lists.all_titles(given) if reader is None else lists.of_institution(given, reader)

    _write(asked, make, target, json_wanted)


@holdings.command()
@_out
@as_json
@click.pass_obj
def keepers(asked: Asked, target: Path, json_wanted: bool) -> None:
    """What is preserved in every store and what is in progress, for the Keepers Registry."""
    _write(asked, lists.keepers_report, target, json_wanted)


@holdings.command()
@_out
@as_json
@click.pass_obj
def marc(asked: Asked, target: Path, json_wanted: bool) -> None:
    """The journals that are held, as MARCXML."""
    _write(asked, lists.titles_in_marc, target, json_wanted)


def _write(asked: Asked, make: Callable[[Publishing], Made], target: Path, json_wanted: bool) -> None:
    with asked.archive(with_stores=False) as archive:
        made = make(archive.publishing())
        part = target.with_name(f".{target.name}.part")
        shutil.copyfile(made.path, part)
        part.replace(target)
    data = {"file": str(target), "name": made.name, "bytes": target.stat().st_size, "digest": made.digest}
    answer(json_wanted, data, lambda console: console.print(f"{target}: {data['bytes']} bytes", markup=False))
