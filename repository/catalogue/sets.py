"""The sets in which an article stands, worked out when a change is announced: a page of a set joins nothing.

Its publisher and its journal are columns of the article. Every other set (type,
subject, what is openly licensed, what is retracted) is a row of
:class:`~repository.models.HarvestSet`, and each article in it a row of
:class:`~repository.models.SetMember` under the place that it has in the feed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import bindparam, delete, insert, select
from sqlalchemy.orm import Session

from repository.catalogue import links, opened
from repository.catalogue.parts import parts
from repository.catalogue.upsert import Upsert
from repository.models import Article, HarvestSet, SetMember
from repository.open_licence import openly_licensed
from repository.rights import Audience
from repository.turkish import tr_fold
from repository.vocabulary import ArticleRecord, ArticleState

OPEN, TRIGGERED, RETRACTED, TYPES, SUBJECTS = "open", "triggered", "retracted", "type", "subject"

_LONGEST_WORD = 56
_DEEPEST = 6

_ENTER = Upsert(HarvestSet)
_JOIN = insert(SetMember)
_LEAVE = delete(SetMember).where(
    SetMember.set_id == bindparam("of_set"),
    SetMember.datestamp == bindparam("at"),
    SetMember.change_number == bindparam("numbered"),
)


class Standing(NamedTuple):
    """Where an article stood in the feed until now."""

    article_id: str
    datestamp: datetime
    change_number: int
    places: Sequence[str]


def place_of_publisher(publisher_id: int) -> str:
    """How the part of the feed that one publisher delivered is named in ``Article.places`` and ``FeedDay.place``."""
    return f"p{publisher_id}"


def place_of_title(title_id: int) -> str:
    """The same of one journal."""
    return f"t{title_id}"


def place_of_set(set_id: int) -> str:
    """The same of a :class:`~repository.models.HarvestSet`."""
    return f"s{set_id}"


def sets_among(places: Sequence[str]) -> list[int]:
    """The numbers of the further sets among these places: neither a publisher nor a journal."""
    return [int(place[1:]) for place in places if place.startswith("s")]


def specs_of(record: ArticleRecord, *, retracted: bool, opened_to: Audience | None = None) -> dict[str, str]:
    """The setSpecs of an article's sets with their names, ancestors before their descendants.

    Without its publisher and its journal. What the publisher did not say is in no set. ``opened_to`` are those to
    whom a trigger opens its journal.
    """
    found: dict[str, str] = {}
    if record.article_type and record.article_type.strip():
        found[TYPES] = "Article types"
        found[f"{TYPES}:{word_of(record.article_type)}"] = record.article_type
    for path in record.subjects:
        spec = SUBJECTS
        found[spec] = "Subjects"
        for name in path[:_DEEPEST]:
            spec = f"{spec}:{word_of(name)}"
            found[spec] = name
    if openly_licensed(record) or opened_to is Audience.EVERYONE:
        found[OPEN] = "Open now"
    if opened_to is not None:
        found[TRIGGERED] = "Opened by a trigger event"
    if retracted:
        found[RETRACTED] = "Retracted articles"
    return found


def word_of(name: str) -> str:
    """A name as one part of a setSpec: small ASCII letters, digits and hyphens; a digest where it has none of them."""
    word = re.sub(r"[^a-z0-9]+", "-", tr_fold(name)).strip("-")[:_LONGEST_WORD].rstrip("-")
    return word or "x" + hashlib.sha256(name.encode()).hexdigest()[:12]


def places_of(
    session: Session, articles: Sequence[Article], triggers: Sequence[opened.Standing] = ()
) -> dict[str, list[str]]:
    """By article id, every part of the feed in which the article belongs while these triggers stand, but the whole.

    A withdrawn article stays in the sets in which it was: whoever harvests one of them hears of its end there.
    """
    shown = {
        article.id: ArticleRecord.from_json(article.record)
        for article in articles
        if article.state != ArticleState.WITHDRAWN
    }
    retracted = links.retracted(session, shown)
    open_to = opened.titles(session, {article.title_id for article in articles}, triggers)
    journal = {article.id: article.title_id for article in articles}
    said = {
        one: specs_of(record, retracted=one in retracted, opened_to=open_to.get(journal[one]))
        for one, record in shown.items()
    }
    numbers = _numbers(session, {spec: name for specs in said.values() for spec, name in specs.items()})
    found = {}
    for article in articles:
        own = [place_of_publisher(article.publisher_id), place_of_title(article.title_id)]
        if article.id in said:
            own += [place_of_set(numbers[spec]) for spec in said[article.id]]
        else:
            own += [place_of_set(number) for number in sets_among(article.places or ())]
        found[article.id] = own
    return found


def _numbers(session: Session, named: Mapping[str, str]) -> dict[str, int]:
    """The number of each of these sets; those that are new are entered."""
    known = _known(session, list(named))
    if missing := sorted(named.keys() - known.keys()):
        # On PostgreSQL another transaction may be entering one of them: whoever is second waits, and finds it.
        _ENTER(session, [{"spec": spec, "name": named[spec]} for spec in missing])
        known |= _known(session, missing)
    return known


def _known(session: Session, specs: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for some in parts(specs):
        rows = session.execute(select(HarvestSet.spec, HarvestSet.id).where(HarvestSet.spec.in_(some)))
        found |= {row.spec: row.id for row in rows}
    return found


def numbered(session: Session, *specs: str) -> dict[str, int]:
    """The numbers of those of these sets that there are."""
    return _known(session, specs)


def leave(session: Session, standing: Sequence[Standing]) -> None:
    """These articles are no longer where they stood."""
    rows = [
        {"of_set": number, "at": one.datestamp, "numbered": one.change_number}
        for one in standing
        for number in sets_among(one.places)
    ]
    if rows:
        session.connection().execute(_LEAVE, rows)


def join(session: Session, articles: Sequence[Article]) -> None:
    """These articles stand where they have just been announced."""
    rows = [
        {"set_id": number, "datestamp": article.datestamp, "change_number": article.change_number}
        for article in articles
        for number in sets_among(article.places)
    ]
    if rows:
        session.connection().execute(_JOIN, rows)
