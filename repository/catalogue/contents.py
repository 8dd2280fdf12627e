"""What articles hold, as a promise asks of them, and how much of the archive is in each class."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from repository.catalogue import tallies
from repository.catalogue.parts import parts
from repository.models import Publisher, Title, TitleIssn
from repository.promise import Content, Promises


def contents(session: Session, places: Iterable[tuple[int, int]]) -> dict[tuple[int, int], Content]:
    """The content of articles, by the numbers of their title and their publisher: two questions for all of them."""
    wanted = set(places)
    issns: dict[int, set[str]] = defaultdict(set)
    for title, issn in session.execute(
        select(TitleIssn.title_id, TitleIssn.issn).where(TitleIssn.title_id.in_({title for title, _ in wanted}))
    ):
        issns[title].add(issn)
    publishers = select(Publisher.id, Publisher.name).where(Publisher.id.in_({publisher for _, publisher in wanted}))
    names = {row.id: row.name for row in session.execute(publishers)}
    return {(title, publisher): Content(names[publisher], frozenset(issns[title])) for title, publisher in wanted}


def articles_in(session: Session, promises: Promises) -> dict[str, int]:
    """How many articles each class has, by its name, as the titles of the present publishers count them.

    What it costs follows from the titles that the classes name, and from no number of articles.
    """
    found: dict[int, tuple[int, int, int]] = {}
    for one in promises.classes:
        for some in parts(sorted(one.publishers)):
            _enter(session, found, Title.publisher_id.in_(select(Publisher.id).where(Publisher.name.in_(some))))
        for some in parts(sorted(one.titles)):
            _enter(session, found, Title.id.in_(select(TitleIssn.title_id).where(TitleIssn.issn.in_(some))))
    held: Counter[str] = Counter({one.name: 0 for one in promises.classes})
    for part in parts(found.values()):
        told = contents(session, [(title, publisher) for title, publisher, _ in part])
        for title, publisher, articles in part:
            name = next((one.name for one in promises.classes if told[title, publisher] in one), None)
            if name is not None:
                held[name] += articles
    return dict(held)


def mean_days(session: Session, promises: Promises, stores: Iterable[str]) -> Mapping[str, float]:
    """For each store the promise that asks as much of it as all classes together do: their harmonic mean.

    Each class counts by its share of the articles.
    """
    if not promises.classes:
        return {store: promises.otherwise.of(store) for store in stores}
    held = articles_in(session, promises)
    every = sum(count.number for count in tallies.of(session, "articles").values())
    rest = max(every - sum(held.values()), 0)
    means = {}
    for store in stores:
        needed = rest / promises.otherwise.of(store)
        needed += sum(held[one.name] / one.promise.of(store) for one in promises.classes)
        means[store] = max(every, sum(held.values())) / needed if needed else promises.otherwise.of(store)
    return means


def _enter(session: Session, found: dict[int, tuple[int, int, int]], which: object) -> None:
    rows = session.execute(select(Title.id, Title.publisher_id, Title.articles).where(which))  # type: ignore[arg-type]
    found.update((row.id, (row.id, row.publisher_id, row.articles)) for row in rows)
