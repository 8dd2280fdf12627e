"""What the articles of one page say in one format: everything that has to be looked up for them, at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from sqlalchemy.orm import Session

from oai_pmh.formats import Format, Told
from repository.catalogue import fronts, harvest, holdings, links, sets
from repository.vocabulary import NOTICES, ArticleRecord, ArticleState, Related


@dataclass(frozen=True, slots=True)
class Places:
    """Where things are: the address of an article's page, and its OAI identifier."""

    address: Callable[[str], str]
    identifier: Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Item:
    """One article that is shown, and all that its format is told of it. The notices are among its relations."""

    record: ArticleRecord
    told: Told


def of_page(session: Session, entries: Sequence[harvest.Entry], known: Format, places: Places) -> dict[str, Item]:
    """By article id, the items of those entries that are shown and were read with their records.

    The number of queries does not grow with the number of entries (of some hundreds). To be written by
    ``known.crosswalk(item.record, item.told)`` when the transaction is over.
    """
    described = {
        entry.article_id: ArticleRecord.from_json(entry.record)
        for entry in entries
        if entry.record is not None and entry.state != ArticleState.WITHDRAWN
    }
    pointing = links.notices_of(session, described)
    front = fronts.of(session, list(described)) if known.needs_front else {}
    versions = holdings.kept_versions(session, list(described)) if known.needs_versions else {}
    # As it was announced, so that header and record never say two things: whatever opens or closes is announced anew.
    known_sets = sets.numbered(session, sets.OPEN, sets.TRIGGERED)
    stands = {entry.article_id: set(sets.sets_among(entry.places)) for entry in entries}
    found = {}
    for article, record in described.items():
        notices = tuple(
            Related(
                NOTICES[one.type], one.record.doi or places.address(one.article_id), "doi" if one.record.doi else None
            )
            for one in pointing.get(article, ())
        )
        told = Told(
            address=places.address(article),
            identifier=places.identifier(article),
            open=known_sets.get(sets.OPEN) in stands[article],
            opened=known_sets.get(sets.TRIGGERED) in stands[article],
            notices=notices,
            front=front.get(article),
            versions=versions.get(article, ()),
        )
        found[article] = Item(replace(record, related=(*record.related, *notices)), told)
    return found
