"""The publisher's front matter of articles, compressed, one row an article."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from repository.catalogue.parts import parts
from repository.jats import Front
from repository.models import FrontMatter

_INSERT = insert(FrontMatter)


def enter(session: Session, fronts: Mapping[str, bytes | None], again: Sequence[str]) -> None:
    """Keep the packed front matter of these articles; None for one that has none. ``again``: those with earlier ones,
    in whose place the new ones come."""
    for some in parts(again):
        session.execute(delete(FrontMatter).where(FrontMatter.article_id.in_(some)))
    rows = [{"article_id": article, "packed": packed} for article, packed in fronts.items() if packed is not None]
    if rows:
        session.connection().execute(_INSERT, rows)


def of(session: Session, article_ids: Sequence[str]) -> dict[str, Front]:
    """The front matter of those of these articles that have one; one query for hundreds."""
    found: dict[str, Front] = {}
    for some in parts(article_ids):
        rows = session.execute(
            select(FrontMatter.article_id, FrontMatter.packed).where(FrontMatter.article_id.in_(some))
        )
        found |= {row.article_id: Front.unpacked(row.packed) for row in rows}
    return found
