"""Licences that open an article to everyone, known by their addresses."""

from __future__ import annotations

import re

from repository.vocabulary import ArticleRecord

# Only the licence's own address counts: words such as "open access" permit nothing by themselves.
_OPEN = re.compile(r"https?://(?:www\.)?creativecommons\.org/(?:licenses|publicdomain)/[a-z0-9+-]+", re.IGNORECASE)


def openly_licensed(record: ArticleRecord) -> bool:
    """Whether the publisher's licence is the address of a Creative Commons licence or public domain mark."""
    return record.licence is not None and _OPEN.match(record.licence.strip()) is not None
