"""What a finding says, in the reader's language."""

from __future__ import annotations

from ingest import wording
from repository.vocabulary import Finding
from repository.web import language


def what(found: Finding) -> str:
    """What was found, in the reader's language; what this version does not know is said as it was written down."""
    return wording.what(found, language.gettext)


def remedy(found: Finding) -> str:
    """What to do about it, in the reader's language; else as it was written down."""
    return wording.remedy(found, language.gettext)
