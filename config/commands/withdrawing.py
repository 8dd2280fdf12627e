"""Commands that hide an article, show it again, and tell of disposals; a disposal is decided on the pages alone."""

from __future__ import annotations

from typing import Any

import click
from rich.console import Console

from config.commands.answers import Asked, answer, as_json
from ingest import deaccession
from ingest import disposal as disposing
from ingest.deaccession import LANGUAGES, Word
from repository.catalogue import disposals
from repository.models import Disposal, DisposalTurn
from repository.notice import Notice
from repository.vocabulary import as_utc_text

_MOST = 1000

_reason = click.option("--reason", required=True, help="Why: it stands on the page in the article's place.")
_by = click.option("--by", "who", required=True, help="Who decides.")
_language = click.option("--language", type=click.Choice(LANGUAGES), help="The language of the reason.")


@click.command()
@click.argument("id_or_doi")
@_reason
@_by
@_language
@as_json
@click.pass_obj
def withdraw(asked: Asked, id_or_doi: str, reason: str, who: str, language: str | None, json_wanted: bool) -> None:
    """Show an article no more. Its bytes are kept and watched over; a page with the reason stands in its place."""
    with asked.archive() as archive:
        done = deaccession.withdraw(archive.deaccession(), id_or_doi, Word(who, reason, language))
    answer(json_wanted, _notice(done), lambda console: console.print(f"{done.article_id}: withdrawn", markup=False))


@click.command()
@click.argument("id_or_doi")
@_reason
@_by
@_language
@as_json
@click.pass_obj
def restore(asked: Asked, id_or_doi: str, reason: str, who: str, language: str | None, json_wanted: bool) -> None:
    """Show a withdrawn article again."""
    with asked.archive() as archive:
        done = deaccession.restore(archive.deaccession(), id_or_doi, Word(who, reason, language))
    answer(json_wanted, _notice(done), lambda console: console.print(f"{done.article_id}: shown again", markup=False))


@click.group()
def disposal() -> None:
    """Copies given up for good: asked for and approved on the pages, by two people who are signed in there.

    Whoever sits at this machine could be both; so here a disposal can only be looked at, carried out and stopped.
    """


@disposal.command("list")
@as_json
@click.pass_obj
def list_(asked: Asked, json_wanted: bool) -> None:
    """Every disposal that is not over, with the turns of its stores."""
    with asked.archive(with_stores=False) as archive, archive.catalogue.reading() as session:
        found = disposals.underway(session, limit=_MOST)
        data = [_disposal(row, list(disposals.turns_of(session, row.id))) for row in found]

    def say(console: Console) -> None:
        for one in data:
            console.print(f"{one['id']}  {one['state']}  {one['article']}  {one['reason']}", markup=False)
            console.print(f"  asked by {one['asked_by']}, approved by {one['approved_by'] or '-'}", markup=False)
            for turn in one["turns"]:
                console.print(f"  {turn['store']}: {turn['state']} {turn['at'] or ''}", markup=False)
            if one["next_due"] or one["trouble"]:
                console.print(f"  next {one['next_due'] or '-'} {one['trouble'] or ''}", markup=False)

    answer(json_wanted, {"disposals": data}, say)


@disposal.command()
@click.argument("number", type=int)
@_reason
@_by
@as_json
@click.pass_obj
def cancel(asked: Asked, number: int, reason: str, who: str, json_wanted: bool) -> None:
    """Stop a disposal: nothing more is given up, and what was is brought back from the copies that are left."""
    with asked.archive(with_stores=False) as archive:
        row = disposing.cancel(archive.deaccession(), number, Word(who, reason))
        with archive.catalogue.reading() as session:
            data = _disposal(row, list(disposals.turns_of(session, number)))
    answer(json_wanted, data, lambda console: console.print(f"disposal {number}: cancelled"))


@disposal.command()
@as_json
@click.pass_obj
def run(asked: Asked, json_wanted: bool) -> None:
    """Carry out what is due now, as the clock does."""
    with asked.archive() as archive:
        told = disposing.carry_out(archive.deaccession())
    data = [
        {"disposal": one.disposal, "article": one.article_id, "store": one.store, "trouble": one.trouble or None}
        for one in told
    ]

    def say(console: Console) -> None:
        for one in told:
            console.print(f"{one.disposal}: {one.store or 'cancelled'}: {one.trouble or 'done'}", markup=False)

    status = 4 if any(one.decision for one in told) else 3 if any(one.trouble for one in told) else 0
    answer(json_wanted, {"done": data}, say, status)


def _notice(notice: Notice) -> dict[str, Any]:
    return {
        "article": notice.article_id,
        "notice": notice.number,
        "kind": str(notice.kind),
        "at": as_utc_text(notice.at),
        "by": notice.by,
        "reason": notice.reason,
        "sha256": notice.seal,
    }


def _disposal(row: Disposal, turns: list[DisposalTurn]) -> dict[str, Any]:
    moments = ("asked_at", "approved_at", "not_before", "next_due", "cancelled_at")
    return {
        "id": row.id,
        "article": row.article_id,
        "version": row.version,
        "state": row.state,
        "reason": row.reason,
        "bags": row.bags,
        "asked_by": row.asked_by,
        "approved_by": row.approved_by,
        "cancelled_by": row.cancelled_by,
        "trouble": row.trouble,
        **{name: as_utc_text(moment) if (moment := getattr(row, name)) else None for name in moments},
        "turns": [
            {"store": turn.store, "state": turn.state, "at": as_utc_text(turn.at) if turn.at else None}
            for turn in turns
        ],
    }
