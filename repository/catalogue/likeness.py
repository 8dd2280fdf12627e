"""Whether two descriptions can be of one work: a slip in the title mended, a place not given yet, nothing in common."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import SequenceMatcher

from repository.turkish import tr_fold
from repository.vocabulary import ArticleRecord

_COMPARED = 500
"""At most so many letters of two titles are compared."""
_NEARLY = 0.9
"""So like each other are a title and the same with a slip mended;"""
_WORDS_NEARLY = 0.7
"""so like each other a word and the same with a slip mended;"""
_UNLIKE = 0.6
"""and less than so much the titles of two works."""
_SHORT = 3
_NUMBER = re.compile(r"\d|^[ivxlc]+$")


def is_mended(record: ArticleRecord, held: ArticleRecord) -> bool:
    """Whether two records by one author on one page are one work whose title was mended.

    Notes and abstracts may share a page: unless each goes on to another one, not even a word may be another word, and
    no number or letter another ("birinci bölüm" and "ikinci bölüm", "C vitamini" and "E vitamini").
    """
    ours, theirs = (tr_fold(each.title or "")[:_COMPARED] for each in (record, held))
    if record.is_notice != held.is_notice or _ratio(ours, theirs) < _NEARLY:
        return False
    return (_has_its_page(record) and _has_its_page(held)) or _differ_by_a_slip(ours.split(), theirs.split())


def one_is_ahead(record: ArticleRecord, held: ArticleRecord) -> bool:
    """Whether two records with one title and first author are one work, of which one says nothing of its place yet.

    A notice often bears the title of the article that it is about, and an editorial that of the year before: a notice
    is another work, and so is what no year of the one brings near the other.
    """
    return (
        not (_stands(record) and _stands(held)) and record.is_notice == held.is_notice and _near_in_time(record, held)
    )


def is_other_work(record: ArticleRecord, held: ArticleRecord) -> bool:
    """Whether two records under one DOI are surely of two works: no title, no person and no place in common."""
    ours, theirs = (_people(each) for each in (record, held))
    if not (ours and theirs and _stands(record) and _stands(held)) or ours & theirs:
        return False
    if all(getattr(record, part) == getattr(held, part) for part in ("volume", "issue", "first_page", "elocation")):
        return False
    titles = [(one, other) for one in _titles(record) for other in _titles(held)]
    return bool(titles) and all(_ratio(one, other) < _UNLIKE for one, other in titles)


def _ratio(one: str, other: str) -> float:
    return SequenceMatcher(None, one, other, autojunk=False).ratio()


def _differ_by_a_slip(ours: list[str], theirs: list[str]) -> bool:
    for kind, begin, end, other_begin, other_end in SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes():
        some, others = ours[begin:end], theirs[other_begin:other_end]
        if kind == "equal":
            continue
        if any(len(word) < _SHORT or _NUMBER.search(word) for word in (*some, *others)):
            return False
        if _ratio("".join(some), "".join(others)) < _WORDS_NEARLY:
            return False
    return True


def _has_its_page(record: ArticleRecord) -> bool:
    """Whether no other article by the same author can begin where this one does and go on as well."""
    return bool(record.elocation) or record.last_page not in (None, record.first_page)


def _stands(record: ArticleRecord) -> bool:
    return bool(record.volume or record.issue or record.first_page or record.elocation)


def _near_in_time(record: ArticleRecord, held: ArticleRecord) -> bool:
    ours, theirs = (
        [int(date[:4]) for date in each.published.values() if date[:4].isdigit()] for each in (record, held)
    )
    return not (ours and theirs) or min(abs(one - other) for one in ours for other in theirs) <= 1


def _people(record: ArticleRecord) -> set[str]:
    return {tr_fold(each.collab or each.family or each.given or "") for each in record.authors} - {""}


def _titles(record: ArticleRecord) -> Iterator[str]:
    for title in (record.title, *record.translated_titles.values()):
        if title:
            yield tr_fold(title)[:_COMPARED]
