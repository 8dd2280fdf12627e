"""Licences: what was agreed with a publisher, when it ran, and for whom. To end one never shortens what was earned."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from repository.access import changes, terms, words
from repository.catalogue import titles
from repository.coverage import days_of
from repository.errors import BadValue, NotNow
from repository.models import Licence, Publisher
from repository.rights import Basis, Closure, Hosting, LicenceStatus, LicenceType, Perpetual
from repository.texts import marked
from repository.turkish import machine_lower, tr_fold

LONGEST_CODE = 80
_LONGEST_PUBLISHER = 200
_MOST_BACK_YEARS = 500

UNKNOWN = marked("There is no licence %(code)s.")
CODE_TAKEN = marked("There is already a licence %(code)s.")
NO_YEARS = marked("The clause names years: say from when to when.")
YEARS_WITHOUT = marked("From when to when is said only with the clause %(clause)s.")
BACK_WITHOUT = marked("Back years are said only with the clause %(clause)s.")
CLOSE_INSTEAD = marked("A licence is closed on a day and for a reason: close it.")
NOT_BACK = marked("A licence that was active is not %(status)s again: it gave rights. Close it instead.")
NOT_REOPENED = marked("The licence is closed. Enter a new one, or open this one again and say why it was a mistake.")
REJECTED_RAN = marked(
    "A licence that was active cannot be closed as rejected: what was rejected never ran, and gives no right."
)
CLOSED_ALREADY = marked("The licence is closed already.")
NOT_CLOSED = marked("The licence is not closed.")
HAS_PARTIES = marked("The licence has parties: one of type open is for everyone.")

ORDER = tuple(LicenceStatus)


@dataclass(frozen=True, slots=True)
class Described:
    """What is said of a licence, as given; :meth:`checked` before it is kept."""

    name: str
    publisher: str
    type: str = LicenceType.LOCAL
    basis: str = Basis.SIGNED
    status: str = LicenceStatus.DRAFT
    closure: str | None = None
    perpetual: str = Perpetual.NONE
    perpetual_from: str | None = None
    perpetual_to: str | None = None
    back_years: int | str = 0
    hosting: str = Hosting.ON_TRIGGER
    archival_copy: bool | None = None
    supply: bool | None = None
    note: str | None = None

    def checked(self) -> Described:
        """The same as it is kept. Raises BadValue."""
        clause = words.word(Perpetual, self.perpetual)
        first, last = words.partial(self.perpetual_from), words.partial(self.perpetual_to)
        back = words.number(self.back_years, _MOST_BACK_YEARS)
        if clause is Perpetual.YEARS and first is None:
            raise BadValue(NO_YEARS)
        if clause is not Perpetual.YEARS and (first or last):
            raise BadValue(YEARS_WITHOUT, clause=Perpetual.YEARS)
        if clause is not Perpetual.PAID_YEARS and back:
            raise BadValue(BACK_WITHOUT, clause=Perpetual.PAID_YEARS)
        if (one := days_of(first)) and (other := days_of(last)):
            words.in_order(one.first, other.last)
        status = words.word(LicenceStatus, self.status)
        closed = status is LicenceStatus.CLOSED
        return Described(
            name=words.name(self.name),
            publisher=words.line(self.publisher, _LONGEST_PUBLISHER) or words.name(None),
            type=words.word(LicenceType, self.type),
            basis=words.word(Basis, self.basis),
            status=status,
            closure=words.word(Closure, self.closure) if closed or self.closure else None,
            perpetual=clause,
            perpetual_from=first,
            perpetual_to=last,
            back_years=back,
            hosting=words.word(Hosting, self.hosting),
            archival_copy=self.archival_copy,
            supply=self.supply,
            note=words.text(self.note),
        )


FIELDS = tuple(Described.__dataclass_fields__)


def find(session: Session, code: str) -> Licence | None:
    """The licence of this code, if there is one."""
    return session.execute(select(Licence).where(Licence.code == code)).scalar_one_or_none()


def named(session: Session, code: str) -> Licence:
    """The licence of this code. Raises NotNow where there is none."""
    found = find(session, code.strip())
    if found is None:
        raise NotNow(UNKNOWN, code=code[:80])
    return found


def listed(
    session: Session,
    question: str = "",
    *,
    status: str | None = None,
    publisher_id: int | None = None,
    after: str = "",
    limit: int,
) -> list[tuple[Licence, Publisher]]:
    """Licences by their codes, with their publishers: those whose name or code has ``question`` in it."""
    walk = select(Licence, Publisher).join(Publisher, Publisher.id == Licence.publisher_id).where(Licence.code > after)
    if status is not None:
        walk = walk.where(Licence.status == status)
    if publisher_id is not None:
        walk = walk.where(Licence.publisher_id == publisher_id)
    if folded := tr_fold(question):
        code = machine_lower(question.strip())
        walk = walk.where(
            or_(Licence.folded.contains(folded, autoescape=True), Licence.code.contains(code, autoescape=True))
        )
    return [(row, publisher) for row, publisher in session.execute(walk.order_by(Licence.code).limit(limit))]


def described(session: Session, row: Licence) -> Described:
    """What is kept of a licence."""
    publisher = session.get_one(Publisher, row.publisher_id)
    return Described(publisher=publisher.name, **{name: getattr(row, name) for name in FIELDS if name != "publisher"})


def enter(session: Session, by: str, code: str, said: Described, *, at: datetime) -> Licence:
    """A new licence without periods or parties; its publisher is entered where it is not known.

    It may be closed already: what ran long ago is entered as well. Raises BadValue, NotNow.
    """
    changes.take(session)
    clean, values = words.code(code, LONGEST_CODE), said.checked()
    if values.status != LicenceStatus.CLOSED:
        values = replace(values, closure=None)
    if find(session, clean) is not None:
        raise NotNow(CODE_TAKEN, code=clean)
    row = Licence(code=clean, created_at=at, **_columns(session, values))
    session.add(row)
    session.flush()
    changes.noted(session, by, terms.RECORD, clean, "entered", after=asdict(values), at=at)
    return row


def change(session: Session, by: str, row: Licence, said: Described, *, at: datetime) -> bool:
    """What is said of it is this from now on; whether anything changed. Raises BadValue, NotNow.

    A status goes on from draft to active, as far as one likes at once, and to and fro among those that never ran.
    """
    changes.take(session)
    before, values = described(session, row), said.checked()
    if values.status != before.status:
        if before.status == LicenceStatus.CLOSED:
            raise NotNow(NOT_REOPENED)
        if values.status == LicenceStatus.CLOSED:
            raise NotNow(CLOSE_INSTEAD)
        if before.status == LicenceStatus.ACTIVE:
            raise NotNow(NOT_BACK, status=values.status)
    if values.status != LicenceStatus.CLOSED:
        values = replace(values, closure=None)
    elif values.closure == Closure.REJECTED and before.closure != Closure.REJECTED:
        raise NotNow(REJECTED_RAN)
    if values.type == LicenceType.OPEN and before.type != LicenceType.OPEN and terms.parties_of(session, row):
        raise NotNow(HAS_PARTIES)
    if values == before:
        return False
    for name, value in _columns(session, values).items():
        setattr(row, name, value)
    session.flush()
    changes.noted(session, by, terms.RECORD, row.code, "changed", asdict(before), asdict(values), at=at)
    return True


def close(session: Session, by: str, row: Licence, on: date, reason: Closure, *, at: datetime) -> None:
    """The licence ends with this day, for this reason: periods go no further, and later ones are taken away.

    Nothing that it gave until then is taken away. Raises NotNow.
    """
    changes.take(session)
    if row.status == LicenceStatus.CLOSED:
        raise NotNow(CLOSED_ALREADY)
    if reason is Closure.REJECTED and row.status == LicenceStatus.ACTIVE:
        raise NotNow(REJECTED_RAN)
    before = {"status": row.status, "closure": None, "periods": terms.periods_json(session, row)}
    for period in terms.periods_of(session, row):
        if period.since > on:
            session.delete(period)
        elif period.until is None or period.until > on:
            period.until = on
    row.status, row.closure = LicenceStatus.CLOSED, reason
    session.flush()
    after = {
        "status": row.status,
        "closure": row.closure,
        "periods": terms.periods_json(session, row),
        "on": on.isoformat(),
    }
    changes.noted(session, by, terms.RECORD, row.code, "closed", before, after, at=at)


def reopen(session: Session, by: str, row: Licence, why: str, *, at: datetime) -> None:
    """It was closed by mistake, and is active again, or a draft where it had been rejected. Raises BadValue, NotNow.

    Periods that the closing cut are entered anew.
    """
    changes.take(session)
    said = words.reason(why)
    if row.status != LicenceStatus.CLOSED:
        raise NotNow(NOT_CLOSED)
    before = {"status": row.status, "closure": row.closure}
    row.status = LicenceStatus.DRAFT if row.closure == Closure.REJECTED else LicenceStatus.ACTIVE
    row.closure = None
    session.flush()
    after = {"status": row.status, "closure": None, "reason": said}
    changes.noted(session, by, terms.RECORD, row.code, "opened again", before, after, at=at)


def as_json(session: Session, row: Licence) -> dict[str, Any]:
    """All that is kept of it, but for its title list and its documents."""
    return {
        "code": row.code,
        **asdict(described(session, row)),
        "periods": terms.periods_json(session, row),
        "parties": [party.as_json() for party in terms.parties_of(session, row)],
    }


def _columns(session: Session, values: Described) -> dict[str, Any]:
    publisher = titles.publisher_named(session, values.publisher)
    found = {name: value for name, value in asdict(values).items() if name != "publisher"}
    return {**found, "publisher_id": publisher.id, "folded": tr_fold(values.name)}
