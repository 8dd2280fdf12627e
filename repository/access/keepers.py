"""The Keepers Registry's report: what of each journal is preserved, and what is still in progress.

Preserved is an issue of which every version of every article was read back intact from every store that the policy
names. At fifty million articles nobody looks at each of them: what is *not* so is found by indexes (copies by store
and state, silent copies, AIPs that a store lacks where its tally says that it lacks some), marked in one bit per issue,
and taken from the issues that are held. What this reads grows with the exceptions and with the issues, not with the
articles.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from functools import lru_cache

from sqlalchemy import Select, exists, func, select, text
from sqlalchemy.orm import Session

from repository.access.held import HeldIssue, HeldTitle
from repository.catalogue import tallies
from repository.catalogue.shelves import natural
from repository.models import WATCHED, Aip, Article, Copy, Event, Issue
from repository.vocabulary import GIVEN_UP, ArticleState, CopyState

COLUMNS = (
    "Publisher",
    "Title",
    "ISSN",
    "eISSN",
    "Preserved Volumes",
    "Preserved Years",
    "In Progress Volumes",
    "In Progress Years",
)
_NOT_INTACT = (CopyState.UNVERIFIED, CopyState.DAMAGED, CopyState.MISSING)
_AT_ONCE = 1000
_order = lru_cache(1 << 14)(natural)  # most journals have the same volumes and years


class Exceptions:
    """The issues of which something is not preserved yet: one bit each, so that any number of them has room."""

    def __init__(self, most: int) -> None:
        self._bits = bytearray(most // 8 + 1)

    def add(self, issue: int) -> None:
        """Something of this issue is not."""
        self._bits[issue >> 3] |= 1 << (issue & 7)

    def __contains__(self, issue: int) -> bool:
        # One that came after the look has not been looked at.
        return issue >> 3 >= len(self._bits) or bool(self._bits[issue >> 3] & 1 << (issue & 7))


def exceptions(session: Session, stores: Sequence[str], title_ids: Sequence[int] | None = None) -> Exceptions:
    """The issues with an article of which some version is not intact, read back and answered for in all ``stores``;
    of all journals, or of these, which are few.
    """
    found = Exceptions(session.execute(select(func.max(Issue.id))).scalar() or 0)
    for some in _found(session, stores):
        asked = _issues(some)
        if title_ids is not None:
            asked = asked.where(Article.title_id.in_(title_ids))
        rows = session.execute(asked.execution_options(yield_per=_AT_ONCE))
        for issue in rows.scalars():
            found.add(issue)
    return found


def as_of(session: Session) -> str:
    """What changes whenever a copy's state may have: the tallies of all states, and the last event that was no routine.

    A copy that is no longer intact has such an event, and one that has become so moves a tally.
    """
    counts = sorted((*key, count.number) for key, count in tallies.of(session, "copies").items())
    kept = tallies.of(session, "aips").get(("", "kept"), tallies.NOTHING)
    last = select(func.max(Event.id)).where(text(WATCHED))  # by the index of these alone
    return f"{counts} {kept.number} {session.execute(last).scalar()}"


def _found(session: Session, stores: Sequence[str]) -> Iterator[Select[int]]:
    """The AIPs that are not preserved, as questions each of which an index answers."""
    kept = tallies.of(session, "aips").get(("", "kept"), tallies.NOTHING).number
    copies = tallies.of(session, "copies")
    for store in stores:
        here = select(Copy.aip_id).where(Copy.store == store)
        yield here.where(Copy.state.in_(_NOT_INTACT))
        yield here.where(Copy.state == CopyState.INTACT, Copy.verified_at.is_(None))
        yield here.where(Copy.unreadable_since.is_not(None))
        has = sum(one.number for (place, state), one in copies.items() if place == store and state not in GIVEN_UP)
        if has != kept:
            # A store that was added lately, or a disposal under way: only then is each AIP asked for its copy there.
            lies_here = exists().where(Copy.aip_id == Aip.id, Copy.store == store, Copy.state.not_in(GIVEN_UP))
            anywhere = exists().where(Copy.aip_id == Aip.id, Copy.state.not_in(GIVEN_UP))
            yield select(Aip.id).where(~lies_here, anywhere)


def _issues(aips: Select[int]) -> Select[int]:
    among = aips.subquery()
    return (
        select(Article.issue_id)
        .join(Aip, Aip.article_id == Article.id)
        .join(among, among.c[0] == Aip.id)
        .where(Article.state == ArticleState.ACTIVE)
    )


def lines(pages: Iterable[Sequence[HeldTitle]], not_yet: Exceptions, day: date) -> Iterator[str]:
    """The report: a comment, the registry's eight columns, one row for each journal."""
    page = io.StringIO()
    writer = csv.writer(page, lineterminator="\n")
    page.write(f"#Keepers MAHFUZ serials {day.isoformat()}\n")
    writer.writerow(COLUMNS)
    for titles in pages:
        for title in titles:
            writer.writerow(row(title, not_yet))
        yield page.getvalue()
        page.seek(0)
        page.truncate()


def row(title: HeldTitle, not_yet: Exceptions) -> tuple[str, ...]:
    """The cells of one journal. A volume or a year is preserved when all is that is held of it."""
    volumes = _parted([(issue.volume, issue) for issue in title.issues if issue.volume], not_yet)
    years = _parted([(f"{issue.year:04d}", issue) for issue in title.dated], not_yet)
    names = (title.publisher, title.name, title.issn_print or "", title.issn_electronic or "")
    return (*names, volumes[0], years[0], volumes[1], years[1])


def _parted(named: Iterable[tuple[str, HeldIssue]], not_yet: Exceptions) -> tuple[str, str]:
    """The preserved among them and those in progress, as ranges."""
    whole: dict[str, bool] = {}
    for name, issue in named:
        whole[name] = whole.get(name, True) and issue.id not in not_yet
    return ranges(name for name, is_so in whole.items() if is_so), ranges(
        name for name, is_so in whole.items() if not is_so
    )


def ranges(names: Iterable[str]) -> str:
    """Volumes or years as ``1-5; 7``: numbers that follow each other are one range, all else stands by itself."""
    found: list[list[str]] = []
    for name in sorted(set(names), key=_order):
        follows = found and found[-1][-1].isdecimal() and name.isdecimal() and int(name) == int(found[-1][-1]) + 1
        if follows:
            found[-1].append(name)
        else:
            found.append([name])
    return "; ".join(some[0] if len(some) == 1 else f"{some[0]}-{some[-1]}" for some in found)
