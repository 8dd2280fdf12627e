"""Commands about what should be here and is not."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict
from email.policy import SMTP
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from config.commands.answers import Asked, answer, as_json
from ingest import completeness as lists
from ingest.letters import Claim, letter, message, missing_csv
from repository.catalogue import browse
from repository.catalogue import completeness as rows
from repository.catalogue import titles as title_rows
from repository.errors import UsageError
from repository.kbart_lines import said_of
from repository.vocabulary import utc_now


@click.group()
def completeness() -> None:
    """What a title has published, by the lists that there are, against what is preserved."""


@completeness.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--publisher", required=True, help="Whose journals a list speaks of that are not known yet.")
@click.option("--issn", help="The journal of a CSV that has no column issn.")
@as_json
@click.pass_obj
def load(asked: Asked, file: Path, publisher: str, issn: str | None, json_wanted: bool) -> None:
    """Load a list: Crossref JSON (/works), a CSV with a column doi, or KBART. The same file again replaces it.

    Lines that name no journal or article are told and passed over: exit status 1.
    """
    listed = lists.read_file(file, issn)
    with asked.archive(with_stores=False) as archive:
        done = lists.load(archive.catalogue, publisher, file.name, listed.lines)

    def say(console: Console) -> None:
        for journal, number in done.items():
            console.print(f"{journal}: {number} expected", markup=False)
        for line in said_of(file.name, listed.complaints):
            console.print(line, markup=False)

    data = {"source": file.name, "titles": done, "complaints": [str(each) for each in listed.complaints]}
    answer(json_wanted, data, say, 1 if listed.complaints else 0)


@completeness.command()
@click.argument("issn")
@as_json
@click.pass_obj
def show(asked: Asked, issn: str, json_wanted: bool) -> None:
    """Each issue of a title: held, expected, missing. Exit status 1 when something is missing."""
    today = utc_now().date()
    with asked.archive(with_stores=False) as archive, archive.catalogue.reading() as session:
        title = title_rows.title_by_issn(session, (issn,))
        if title is None:
            raise UsageError(f"no title has the ISSN {issn}")
        cells = rows.grid(session, title, today)
        missing = [asdict(line.expected) for line in rows.lines_of(session, [title], today) if not line.held]
        data: dict[str, Any] = {
            "title": title.name,
            "held": sum(cell.held for cell in cells),
            "expected": sum(cell.expected for cell in cells),
            "missing": missing,
            "issues": [_issue(cell) for cell in cells],
        }

    def say(console: Console) -> None:
        console.print(
            f"{data['title']}: {data['held']} held, {len(missing)} of {data['expected']} missing", markup=False
        )
        for cell in cells:
            place = " ".join(str(part) for part in (cell.year, cell.volume, cell.issue) if part)
            console.print(f"  {place}: {cell.held} held, {cell.missing} of {cell.expected} missing", markup=False)

    answer(json_wanted, data, say, 1 if missing else 0)


@completeness.command()
@click.argument("issn")
@click.option("--language", type=click.Choice(["tr", "en"]), default="tr", show_default=True)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="A folder for the files.")
@as_json
@click.pass_obj
def claim(asked: Asked, issn: str, language: str, out: Path, json_wanted: bool) -> None:
    """Write the letter that asks the publisher for what is missing, its list as CSV, and both as a mail (.eml)."""
    today = utc_now().date()
    with asked.archive(with_stores=False) as archive, archive.catalogue.reading() as session:
        title = title_rows.title_by_issn(session, (issn,))
        if title is None:
            raise UsageError(f"no title has the ISSN {issn}")
        line = browse.title_line(session, title)
        settings = archive.settings.archive
        asking = Claim(
            settings.name,
            settings.admin_email,
            line.publisher,
            line.name,
            line.issn or issn,
            today,
            rows.grid(session, title, today),
        )
        listed = missing_csv(rows.lines_of(session, [title], today))
    with suppress(FileExistsError):
        out.mkdir(parents=True)
    written = [out / f"claim-{issn}-{language}.txt", out / f"claim-{issn}.csv", out / f"claim-{issn}-{language}.eml"]
    written[0].write_text(letter(asking, language), encoding="utf-8")
    written[1].write_text(listed, encoding="utf-8-sig", newline="")
    written[2].write_bytes(message(asking, language, listed).as_bytes(policy=SMTP))
    files = [str(file) for file in written]
    answer(json_wanted, {"files": files}, lambda console: console.print("\n".join(files), markup=False))


def _issue(cell: rows.Cell) -> dict[str, Any]:
    place = {"year": cell.year, "volume": cell.volume, "issue": cell.issue}
    return {**place, "held": cell.held, "expected": cell.expected, "missing": cell.missing}
