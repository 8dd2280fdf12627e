"""How large a generated catalogue is, and what each number in it is of."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass

STORES = ("ankara", "izmir", "van")
FIRST_YEAR, YEARS = 2001, 25
WORDS = 30_000
WORDS_OF_A_TITLE = 6
A_DELIVERY = 20
"""Articles of one delivery: they are announced together."""
LARGE_JOURNAL = 20
"""Every so many-th article is of journal 1: one journal is always much larger than the others."""


_ALPHABET = "ABCÇDEFGHIİJKLMNOÖPRSŞTUÜVYZ"


@dataclass(frozen=True)
class Size:
    """How many there are of what; the rest follows from it."""

    articles: int
    most_journals: int = 20_000
    publishers: int = 60
    institutions: int = 155
    licences: int = 1628
    in_a_list: int = 400
    """Journals in a title list, at most."""
    due: int = 1_000
    """So many copies are due, however many there are: the pass that is measured takes them and no others."""
    days: int = 360
    """Articles came on so many days, and the last of them yesterday."""
    spoken: bool = False
    """Whether records have abstracts and keywords, as they are harvested: thrice as long."""

    @property
    def journals(self) -> int:
        """One for fifty articles, until there are as many as a nation licenses."""
        return max(min(self.most_journals, self.articles // 50), self.publishers)

    @property
    def per_issue(self) -> int:
        """Articles of one issue of any journal but the large one."""
        return max(math.ceil(self.articles / self.journals / YEARS), 1)

    @property
    def largest(self) -> int:
        """Journals of publisher 1: a fifth of all."""
        return max(self.journals // 5, 1)

    @property
    def per_publisher(self) -> int:
        """Journals of each of the other publishers."""
        return max(math.ceil((self.journals - self.largest) / max(self.publishers - 1, 1)), 1)

    @property
    def deliveries(self) -> int:
        """One for twenty articles."""
        return math.ceil(self.articles / A_DELIVERY)

    def publisher_of(self, journal: int) -> int:
        """Whose journal it is; both are counted from 1."""
        return 1 if journal <= self.largest else 2 + (journal - self.largest - 1) // self.per_publisher

    def journals_of(self, publisher: int) -> range:
        """The numbers of a publisher's journals."""
        if publisher == 1:
            return range(1, self.largest + 1)
        first = self.largest + (publisher - 2) * self.per_publisher + 1
        return range(min(first, self.journals + 1), min(first + self.per_publisher, self.journals + 1))


def article_id(number: int) -> str:
    """The id of the article with this number, from 0: ids stand as evenly as the digests that they are in earnest."""
    return hashlib.md5(str(number).encode(), usedforsecurity=False).hexdigest()


def issn(number: int) -> str:
    """The ISSN of the journal with this number, with its check digit (ISO 3297)."""
    seven = f"{1_000_000 + number:07d}"
    rest = -sum(int(digit) * weight for digit, weight in zip(seven, range(8, 1, -1), strict=True)) % 11
    return f"{seven[:4]}-{seven[4:]}{'X' if rest == 10 else rest}"


def journal_name(number: int) -> str:
    """The name of the journal with this number: as many begin with each letter."""
    return f"{_ALPHABET[number % len(_ALPHABET)]}rnek Dergisi {number}"


def word(rank: int) -> str:
    """A word of titles by how frequent it is, 0 being on every fifth title; neighbours begin alike."""
    letters = ""
    for _ in range(4):
        rank, letter = divmod(rank, 26)
        letters = chr(ord("a") + letter) + letters
    return f"s{letters}"


def rank_of(share: float) -> int:
    """The word that stands at this place, from 0 to 1, of all the words of a text: Zipf's law."""
    return int(3 * math.exp(share * math.log((WORDS + 3) / 3))) - 3
