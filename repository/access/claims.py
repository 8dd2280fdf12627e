"""What an institution claims, what a publisher says to it, and what the archive decides: each act with its evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import or_, select, text
from sqlalchemy.orm import Session, aliased

from repository.access import changes, terms, words
from repository.access.rights import coverage_of
from repository.access.runs import Run, reaches, settle, standing
from repository.coverage import Coverage
from repository.errors import BadValue, NotNow
from repository.kbart_lines import Reading
from repository.models import Entitlement, EntitlementAct, Institution, Licence, Publisher, Title
from repository.rights import ClaimState, Side
from repository.texts import marked

_ASSERTED, _AGREED = ClaimState.ASSERTED, ClaimState.AGREED
_DISPUTED, _REJECTED = ClaimState.DISPUTED, ClaimState.REJECTED

NEXT: Mapping[tuple[ClaimState, Side], tuple[ClaimState, ...]] = {
    (_ASSERTED, Side.LIBRARY): (_REJECTED,),
    (_ASSERTED, Side.PUBLISHER): (_AGREED, _DISPUTED, _REJECTED),
    (_ASSERTED, Side.ARCHIVE): (_AGREED, _DISPUTED, _REJECTED),
    (_DISPUTED, Side.LIBRARY): (_REJECTED,),
    (_DISPUTED, Side.PUBLISHER): (_AGREED, _REJECTED),
    (_DISPUTED, Side.ARCHIVE): (_AGREED, _REJECTED),
    (_AGREED, Side.ARCHIVE): (_DISPUTED,),
    (_REJECTED, Side.LIBRARY): (_ASSERTED,),
    (_REJECTED, Side.ARCHIVE): (_DISPUTED,),
}
"""What each side may say next. A library never agrees to its own claim, but may take it back and make it anew; what
is agreed the archive alone can put in doubt."""

UNSETTLED = "entitlement.state <> 'agreed'"
"""Said to the letter, so that the index over these alone is used."""

UNKNOWN = marked("There is no entitlement %(number)s.")
NOT_YOURS = marked("From %(state)s to %(wanted)s is not for this side to say.")
NO_PARTY = marked("%(name)s neither is nor was a party to this licence: enter that first.")
STANDS = marked("A run that begins alike is claimed already, and is %(state)s: claim what lies behind its end.")
TITLE_LIST = marked("This stands in the licence's title list: a library claims its own right beside it.")
NOT_SHORTER = marked("It ends before that, or as soon as that, already.")


@dataclass(frozen=True, slots=True)
class Line:
    """An entitlement with the names of what it is about."""

    row: Entitlement
    licence: Licence
    publisher: str
    title: Title
    institution: Institution | None

    @property
    def coverage(self) -> Coverage:
        """The run that it names."""
        return coverage_of(self.row)

    @property
    def is_left_out(self) -> bool:
        """Whether a list named it once and the newest does not."""
        return self.row.source is not None and self.row.row is None and self.row.institution_id is None

    def as_json(self) -> dict[str, Any]:
        """What is kept of it, under the names of KBART."""
        row = self.row
        return {
            "id": row.id,
            "licence": self.licence.code,
            "institution": self.institution.code if self.institution else None,
            "publication_title": row.name,
            "print_identifier": self.title.issn_print,
            "online_identifier": self.title.issn_electronic,
            "date_first_issue_online": row.first_date,
            "num_first_vol_online": row.first_volume,
            "num_first_issue_online": row.first_issue,
            "date_last_issue_online": row.last_date,
            "num_last_vol_online": row.last_volume,
            "num_last_issue_online": row.last_issue,
            "embargo_info": row.embargo,
            "state": row.state,
            "source": row.source,
            "row": row.row,
            "no_longer_listed": self.is_left_out,
            "by": row.by,
            "at": row.at.isoformat(),
        }


def find(session: Session, number: int) -> Line:
    """The entitlement with this number. Raises NotNow where there is none."""
    found = session.execute(_LINES.where(Entitlement.id == number)).one_or_none()
    if found is None:
        raise NotNow(UNKNOWN, number=number)
    return Line(*found)


def listed(
    session: Session,
    *,
    licence: Licence | None = None,
    institution: Institution | None = None,
    publisher_id: int | None = None,
    states: Sequence[str] = (),
    left_out: bool = False,
    claimed: bool = False,
    after: int = 0,
    limit: int,
) -> list[Line]:
    """Entitlements in the order in which they were entered: of a licence, an institution, in some states, left out;
    ``claimed``: those that an institution claims for itself, and whatever of title lists is not agreed.
    """
    walk = _LINES.where(Entitlement.id > after)
    if licence is not None:
        walk = walk.where(Entitlement.licence_id == licence.id)
    if institution is not None:
        walk = walk.where(Entitlement.institution_id == institution.id)
    if publisher_id is not None:
        walk = walk.where(Licence.publisher_id == publisher_id)
    if states:
        walk = walk.where(Entitlement.state.in_(states))
        if _AGREED not in states:
            walk = walk.where(text(UNSETTLED))
    if claimed:
        walk = walk.where(or_(Entitlement.institution_id.is_not(None), Entitlement.state != _AGREED.value))
    if left_out:
        walk = walk.where(
            Entitlement.source.is_not(None), Entitlement.row.is_(None), Entitlement.institution_id.is_(None)
        )
    return [Line(*row) for row in session.execute(walk.order_by(Entitlement.id).limit(limit))]


def acts_of(session: Session, row: Entitlement) -> Sequence[EntitlementAct]:
    """What was said of it, the first first."""
    mine = select(EntitlementAct).where(EntitlementAct.entitlement_id == row.id).order_by(EntitlementAct.id)
    return session.execute(mine).scalars().all()


def may(row: Entitlement, side: Side) -> tuple[ClaimState, ...]:
    """The states to which this side may take it."""
    if side is Side.LIBRARY and row.institution_id is None:
        return ()
    return NEXT.get((ClaimState(row.state), side), ())


def claim(
    session: Session,
    by: str,
    licence: Licence,
    institution: Institution,
    run: Run,
    why: str,
    *,
    at: datetime,
    side: Side = Side.LIBRARY,
    document: str | None = None,
) -> Line:
    """The institution claims a run of a journal under a licence; one that was rejected is claimed anew.

    Raises BadValue, NotNow.
    """
    changes.take(session)
    said = words.reason(why)
    if not terms.was_ever_party(session, licence, institution):
        raise NotNow(NO_PARTY, name=institution.name)
    settled = settle(session, by, licence, institution.id, [run], Reading(""), at=at, state=lambda _run: _ASSERTED)
    there = standing(session, licence.id, institution.id)[run.key(settled.places[0])]
    row = session.get_one(Entitlement, there.id, populate_existing=True)
    row.source = row.row = None
    if not settled.new:
        if row.state != _REJECTED:
            raise NotNow(STANDS, state=row.state)
        row.state = _ASSERTED
        # What is claimed is what is said now, and not the longer run that was rejected.
        end = run.coverage
        row.last_date, row.last_volume, row.last_issue = end.last_date, end.last_volume, end.last_issue
    _say(session, by, row, side, said, document, at)
    line = find(session, row.id)
    changes.noted(session, by, terms.RECORD, licence.code, "entitlement claimed", after=_told(line), at=at)
    return line


def act(
    session: Session,
    by: str,
    number: int,
    state: ClaimState,
    side: Side,
    why: str,
    *,
    at: datetime,
    document: str | None = None,
) -> Line:
    """It is in this state from now on, for the reason and by the evidence that are given. Raises BadValue, NotNow."""
    changes.take(session)
    said, line = words.reason(why), find(session, number)
    if side is Side.LIBRARY and line.row.institution_id is None:
        raise NotNow(TITLE_LIST)
    if state not in may(line.row, side):
        raise NotNow(NOT_YOURS, state=line.row.state, wanted=state.value)
    before = _told(line)
    line.row.state = state
    _say(session, by, line.row, side, said, document, at)
    changes.noted(session, by, terms.RECORD, line.licence.code, f"entitlement {state}", before, _told(line), at=at)
    return line


def end(session: Session, by: str, number: int, on: date, why: str, *, at: datetime) -> Line:
    """The run goes no further than this day: a person decided so, and says why. Raises BadValue, NotNow.

    For a journal that left a package. What was published until then stays a right.
    """
    changes.take(session)
    said, line = words.reason(why), find(session, number)
    run = line.coverage
    shorter = replace(run, last_date=on.isoformat(), last_volume=None, last_issue=None)
    dated = replace(run, last_volume=None, last_issue=None) if run.last_date else Coverage()
    if reaches(shorter, dated) or (run.last_volume and not run.last_date):
        raise NotNow(NOT_SHORTER)
    if run.first_date and on < date.fromisoformat(f"{run.first_date}-01-01"[:10]):
        raise BadValue(words.BACKWARDS, first=run.first_date, last=on)
    before = _told(line)
    line.row.last_date, line.row.last_volume, line.row.last_issue = on.isoformat(), None, None
    _say(session, by, line.row, Side.ARCHIVE, said, None, at)
    changes.noted(session, by, terms.RECORD, line.licence.code, "entitlement ended", before, _told(line), at=at)
    return line


def _say(session: Session, by: str, row: Entitlement, side: Side, why: str, document: str | None, at: datetime) -> None:
    row.by, row.at = by, at
    session.add(
        EntitlementAct(entitlement_id=row.id, state=row.state, side=side, by=by, at=at, reason=why, document=document)
    )
    session.flush()


def _told(line: Line) -> dict[str, Any]:
    told = line.as_json()
    return {
        name: told[name]
        for name in told
        if name not in ("id", "licence", "source", "row", "by", "at", "no_longer_listed")
    }


_INSTITUTION = aliased(Institution)
_LINES = (
    select(Entitlement, Licence, Publisher.name, Title, _INSTITUTION)
    .join(Licence, Licence.id == Entitlement.licence_id)
    .join(Publisher, Publisher.id == Licence.publisher_id)
    .join(Title, Title.id == Entitlement.title_id)
    .outerjoin(_INSTITUTION, _INSTITUTION.id == Entitlement.institution_id)
)
