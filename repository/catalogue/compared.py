"""Two catalogues side by side, in the order of their keys: every article that one tells otherwise than the other.

A page of articles and a short transaction at a time, in constant memory; row numbers, and what a reading at another
moment changes (when a copy was last read, when it is due), are no difference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from repository.catalogue import Catalogue
from repository.models import (
    Aip,
    Alias,
    Article,
    ArticleWord,
    Copy,
    Delivery,
    File,
    Issue,
    Link,
    Notice,
    Publisher,
    Title,
)
from repository.vocabulary import CopyState, DeliveryState, as_utc_text

_PAGE = 200
_K = TypeVar("_K")

Told = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Unlike:
    """One thing that the two tell otherwise. ``what``: of what kind, ``key``: which one; None: it is not there."""

    what: str
    key: str
    ours: Any
    again: Any

    def as_json(self) -> dict[str, Any]:
        """As it is kept and printed."""
        return {"what": self.what, "key": self.key, "catalogue": self.ours, "rebuilt": self.again}


def articles(ours: Catalogue, again: Catalogue, *, first: str, last: str, number: int, whole: bool) -> Iterator[Unlike]:
    """Every difference between the articles behind ``first`` up to ``last`` (empty: to the end).

    Those announced after change ``number`` of ours are passed over: they changed while the other was written. Where
    the other is not ``whole``, a notice about an article may not be in it, which was announced with the notice once
    more: there an earlier datestamp is no difference.
    """
    pairs = _side_by_side(_told(ours, first, last), _told(again, first, last))
    for identifier, one, other in pairs:
        if one is not None and one["change"] > number:
            continue
        if one is None and other is not None and _arriving(ours, identifier, other):
            continue
        if not whole and one is not None and other is not None:
            told = one["article"]["datestamp"]
            other["article"]["datestamp"] = max(other["article"]["datestamp"], told)
        for what in _KINDS:
            mine, theirs = (told.get(what) if told is not None else None for told in (one, other))
            if mine != theirs:
                yield Unlike(what, identifier, *_where(mine, theirs))


def rows(
    what: str, key: Callable[[Told], str], ours: Iterable[Told], again: Iterable[Told], since: Callable[[Told], bool]
) -> Iterator[Unlike]:
    """Every difference between two tables told in the order of ``key``; rows that came ``since`` are passed over."""
    for name, one, other in _side_by_side(((key(row), row) for row in ours), ((key(row), row) for row in again)):
        if one != other and not (one is not None and since(one)):
            yield Unlike(what, name, *_where(one, other))


def _side_by_side(ours: Iterator[tuple[str, _K]], again: Iterator[tuple[str, _K]]) -> Iterator[tuple[str, Any, Any]]:
    one, other = next(ours, None), next(again, None)
    while one is not None or other is not None:
        if other is None or (one is not None and one[0] < other[0]):
            assert one is not None
            yield one[0], one[1], None
            one = next(ours, None)
        elif one is None or other[0] < one[0]:
            yield other[0], None, other[1]
            other = next(again, None)
        else:
            yield one[0], one[1], other[1]
            one, other = next(ours, None), next(again, None)


def _where(mine: Any, theirs: Any) -> tuple[Any, Any]:
    """Only those values that differ, where both are objects."""
    if isinstance(mine, Mapping) and isinstance(theirs, Mapping):
        names = [name for name in {**mine, **theirs} if mine.get(name) != theirs.get(name)]
        return {name: mine.get(name) for name in names}, {name: theirs.get(name) for name in names}
    return mine, theirs


def _arriving(catalogue: Catalogue, identifier: str, told: Told) -> bool:
    """Whether it has been registered since we looked, or belongs to a delivery that is just being taken in."""
    deliveries = [version["delivery"] for version in told["versions"].values()]
    with catalogue.reading() as session:
        if session.get(Article, identifier) is not None:
            return True
        going = select(Delivery.id).where(Delivery.id.in_(deliveries), Delivery.state == DeliveryState.RECEIVED)
        return session.execute(going).first() is not None


_KINDS = ("article", "versions", "files", "copies", "tombstones", "links", "words", "names")


def _told(catalogue: Catalogue, first: str, last: str) -> Iterator[tuple[str, dict[str, Any]]]:
    after = first
    while True:
        with catalogue.reading() as session:
            rows = select(Article).where(Article.id > after).order_by(Article.id).limit(_PAGE)
            page = session.execute(rows.where(Article.id <= last) if last else rows).scalars().all()
            found = _all_of(session, page)
        yield from found
        if len(page) < _PAGE:
            return
        after = page[-1].id


def _all_of(session: Session, page: Sequence[Article]) -> list[tuple[str, dict[str, Any]]]:
    ids = [article.id for article in page]
    titles = _by_id(session, select(Title.id, Title.name).where(Title.id.in_({one.title_id for one in page})))
    publishers = _by_id(session, select(Publisher.id, Publisher.name))
    issues = {
        row.id: row.shelf
        for row in session.execute(select(Issue.id, Issue.shelf).where(Issue.id.in_({one.issue_id for one in page})))
    }
    told: dict[str, dict[str, Any]] = {
        one.id: {
            "change": one.change_number,
            "article": {
                "state": one.state,
                "version": one.version,
                "doi": one.doi,
                "journal": titles[one.title_id],
                "publisher": publishers[one.publisher_id],
                "issue": issues[one.issue_id],
                "shelf": one.shelf,
                "record": one.record,
                "datestamp": as_utc_text(one.datestamp),
            },
            **{kind: {} for kind in ("versions", "files", "copies")},
            **{kind: [] for kind in ("tombstones", "links", "words", "names")},
        }
        for one in page
    }
    aips = session.execute(select(Aip).where(Aip.article_id.in_(ids)).order_by(Aip.article_id, Aip.version)).scalars()
    by_aip = {aip.id: aip for aip in aips}
    for aip in by_aip.values():
        told[aip.article_id]["versions"][str(aip.version)] = {
            "seal": aip.seal,
            "bytes": aip.bytes,
            "payload": aip.payload_digest,
            "bagging_date": aip.bagging_date,
            "delivery": aip.delivery_id,
        }
    files = select(File).where(File.aip_id.in_(by_aip)).order_by(File.aip_id, File.position)
    for file in session.execute(files).scalars():
        aip = by_aip[file.aip_id]
        told[aip.article_id]["files"][f"v{aip.version}/{file.path}"] = [
            file.position, file.offset, file.bytes, file.sha512.hex(), file.format,
        ]  # fmt: skip
    kept = select(Copy.aip_id, Copy.store, Copy.state).where(Copy.aip_id.in_(by_aip)).order_by(Copy.aip_id, Copy.store)
    kept = kept.where(Copy.state != CopyState.RETIRED)  # of a store that no rebuild reads
    for copy in session.execute(kept):
        aip = by_aip[copy.aip_id]
        told[aip.article_id]["copies"][f"v{aip.version} in {copy.store}"] = (
            "given up" if copy.state == CopyState.DISPOSED else "kept"
        )
    notices = select(Notice).where(Notice.article_id.in_(ids)).order_by(Notice.article_id, Notice.number)
    for notice in session.execute(notices).scalars():
        told[notice.article_id]["tombstones"].append([notice.number, notice.kind, notice.seal])
    for link in session.execute(select(Link).where(Link.article_id.in_(ids))).scalars():
        told[link.article_id]["links"].append([link.target, link.type])
    for word in session.execute(select(ArticleWord).where(ArticleWord.article_id.in_(ids))).scalars():
        told[word.article_id]["words"].append(word.word)
    for alias in session.execute(select(Alias).where(Alias.article_id.in_(ids))).scalars():
        told[alias.article_id]["names"].append(alias.digest)
    for one in told.values():
        for kind in ("links", "words", "names"):
            one[kind].sort()
    return [(identifier, told[identifier]) for identifier in ids]


def _by_id(session: Session, statement: Any) -> dict[int, str]:
    return {row.id: row.name for row in session.execute(statement)}
