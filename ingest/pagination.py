"""PDFs that are named by the pages or the title of their articles, as small publishers name them.

``12-19.pdf``, ``NZMJv130p12.pdf``, ``oabd_12_3_45.pdf``: a set of several articles in one XML has nothing else that
leads from an article to its PDF. A number may also be a mere place in the issue, so that a lone last number counts
only where it fits every article and every PDF that is left.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from ingest.claims import Claim, File, loose
from repository.vocabulary import ArticleRecord

_TOKEN = re.compile(r"([^\W\d_]*)(\d{1,9})(?!\d)")
_PAGE = re.compile(r"([^\W\d_]*)(\d{1,9})")
_MARKS = frozenset(("p", "pp", "pg", "page", "pages", "sayfa", "sf"))
_NO_WORD = re.compile(r"[\W_]+")
_LAST = re.compile(r"\d+\D*$")
_ORDINAL = re.compile(r"^\d+")
_LONG_ENOUGH = 24
"""Letters and digits of a title cut short that still are one title's and no other's."""

_Token = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Found:
    """An article and the PDFs that its pages or its title name; ``clear`` when it is one that fits no other article."""

    claim: Claim
    files: tuple[File, ...]
    clear: bool


def by_pages_or_title(claims: Sequence[Claim], pdfs: Sequence[File]) -> list[Found]:
    """Which of these PDFs, that no article owns, are whose of these articles, that have none.

    First and last page, a page that is called one (``p12``), or a page after volume and issue; then the title; then
    lone last numbers. A PDF that fits several articles is given to none of them and told of each.
    """
    found: list[Found] = []
    for fits in (_by_pages, _by_title):
        found += _mutual(claims, pdfs, fits)
        told = {each.claim for each in found}
        taken = {file for each in found for file in each.files}
        claims = [claim for claim in claims if claim not in told]
        pdfs = [file for file in pdfs if file not in taken]
    lone = _mutual(claims, pdfs, _by_last_number)
    whole = len(lone) == len(claims) == len(pdfs) and all(each.clear for each in lone)
    return [*found, *(lone if whole and _are_alike(pdfs) else ())]


def _are_alike(pdfs: Sequence[File]) -> bool:
    """Whether the names differ in their last number alone; a single one has to be nothing but a page of two digits."""
    before = {_LAST.sub("", file.stem) for file in pdfs}
    return len(before) == 1 and (len(pdfs) > 1 or (before == {""} and len(pdfs[0].stem) > 1))


_Fits = Callable[[Sequence[Claim], Sequence[File]], Iterable[tuple[Claim, File]]]


def _mutual(claims: Sequence[Claim], pdfs: Sequence[File], fits: _Fits) -> list[Found]:
    of_claim: dict[Claim, list[File]] = defaultdict(list)
    of_file: dict[File, list[Claim]] = defaultdict(list)
    for claim, file in fits(claims, pdfs):
        of_claim[claim].append(file)
        of_file[file].append(claim)
    return [
        Found(claim, tuple(files), clear=len(files) == 1 and len(of_file[files[0]]) == 1)
        for claim, files in of_claim.items()
    ]


def _by_pages(claims: Sequence[Claim], pdfs: Sequence[File]) -> Iterable[tuple[Claim, File]]:
    by_last: dict[int, list[tuple[File, list[_Token]]]] = defaultdict(list)
    for file in pdfs:
        if tokens := _tokens(file.stem):
            by_last[tokens[-1][1]].append((file, tokens))
    for claim in claims:
        record = _record(claim)
        first, last = _page(record.first_page or record.elocation), _page(record.last_page)
        if first is None:
            continue
        for number in {first[1], *((last[1],) if last else ())}:
            for file, tokens in by_last.get(number, ()):
                if _is_range(tokens, first, last) or _is_marked(tokens, first) or _is_placed(tokens, first, record):
                    yield claim, file


def _by_last_number(claims: Sequence[Claim], pdfs: Sequence[File]) -> Iterable[tuple[Claim, File]]:
    by_last: dict[_Token, list[File]] = defaultdict(list)
    for file in pdfs:
        if tokens := _tokens(file.stem):
            by_last[tokens[-1]].append(file)
    for claim in claims:
        first = _page(_record(claim).first_page)
        for file in by_last.get(first, ()) if first else ():
            yield claim, file


def _by_title(claims: Sequence[Claim], pdfs: Sequence[File]) -> Iterable[tuple[Claim, File]]:
    names = [(file, {_slug(file.stem), _ORDINAL.sub("", _slug(file.stem))} - {""}) for file in pdfs]
    whole: dict[str, list[File]] = defaultdict(list)
    cut: dict[str, list[tuple[str, File]]] = defaultdict(list)
    for file, slugs in names:
        for slug in slugs:
            whole[slug].append(file)
            if len(slug) >= _LONG_ENOUGH:
                cut[slug[:_LONG_ENOUGH]].append((slug, file))
    for claim in claims:
        record = _record(claim)
        fitting: dict[File, None] = {}
        for title in filter(None, (record.title, *record.translated_titles.values())):
            slug = _slug(title)
            fitting.update(dict.fromkeys(whole.get(slug, ())))
            begun = cut.get(slug[:_LONG_ENOUGH], ())
            fitting.update(dict.fromkeys(file for name, file in begun if slug.startswith(name)))
        for file in fitting:
            yield claim, file


def _is_range(tokens: list[_Token], first: _Token, last: _Token | None) -> bool:
    """``45-52``; of an article on one page ``45-45``, if the name is nothing else."""
    if last is None or len(tokens) < 2 or (first == last and len(tokens) > 2):
        return False
    return _same(tokens[-2], first) and tokens[-1][1] == last[1]


def _is_marked(tokens: list[_Token], first: _Token) -> bool:
    letters, number = tokens[-1]
    return number == first[1] and (letters in _MARKS if not first[0] else letters == first[0])


def _is_placed(tokens: list[_Token], first: _Token, record: ArticleRecord) -> bool:
    """``…12_3_45``: volume, issue where there is one, page."""
    place = [text for text in (record.volume, record.issue) if text]
    numbers = [page[1] for text in place if (page := _page(text))]
    before = [number for _, number in tokens[:-1]]
    return bool(
        record.volume and len(numbers) == len(place) and before[-len(numbers) :] == numbers and _same(tokens[-1], first)
    )


def _same(token: _Token, page: _Token) -> bool:
    return token[1] == page[1] and (token[0] == page[0] or (not page[0] and token[0] in _MARKS))


def _tokens(stem: str) -> list[_Token]:
    return [(each[1], int(each[2])) for each in _TOKEN.finditer(loose(stem))]


def _page(text: str | None) -> _Token | None:
    found = _PAGE.fullmatch(loose(text or "").strip())
    return (found[1], int(found[2])) if found else None


def _record(claim: Claim) -> ArticleRecord:
    return claim.described.record if claim.described else ArticleRecord()


def _slug(text: str) -> str:
    """Only letters and digits, without their marks: what is left of a title in a file's name."""
    bare = "".join(each for each in unicodedata.normalize("NFKD", loose(text)) if not unicodedata.combining(each))
    return _NO_WORD.sub("", bare)
