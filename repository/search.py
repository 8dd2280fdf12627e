"""Words in, articles out: a DOI leads to its article, an ISSN to its journal, words to the titles that have them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from heapq import merge
from itertools import chain, pairwise, repeat

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
LOOKED_AT = 10_000
"""So many entries of the index are looked at for one page: words that are everywhere cost no more than that."""

_Entry = tuple[str, bool]
"""The id of an article, and whether it has all words: one that has not says how far it was looked."""

_NEWEST, _BY_ID = "n", "i"
_KEY = re.compile(rf"(?P<order>[{_NEWEST}{_BY_ID}])(?P<id>[0-9a-f]{{32}})")
_SAMPLE = 100
"""From so many it is told how many there are in all."""
_READ = (200, 2000, 8000)
"""So many are read at first, then, and from then on: in few parts, since to plan a question of eight words takes longer
than to answer it."""
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
    """One page of articles.

    ``after`` is the key of the next page where there is more to see; ``in_order``: the newest first; ``looked_at``:
    where the search was broken off before the page was full, how much of all articles it had gone through by then,
    from 0 to 1.
    """

    articles: tuple[browse.ArticleLine, ...]
    after: str | None = None
    in_order: bool = True
    looked_at: float | None = None


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
    """The articles whose titles have every word, the last word also as a beginning; those after the page of ``after``.

    Up to :data:`IN_ORDER` of them come the newest issue first; of more, each page comes in the order of
    their ids, and walking all pages meets every article exactly once. No page looks at more than :data:`LOOKED_AT`
    entries: of words that stand together in few titles and alone in very many, a page may show less than ``limit``
    articles, or none, and still have one after it.
    """
    if not question.words:
        return Answer(())
    key = _KEY.fullmatch(after or "")
    if key is not None and key["order"] == _BY_ID:
        return _unordered(session, _Seen.of(_entries(session, question, key["id"]), limit), limit)
    seen = _Seen.of(_entries(session, question, ""), IN_ORDER, early=True)
    if seen.more or seen.until is not None:
        return _unordered(session, seen, limit)
    ordered = browse.by_newest_shelf(session, seen.found)
    # An article that was withdrawn between two pages is not found again: the list then begins anew.
    start = ordered.index(key["id"]) + 1 if key is not None and key["id"] in ordered else 0
    shown = ordered[start : start + limit]
    more = _NEWEST + shown[-1] if len(ordered) > start + limit else None
    return Answer(tuple(browse.article_lines(session, shown)), more)


def _unordered(session: Session, seen: _Seen, limit: int) -> Answer:
    shown = seen.found[:limit]
    lines = tuple(browse.article_lines(session, shown))
    if len(seen.found) > limit or seen.more:
        return Answer(lines, _BY_ID + shown[-1], in_order=False)
    if seen.until is None:
        return Answer(lines, in_order=False)
    return Answer(lines, _BY_ID + seen.until, in_order=False, looked_at=_share(seen.until))


@dataclass(frozen=True, slots=True)
class _Seen:
    """What was found, in the order of ids, and why not more: there are ``more``, or it was looked ``until`` here."""

    found: list[str]
    more: bool = False
    until: str | None = None

    @classmethod
    def of(cls, entries: Iterator[_Entry], most: int, *, early: bool = False) -> _Seen:
        """Up to ``most`` of them; ``early``: fewer, as soon as it is sure that there are more."""
        found: list[str] = []
        for identifier, matches in entries:
            if not matches:
                return cls(found, until=identifier)
            if len(found) == most:
                return cls(found, more=True)
            found.append(identifier)
            if early and len(found) == _SAMPLE and _share(identifier) * 3 * most < _SAMPLE:
                return cls(found, more=True)
        return cls(found)


def _share(identifier: str) -> float:
    """How much of all ids stands before this one: they are digests, and so stand evenly (vocabulary.article_id)."""
    return int(identifier[:8], 16) / (1 << 32)


def _entries(session: Session, question: Question, after: str) -> Iterator[_Entry]:
    """What matches of the ids greater than ``after``, in order, each once; no more is read than is taken.

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
        yield from _led_by(session, exact[0], exact[1:], ends, after, LOOKED_AT)
    else:
        share = max(LOOKED_AT // len(ends), 1)
        yield from _once(merge(*(_led_by(session, word, exact, [], after, share) for word in ends)))


def _led_by(
    session: Session, word: str, all_of: list[str], any_of: list[str], after: str, most: int
) -> Iterator[_Entry]:
    """The articles that have this word, all of the others and one of the last, in the index (word, article_id).

    After ``most`` entries of this word it is broken off, and the last of them is given as one that does not match.
    """
    first, other = aliased(ArticleWord), aliased(ArticleWord)
    here = select(other.word).where(other.article_id == first.article_id)
    asked = [here.where(other.word == w).exists() for w in all_of]
    if any_of:
        asked.append(here.where(other.word.in_(any_of)).exists())
    for size in chain(_READ, repeat(_READ[-1])):
        some = select(first.article_id).where(first.word == word, first.article_id > after).order_by(first.article_id)
        if not asked:
            found = session.execute(some.limit(size)).scalars().all()
            yield from ((identifier, True) for identifier in found)
            if len(found) < size:
                return
            after = found[-1]
            continue
        part = some.limit(min(size, most)).subquery()
        until, looked = session.execute(select(func.max(part.c.article_id), func.count()).select_from(part)).one()
        if until is None:
            return
        matching = session.execute(some.where(first.article_id <= until, *asked)).scalars().all()
        yield from ((identifier, True) for identifier in matching)
        if looked < min(size, most):
            return
        most -= looked
        if not most:
            yield until, False
            return
        after = until


def _once(entries: Iterator[_Entry]) -> Iterator[_Entry]:
    """Sorted entries without those that several words led to."""
    return (new for old, new in pairwise(chain([("", False)], entries)) if new != old)


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
