"""Publishers and their journals: found by ISSN, named once, agreed or not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from repository.catalogue import turns
from repository.catalogue.parts import parts
from repository.errors import UsageError
from repository.models import Agreement, Publisher, Title, TitleIssn
from repository.turkish import tr_fold, tr_sort_key
from repository.vocabulary import ArticleRecord

_LONGEST_SLUG = 56
"""Characters: a tally's place takes 64."""


@dataclass(frozen=True, slots=True)
class AgreedTitle:
    """One line of a publisher's agreed title list (KBART columns 1 to 3)."""

    name: str
    issn_print: str | None
    issn_electronic: str | None

    @property
    def issns(self) -> tuple[str, ...]:
        """The ISSNs given, the electronic one first."""
        return tuple(issn for issn in (self.issn_electronic, self.issn_print) if issn)


def slug(name: str) -> str:
    """A publisher's name as an OAI setSpec part and in addresses: small ASCII letters, digits, hyphens.

    Cut so short that with a number after it, which tells two of them apart, it still fits where it is kept.
    """
    return re.sub(r"[^a-z0-9]+", "-", tr_fold(name)).strip("-")[:_LONGEST_SLUG].rstrip("-") or "publisher"


def publisher_named(session: Session, name: str) -> Publisher:
    """The publisher of this name, entered if new. Raises UsageError for a name that cannot stand in a bag-info line."""
    clean = " ".join(name.split())
    if not clean or len(clean) > 200 or not clean.isprintable():
        raise UsageError(
            f"{name!r} is no name of a publisher: one line of at most 200 characters, for example 'Örnek Yayınevi'"
        )
    taken, number = slug(clean), 1
    while (publisher := find_publisher(session, clean)) is None:
        while session.execute(select(Publisher.id).where(Publisher.slug == taken)).first():
            number += 1
            taken = f"{slug(clean)}-{number}"
        # On PostgreSQL another transaction may have entered the same name, or one with this slug, since we looked.
        with suppress(IntegrityError), session.begin_nested():
            session.add(Publisher(name=clean, slug=taken, titles_agreed=False))
    return publisher


def find_publisher(session: Session, name: str) -> Publisher | None:
    """The publisher of this name, if it is known."""
    return session.execute(select(Publisher).where(Publisher.name == " ".join(name.split()))).scalar_one_or_none()


def publisher_with_slug(session: Session, word: str) -> Publisher | None:
    """The publisher with this word in its addresses, if there is one."""
    return session.execute(select(Publisher).where(Publisher.slug == word)).scalar_one_or_none()


def by_id(session: Session, identifier: int) -> Title:
    """The journal with this number, which there is."""
    return session.get_one(Title, identifier)


def title_by_issn(session: Session, issns: Iterable[str]) -> Title | None:
    """The title to which the first known of these ISSNs leads."""
    for issn in issns:
        found = session.execute(
            select(Title).join(TitleIssn, TitleIssn.title_id == Title.id).where(TitleIssn.issn == issn)
        ).scalar_one_or_none()
        if found is not None:
            return found
    return None


def title_of(session: Session, publisher: Publisher, record: ArticleRecord, before: int | None = None) -> Title:
    """The journal in which ``record`` appeared, entered or completed with what the record says of it.

    ``before`` is the number of the one in which the same article stood until now. Under the same name with ISSNs
    that nobody knows it is the same journal, whose ISSN was mended: the old one still leads there.
    """
    title = title_by_issn(session, record.issns)
    if title is None and before is not None:
        stood = session.get_one(Title, before)
        if stood.folded == tr_fold(record.journal_title or ""):
            title = stood
            title.issn_print = record.issn_print or title.issn_print
            title.issn_electronic = record.issn_electronic or title.issn_electronic
            title.issn_l = record.issn_l or title.issn_l
    if title is None:
        title = _entered(session, publisher, record.journal_title or record.issns[0])
    title.issn_print = title.issn_print or record.issn_print
    title.issn_electronic = title.issn_electronic or record.issn_electronic
    title.issn_l = title.issn_l or record.issn_l
    lead_here(session, title, record.issns)
    return title


def agree(session: Session, publisher: Publisher, titles: Iterable[AgreedTitle], at: datetime) -> int:
    """Enter ``titles`` as agreed with ``publisher``, which may from now on deliver no others; how many there are."""
    every = listed(session, publisher.id, list(titles))
    for identifier in dict.fromkeys(every):
        _agreed(session, by_id(session, identifier), publisher, at)
    publisher.titles_agreed = True
    session.flush()
    return len(every)


