"""Staff accounts: passwords that only their owners know, tries counted before they are judged, sessions that end."""

from __future__ import annotations

import hashlib
import secrets
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from threading import BoundedSemaphore
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from repository.catalogue import titles
from repository.errors import UsageError
from repository.models import Institution, Staff, StaffSession
from repository.turkish import machine_lower
from repository.vocabulary import utc_now

MOST_FAILURES = 10
LOCKED_FOR = timedelta(minutes=15)
SHORTEST_PASSWORD = 12
LONGEST_PASSWORD = 256
IDLE = timedelta(hours=2)
"""A session that nobody uses ends after this."""
LONGEST_SESSION = timedelta(hours=12)
"""A session ends after this however much it is used."""

_NOBODY = ""
"""The login of the one account that nobody can use: unknown logins are counted and judged against it,
so that they take the same reads, the same writes and the same hashing as known ones."""

_hasher = PasswordHasher()
# One verification takes 64 MiB (RFC 9106, second choice): a flood of sign-ins must not take them all at once.
_at_once = BoundedSemaphore(2)


class Role(StrEnum):
    """For whom an account works, and so what it may open."""

    STAFF = "staff"
    """The archive: everything that the staff pages show."""
    LIBRARIAN = "librarian"
    """One institution, whose rights and readers it looks after."""
    PUBLISHER = "publisher"
    """One publisher, which sees what is kept of its journals."""


class PasswordRefused(UsageError):
    """The new password is not accepted; the message says what one must be."""


@dataclass(frozen=True, slots=True)
class Try:
    """One try to sign in, already counted: what the password must be compared with."""

    staff_id: int | None
    password_hash: str
    refused: bool
    """True when the answer is no whatever the password: an unknown, closed or waiting account."""


def create(
    session: Session, login: str, role: str, *, institution: str | None = None, publisher: str | None = None
) -> str:
    """Enter an account and return its one-time password, which must be changed at the first sign-in.

    A librarian's is of the ``institution`` of this code, a publisher's of the ``publisher`` of this name. Raises
    UsageError when the login is taken or cannot be one, when there is no such role, or when it lacks whose it is.
    """
    name = _login(login)
    if not name or len(name) > 120 or not name.isprintable() or " " in name:
        raise UsageError(f"{login!r} is no login: 1 to 120 characters without spaces, for example 'ayse.yilmaz'")
    if role not in tuple(Role):
        raise UsageError(f"{role!r} is no role: one of {', '.join(Role)}")
    if _account(session, name) is not None:
        raise UsageError(f"there is already an account {name!r}; give it a new password with reset")
    whose = _whose(session, Role(role), institution, publisher)
    _nobody(session)
    password = one_time_password()
    session.add(
        Staff(
            login=name,
            password_hash=hashed(password),
            role=role,
            active=True,
            must_change=True,
            failures=0,
            created_at=utc_now(),
            **whose,
        )
    )
    session.flush()
    return password


def anybody(session: Session) -> bool:
    """Whether there is an account with which somebody can sign in."""
    return session.execute(select(Staff.id).where(Staff.login != _NOBODY, Staff.active).limit(1)).first() is not None


def active(session: Session) -> int:
    """How many accounts can sign in."""
    return session.execute(
        select(func.count()).select_from(Staff).where(Staff.login != _NOBODY, Staff.active)
    ).scalar_one()


def reset(session: Session, login: str) -> str:
    """Give an account a new one-time password, open it again, end its sessions. Raises UsageError if there is none."""
    account = _account(session, _login(login))
    if account is None:
        raise UsageError(f"there is no account {login!r}")
    password = one_time_password()
    account.password_hash, account.must_change, account.active = hashed(password), True, True
    account.failures, account.locked_until = 0, None
    end_sessions_of(session, account.id)
    return password


def count_try(session: Session, login: str, at: datetime) -> Try:
    """Count one try on ``login`` before its password is looked at, so that tries made at the same moment all count.

    The tenth failure closes the account to sign-in for a quarter of an hour.
    """
    account = _account(session, _login(login))
    known = account is not None
    if account is None:
        account = _nobody(session)
    # Counting takes the row's lock; what it says of waiting is read only then.
    session.execute(update(Staff).where(Staff.id == account.id).values(failures=Staff.failures + 1))
    session.refresh(account)
    waiting = account.locked_until is not None and account.locked_until > at
    if waiting:
        account.failures = 0
    elif known and account.failures >= MOST_FAILURES:
        account.locked_until, account.failures = at + LOCKED_FOR, 0
    refused = waiting or not known or not account.active
    return Try(account.id if known else None, account.password_hash, refused)


def matches(attempt: Try, password: str) -> bool:
    """Whether ``password`` is right and the try not refused. Hashes in every case; no transaction may be open."""
    with _at_once:
        try:
            right: bool = _hasher.verify(attempt.password_hash, _normal(password))
        except (VerificationError, InvalidHashError):
            right = False
    return right and not attempt.refused


