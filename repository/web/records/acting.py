"""What a person does on a page of records: in whose name, and what the page says where it cannot be done."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from flask import request
from sqlalchemy.orm import Session
from werkzeug.exceptions import BadRequest, NotFound

from repository.access.web.guard import member
from repository.errors import NotNow, UsageError
from repository.vocabulary import utc_now
from repository.web import paging
from repository.web.room import ReadingRoom

_T = TypeVar("_T")
MOST_UPLOADED = 32 << 20
"""Bytes of a list that is uploaded; larger ones are loaded by command."""

Act = Callable[[Session, str, datetime], object]
"""Called with a transaction, the login of the person, and the moment."""


def login() -> str:
    """Who is signed in."""
    signed_in = member()
    assert signed_in is not None
    return signed_in.login


def given(*names: str) -> dict[str, str]:
    """These fields of the form, as they were sent. Raises BadRequest for what no database keeps."""
    found = {name: request.form.get(name, "")[:5000] for name in names}
    if not all(paging.storable(text) for text in found.values()):
        raise BadRequest
    return found


def asked(name: str, most: int = 300) -> str:
    """A word of the address. Raises BadRequest for what no database can be asked for."""
    found = request.args.get(name, "").strip()[:most]
    if not paging.storable(found):
        raise BadRequest
    return found


def done(room: ReadingRoom, act: Act) -> UsageError | None:
    """The act, or why it was not done. Nothing of it was, then. Raises DatabaseUnavailable."""
    try:
        with room.catalogue.writing() as session:
            act(session, login(), utc_now())
    except UsageError as no:
        return no
    return None


def chosen(acts: dict[str, Act]) -> Act:
    """The act that the form names. Raises BadRequest."""
    act = acts.get(request.form.get("act", ""))
    if act is None:
        raise BadRequest
    return act


def uploaded(name: str = "file") -> tuple[str, bytes]:
    """The name and the bytes of the file that was sent; empty where none was."""
    sent = request.files.get(name)
    if sent is None or not sent.filename:
        return "", b""
    plain = "".join(c for c in sent.filename.replace("\\", "/").rpartition("/")[2] if c.isprintable())
    with sent.stream as stream:
        return plain[:200], stream.read()


def or_not_found(find: Callable[[Session, str], _T], session: Session, code: str) -> _T:
    """What ``find`` finds. Raises NotFound where it says that there is nothing."""
    try:
        if not paging.storable(code):
            raise NotFound
        return find(session, code)
    except NotNow:
        raise NotFound from None