def listed(session: Session, publisher_id: int, lines: Sequence[AgreedTitle]) -> list[int]:
    """The numbers of the journals of a whole list, line by line, in few statements however long it is.

    A journal to which none of its ISSNs leads is entered as this publisher's; ISSNs that led nowhere lead to it.
    """
    turns.take(session)
    given = {issn for line in lines for issn in line.issns}
    leading: dict[str, int] = {}
    for some in parts(sorted(given)):
        found = session.execute(select(TitleIssn.issn, TitleIssn.title_id).where(TitleIssn.issn.in_(some)))
        leading.update((row.issn, row.title_id) for row in found)
    known, here, new = set(leading), [], list[AgreedTitle]()
    for line in lines:
        place = next((leading[issn] for issn in line.issns if issn in leading), None)
        if place is None:
            new.append(line)
            place = -len(new)  # until it has a number
        for issn in line.issns:
            leading.setdefault(issn, place)
        here.append(place)
    numbers = dict(zip(range(-1, -len(new) - 1, -1), _entered_together(session, publisher_id, new), strict=True))
    session.flush()
    if ways := [{"issn": i, "title_id": numbers.get(at, at)} for i, at in leading.items() if i not in known]:
        session.execute(insert(TitleIssn), ways)
    _complete(session, lines, here)
    return [numbers.get(place, place) for place in here]


def _entered_together(session: Session, publisher_id: int, lines: Sequence[AgreedTitle]) -> Sequence[int]:
    rows = [
        {
            "publisher_id": publisher_id,
            "name": line.name,
            "sort_key": tr_sort_key(line.name),
            "folded": tr_fold(line.name),
            "issn_print": line.issn_print,
            "issn_electronic": line.issn_electronic,
            "set_issn": next(iter(line.issns), None),
            "articles": 0,
        }
        for line in lines
    ]
    entering = insert(Title).returning(Title.id, sort_by_parameter_order=True)
    return session.execute(entering, rows).scalars().all() if rows else ()


def _complete(session: Session, lines: Sequence[AgreedTitle], places: Sequence[int]) -> None:
    """What a list knows of journals that were there before, and they lacked."""
    by_title: dict[int, list[AgreedTitle]] = {}
    for line, place in zip(lines, places, strict=True):
        if place > 0:
            by_title.setdefault(place, []).append(line)
    lacking = or_(Title.issn_print.is_(None), Title.issn_electronic.is_(None), Title.set_issn.is_(None))
    for some in parts(sorted(by_title)):
        for title in session.execute(select(Title).where(Title.id.in_(some), lacking)).scalars().all():
            for line in by_title[title.id]:
                title.issn_print = title.issn_print or line.issn_print
                title.issn_electronic = title.issn_electronic or line.issn_electronic
            lead_here(session, title, [issn for line in by_title[title.id] for issn in line.issns])


def transfer(session: Session, title: Title, receiving: Publisher, on: datetime, at: datetime) -> Publisher:
    """The title goes to another publisher, whose deliveries are taken from now on; the publisher that it leaves.

    The one that it leaves may deliver until ``on``, the effective transfer date (NISO RP-24, 2.1): what it
    published before may well come late. What is held stays as it was delivered. Triggers over publishers speak of the
    title by the receiving one from the commit on, and the caller tells the feed (access.triggers.tell_of_title).
    """
    leaving = session.get_one(Publisher, title.publisher_id)
    if leaving.id == receiving.id:
        raise UsageError(f"{title.name} is with {receiving.name} already")
    if leaving.titles_agreed:
        _agreed(session, title, leaving, at).until = on
    if receiving.titles_agreed:
        _agreed(session, title, receiving, at)
    title.publisher_id = receiving.id
    session.flush()
    return leaving


def is_agreed(session: Session, publisher: Publisher, issns: Iterable[str], at: datetime) -> bool:
    """Whether this publisher may deliver this journal at ``at``: no list was agreed, or the journal is on it."""
    if not publisher.titles_agreed:
        return True
    title = title_by_issn(session, issns)
    agreement = session.get(Agreement, (title.id, publisher.id)) if title is not None else None
    return agreement is not None and (agreement.until is None or at < agreement.until)


def _agreed(session: Session, title: Title, publisher: Publisher, at: datetime) -> Agreement:
    agreement = session.get(Agreement, (title.id, publisher.id))
    if agreement is None:
        agreement = Agreement(title_id=title.id, publisher_id=publisher.id, since=at)
        session.add(agreement)
    agreement.until = None
    session.flush()
    return agreement


def _entered(session: Session, publisher: Publisher, name: str) -> Title:
    title = Title(publisher_id=publisher.id, name=name, sort_key=tr_sort_key(name), folded=tr_fold(name), articles=0)
    session.add(title)
    session.flush()
    return title


def lead_here(session: Session, title: Title, issns: Iterable[str]) -> None:
    """These ISSNs lead to ``title``, but for those that lead to another; its set is named by one that does."""
    here = []
    for issn in issns:
        leading = session.get(TitleIssn, issn)
        if leading is None:
            leading = TitleIssn(issn=issn, title_id=title.id)
            session.add(leading)
        if leading.title_id == title.id:
            here.append(issn)
    if title.set_issn is None and here:
        title.set_issn = title.issn_l if title.issn_l in here else here[0]
    session.flush()
