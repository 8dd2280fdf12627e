"""Commands about receipts: what the archive states of a delivery, signed, and whether a receipt is genuine."""

from __future__ import annotations

import json
from pathlib import Path

import click
from rich.console import Console

from config.commands.answers import Asked, answer, as_json
from config.commands.genuine import verifies
from config.wiring import secret_key
from ingest import attestation, receipts
from repository import signing
from repository.vocabulary import utc_now


@click.group()
def receipt() -> None:
    """Signed receipts, which prove to a publisher what is preserved."""


@receipt.command()
@click.argument("identifier")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the signed receipt to this file.")
@as_json
@click.pass_obj
def show(asked: Asked, identifier: str, out: Path | None, json_wanted: bool) -> None:
    """State what is kept of this delivery now, signed; with --json the signed document itself."""
    with asked.archive(with_stores=False) as archive:
        who = archive.settings.archive
        named = {"name": who.name, "identifier": who.repository_identifier, "base_url": who.base_url}
        with archive.catalogue.reading() as session:
            found = receipts.of_delivery(session, identifier)
            stated = receipts.statement(session, found, named, len(archive.places), utc_now())
        signed = signing.Signer(archive.home).signed("receipt", stated.document)
        link = f"{who.base_url}/receipts/{attestation.token(secret_key(archive.home), identifier)}"
    if out is not None:
        out.write_text(json.dumps(signed, ensure_ascii=True, indent=1) + "\n", encoding="ascii")

    def say(console: Console) -> None:
        console.print(f"{found.file_names[0]}: {found.shown_state}", markup=False)
        console.print(f"for the publisher: {link}", markup=False)
        safe = f"every article lies in {stated.copies} stores, read back: the publisher may delete its own copy"
        console.print(safe if stated.safe else "not everything is preserved in every store", markup=False)

    answer(json_wanted, signed, say)


receipt.add_command(verifies(lambda _: "receipt", "Say whether a signed receipt is genuine and unchanged."))
