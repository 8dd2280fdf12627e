"""What a finding says, in the reader's language."""

from __future__ import annotations

from ingest.findings import CODES
from repository.vocabulary import Finding
from repository.web import language


def what(found: Finding) -> str:
    """What was found, in the reader's language; what this version does not know is said as it was written down."""
    said = _filled(CODES[found.code].message, found) if found.code in CODES else None
    if said is None:
        return found.message
    detail = found.params.get("detail")
    return f"{said}: {detail}" if detail else said + "."


def remedy(found: Finding) -> str:
    """What to do about it, in the reader's language; else as it was written down."""
    said = _filled(CODES[found.code].remedy, found) if found.code in CODES else None
    return found.remedy if said is None else said


def _filled(sentence: str, found: Finding) -> str | None:
    try:
        return language.gettext(sentence).format_map(found.params)
    except KeyError:  # written down by another version, which knew other parameters
        return None
