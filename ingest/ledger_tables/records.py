"""Institutions, consortia and licences with all that belongs to them, and the documents that bear witness.

Of a machine's key the digest is told: it lets the key go on opening what it opened, and nobody can make the key of it.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from datetime import date

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from ingest.ledger_tables.kept import Kept, Told, as_moment, as_text, at_once, since
from repository.access import changes, consortia, institutions, licences, ranges, requestors
from repository.catalogue import Catalogue, titles
from repository.models import (
    AccessHead,
    Consortium,
    Document,
    Institution,
    InstitutionLogin,
    InstitutionNetwork,
    Licence,
    LicenceDocument,
    LicenceParty,
    LicencePeriod,
    Membership,
    Requestor,
)
from repository.turkish import tr_fold, tr_sort_key


def _institutions(session: Session) -> Iterator[Told]:
    for row in session.execute(select(Institution).order_by(Institution.code)).scalars().all():
        yield {
            **institutions.as_json(session, row),
            "created_at": as_text(row.created_at),
            "keys": [
                {
                    "name": key.name,
                    "sha256": key.key_sha256,
                    "created_at": as_text(key.created_at),
                    "created_by": key.created_by,
                    "closed_at": as_text(key.closed_at),
                }
                for key in requestors.of(session, row)
            ],
        }


def _enter_institutions(session: Session, told: Sequence[Told], newer: bool) -> None:
    for one in told:
        row = institutions.find(session, one["code"])
        if row is not None and not newer:
            continue
        if one["counter_id"]:  # what is newer counts, whoever had it
            taken = update(Institution).where(Institution.counter_id == one["counter_id"])
            session.execute(taken.where(Institution.code != one["code"]).values(counter_id=None))
        if row is None:
            row = Institution(code=one["code"], created_at=as_moment(one["created_at"]))
            session.add(row)
        for name in institutions.FIELDS:
            setattr(row, name, one[name])
        row.sort_key, row.folded = tr_sort_key(row.name), tr_fold(row.name)
        session.flush()
        _enter_ways(session, row, one)
        for key in one["keys"]:
            known = session.execute(select(Requestor).where(Requestor.key_sha256 == key["sha256"])).scalar_one_or_none()
            if known is None:
                made = {"created_at": as_moment(key["created_at"]), "created_by": key["created_by"]}
                known = Requestor(institution_id=row.id, name=key["name"], key_sha256=key["sha256"], **made)
                session.add(known)
            known.closed_at = known.closed_at or as_moment(key["closed_at"])
        session.flush()


def _enter_ways(session: Session, row: Institution, one: Told) -> None:
    """Its ranges and logins are just those that are told."""
    session.execute(delete(InstitutionNetwork).where(InstitutionNetwork.institution_id == row.id))
    session.execute(delete(InstitutionLogin).where(InstitutionLogin.institution_id == row.id))
    for given in one["networks"]:
        first, last = ranges.span_of(given).keys
        session.add(InstitutionNetwork(institution_id=row.id, given=given, first=first, last=last))
    for kind, values in ((institutions.ENTITY, one["entities"]), (institutions.SCOPE, one["scopes"])):
        for value in values:
            session.execute(
                delete(InstitutionLogin).where(InstitutionLogin.kind == kind, InstitutionLogin.value == value)
            )
            session.add(InstitutionLogin(kind=kind, value=value, institution_id=row.id))
    session.flush()


def _consortia(session: Session) -> Iterator[Told]:
    for row in session.execute(select(Consortium).order_by(Consortium.code)).scalars().all():
        yield consortia.as_json(session, row)


def _enter_consortia(session: Session, told: Sequence[Told], newer: bool) -> None:
    for one in told:
        row = consortia.find(session, one["code"])
        if row is not None and not newer:
            continue
        if row is None:
            row = Consortium(code=one["code"], name=one["name"])
            session.add(row)
        row.name = one["name"]
        session.flush()
        session.execute(delete(Membership).where(Membership.consortium_id == row.id))
        for member in one["members"]:
            institution = institutions.find(session, member["institution"])
            if institution is not None:
                days = {"since": _day(member["since"]), "until": _day(member["until"])}
                session.add(Membership(consortium_id=row.id, institution_id=institution.id, **days))
        session.flush()


def _licences(session: Session) -> Iterator[Told]:
    for row in session.execute(select(Licence).order_by(Licence.code)).scalars().all():
        kept = select(LicenceDocument.sha256).where(LicenceDocument.licence_id == row.id)
        yield {
            **licences.as_json(session, row),
            "created_at": as_text(row.created_at),
            "documents": list(session.execute(kept.order_by(LicenceDocument.sha256)).scalars()),
        }


def _enter_licences(session: Session, told: Sequence[Told], newer: bool) -> None:
    for one in told:
        row = licences.find(session, one["code"])
        if row is not None and not newer:
            continue
        publisher = titles.publisher_named(session, one["publisher"])
        if row is None:
            row = Licence(code=one["code"], created_at=as_moment(one["created_at"]))
            session.add(row)
        row.publisher_id = publisher.id
        for name in licences.FIELDS:
            if name != "publisher":
                setattr(row, name, one[name])
        row.folded = tr_fold(row.name)
        session.flush()
        _enter_terms(session, row, one)


def _enter_terms(session: Session, row: Licence, one: Told) -> None:
    """Its periods and parties are just those that are told; documents are added to those that are there."""
    session.execute(delete(LicencePeriod).where(LicencePeriod.licence_id == row.id))
    session.execute(delete(LicenceParty).where(LicenceParty.licence_id == row.id))
    for period in one["periods"]:
        session.add(LicencePeriod(licence_id=row.id, since=_day(period["since"]), until=_day(period["until"])))
    for party in one["parties"]:
        days = {"since": _day(party["since"]), "until": _day(party["until"])}
        if party["kind"] == "institution" and (whose := institutions.find(session, party["code"])) is not None:
            session.add(LicenceParty(licence_id=row.id, institution_id=whose.id, **days))
        elif party["kind"] == "consortium" and (group := consortia.find(session, party["code"])) is not None:
            session.add(LicenceParty(licence_id=row.id, consortium_id=group.id, **days))
    for sha256 in one["documents"]:
        there = session.execute(select(Document.sha256).where(Document.sha256 == sha256)).first() is not None
        if there and session.get(LicenceDocument, (row.id, sha256)) is None:
            session.add(LicenceDocument(licence_id=row.id, sha256=sha256))
    session.flush()


def _documents(catalogue: Catalogue, mark: str | None) -> Iterator[Told]:
    rows = select(Document.sha256).order_by(Document.sha256)
    if (begin := since(mark)) is not None:
        rows = rows.where(Document.at >= begin)
    with catalogue.reading() as session:
        every = session.execute(rows).scalars().all()
    for sha256 in every:
        with catalogue.reading() as session:
            row = session.get_one(Document, sha256)
            yield {
                "sha256": sha256,
                "name": row.name,
                "content": base64.b64encode(row.content).decode(),
                "by": row.by,
                "at": as_text(row.at),
            }


def _enter_documents(session: Session, told: Sequence[Told], _newer: bool) -> None:
    for one in told:
        if session.execute(select(Document.sha256).where(Document.sha256 == one["sha256"])).first() is None:
            content = base64.b64decode(one["content"])
            said = {"name": one["name"], "bytes": len(content), "by": one["by"], "at": as_moment(one["at"])}
            session.add(Document(sha256=one["sha256"], content=content, **said))
            session.flush()


def _moves(session: Session) -> Iterator[Told]:
    yield {"of": "access", "number": changes.number(session)}


def _enter_moves(session: Session, told: Sequence[Told], _newer: bool) -> None:
    """Behind every number that was ever given out, so that nothing worked out by an old one is taken for new."""
    changes.take(session)
    row = session.get_one(AccessHead, 1, populate_existing=True)
    row.number = max([row.number, *(one["number"] for one in told)])
    session.flush()


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


RECORDS = (
    Kept("moves", at_once(_moves), _enter_moves, key=("of",)),
    Kept("documents", _documents, _enter_documents, key=("sha256",), grows=True, moment="at"),
    Kept("institutions", at_once(_institutions), _enter_institutions, key=("code",)),
    Kept("consortia", at_once(_consortia), _enter_consortia, key=("code",)),
    Kept("licences", at_once(_licences), _enter_licences, key=("code",)),
)
