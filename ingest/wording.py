"""What a finding says, in any language that the archive speaks."""

from __future__ import annotations

from collections.abc import Callable

from ingest.findings import CODES
from repository.vocabulary import Finding

Say = Callable[[str], str]
"""An English sentence of the program in another language (gettext)."""


def what(found: Finding, say: Say) -> str:
    """What was found; what this version does not know is said as it was written down."""
    said = _filled(CODES[found.code].message, found, say) if found.code in CODES else None
    if said is None:
        return found.message
    detail = found.params.get("detail")
    return f"{said}: {detail}" if detail else said + "."


def remedy(found: Finding, say: Say) -> str:
    """What to do about it; else as it was written down."""
    said = _filled(CODES[found.code].remedy, found, say) if found.code in CODES else None
    return found.remedy if said is None else said


def _filled(sentence: str, found: Finding, say: Say) -> str | None:
    try:
        return say(sentence).format_map(found.params)
    except KeyError:  # written down by another version, which knew other parameters
        return None
