"""Accounts, without anything that opens one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from ingest.ledger_tables.kept import Kept, Told, as_moment, as_text, at_once
from repository.catalogue import titles
from repository.models import Institution, Publisher, Staff


def _staff(session: Session) -> Iterator[Told]:
    rows = (
        select(
            *(Staff.login, Staff.role, Staff.active, Staff.created_at),
            *(Institution.code, Publisher.name),
        )
        .outerjoin(Institution, Institution.id == Staff.institution_id)
        .outerjoin(Publisher, Publisher.id == Staff.publisher_id)
        .where(Staff.login != "")
    )
    for row in sorted(session.execute(rows), key=lambda row: str(row.login)):
        yield {
            "login": row.login,
            "role": row.role,
            "active": row.active,
            "created_at": as_text(row.created_at),
            "institution": row.code,
            "publisher": row.name,
        }


def _enter_staff(session: Session, told: Sequence[Told], newer: bool) -> None:
    """Nobody can sign in before `mahfuz staff reset`: no ledger holds anything that opens an account.

    One that is closed here stays closed, whatever is told.
    """
    for one in told:
        row = session.execute(select(Staff).where(Staff.login == one["login"])).scalar_one_or_none()
        if row is None:
            row = Staff(
                login=one["login"],
                password_hash="",
                must_change=True,
                failures=0,
                active=True,
                created_at=as_moment(one["created_at"]),
            )
            session.add(row)
        elif not newer:
            continue
        row.role, row.active = one["role"], row.active and one["active"]
        if code := one.get("institution"):
            known = select(Institution.id).where(Institution.code == code)
            row.institution_id = session.execute(known).scalar_one_or_none()
        if name := one.get("publisher"):
            row.publisher_id = titles.publisher_named(session, name).id
    session.flush()


STAFF = (Kept("staff", at_once(_staff), _enter_staff, key=("login",)),)
