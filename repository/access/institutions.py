"""Institutions: who they are, by which addresses and logins their readers are known, and which of these overlap."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select, tuple_
from sqlalchemy.orm import Session

from repository.access import changes, ranges, words
from repository.access.ranges import Span
from repository.errors import BadValue, NotNow
from repository.models import Institution, InstitutionLogin, InstitutionNetwork
from repository.texts import Remark, marked
from repository.turkish import machine_lower, tr_fold, tr_sort_key

RECORD = "institution"
LONGEST_CODE = 40
THE_WORLD = "0000000000000000"
"""COUNTER's customer_id of all usage together: nobody's own."""
ENTITY, SCOPE = "entity", "scope"
_DOMAIN = re.compile(r"(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}")
_ENTITY = re.compile(r"(https?://|urn:)[^\s\"<>]{3,1000}")

UNKNOWN = marked("There is no institution %(code)s.")
CODE_TAKEN = marked("There is already an institution %(code)s.")
COUNTER_TAKEN = marked("The customer id %(given)s is that of %(name)s.")
BAD_COUNTER = marked(
    "%(given)s cannot be a customer id: at most 64 letters, digits, hyphens and dots, and not all zeros."
)
NETWORK_TWICE = marked("%(given)s is entered already, as %(other)s.")
NO_NETWORK = marked("%(given)s is not among its ranges.")
OVERLAP = marked("%(given)s overlaps %(other)s of %(name)s: who reads from there cannot be told apart by address.")
OVERLAP_OWN = marked("%(given)s overlaps its own range %(other)s.")
BAD_ENTITY = marked("%(given)s is no entityID: it begins with https:// or urn:.")
BAD_SCOPE = marked("%(given)s is no scope: a domain such as ornek.edu.tr, as it stands behind the @ of an affiliation.")
LOGIN_TAKEN = marked("%(given)s belongs to %(name)s: an identity provider speaks for one institution only.")
NO_LOGIN = marked("%(given)s is not among its logins.")


@dataclass(frozen=True, slots=True)
class Described:
    """What is said of an institution, as given; :meth:`checked` before it is kept."""

    name: str
    ror: str | None = None
    isni: str | None = None
    counter_id: str | None = None
    resolver: str | None = None
    contact: str | None = None
    supply: str | None = None
    active: bool = True

    def checked(self) -> Described:
        """The same as it is kept. Raises BadValue."""
        counter = words.line(self.counter_id, 1000)
        if counter and (not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}", counter) or not counter.strip("0")):
            raise BadValue(BAD_COUNTER, given=counter[:80])
        return Described(
            name=words.name(self.name),
            ror=words.ror(self.ror),
            isni=words.isni(self.isni),
            counter_id=counter,
            resolver=words.address(self.resolver),
            contact=words.contact(self.contact),
            supply=words.contact(self.supply),
            active=self.active,
        )


FIELDS = tuple(Described.__dataclass_fields__)


def find(session: Session, code: str) -> Institution | None:
    """The institution of this code, if there is one."""
    return session.execute(select(Institution).where(Institution.code == code)).scalar_one_or_none()


def named(session: Session, code: str) -> Institution:
    """The institution of this code. Raises NotNow where there is none."""
    found = find(session, code.strip())
    if found is None:
        raise NotNow(UNKNOWN, code=code[:80])
    return found


def listed(
    session: Session, question: str = "", *, after: tuple[str, int] | None = None, limit: int
) -> Sequence[Institution]:
    """Institutions in the order of the alphabet, those whose name or code has ``question`` in it."""
    walk = select(Institution).order_by(Institution.sort_key, Institution.id).limit(limit)
    if folded := tr_fold(question):
        code = machine_lower(question.strip())
        walk = walk.where(
            or_(Institution.folded.contains(folded, autoescape=True), Institution.code.contains(code, autoescape=True))
        )
    if after is not None:
        walk = walk.where(tuple_(Institution.sort_key, Institution.id) > after)
    return session.execute(walk).scalars().all()


def described(row: Institution) -> Described:
    """What is kept of an institution."""
    return Described(**{name: getattr(row, name) for name in FIELDS})


def enter(session: Session, by: str, code: str, said: Described, *, at: datetime) -> Institution:
    """A new institution. Raises BadValue, NotNow."""
    changes.take(session)
    clean, values = words.code(code, LONGEST_CODE), said.checked()
    if find(session, clean) is not None:
        raise NotNow(CODE_TAKEN, code=clean)
    _counter_is_free(session, values, None)
    row = Institution(code=clean, created_at=at, **_columns(values))
    session.add(row)
    session.flush()
    changes.noted(session, by, RECORD, clean, "entered", after=_told(values), at=at)
    return row


def change(session: Session, by: str, row: Institution, said: Described, *, at: datetime) -> bool:
    """What is said of it is this from now on; whether anything changed. Raises BadValue, NotNow."""
    changes.take(session)
    before, values = described(row), said.checked()
    if values == before:
        return False
    _counter_is_free(session, values, row.id)
    for name, value in _columns(values).items():
        setattr(row, name, value)
    session.flush()
    changes.noted(session, by, RECORD, row.code, "changed", _told(before), _told(values), at=at)
    return True


def networks_of(session: Session, row: Institution) -> Sequence[InstitutionNetwork]:
    """Its ranges of addresses, in their order."""
    mine = select(InstitutionNetwork).where(InstitutionNetwork.institution_id == row.id)
    return session.execute(mine.order_by(InstitutionNetwork.first, InstitutionNetwork.last)).scalars().all()


def add_network(session: Session, by: str, row: Institution, given: str, *, at: datetime) -> list[Remark]:
    """One more range of addresses; what is worth knowing of it. Raises BadValue, NotNow."""
    changes.take(session)
    text, span = " ".join(given.split()), ranges.span_of(given)
    told = ranges.remarks(text, span)
    for network, other in overlapping(session, span):
        if other.id != row.id:
            told.append(Remark(OVERLAP, {"given": text, "other": network.given, "name": other.name}))
        elif (network.first, network.last) == span.keys:
            raise NotNow(NETWORK_TWICE, given=text, other=network.given)
        else:
            told.append(Remark(OVERLAP_OWN, {"given": text, "other": network.given}))
    first, last = span.keys
    session.add(InstitutionNetwork(institution_id=row.id, given=text, first=first, last=last))
    session.flush()
    changes.noted(session, by, RECORD, row.code, "network added", after={"network": text}, at=at)
    return told


def drop_network(session: Session, by: str, row: Institution, given: str, *, at: datetime) -> None:
    """One range of addresses less. Raises BadValue, NotNow."""
    changes.take(session)
    first, last = ranges.span_of(given).keys
    for network in networks_of(session, row):
        if (network.first, network.last) == (first, last):
            session.delete(network)
            session.flush()
            changes.noted(session, by, RECORD, row.code, "network taken away", {"network": network.given}, at=at)
            return
    raise NotNow(NO_NETWORK, given=given[:80])


def remarks(session: Session, row: Institution) -> list[Remark]:
    """What is worth knowing of its ranges as they stand."""
    told: list[Remark] = []
    for mine in networks_of(session, row):
        span = Span(int(mine.first, 16), int(mine.last, 16))
        told += ranges.remarks(mine.given, span)
        for network, other in overlapping(session, span):
            if other.id != row.id:
                told.append(Remark(OVERLAP, {"given": mine.given, "other": network.given, "name": other.name}))
            elif network.id > mine.id:
                told.append(Remark(OVERLAP_OWN, {"given": mine.given, "other": network.given}))
    return told


def logins_of(session: Session, row: Institution) -> Sequence[InstitutionLogin]:
    """By which names identity providers tell of its readers."""
    mine = select(InstitutionLogin).where(InstitutionLogin.institution_id == row.id)
    return session.execute(mine.order_by(InstitutionLogin.kind, InstitutionLogin.value)).scalars().all()


def add_login(session: Session, by: str, row: Institution, kind: str, given: str, *, at: datetime) -> None:
    """An entityID or a scope speaks for it. Raises BadValue, NotNow where it speaks for another."""
    changes.take(session)
    value = login(kind, given)
    there = session.get(InstitutionLogin, (kind, value))
    if there is not None:
        other = session.get_one(Institution, there.institution_id)
        raise NotNow(LOGIN_TAKEN, given=value, name=other.name)
    session.add(InstitutionLogin(kind=kind, value=value, institution_id=row.id))
    session.flush()
    changes.noted(session, by, RECORD, row.code, f"{kind} added", after={kind: value}, at=at)


def drop_login(session: Session, by: str, row: Institution, kind: str, given: str, *, at: datetime) -> None:
    """An entityID or a scope speaks for it no more. Raises BadValue, NotNow."""
    changes.take(session)
    there = session.get(InstitutionLogin, (kind, login(kind, given)))
    if there is None or there.institution_id != row.id:
        raise NotNow(NO_LOGIN, given=given[:80])
    session.delete(there)
    session.flush()
    changes.noted(session, by, RECORD, row.code, f"{kind} taken away", {kind: there.value}, at=at)


def login(kind: str, given: str) -> str:
    """An entityID, or a scope in small letters. Raises BadValue."""
    text = given.strip()
    if kind == SCOPE:
        text = machine_lower(text).lstrip("@")
        if not _DOMAIN.fullmatch(text):
            raise BadValue(BAD_SCOPE, given=given[:80])
    elif not (_ENTITY.fullmatch(text) and text.isprintable()):
        raise BadValue(BAD_ENTITY, given=given[:80])
    return text


def settle_networks(
    session: Session, by: str, row: Institution, wanted: Iterable[str], *, at: datetime
) -> list[Remark]:
    """Its ranges are just these from now on; what is worth knowing of new ones. Raises BadValue, NotNow."""
    told: list[Remark] = []
    asked = {ranges.span_of(given).keys: given for given in wanted}
    here = {(one.first, one.last): one.given for one in networks_of(session, row)}
    for keys in here.keys() - asked.keys():
        drop_network(session, by, row, here[keys], at=at)
    for keys in sorted(asked.keys() - here.keys()):
        told += add_network(session, by, row, asked[keys], at=at)
    return told


def settle_logins(
    session: Session, by: str, row: Institution, kind: str, wanted: Iterable[str], *, at: datetime
) -> None:
    """Its logins of this kind are just these from now on. Raises BadValue, NotNow."""
    asked = {login(kind, given) for given in wanted}
    there = {one.value for one in logins_of(session, row) if one.kind == kind}
    for value in sorted(there - asked):
        drop_login(session, by, row, kind, value, at=at)
    for value in sorted(asked - there):
        add_login(session, by, row, kind, value, at=at)


def as_json(session: Session, row: Institution) -> dict[str, Any]:
    """All that is kept of it, but for its keys."""
    logins = logins_of(session, row)
    return {
        "code": row.code,
        **asdict(described(row)),
        "networks": [one.given for one in networks_of(session, row)],
        "entities": [one.value for one in logins if one.kind == ENTITY],
        "scopes": [one.value for one in logins if one.kind == SCOPE],
    }


def overlapping(session: Session, span: Span) -> list[tuple[InstitutionNetwork, Institution]]:
    """The ranges that have an address of this one, and whose they are."""
    first, last = span.keys
    rows = (
        select(InstitutionNetwork, Institution)
        .join(Institution, Institution.id == InstitutionNetwork.institution_id)
        .where(InstitutionNetwork.first <= last, InstitutionNetwork.last >= first)
        .order_by(InstitutionNetwork.first, InstitutionNetwork.id)
    )
    return [(network, other) for network, other in session.execute(rows)]


def _counter_is_free(session: Session, values: Described, own: int | None) -> None:
    if values.counter_id is None:
        return
    rows = select(Institution).where(Institution.counter_id == values.counter_id)
    other = session.execute(rows).scalar_one_or_none()
    if other is not None and other.id != own:
        raise NotNow(COUNTER_TAKEN, given=values.counter_id, name=other.name)


def _columns(values: Described) -> dict[str, Any]:
    return {**asdict(values), "sort_key": tr_sort_key(values.name), "folded": tr_fold(values.name)}


def _told(values: Described) -> dict[str, Any]:
    return asdict(values)
