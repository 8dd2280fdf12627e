"""What a trigger would open, said before anybody approves it: articles, journals, institutions, and what is missing."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from repository.access import reach, simulator, triggers
from repository.access.triggers import Proposal, Scope
from repository.catalogue import tallies
from repository.models import Institution, Title
from repository.rights import Audience
from repository.vocabulary import ArticleState


def of(session: Session, wanted: Proposal) -> dict[str, Any]:
    """``articles``, ``titles``, ``institutions`` (None: everyone) and ``missing``: kept with the trigger as it was.

    For institutions with rights: articles that at least one of them may read then, and the institutions that may read
    any. A trigger over all that is kept is reckoned from the tallies: ``at_most`` is true, and what is missing unknown.
    """
    scope = wanted.scope
    if scope.nation:
        return _everything(session, wanted)
    held = reach.holdings(session, title_ids=triggers.titles_of(session, scope))
    missing = sum(simulator.missing(session, [one.title_id for one in held]).values())
    if wanted.audience is not Audience.ENTITLED:
        full = [one for one in held if one.shelves]
        return {
            "articles": sum(one.articles for one in full),
            "titles": len(full),
            "institutions": None if wanted.audience is Audience.EVERYONE else _how_many(session, scope),
            "missing": missing,
            "at_most": False,
        }
    day = wanted.effective.date()
    rights = reach.reckon(session, held, day, scope.institution_ids)
    opened: dict[int, int] = {}
    for of_titles in rights.values():
        for title, one in of_titles.items():
            opened[title] = opened.get(title, 0) | one.earned | one.subscribed
    numbers = [one.counted(opened[one.title_id]) for one in held if opened.get(one.title_id)]
    institutions = sum(any(one.earned | one.subscribed for one in of.values()) for of in rights.values())
    return {
        "articles": sum(numbers),
        "titles": len(numbers),
        "institutions": institutions,
        "missing": missing,
        "at_most": False,
    }


def _everything(session: Session, wanted: Proposal) -> dict[str, Any]:
    counted = tallies.of(session, "articles")
    return {
        "articles": sum(one.number for (_, state), one in counted.items() if state == ArticleState.ACTIVE),
        "titles": session.execute(select(func.count()).select_from(Title).where(Title.articles > 0)).scalar_one(),
        "institutions": None if wanted.audience is Audience.EVERYONE else _how_many(session, wanted.scope),
        "missing": None,
        "at_most": wanted.audience is Audience.ENTITLED,
    }


def _how_many(session: Session, scope: Scope) -> int:
    if scope.institution_ids:
        return len(scope.institution_ids)
    return session.execute(select(func.count()).select_from(Institution).where(Institution.active)).scalar_one()
