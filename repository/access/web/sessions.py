"""Flask's sessions, kept in the catalogue: the cookie holds a secret, signing out ends what the secret opens."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import Flask, Request, Response
from flask.sessions import SessionInterface, SessionMixin

from repository.access import staff
from repository.access.throttle import Throttle
from repository.catalogue import Catalogue
from repository.vocabulary import utc_now

_CSRF = "csrf_token"
_REMEMBER = "_remember"
_WRITE_EVERY = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Door:
    """What signing in needs to know."""

    catalogue: Catalogue
    secret_key: bytes
    secure: bool
    """True when readers reach the archive over https: the cookie is then never sent in the clear."""
    throttle: Throttle
    clock: Callable[[], datetime] = utc_now


class BrowserSession(SessionMixin):
    """What is known of one browser. Read from the catalogue only when it is asked for.

    The cookie holds a random secret and nothing else. The CSRF token is derived from that secret, so a
    reader who only opens the sign-in form leaves nothing behind in the catalogue.
    """

    def __init__(self, door: Door, secret: str | None) -> None:
        self.door = door
        self.secret = secret
        self.arrived_with = secret
        self.modified = False
        self.expires_at: datetime | None = None
        self._loaded: dict[str, Any] | None = None

    @property
    def data(self) -> dict[str, Any]:
        """The values kept in the catalogue, which are empty unless somebody is signed in."""
        if self._loaded is None:
            kept = None
            if self.secret is not None:
                with self.door.catalogue.reading() as rows:
                    kept = staff.open_session(rows, self.secret, self.door.clock())
            self._loaded = dict(kept.data) if kept is not None else {}
            self.expires_at = kept.expires_at if kept is not None else None
        return self._loaded

    @property
    def was_read(self) -> bool:
        """Whether anything was asked of it."""
        return self._loaded is not None

    def renew(self) -> None:
        """A new secret, so that what was planted or overheard before is worth nothing; the old session is ended."""
        self.end()
        self.secret = secrets.token_urlsafe(32)

    def end(self) -> None:
        """Signed out: the session is gone from the catalogue and the cookie will be."""
        if self.arrived_with is not None:
            with self.door.catalogue.writing() as rows:
                staff.end_session(rows, self.arrived_with)
        self.secret, self._loaded, self.expires_at, self.modified = None, {}, None, True

    def __getitem__(self, key: str) -> Any:
        if key == _CSRF:
            if self.secret is None:
                raise KeyError(key)
            return hmac.new(self.door.secret_key, b"csrf" + self.secret.encode(), hashlib.sha256).hexdigest()
        if key == _REMEMBER:  # asked on every answer; no browser is ever remembered, so the catalogue is not asked
            raise KeyError(key)
        return self.data[key]

    def __setitem__(self, key: str, value: Any) -> None:
        if key == _CSRF:
            self.secret = self.secret or secrets.token_urlsafe(32)
            return
        self.data[key] = value
        self.modified = True

    def __delitem__(self, key: str) -> None:
        del self.data[key]
        self.modified = True

    def __iter__(self) -> Iterator[str]:
        return iter(self.data)

    def __len__(self) -> int:
        return len(self.data)


class StaffSessions(SessionInterface):
    """Flask's sessions, kept in the table ``staff_session``; a visitor who does not sign in has no row there."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self.cookie = "__Host-mahfuz" if door.secure else "mahfuz"

    def open_session(self, app: Flask, request: Request) -> BrowserSession:  # noqa: ARG002
        secret = request.cookies.get(self.cookie)
        return BrowserSession(self._door, secret if secret and re.fullmatch(r"[\w-]{43}", secret, re.ASCII) else None)

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:  # noqa: ARG002
        assert isinstance(session, BrowserSession)
        if session.was_read or session.secret != session.arrived_with:
            response.vary.add("Cookie")
        if session.secret is None:
            if session.arrived_with is not None and session.modified:
                response.delete_cookie(self.cookie, path="/", secure=self._door.secure, httponly=True, samesite="Lax")
            return
        self._write(session)
        if session.secret != session.arrived_with:
            response.set_cookie(
                self.cookie, session.secret, path="/", secure=self._door.secure, httponly=True, samesite="Lax"
            )

    def _write(self, session: BrowserSession) -> None:
        if not session.was_read or "_user_id" not in session.data or session.secret is None:
            return
        now = self._door.clock()
        if session.expires_at is None:
            session.data["began"] = now.isoformat()
            with self._door.catalogue.writing() as rows:
                staff.begin_session(rows, session.secret, int(session["_user_id"]), session.data, now)
        elif session.modified or now + staff.IDLE - session.expires_at > _WRITE_EVERY:
            began = datetime.fromisoformat(session.data["began"])
            with self._door.catalogue.writing() as rows:
                staff.prolong_session(rows, session.secret, session.data, now, began)
