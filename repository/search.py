"""Words in, articles out: a DOI leads to its article, an ISSN to its journal, words to the titles that have them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from heapq import merge
from itertools import chain, islice, pairwise, repeat

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
_SAMPLE = 100
"""From so many it is told how many there are in all."""
_READ = (50, 200, 1000)
"""So many are read at first, then, and from then on."""
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
        identifiers = list(islice(_identifiers(session, question, after or ""), limit + 1))
    else:
        # An article that was withdrawn between two pages is not found again: the list then begins anew.
        start = ordered.index(after) + 1 if after in ordered else 0
        identifiers = ordered[start : start + limit + 1]
    more = identifiers[limit - 1] if len(identifiers) > limit else None
    return Answer(tuple(browse.article_lines(session, identifiers[:limit])), more, ordered is not None)


def _all_if_few(session: Session, question: Question) -> list[str] | None:
    """All that is found, where that is not much; None as soon as it is sure that it is more."""
    found: list[str] = []
    for identifier in _identifiers(session, question, ""):
        found.append(identifier)
        if len(found) > IN_ORDER or (len(found) == _SAMPLE and _share(identifier) * 3 * IN_ORDER < _SAMPLE):
            return None
    return found


def _share(identifier: str) -> float:
    """How much of all ids stands before this one: they are digests, and so stand evenly (vocabulary.article_id)."""
    return int(identifier[:8], 16) / (1 << 32)


def _identifiers(session: Session, question: Question, after: str) -> Iterator[str]:
    """Ids greater than ``after``, in order, each once; no more is read than is taken.

    The rarest word leads, and of what it leads to the others are asked: so a word that every second title has costs
    nothing beside one that few have.
    """
    *exact, last = question.words
    ends = _completions(session, last)
    often = {word: _frequency(session, word) for word in {*exact, *ends}}
    if len(ends) == 1:
        exact, ends = [*exact, last], []
    exact = sorted(dict.fromkeys(exact), key=often.__getitem__)
    if exact and (not ends or often[exact[0]] <= sum(often[word] for word in ends)):
        yield from _led_by(session, exact[0], exact[1:], ends, after)
    else:
        yield from _once(merge(*(_led_by(session, word, exact, [], after) for word in ends)))


def _led_by(session: Session, word: str, all_of: list[str], any_of: list[str], after: str) -> Iterator[str]:
    """The articles that have this word, all of the others and one of the last, in the index (word, article_id)."""
    first, other = aliased(ArticleWord), aliased(ArticleWord)
    here = select(other.word).where(other.article_id == first.article_id)
    statement = select(first.article_id).where(
        first.word == word, *(here.where(other.word == w).exists() for w in all_of)
    )
    if any_of:
        statement = statement.where(here.where(other.word.in_(any_of)).exists())
    for size in chain(_READ, repeat(_READ[-1])):
        page = statement.where(first.article_id > after).order_by(first.article_id).limit(size)
        found = session.execute(page).scalars().all()
        yield from found
        if len(found) < size:
            return
        after = found[-1]


def _once(sorted_ids: Iterator[str]) -> Iterator[str]:
    yield from (new for old, new in pairwise(_with_start(sorted_ids)) if new != old)


def _with_start(sorted_ids: Iterator[str]) -> Iterator[str]:
    yield ""
    yield from sorted_ids


def _frequency(session: Session, word: str) -> float:
    """How many articles have this word: counted where they are few, else told by how close its first ones stand."""
    first = select(ArticleWord.article_id).where(ArticleWord.word == word).order_by(ArticleWord.article_id)
    found = session.execute(first.limit(_SAMPLE)).scalars().all()
    return len(found) if len(found) < _SAMPLE else _SAMPLE / max(_share(found[-1]), 1 / (1 << 32))


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
