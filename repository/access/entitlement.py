"""May this reader open the files of this article? A pure decision, and never one without its reason."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from repository.open_licence import openly_licensed
from repository.texts import marked
from repository.vocabulary import ArticleRecord


class Reason(StrEnum):
    """Why a file opens or stays closed. A code is never renamed."""

    OPEN_LICENCE = "open_licence"
    STAFF = "staff"
    PRESERVED_ONLY = "preserved_only"


SENTENCES = {
    Reason.OPEN_LICENCE: marked("Open to everyone: the publisher released this article under an open licence."),
    Reason.STAFF: marked("Not open to readers; you may read it because you are signed in as staff of the archive."),
    Reason.PRESERVED_ONLY: marked(
        "Preserved here, and not open to readers yet: it opens to the institutions that hold a perpetual right to it "
        "when the publisher no longer serves them. Until then, read it at the publisher."
    ),
}


@dataclass(frozen=True, slots=True)
class Decision:
    """``allowed``, and why: ``reason_code`` for programs, ``reason`` in English for people (translated when shown)."""

    allowed: bool
    reason_code: Reason
    reason: str


def may_read(record: ArticleRecord, *, staff: bool) -> Decision:
    """Whether the files of the article that ``record`` describes may be given out; the same answer for the same values.

    What is openly licensed is open to everyone. Everything else opens only to signed-in staff.
    """
    if openly_licensed(record):
        return _decided(True, Reason.OPEN_LICENCE)
    if staff:
        return _decided(True, Reason.STAFF)
    return _decided(False, Reason.PRESERVED_ONLY)


def _decided(allowed: bool, reason: Reason) -> Decision:
    return Decision(allowed, reason, SENTENCES[reason])
