"""What each payload file is by its bytes: its PRONOM identifier, as Siegfried tells it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ingest.examiner import Examiner
from repository.turkish import machine_lower

_UNKNOWN = "UNKNOWN"
_ENDING = re.compile(r"\.[A-Za-z0-9]{1,16}\Z")

_siegfried = Examiner("format_probe.py", environment={"GOGC": "50", "GOMEMLIMIT": "100MiB"})
"""The runtime that comes with Siegfried needs 65 MB for the signatures, and would take twice as much and more."""


@dataclass(frozen=True, slots=True)
class Identified:
    """What one file is. ``puid`` and all that goes with it are None when PRONOM's signatures do not tell.

    ``basis`` says on what the answer rests (bytes, container, text, or the name's ending alone), ``warning``
    what speaks against it or why there is none; ``others`` are further PUIDs that match as well.
    """

    puid: str | None = None
    name: str | None = None
    version: str | None = None
    basis: str | None = None
    warning: str | None = None
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Identification:
    """The answer for each file in the order asked, and who gave it: None when nobody could be asked."""

    files: tuple[Identified, ...]
    tool: str | None
    """``siegfried 1.11.9``."""
    signatures: str | None
    """The signature files that were used, with their versions, and the package that brought them."""


def identify_many(files: Sequence[tuple[Path, str]], scratch: Path | None = None) -> Identification:
    """Identify files, each given as ``(where its bytes are, the name that the publisher gave it)``.

    ``scratch`` is a folder for what is made on the way and taken away again; the system's if none is given.

    Only the ending of the name is used, and only where the bytes do not decide. What cannot be read or is empty
    is not identified and says why, as does a file over which Siegfried dies or takes more than a minute. The
    first call in a process takes about 0.3 s for the signatures. Raises nothing.
    """
    if not files:
        return Identification((), None, None)
    asked = [(str(source.absolute()), _ending(name)) for source, name in files]
    answer = _siegfried.ask({"scratch": scratch and str(scratch.absolute()), "files": asked})
    if answer is None and len(files) > 1:  # one of them did that: the others need not suffer for it
        return _together([identify_many([file], scratch) for file in files])
    if answer is None or "error" in answer:
        warning = "the identification of formats died over it" if answer is None else str(answer["error"])
        return Identification(tuple(Identified(warning=warning) for _ in files), None, None)
    details = "; ".join(one["details"] for one in answer["identifiers"])
    return Identification(
        tuple(_identified(file) for file in answer["files"]),
        f"siegfried {answer['siegfried']}",
        f"{details}; pygfried {_package_version()}",
    )


def identify(source: Path, name: str | None = None) -> Identified:
    """One file, under ``name`` if its own is not the one that the publisher gave it; as :func:`identify_many`."""
    return identify_many([(source, source.name if name is None else name)]).files[0]


def _together(answers: Sequence[Identification]) -> Identification:
    asked = next((answer for answer in answers if answer.tool), answers[0])
    return Identification(tuple(answer.files[0] for answer in answers), asked.tool, asked.signatures)


def _ending(name: str) -> str:
    """Nothing of the publisher's name but a plain ending."""
    ending = _ENDING.search(name)
    return machine_lower(ending.group()) if ending else ""


def _identified(file: Mapping[str, Any]) -> Identified:
    matches = [match for match in file["matches"] if match["id"] and match["id"] != _UNKNOWN]
    if file["errors"] or not matches:
        told = [file["errors"], *(match["warning"] for match in file["matches"] if not matches)]
        return Identified(warning="; ".join(filter(None, told)) or None)
    first, *others = matches
    return Identified(
        puid=first["id"],
        name=first["format"] or None,
        version=first["version"] or None,
        basis=first["basis"] or None,
        warning=first["warning"] or None,
        others=tuple(match["id"] for match in others),
    )


@cache
def _package_version() -> str:
    try:
        return version("pygfried")
    except PackageNotFoundError:
        return "of unknown version"
