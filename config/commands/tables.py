"""How commands take whole tables of records in and write them out, and what they say of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from config.commands.answers import Asked, answer
from repository import spreadsheet
from repository.access import words
from repository.access.exchange.tables import Imported
from repository.catalogue import Catalogue, chain
from repository.kbart_lines import content_of, said_of
from repository.vocabulary import utc_now

by = click.option("--by", "who", required=True, help="Who decides: it stands in the event.")
table = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
out_file = click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The file to write."
)


def take_in(asked: Asked, json_wanted: bool, file: Path, who: str, enter: Callable[..., Imported]) -> None:
    """The rows of a table are entered; exit status 1 where some were passed over."""
    data = content_of(file)
    with asked.archive(with_stores=False) as archive:
        done = enter(archive.catalogue, who, file.name, data, at=utc_now())
        chain.link_all(archive.catalogue)

    def say(console: Console) -> None:
        console.print(
            f"{file.name}: {done.rows} rows, {done.new} new, {done.changed} changed, {done.unchanged} unchanged",
            markup=False,
        )
        for line in (*said_of(file.name, done.complaints), *said_of(file.name, done.remarks)):
            console.print(line, markup=False)

    answer(json_wanted, {"source": file.name, **done.as_json()}, say, 1 if done.complaints else 0)


def write_out(
    asked: Asked,
    json_wanted: bool,
    out: Path,
    columns: Sequence[str],
    told: Callable[[Catalogue], Iterable[Sequence[object]]],
) -> None:
    """Every row lies in the file as CSV."""
    number = 0

    def counted(rows: Iterable[Sequence[object]]) -> Iterator[Sequence[object]]:
        nonlocal number
        for row in rows:
            number += 1
            yield row

    with asked.archive(with_stores=False) as archive:
        lines = spreadsheet.parts(columns, counted(told(archive.catalogue)))
        # With its mark, so that a spreadsheet takes it for UTF-8.
        write_lines(out, lines, "utf-8-sig")
    say_written(json_wanted, out, number)


def write_lines(out: Path, lines: Iterator[str], encoding: str = "utf-8") -> int:
    """The lines lie in the file, which is not touched where there are none; how many parts they came in."""
    number, first = 1, next(lines)
    with out.open("w", encoding=encoding, newline="") as file:
        file.write(first)
        for line in lines:
            number += 1
            file.write(line)
    return number


def say_written(json_wanted: bool, out: Path, rows: int) -> None:
    """What was written, and where."""
    answer(
        json_wanted,
        {"file": str(out), "rows": rows},
        lambda console: console.print(f"{out}: {rows} rows", markup=False),
    )


def one_of(known: Iterable[StrEnum]) -> click.Choice[str]:
    """An option that takes one of these words."""
    return click.Choice([word.value for word in known])


def a_day(_context: click.Context, _option: click.Parameter, value: str | None) -> date | None:
    """A day in an option. Raises BadValue."""
    return words.day(value)


def lines_of(data: dict[str, Any], console: Console, depth: int = 0) -> None:
    """A record for people: what is said of it, a line each."""
    for name, value in data.items():
        if isinstance(value, list):
            console.print(f"{'  ' * depth}{name}:" + ("" if value else " -"), markup=False)
            for one in value:
                told = (
                    " ".join(str(part) for part in one.values() if part is not None) if isinstance(one, dict) else one
                )
                console.print(f"{'  ' * (depth + 1)}{told}", markup=False)
        elif value is not None:
            console.print(f"{'  ' * depth}{name}: {value}", markup=False)
