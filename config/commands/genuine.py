"""Whether a document that an archive signed is genuine and unchanged: one question for receipts and certificates."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from config.commands.answers import Asked, answer, as_json
from repository import canonical, signing
from repository.errors import UsageError


def verifies(kind: Callable[[Any], str], told: str) -> click.Command:
    """The command ``verify``, described as ``told``; ``kind`` says of what kind a document should be."""

    @click.command("verify", help=f"{told} Exit status 0 yes, 1 no.")
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
        try:
            envelope = canonical.read(file.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise UsageError(f"{file} is not a JSON document: {error}") from error
        keys = _keys_in(key_file) if key_file else signing.Signer(asked.settings().archive.home).public_keys()
        reason = signing.verify(envelope, keys, kind(envelope))
        data = {"file": str(file), "genuine": reason is None, "reason": reason}
        said = reason or "genuine and unchanged"
        answer(json_wanted, data, lambda console: console.print(f"{file}: {said}", markup=False), 1 if reason else 0)

    return verify


def _keys_in(file: Path) -> dict[str, str]:
    """The public keys in a file that somebody named. Raises UsageError."""
    try:
        return signing.keys_in(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{file} is neither a public key in PEM nor a mahfuz-keys.json") from error
