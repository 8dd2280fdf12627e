"""Document supply: an address that opens one article for a short time, made by a library for a reader elsewhere.

A library may make one where its licence permits supply and it may read the article itself, and it opens only as long as
that is so. Of the secret in the address only its SHA-256 is kept.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from repository.access import rights
from repository.access.entitlement import Reader, Reason
from repository.access.told import FOR_EVERYONE
from repository.errors import NotNow
from repository.models import Article, Institution, Licence, SupplyLink
from repository.texts import marked
from repository.vocabulary import ArticleState

MOST_USES = 20
MOST_HOURS = 30 * 24
_KEPT = timedelta(days=30)
"""For how long a link that has ended is remembered."""
_OPENING = frozenset((Reason.CURRENT_SUBSCRIPTION, Reason.POST_CANCELLATION, Reason.TRIGGER))
"""By which a licence opens an article to its own readers."""
_SECRET = re.compile(r"[A-Za-z0-9_-]{32}")


@dataclass(frozen=True, slots=True)
class Terms:
    """How often a link may be used, and for how many hours it lives."""

    uses: int
    hours: int


def make(session: Session, article: Article, institution_id: int, terms: Terms, *, by: str, at: datetime) -> str:
    """Make a link; the secret of its address, which is told this once. Raises NotNow with the reason why there is none.

    ``at`` is in the archive's time zone: by its day licences run.
    """
    if not (1 <= terms.uses <= MOST_USES and 1 <= terms.hours <= MOST_HOURS):
        raise NotNow(
            marked("A link serves 1 to %(uses)s times and lives 1 to %(hours)s hours."),
            uses=MOST_USES,
            hours=MOST_HOURS,
        )
    if (why := why_not(session, article, institution_id, at)) is not None:
        raise NotNow(why)
    session.execute(delete(SupplyLink).where(SupplyLink.expires_at < at - _KEPT))
    secret = secrets.token_urlsafe(24)
    session.add(
        SupplyLink(
            id=_kept(secret),
            article_id=article.id,
            institution_id=institution_id,
            by=by,
            made_at=at,
            expires_at=at + timedelta(hours=terms.hours),
            left=terms.uses,
        )
    )
    session.flush()
    return secret


def why_not(session: Session, article: Article, institution_id: int, at: datetime) -> str | None:
    """Why this institution may not supply this article at this moment, as a sentence; None where it may."""
    institution = session.get(Institution, institution_id)
    if institution is None or not institution.active or article.state != ArticleState.ACTIVE:
        return marked("There is nothing to supply: the article was withdrawn, or the institution is closed.")
    decision = rights.on_article(session, article, Reader(institution_id), at)
    if decision.reason_code in FOR_EVERYONE:
        return marked("The article is open to everyone: send its address.")
    if not decision.allowed:
        return marked("The institution may not read the article here itself.")
    opening = {one.claim.licence for one in decision.considered if one.reason in _OPENING}
    permits = select(Licence.id).where(Licence.code.in_(sorted(opening)), Licence.supply.is_(True)).limit(1)
    if not opening or session.execute(permits).first() is None:
        return marked("No licence by which the institution reads the article permits supply to others.")
    return None


def link_of(session: Session, secret: str, at: datetime) -> SupplyLink | None:
    """The link of this secret, as long as it opens anything: uses are left, its time runs, and supply is permitted."""
    found = session.get(SupplyLink, _kept(secret)) if _SECRET.fullmatch(secret) else None
    if found is None or found.left < 1 or found.expires_at <= at or found.institution_id is None:
        return None
    article = session.get_one(Article, found.article_id)
    return found if why_not(session, article, found.institution_id, at) is None else None


def use(session: Session, secret: str, at: datetime) -> bool:
    """One use is taken, if one was left: of two who come at once for the last one, one has it."""
    taken = session.execute(
        update(SupplyLink)
        .where(SupplyLink.id == _kept(secret), SupplyLink.left > 0, SupplyLink.expires_at > at)
        .values(left=SupplyLink.left - 1)
    )
    return bool(taken.rowcount == 1)  # type: ignore[attr-defined]


def _kept(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
