"""Commands for those who watch over the copies."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import click
from rich.console import Console

from config.commands.answers import Asked, answer, as_json, progress
from fixity.rounds import run_round
from fixity.watch import Scope
from repository.catalogue import holdings
from repository.errors import UsageError


@click.command()
@click.option("--due", "which", flag_value="due", help="What is due today (the default, unless a store is named).")
@click.option("--all", "which", flag_value="all", help="Every copy.")
@click.option("--article", "article_id", help="The copies of one article, by its id or DOI.")
@click.option("--store", help="Every copy in this store (with --due: what is due there).")
@click.option("--deep", is_flag=True, help="Check every manifest inside the bags as well.")
@click.option("--no-mend", is_flag=True, help="Only tell; mend nothing.")
@as_json
@click.pass_obj
def audit(
    asked: Asked,
    which: str | None,
    article_id: str | None,
    store: str | None,
    deep: bool,
    no_mend: bool,
    json_wanted: bool,
) -> None:
    """Read copies to the last byte, and make damaged ones whole from one that has just been verified."""
    with asked.archive() as archive, progress("copies") as bar:
        if store is not None:
            archive.store(store)
            which = which or "all"
        if article_id is not None:
            with archive.catalogue.reading() as session:
                found = holdings.find_article(session, article_id)
            if found is None:
                raise UsageError(f"no article has the id or DOI {article_id!r}")
            article_id, which = found.id, "all"
        scope = Scope(due=which in (None, "due"), article_id=article_id, store=store, deep=deep, mend=not no_mend)
        report = run_round(replace(archive.watch(), progress=bar), scope)

    data: dict[str, Any] = report.as_json()

    def say(console: Console) -> None:
        console.print(
            f"{report.expected} copies expected: {report.intact} intact, {report.damaged} damaged, "
            f"{report.missing} missing, {report.unreadable} unreadable; {report.mended} mended "
            f"({report.bytes} bytes in {report.seconds:.1f} s)"
        )
        for detail in data.get("details", []):
            console.print("  " + ", ".join(f"{key} {value}" for key, value in detail.items()), markup=False)

    answer(json_wanted, data, say, report.exit_status)
