"""Words in, articles out: a DOI leads to its article, an ISSN to its journal, words to the titles that have them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from heapq import merge
from itertools import islice, pairwise

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from repository.catalogue import browse, holdings, registration
from repository.models import Article, ArticleWord, Title

LONGEST_QUERY = 300
MOST_WORDS = 8
MOST_COMPLETIONS = 20
"""How many words the last word may stand for when it is taken as a beginning."""
IN_ORDER = 1000
"""Up to so many articles are shown the newest first; more are shown as they come, every one of them once."""

_DOI = re.compile(r"(?:https?://(?:dx\.)?doi\.org/|info:doi/|doi:\s*)?(10\.\d{4,9}/\S+)", re.IGNORECASE)
_ISSN = re.compile(r"(?:issn[:\s]*)?(\d{4})-?(\d{3}[\dX])", re.IGNORECASE)
_COUNTED = 20_000
_LAST = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class Question:
    """What was typed, understood: at most one of ``doi`` and ``issn``; ``words`` folded."""

    text: str
    doi: str | None = None
    issn: str | None = None
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """One page of articles; ``after`` is the id of the last one where more follow; ``in_order``: newest first."""

    articles: tuple[browse.ArticleLine, ...]
    after: str | None
    in_order: bool


def understand(text: str) -> Question:
    """What is asked for. Never fails: what is neither DOI nor ISSN is words, and there may be none."""
    typed = " ".join("".join(c if c.isprintable() else " " for c in text[:LONGEST_QUERY]).split())
    if doi := _DOI.fullmatch(typed):
        return Question(typed, doi=doi.group(1))
    if issn := _ISSN.fullmatch(typed):
        return Question(typed, issn=f"{issn.group(1)}-{issn.group(2)}".replace("x", "X"))
    words = dict.fromkeys(registration.folded_words(typed))
    return Question(typed, words=tuple(words)[:MOST_WORDS])


def article_for(session: Session, question: Question) -> Article | None:
    """The article of the DOI that was asked for."""
    return holdings.find_article(session, question.doi) if question.doi else None


def title_for(session: Session, question: Question) -> Title | None:
    """The journal of the ISSN that was asked for."""
    return browse.title_of_issn(session, question.issn) if question.issn else None


def journals(session: Session, question: Question, limit: int) -> list[browse.TitleLine]:
    """The journals whose names hold every word that was asked for."""
    return browse.titles_with(session, question.words, limit=limit) if question.words else []


def articles(session: Session, question: Question, *, after: str | None = None, limit: int) -> Answer:
    """The articles whose titles have every word, the last word also as a beginning; those after ``after``.

    Up to :data:`IN_ORDER` of them come the newest issue first; of more, each page comes in the order of
    their ids, and walking all pages meets every article exactly once.
    """
    if not question.words:
        return Answer((), None, True)
    ordered = browse.by_newest_shelf(session, few) if (few := _all_if_few(session, question)) is not None else None
    if ordered is None:
        identifiers = list(islice(_identifiers(session, question, after or "", limit + 1), limit + 1))
    else:
        # An article that was withdrawn between two pages is not found again: the list then begins anew.
        start = ordered.index(after) + 1 if after in ordered else 0
        identifiers = ordered[start : start + limit + 1]
    more = identifiers[limit - 1] if len(identifiers) > limit else None
    return Answer(tuple(browse.article_lines(session, identifiers[:limit])), more, ordered is not None)


def _all_if_few(session: Session, question: Question) -> list[str] | None:
    found = list(islice(_identifiers(session, question, "", IN_ORDER + 1), IN_ORDER + 1))
    return found if len(found) <= IN_ORDER else None


def _identifiers(session: Session, question: Question, after: str, limit: int) -> Iterator[str]:
    """Ids greater than ``after``, in order, each once."""
    *exact, last = question.words
    streams = [_with_all(session, [*exact, word], after, limit) for word in _completions(session, last)]
    yield from _once(merge(*streams))


def _once(sorted_ids: Iterator[str]) -> Iterator[str]:
    yield from (new for old, new in pairwise(_with_start(sorted_ids)) if new != old)


def _with_start(sorted_ids: Iterator[str]) -> Iterator[str]:
    yield ""
    yield from sorted_ids


def _with_all(session: Session, words: list[str], after: str, limit: int) -> list[str]:
    """Articles that have all these words, met in the index (word, article_id) from the rarest word on."""
    words = sorted(dict.fromkeys(words), key=lambda word: _frequency(session, word))
    first = aliased(ArticleWord)
    statement = select(first.article_id).where(first.word == words[0], first.article_id > after)
    for word in words[1:]:
        other = aliased(ArticleWord)
        statement = statement.join(other, (other.article_id == first.article_id) & (other.word == word))
    return list(session.execute(statement.order_by(first.article_id).limit(limit)).scalars())


def _frequency(session: Session, word: str) -> int:
    some = select(ArticleWord.article_id).where(ArticleWord.word == word).limit(_COUNTED)
    return session.execute(select(func.count()).select_from(some.subquery())).scalar_one()


def _completions(session: Session, beginning: str) -> list[str]:
    """``beginning`` itself and the first words that begin with it, found by one seek each in the index."""
    found = [beginning]
    if len(beginning) < 3:
        return found
    word: str | None = beginning
    while word is not None and len(found) <= MOST_COMPLETIONS:
        word = session.execute(
            select(func.min(ArticleWord.word)).where(ArticleWord.word > word, ArticleWord.word < beginning + _LAST)
        ).scalar_one()
        if word is not None:
            found.append(word)
    return found
