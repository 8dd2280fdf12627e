"""Entitlements, and everything that was said of them: both grow, and what was said last of a run counts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from ingest.ledger_tables.journals import places_of
from ingest.ledger_tables.kept import Kept, Told, as_text, since
from repository.access.runs import Key
from repository.catalogue import Catalogue
from repository.catalogue.parts import parts
from repository.models import Document, Entitlement, EntitlementAct, Institution, Licence, TitleIssn

_KEY = ("licence", "institution", "issn", "first_date", "first_volume", "first_issue", "embargo")
_VALUES = ("name", "last_date", "last_volume", "last_issue", "state", "source", "row", "by")
_SAID = ("state", "side", "by", "reason", "document")

_Place = tuple[int, int | None, Key]
"""A run here: its licence, its institution, and by what it is known among theirs."""


def _entitlements(catalogue: Catalogue, mark: str | None) -> Iterator[Told]:
    begin = since(mark)
    for code in _codes(catalogue):
        rows = _RUNS.where(Licence.code == code)
        if begin is not None:
            rows = rows.where(Entitlement.at >= begin)
        with catalogue.reading() as session:
            told = [
                {**_named(row, code), **{name: getattr(row, name) for name in _VALUES}, "at": as_text(row.at)}
                for row in session.execute(rows)
            ]
        yield from sorted(told, key=lambda one: _ordered(one, _KEY))


def _acts(catalogue: Catalogue, mark: str | None) -> Iterator[Told]:
    begin = since(mark)
    said = [
        EntitlementAct.at.label("said_at"),
        *(getattr(EntitlementAct, name).label(f"said_{name}") for name in _SAID),
    ]
    for code in _codes(catalogue):
        rows = _RUNS.add_columns(*said).join(EntitlementAct, EntitlementAct.entitlement_id == Entitlement.id)
        rows = rows.where(Licence.code == code)
        if begin is not None:
            rows = rows.where(EntitlementAct.at >= begin)
        with catalogue.reading() as session:
            told = [
                {
                    **_named(row, code),
                    **{name: getattr(row, f"said_{name}") for name in _SAID},
                    "at": as_text(row.said_at),
                }
                for row in session.execute(rows.order_by(EntitlementAct.id))
            ]
        yield from sorted(told, key=lambda one: _ordered(one, (*_KEY, "at", "state")))


def _enter_entitlements(session: Session, told: Sequence[Told], _newer: bool) -> None:
    """Of the same run in several ledgers, and here, the latest counts."""
    latest: dict[_Place, Told] = {}
    for place, one in _placed(session, told):
        if place not in latest or latest[place]["at"] <= one["at"]:
            latest[place] = one
    here = _standing(session, latest)
    new = []
    for place, one in latest.items():
        row = here.get(place)
        at = datetime.fromisoformat(one["at"])
        values: dict[str, Any] = {**{name: one[name] for name in _VALUES}, "at": at}
        if row is None:
            licence, institution, key = place
            new.append({"licence_id": licence, "institution_id": institution, **key._asdict(), **values})
        elif row.at < at:
            for name, value in values.items():
                setattr(row, name, value)
    if new:
        session.execute(insert(Entitlement), new)
    session.flush()


def _enter_acts(session: Session, told: Sequence[Told], _newer: bool) -> None:
    placed = list(_placed(session, told))
    here = _standing(session, [place for place, _ in placed])
    known: set[tuple[int, datetime, str]] = set()
    for some in parts(sorted({row.id for row in here.values()})):
        acts = select(EntitlementAct.entitlement_id, EntitlementAct.at, EntitlementAct.state)
        rows = session.execute(acts.where(EntitlementAct.entitlement_id.in_(some)))
        known.update((row.entitlement_id, row.at, row.state) for row in rows)
    kept: set[str] = set()
    for some in parts(sorted({one["document"] for one in told if one["document"]})):
        kept.update(session.execute(select(Document.sha256).where(Document.sha256.in_(some))).scalars())
    new = []
    for place, one in placed:
        row, at = here.get(place), datetime.fromisoformat(one["at"])
        if row is None or (row.id, at, one["state"]) in known:
            continue
        known.add((row.id, at, one["state"]))
        document = one["document"] if one["document"] in kept else None
        new.append({**{name: one[name] for name in _SAID}, "entitlement_id": row.id, "at": at, "document": document})
    if new:
        session.execute(insert(EntitlementAct), new)


def _placed(session: Session, told: Sequence[Told]) -> Iterator[tuple[_Place, Told]]:
    """Each with where it stands here; those of a licence, an institution or a journal that is not here are not."""
    licences, institutions = (
        {row.code: row.id for row in session.execute(select(table.code, table.id).where(table.code.in_(codes)))}
        for table, codes in (
            (Licence, {one["licence"] for one in told}),
            (Institution, {one["institution"] for one in told if one["institution"]}),
        )
    )
    places = places_of(session, {one["issn"] for one in told})
    for one in told:
        licence, title = licences.get(one["licence"]), places.get(one["issn"])
        whose = institutions.get(one["institution"]) if one["institution"] else None
        if licence is None or title is None or (one["institution"] and whose is None):
            continue
        yield (licence, whose, Key(title, *(one[name] for name in _KEY[3:]))), one


def _standing(session: Session, places: Sequence[_Place] | dict[_Place, Told]) -> dict[_Place, Entitlement]:
    found: dict[_Place, Entitlement] = {}
    licences = {place[0] for place in places}
    for some in parts(sorted({place[2].title_id for place in places})):
        rows = select(Entitlement).where(Entitlement.title_id.in_(some), Entitlement.licence_id.in_(licences))
        for row in session.execute(rows).scalars():
            key = Key(*(getattr(row, name) for name in Key._fields))
            found[row.licence_id, row.institution_id, key] = row
    return found


def _codes(catalogue: Catalogue) -> list[str]:
    with catalogue.reading() as session:
        return sorted(session.execute(select(Licence.code)).scalars())


def _named(row: Any, code: str) -> dict[str, Any]:
    return {"licence": code, "institution": row.code, **{name: getattr(row, name) for name in _KEY[2:]}}


def _ordered(one: Told, names: Sequence[str]) -> str:
    return "\t".join(str(one[name]) for name in names)


_ISSN = select(func.min(TitleIssn.issn)).where(TitleIssn.title_id == Entitlement.title_id).scalar_subquery()
_RUNS = (
    select(
        *(Institution.code, _ISSN.label("issn"), Entitlement.at),
        *(getattr(Entitlement, name) for name in (*_KEY[3:], *_VALUES)),
    )
    .join(Licence, Licence.id == Entitlement.licence_id)
    .outerjoin(Institution, Institution.id == Entitlement.institution_id)
    .where(_ISSN.is_not(None))
)

ENTITLEMENTS = (
    Kept("entitlements", _entitlements, _enter_entitlements, key=_KEY, grows=True, moment="at"),
    Kept("acts", _acts, _enter_acts, key=(*_KEY, "at", "state"), grows=True, moment="at"),
)
