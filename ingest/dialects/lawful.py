"""A record without the characters that no XML may hold: taken out here, once, whatever the record was read from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from typing import Any

from repository.lawful_text import ILLEGAL
from repository.vocabulary import ArticleRecord, Author, Related


def lawful(record: ArticleRecord) -> ArticleRecord:
    """The same record without them; a parser of XML lets none through, but a record can be told of in other ways."""
    # Whatever is illegal is not printable, and nearly every text is.
    if all(text.isprintable() or not ILLEGAL.search(text) for text in _texts(record)):
        return record
    return replace(record, **{field.name: _without(getattr(record, field.name)) for field in fields(record)})


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from value
        yield from value.values()
    elif isinstance(value, tuple):
        for each in value:
            yield from _texts(each)
    elif isinstance(value, ArticleRecord | Author | Related):
        for name in value.__dataclass_fields__:
            yield from _texts(getattr(value, name))


def _without(value: Any) -> Any:
    if isinstance(value, str):
        return ILLEGAL.sub("", value)
    if isinstance(value, Mapping):
        return {_without(key): _without(each) for key, each in value.items()}
    if isinstance(value, tuple):
        return tuple(map(_without, value))
    if isinstance(value, Author | Related):
        return replace(value, **{field.name: _without(getattr(value, field.name)) for field in fields(value)})
    return value
