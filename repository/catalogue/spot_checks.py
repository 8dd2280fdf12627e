"""What a look at the newest and the oldest bags shows, where nobody keeps a figure and a count would be a scan."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from repository.catalogue.parts import parts
from repository.models import Aip, Article, File

EACH = 500
"""Bags looked at from either end."""


@dataclass(frozen=True, slots=True)
class SpotCheck:
    """So many bags were looked at."""

    bags: int
    files: int
    unidentified: int
    """Files without a PRONOM identifier."""
    undescribed: int
    """Bags of articles that have no title, or no journal, in their record."""


def newest_and_oldest(session: Session, each: int = EACH) -> SpotCheck:
    """The ``each`` newest and the ``each`` oldest bags; all of them where there are no more."""
    ends = [session.execute(select(Aip.id).order_by(order).limit(each)).scalars() for order in (Aip.id, Aip.id.desc())]
    bags = sorted({identifier for end in ends for identifier in end})
    files = unidentified = undescribed = 0
    for some in parts(bags):
        told, known = session.execute(select(func.count(), func.count(File.format)).where(File.aip_id.in_(some))).one()
        files += told
        unidentified += told - known
        records = session.execute(
            select(Article.record).join(Aip, Aip.article_id == Article.id).where(Aip.id.in_(some))
        ).scalars()
        undescribed += sum(not (record.get("title") and record.get("journal_title")) for record in records)
    return SpotCheck(len(bags), files, unidentified, undescribed)
