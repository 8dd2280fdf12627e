"""One record completed by another that speaks of the same article."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from repository.vocabulary import ArticleRecord

ISSN_FIELDS = ("issn_print", "issn_electronic", "issn_unspecified", "issn_l")


def filled(record: ArticleRecord, more: ArticleRecord) -> ArticleRecord:
    """``record`` with what ``more`` says in the fields that are None or empty in it.

    The ISSNs are taken together, only where ``record`` has none: the same number under two media would be one too
    many. Of ``other_ids`` and ``published`` each kind is a field of its own.
    """
    taken: dict[str, Any] = {}
    for name in ArticleRecord.__dataclass_fields__:
        ours, theirs = getattr(record, name), getattr(more, name)
        if theirs and not ours and not (name in ISSN_FIELDS and record.issns):
            taken[name] = theirs
    for name in ("other_ids", "published"):
        if theirs := getattr(more, name):
            taken[name] = {**theirs, **getattr(record, name)}
    return replace(record, **taken)
