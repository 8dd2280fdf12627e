"""Articles withdrawn and shown again: the notice first, in every store, then the rows that hide or show them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import structlog

from ingest import notices
from repository.catalogue import Catalogue, changes, disposals, holdings
from repository.catalogue import notices as rows
from repository.catalogue.notices import Standing
from repository.errors import NotNow, UsageError
from repository.notice import Notice, NoticeKind
from repository.storage import Store
from repository.texts import marked
from repository.vocabulary import ArticleState

log = structlog.get_logger(__name__)

LANGUAGES = ("tr", "en")
LONGEST_REASON = 4000
_LONGEST_NAME = 120

NO_REASON = marked("A reason is needed: it stands on the page that is left in the article's place.")


@dataclass(frozen=True, slots=True)
class Deaccession:
    """What withdrawing and disposing is given to work with."""

    catalogue: Catalogue
    stores: Sequence[Store]
    """In copy order, which is the order of their turns in a disposal."""
    agent: str
    clock: Callable[[], datetime]
    wait_days: int = 30
    """From the approval of a disposal to the first store's turn."""
    delay_days: int = 7
    """From one store's turn to the next."""


def who_decides(by: str) -> str:
    """A person's name, its blanks folded. Raises NotNow for what is none."""
    by = " ".join(by.split())
    if not by or len(by) > _LONGEST_NAME or not by.isprintable():
        raise NotNow(marked("Say who decides: a name of 1 to 120 characters."))
    return by


@dataclass(frozen=True, slots=True)
class Word:
    """Who decides, and why; ``language`` is that of the reason, where it is known."""

    by: str
    reason: str
    language: str | None = None

    def checked(self) -> Word:
        """The word without outer blanks. Raises UsageError when it says nothing, or more than a page can show."""
        by, reason = who_decides(self.by), self.reason.strip()
        if not reason:
            raise NotNow(NO_REASON)
        if len(reason) > LONGEST_REASON or not all(c.isprintable() or c in "\n\r\t" for c in reason):
            raise NotNow(marked("A reason is text of at most %(number)s characters."), number=LONGEST_REASON)
        if self.language not in (None, *LANGUAGES):
            raise UsageError(f"{self.language!r} is no language of the pages: one of {', '.join(LANGUAGES)}")
        return replace(self, by=by, reason=reason)


def withdraw(work: Deaccession, id_or_doi: str, word: Word) -> Notice:
    """The article is shown no more; its bytes are kept and watched over, and a page says why in its place.

    Raises UsageError when there is none, or it is withdrawn already; Doubt when a store does not answer: nothing is
    changed then, and the same may be asked again.
    """
    return _decided(work, id_or_doi, NoticeKind.WITHDRAWAL, word)


def restore(work: Deaccession, id_or_doi: str, word: Word) -> Notice:
    """A withdrawn article is shown again. Raises as :func:`withdraw`, and while a disposal of it is under way."""
    return _decided(work, id_or_doi, NoticeKind.RESTORATION, word)


def placed(
    work: Deaccession, article_id: str, kind: NoticeKind, word: Word, about: Mapping[str, Any] | None = None
) -> Notice:
    """The notice of this decision lies in every store and has taken effect.

    One that a killed run left in the stores takes effect first: it is this one where it says the same, and else what
    is asked for is looked at anew. Raises UsageError, Doubt, WouldOverwrite.
    """
    while True:
        with work.catalogue.reading() as session:
            standing = rows.standing(session, article_id)
        left = notices.found_in(work.stores, article_id, standing.number + 1)
        begun = next((found for found in left.values() if found), None)
        if begun is None:
            _check(work, article_id, kind, standing)
        notice = notices.place(begun or _notice(work, article_id, standing, kind, word, about), work.stores)
        _take_effect(work, notice)
        if (notice.kind, notice.by, notice.reason) == (kind, word.by, word.reason):
            return notice


def _take_effect(work: Deaccession, notice: Notice) -> None:
    with work.catalogue.writing() as session:
        told = rows.enter(session, notice, agent=work.agent)
    if told is not None and notice.kind in rows.SHOWN_OR_NOT:
        changes.in_time(work.catalogue, told)
    log.info(str(notice.kind), article=notice.article_id, number=notice.number)


def _decided(work: Deaccession, id_or_doi: str, kind: NoticeKind, word: Word) -> Notice:
    word = word.checked()
    with work.catalogue.reading() as session:
        found = holdings.find_article(session, id_or_doi)
        if found is None:
            raise NotNow(marked("No article has the id or DOI %(word)s."), word=id_or_doi)
    return placed(work, found.id, kind, word)


def _check(work: Deaccession, article_id: str, kind: NoticeKind, standing: Standing) -> None:
    withdrawn = standing.state is ArticleState.WITHDRAWN
    if kind is NoticeKind.WITHDRAWAL and withdrawn:
        raise NotNow(marked("The article is withdrawn already."))
    if kind is NoticeKind.DISPOSAL and not withdrawn:
        raise NotNow(marked("The article is shown again: nothing of it is disposed of."))
    if kind is NoticeKind.RESTORATION:
        if not withdrawn:
            raise NotNow(marked("The article is not withdrawn."))
        with work.catalogue.reading() as session:
            if any(one.state in disposals.OPEN for one in disposals.of(session, article_id)):
                raise NotNow(marked("A disposal of this article is under way: cancel it first."))
            aips = [aip.id for aip in holdings.aips_of(session, article_id)]
            if disposals.gone(session, aips) == set(aips):
                raise NotNow(marked("The article was disposed of: there is nothing left to show."))


def _notice(
    work: Deaccession,
    article_id: str,
    standing: Standing,
    kind: NoticeKind,
    word: Word,
    about: Mapping[str, Any] | None,
) -> Notice:
    return Notice(
        article_id=article_id,
        number=standing.number + 1,
        kind=kind,
        at=work.clock().replace(microsecond=0),
        by=word.by,
        reason=word.reason,
        language=word.language,
        datestamp=standing.promised,
        before=standing.seal,
        about=about or {},
    )
