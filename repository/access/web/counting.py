"""What readers do is noted when the answer has gone out whole: no answer waits for it, and none fails by it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any

import counter_robots
from flask import Flask, Response, after_this_request, current_app, request, session

from repository.access.counting import Book
from repository.access.entitlement import Decision
from repository.access.usage import NO_YEAR, THE_WORLD, Act, Use, access_type
from repository.access.web.readers import of_request
from repository.models import Article
from repository.turkish import machine_lower
from repository.vocabulary import ArticleRecord

log = logging.getLogger(__name__)

_EXTENSION = "mahfuz usage"
_TEXTS = (".pdf", ".html", ".htm", ".xhtml", ".xml", ".epub")
"""Files that are an article's text; any other (a picture, a table, supplementary matter) is something beside it."""


def keep(app: Flask, book: Book) -> None:
    """From now on the use of ``app`` is counted in ``book``."""
    app.extensions[_EXTENSION] = book


def shown(article: Article, decision: Decision) -> None:
    """The page that is being made shows what is known of this article."""
    _after(lambda book: _use(book, Act.INVESTIGATION, article, decision))


def refused(article: Article, decision: Decision) -> None:
    """The page that is being made says why this article's file is not given."""
    _after(lambda book: _use(book, Act.REFUSAL, article, decision), status=403)


def searched(question: str) -> None:
    """The page that is being made answers a search. Going on to its next page is none."""
    if question.strip() and not request.args.get("after"):
        _after(_search)


def given(article: Article, decision: Decision, answer: Response) -> Response:
    """``answer``, which carries a file of this article: when it has been sent to its end, that is a request.

    What was broken off is none; nor is HEAD. A reader who has it already and is told so (304) has asked for it too
    (section 7.1). Parts, as readers of PDF ask for them, are one together.
    """
    if request.method == "GET" and answer.status_code in (200, 206, 304):
        part = answer.status_code == 206

        def make(book: Book) -> Use | None:
            is_text = machine_lower(request.path).endswith(_TEXTS)
            act = Act.INVESTIGATION if not is_text else Act.PART if part else Act.REQUEST
            return _use(book, act, article, decision)

        note = _noting(make)
        if note is not None and answer.status_code == 304:
            answer.call_on_close(note)
        elif note is not None:
            answer.response = _to_the_end(answer.response, note)
    return answer


def _after(make: Callable[[Book], Use | None], status: int = 200) -> None:
    note = _noting(make) if request.method == "GET" else None
    if note is None:
        return

    @after_this_request
    def _told(answer: Response) -> Response:
        if answer.status_code == status:
            answer.call_on_close(note)
        return answer


def _noting(make: Callable[[Book], Use | None]) -> Callable[[], None] | None:
    """What notes the use that is made now, when it is called; None where nothing is to be counted."""
    book: Book | None = current_app.extensions.get(_EXTENSION)
    if book is None:
        return None
    try:
        use = make(book)
    except Exception:
        log.exception("use is not counted")
        return None
    return None if use is None else lambda: book.note(use)


def _search(book: Book) -> Use | None:
    who = _who(book)
    return Use(Act.SEARCH, book.clock(), who[0], who[1]) if who else None


def _use(book: Book, act: Act, article: Article, decision: Decision) -> Use | None:
    who = _who(book)
    if who is None:
        return None
    return Use(
        act,
        book.clock(),
        *who,
        link=request.path,
        item=article.id,
        title_id=article.title_id,
        year=ArticleRecord.from_json(article.record).year or NO_YEAR,
        access_type=access_type(decision.reason_code),
    )


def _who(book: Book) -> tuple[int, str] | None:
    """The institution, and what tells its readers apart; None for staff and for what is no person.

    A browser with a session is told by it, else by address and User-Agent (section 7.3).
    """
    agent = request.headers.get("User-Agent", "")[:1000]
    asking = of_request(book.catalogue)
    if asking.staff or _is_no_person(agent):
        return None
    own: Any = session._get_current_object()  # type: ignore[attr-defined]
    user = getattr(own, "secret", None) or f"{request.remote_addr}\x1f{agent}"
    return asking.institution_id or THE_WORLD, user


@lru_cache(4096)
def _is_no_person(agent: str) -> bool:
    """Whether it is a robot or a tool by COUNTER's list; the list has the empty name too."""
    return bool(counter_robots.is_robot(agent) or counter_robots.is_machine(agent))


def _to_the_end(parts: Iterable[Any], note: Callable[[], None]) -> Iterator[Any]:
    try:
        yield from parts
        note()
    finally:
        close = getattr(parts, "close", None)
        if close is not None:
            close()
