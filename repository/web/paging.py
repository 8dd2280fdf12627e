"""Lists that go on after a key: the key travels in the address, and what comes back in it is trusted in nothing."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import Any, TypeVar
from urllib.parse import urlencode

from flask import request, url_for
from werkzeug.exceptions import BadRequest

_T = TypeVar("_T")
_LARGEST = 2**63 - 1
_LONGEST = 4000
_LONGEST_STORE = 64
_FIRST_DAY, _LAST_DAY = date(1970, 1, 1), date(2999, 12, 31)


def key_text(key: Sequence[str | int]) -> str:
    """A key of strings and whole numbers as one word for an address."""
    return base64.urlsafe_b64encode(json.dumps(list(key), ensure_ascii=False).encode()).decode().rstrip("=")


def asked_key(*kinds: type, name: str = "after") -> tuple[Any, ...] | None:
    """The key that the address asks to go on after: a value of each of ``kinds``, or None where none is given.

    Raises BadRequest for anything that :func:`key_text` would not have written.
    """
    text = request.args.get(name, "")
    return key_in(text, *kinds) if text else None


def key_in(text: str, *kinds: type) -> tuple[Any, ...]:
    """The key in a word that :func:`key_text` wrote. Raises BadRequest for any other."""
    try:
        padded = text + "=" * (-len(text) % 4)
        key = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True)) if len(text) < _LONGEST else None
    except (ValueError, binascii.Error, RecursionError):
        raise BadRequest from None
    if not isinstance(key, list) or len(key) != len(kinds):
        raise BadRequest
    for value, kind in zip(key, kinds, strict=True):
        if type(value) is not kind or (isinstance(value, int) and not -_LARGEST <= value <= _LARGEST):
            raise BadRequest
        if isinstance(value, str) and not storable(value):
            raise BadRequest
    return tuple(key)


def moment_in(text: str) -> datetime:
    """The moment in a key. Raises BadRequest where there is none, or one without time zone."""
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise BadRequest
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadRequest from None


def storable(text: str) -> bool:
    """Whether a database can be asked for ``text``: no NUL, nothing that UTF-8 cannot write."""
    return "\x00" not in text and not any("\ud800" <= c <= "\udfff" for c in text)


def asked_store() -> str | None:
    """The ``store`` that the address names, one of the settings or not; None where it names none. Raises BadRequest."""
    store = request.args.get("store") or None
    if store is not None and not (storable(store) and len(store) <= _LONGEST_STORE):
        raise BadRequest
    return store


def asked_day(name: str) -> date | None:
    """The day that the address asks for. Raises BadRequest for what is none, or lies where no archive will be."""
    text = request.args.get(name)
    try:
        found = date.fromisoformat(text) if text else None
    except ValueError:
        raise BadRequest from None
    if found is not None and not _FIRST_DAY <= found <= _LAST_DAY:
        raise BadRequest
    return found


def page_of(
    rows: Sequence[_T], limit: int, key: Callable[[_T], Sequence[str | int]]
) -> tuple[Sequence[_T], str | None]:
    """The first ``limit`` of ``rows``, and the address of what follows them; ask for ``limit + 1`` rows to know."""
    if len(rows) <= limit:
        return rows, None
    return rows[:limit], here(after=key_text(key(rows[limit - 1])))


def here(**changes: str | None) -> str:
    """The address of this very page with some of its arguments changed, or taken away where None."""
    arguments = {name: value for name, value in (request.args.to_dict() | changes).items() if value is not None}
    address = url_for(request.endpoint, **(request.view_args or {})) if request.endpoint else request.path
    return f"{address}?{urlencode(arguments)}" if arguments else address
