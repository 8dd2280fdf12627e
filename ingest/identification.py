"""What each payload file is by its bytes: its PRONOM identifier, as Siegfried tells it."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from repository.turkish import machine_lower

if TYPE_CHECKING:
    from pygfried import DetailedIdentifyResult, File

_UNKNOWN = "UNKNOWN"
_ENDING = re.compile(r"\.[A-Za-z0-9]{1,16}\Z")

_runtime_of: int | None = None
"""The process in which Siegfried's Go runtime was started. It does not outlive a fork: there a call never returns."""


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


def identify_many(files: Sequence[tuple[Path, str]]) -> Identification:
    """Identify files, each given as ``(where its bytes are, the name that the publisher gave it)``.

    Only the ending of the name is used, and only where the bytes do not decide. What cannot be read or is empty
    is not identified and says why. The first call in a process takes about 0.3 s for the signatures and 100 MB.
    Raises nothing but RuntimeError, in a process that was forked from one that had identified files: there the
    call would never return (start such processes with ``spawn``).
    """
    if not files:
        return Identification((), None, None)
    try:
        with tempfile.TemporaryDirectory(prefix="mahfuz-names-") as folder:
            answer = _asked([_linked(Path(folder), number, *file) for number, file in enumerate(files)])
    except (ImportError, OSError, ValueError) as error:
        return Identification(tuple(Identified(warning=str(error)) for _ in files), None, None)
    details = "; ".join(one["details"] for one in answer["identifiers"])
    return Identification(
        tuple(_identified(file) for file in answer["files"]),
        f"siegfried {answer['siegfried']}",
        f"{details}; pygfried {_package_version()}",
    )


def identify(source: Path, name: str | None = None) -> Identified:
    """One file, under ``name`` if its own is not the one that the publisher gave it; as :func:`identify_many`."""
    return identify_many([(source, source.name if name is None else name)]).files[0]


def _linked(folder: Path, number: int, source: Path, name: str) -> str:
    """A link to the bytes under a name of ours that has nothing of the publisher's but a plain ending."""
    ending = _ENDING.search(name)
    link = folder / f"{number}{machine_lower(ending.group()) if ending else ''}"
    link.symlink_to(source.absolute())
    return str(link)


def _asked(paths: Sequence[str]) -> DetailedIdentifyResult:
    global _runtime_of  # noqa: PLW0603 (one Go runtime a process is a fact of the process)
    if _runtime_of is None:
        _runtime_of = os.getpid()
    elif _runtime_of != os.getpid():
        raise RuntimeError("files were identified before this process was forked; start it with spawn")
    import pygfried  # noqa: PLC0415 (starts the Go runtime: never before the process that needs it is there)

    return pygfried.identify_many(paths)


def _identified(file: File) -> Identified:
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


def _package_version() -> str:
    try:
        return version("pygfried")
    except PackageNotFoundError:
        return "of unknown version"
