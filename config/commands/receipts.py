"""Commands about receipts: what the archive states of a delivery, signed, and whether a receipt is genuine."""

from __future__ import annotations

import json
from pathlib import Path

import click
from rich.console import Console

from config.commands.answers import Asked, answer, as_json
from config.wiring import secret_key
from ingest import attestation, receipts
from repository import canonical, signing
from repository.errors import UsageError
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


@receipt.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--key",
    "key_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The archive's public key (PEM), or its mahfuz-keys.json; without it, this archive's own keys.",
)
@as_json
@click.pass_obj
def verify(asked: Asked, file: Path, key_file: Path | None, json_wanted: bool) -> None:
    """Say whether a signed receipt is genuine and unchanged. Exit status 0 yes, 1 no."""
    try:
        envelope = canonical.read(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{file} is not a JSON document: {error}") from error
    keys = keys_of(key_file) if key_file else signing.Signer(asked.settings().archive.home).public_keys()
    reason = signing.verify(envelope, keys, "receipt")
    data = {"file": str(file), "genuine": reason is None, "reason": reason}
    answer(
        json_wanted,
        data,
        lambda console: console.print(f"{file}: " + (reason or "genuine and unchanged"), markup=False),
        0 if reason is None else 1,
    )


def keys_of(file: Path) -> dict[str, str]:
    """The public keys in a file that somebody named. Raises UsageError."""
    try:
        return signing.keys_in(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{file} is neither a public key in PEM nor a mahfuz-keys.json") from error
