"""The command that makes a new version of what survives of an article whose every copy is damaged."""

from __future__ import annotations

from typing import Any

import click
from rich.console import Console

from config.commands.answers import Asked, answer, as_json
from ingest import salvage as salvaging
from ingest import survivors
from ingest.survivors import Plan
from repository.catalogue import chain
from repository.errors import UsageError


@click.command()
@click.argument("id_or_doi")
@click.option("--version", "version", type=click.IntRange(min=1), help="The damaged version: the newest by default.")
@click.option("--carry-out", is_flag=True, help="Do it; without this it is only told what would be done.")
@click.option("--by", "who", help="Who decides.")
@click.option("--reason", help="Why: it is kept in the bag.")
@as_json
@click.pass_obj
def salvage(
    asked: Asked,
    id_or_doi: str,
    version: int | None,
    carry_out: bool,
    who: str | None,
    reason: str | None,
    json_wanted: bool,
) -> None:
    """Where every copy is damaged: what survives in any of them, and with --carry-out a new version of it.

    Exit status: 0 every file survives or the new version is kept, 1 some or all files are lost (told, nothing done),
    3 a store did not answer, 4 the witnesses disagree and a person looks at them first.
    """
    if carry_out and not (who and reason):
        raise UsageError('who decides, and why? --by "Ayşe Yılmaz" --reason "Every copy decayed"')
    with asked.archive() as archive:
        work = archive.salvaging()
        plan = survivors.plan(work, id_or_doi, version)
        made = None
        if carry_out:
            made = salvaging.carry_out(work, id_or_doi, plan.version, who or "", reason or "")
            chain.link_all(archive.catalogue)
    data = _told(plan) | {"new_version": made}

    def say(console: Console) -> None:
        console.print(
            f"{plan.article_id} version {plan.version}: {len(plan.files) - len(plan.lost)} of "
            f"{len(plan.files)} files survive; described by the {plan.described_by}",
            markup=False,
        )
        for store, word in plan.copies.items():
            console.print(f"  {store}: {word}", markup=False)
        for one in plan.files:
            console.print(f"  {one.path}: {f'survives in {one.store}' if one.store else 'LOST'}", markup=False)
        if made:
            console.print(f"kept as version {made}, marked as salvaged; the damaged copies stay as they are")
        else:
            console.print("nothing was done; --carry-out makes a new version of what survives")

    answer(json_wanted, data, say, 1 if plan.lost and not made else 0)


def _told(plan: Plan) -> dict[str, Any]:
    return {
        "article": plan.article_id,
        "version": plan.version,
        "described_by": plan.described_by,
        "copies": dict(plan.copies),
        "files": [
            {"path": one.path, "bytes": one.bytes, "sha512": one.sha512, "store": one.store} for one in plan.files
        ],
        "lost": len(plan.lost),
    }
