"""Commands about the letters by which publishers hear what became of their deliveries."""

from __future__ import annotations

from typing import Any

import click
from rich.console import Console

from config.commands.answers import Asked, answer, as_json
from ingest import digests
from ingest.digests import Letter
from repository.errors import UsageError
from repository.vocabulary import DigestState, as_utc_text


@click.group()
def digest() -> None:
    """The daily letter to each publisher about its deliveries."""


@digest.command()
@click.option("--publisher", help="To this publisher only.")
@click.option("--dry-run", is_flag=True, help="Show the letters; send nothing and remember nothing.")
@as_json
@click.pass_obj
def send(asked: Asked, publisher: str | None, dry_run: bool, json_wanted: bool) -> None:
    """Send what waits, and what is to be told of the days that have ended; nobody is written to twice.

    The clock does this by itself at mail.at. Exit status 3: the mail server did not answer, the letters wait;
    1: it refused some of them.
    """
    with asked.archive(with_stores=False) as archive:
        post = archive.post()
        if post is None:
            raise UsageError("there is nobody to write to: set mail.server and [[mail.publishers]] (docs/mail.md)")
        only = [" ".join(publisher.split())] if publisher else []
        if unknown := sorted(set(only) - set(post.addressees)):
            raise UsageError(f"[[mail.publishers]] has no {unknown[0]!r}; there are: {', '.join(post.addressees)}")
        letters = list(digests.rehearse(post, only) if dry_run else digests.send(post, only, at_once=True))
    states = {letter.state for letter in letters}
    status = 1 if DigestState.REFUSED in states else 3 if DigestState.WAITING in states else 0
    data = {"dry_run": dry_run, "digests": [_as_json(letter, dry_run) for letter in letters]}

    def say(console: Console) -> None:
        for letter in letters:
            if dry_run:
                for name in ("To", "Subject"):
                    console.print(f"{name}: {letter.message[name]}", markup=False)
                console.print(f"\n{letter.message.get_content()}", markup=False)
            else:
                told = ", ".join(letter.recipients)
                console.print(f"{letter.publisher}: {letter.state} ({told})", markup=False)
                if letter.problem:
                    console.print(f"  {letter.problem}", markup=False)
        if not letters:
            console.print("nothing to send")

    answer(json_wanted, data, say, 0 if dry_run else status)


def _as_json(letter: Letter, dry_run: bool) -> dict[str, Any]:
    return {
        "publisher": letter.publisher,
        "since": as_utc_text(letter.since),
        "until": as_utc_text(letter.until),
        "recipients": list(letter.recipients),
        "subject": str(letter.message["Subject"]),
        "message_id": str(letter.message["Message-ID"]),
        "state": None if dry_run else str(letter.state),
        "problem": letter.problem,
        **({"text": letter.message.get_content()} if dry_run else {}),
    }
