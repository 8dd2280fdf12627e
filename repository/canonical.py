"""The one form of a JSON document that is hashed or signed, and the one reading of it."""

from __future__ import annotations

import json


def canonical(document: object) -> bytes:
    """The one form in which a document is signed: JSON Canonicalization Scheme (RFC 8785).

    Our documents hold text, whole numbers, truth values, null, lists and objects with ASCII names only; of these
    sorted names without blanks, in UTF-8, are that form. Raises ValueError for anything else.
    """
    _expect_plain(document)
    return form(document)


def form(document: object) -> bytes:
    """Sorted names without blanks, in UTF-8: :func:`canonical` of what is written already, and taken as it is."""
    text = json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text.encode("utf-8", "surrogatepass")


def read(text: str) -> object:
    """A JSON document in which every name stands once: of two, one program shows the first and another the last.

    Raises ValueError, RecursionError for anything else.
    """
    return json.loads(text, object_pairs_hook=_once)


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return found


def _expect_plain(document: object) -> None:
    if isinstance(document, dict):
        for name, value in document.items():
            if not isinstance(name, str) or not name.isascii():
                raise ValueError(f"{name!r} cannot stand in a signed document")
            _expect_plain(value)
    elif isinstance(document, list):
        for value in document:
            _expect_plain(value)
    elif document is not None and not isinstance(document, str | int):
        raise ValueError(f"{type(document).__name__} cannot stand in a signed document")