def signed_in(session: Session, staff_id: int) -> Staff:
    """The account after a right password: its failures are forgotten, and it waits for nothing."""
    account = session.get_one(Staff, staff_id)
    account.failures, account.locked_until = 0, None
    session.flush()
    return account


def set_password(session: Session, staff_id: int, new_hash: str) -> None:
    """Give the account its new password and end every session that it has."""
    account = session.get_one(Staff, staff_id)
    account.password_hash, account.must_change = new_hash, False
    account.failures, account.locked_until = 0, None
    end_sessions_of(session, staff_id)


def check_new(login: str, new: str) -> None:
    """Return if ``new`` may be a password. Raises PasswordRefused when it is too short, too long, or says the login."""
    password = _normal(new)
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise PasswordRefused(f"a password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters")
    if machine_lower(login) in machine_lower(password) or len(set(password)) < 5:
        raise PasswordRefused("a password does not hold the login, and more than a few different characters")


def hashed(password: str) -> str:
    """The Argon2id hash that is kept in place of a password; it takes its time."""
    with _at_once:
        return _hasher.hash(_normal(password))


def one_time_password() -> str:
    """20 characters that are easily told apart (about 98 bits)."""
    letters = "abcdefghjkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(letters) for _ in range(5)) for _ in range(4))


def active_account(session: Session, staff_id: int) -> Staff | None:
    """The account, as long as it may sign in."""
    account = session.get(Staff, staff_id)
    return account if account is not None and account.active and account.login != _NOBODY else None


def session_id(secret: str) -> str:
    """The row of a browser's secret: its SHA-256, so that the table alone opens no session."""
    return hashlib.sha256(secret.encode()).hexdigest()


def open_session(session: Session, secret: str, at: datetime) -> StaffSession | None:
    """The session of this secret, unless it has ended."""
    found = session.get(StaffSession, session_id(secret))
    return found if found is not None and found.expires_at > at else None


def begin_session(session: Session, secret: str, staff_id: int, data: Mapping[str, Any], at: datetime) -> None:
    """A browser with this secret is signed in from ``at`` on; sessions that have ended are cleared away."""
    session.execute(delete(StaffSession).where(StaffSession.expires_at <= at))
    session.add(StaffSession(id=session_id(secret), staff_id=staff_id, data=dict(data), expires_at=at + IDLE))
    session.flush()


def prolong_session(session: Session, secret: str, data: Mapping[str, Any], at: datetime, began: datetime) -> None:
    """The session of this secret was in use at ``at``. One that was ended meanwhile is not made again."""
    session.execute(
        update(StaffSession)
        .where(StaffSession.id == session_id(secret))
        .values(data=dict(data), expires_at=min(at + IDLE, began + LONGEST_SESSION))
    )


def end_session(session: Session, secret: str) -> None:
    """The session of this secret is no more; whoever kept the cookie holds nothing."""
    session.execute(delete(StaffSession).where(StaffSession.id == session_id(secret)))


def end_sessions_of(session: Session, staff_id: int) -> None:
    """Every browser of this account is signed out."""
    session.execute(delete(StaffSession).where(StaffSession.staff_id == staff_id))


def _account(session: Session, name: str) -> Staff | None:
    if name == _NOBODY:
        return None
    return session.execute(select(Staff).where(Staff.login == name)).scalar_one_or_none()


def _whose(session: Session, role: Role, institution: str | None, publisher: str | None) -> dict[str, int]:
    """Whose account it is, as columns."""
    if (institution is not None) is not (role is Role.LIBRARIAN):
        raise UsageError(
            "an institution is named for a librarian, and for nobody else: --role librarian --institution CODE"
        )
    if (publisher is not None) is not (role is Role.PUBLISHER):
        raise UsageError("a publisher is named for a publisher's account: --role publisher --publisher NAME")
    if institution is not None:
        wanted = select(Institution.id).where(Institution.code == institution)
        if (found := session.execute(wanted).scalar_one_or_none()) is None:
            raise UsageError(f"there is no institution {institution!r}")
        return {"institution_id": found}
    if publisher is not None:
        known = titles.find_publisher(session, publisher)
        if known is None:
            raise UsageError(f"there is no publisher {publisher!r}; `mahfuz feed` and the deliveries name them")
        return {"publisher_id": known.id}
    return {}


def _nobody(session: Session) -> Staff:
    nobody = session.execute(select(Staff).where(Staff.login == _NOBODY)).scalar_one_or_none()
    if nobody is None:
        nobody = Staff(
            login=_NOBODY,
            password_hash=hashed(secrets.token_urlsafe(32)),
            role=Role.STAFF,
            active=False,
            must_change=True,
            failures=0,
            created_at=utc_now(),
        )
        session.add(nobody)
        session.flush()
    return nobody


def _login(login: str) -> str:
    return machine_lower(unicodedata.normalize("NFKC", login).strip())


def _normal(password: str) -> str:
    # NIST SP 800-63B 5.1.1.2: the same password typed on another keyboard is the same password.
    return unicodedata.normalize("NFKC", password)[: LONGEST_PASSWORD + 1]
