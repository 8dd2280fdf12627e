"""An article as it is cited: in words, in RIS and in BibTeX. What the publisher did not say is in none of them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from urllib.parse import quote

from repository.lawful_text import ILLEGAL
from repository.turkish import machine_lower, tr_fold
from repository.vocabulary import ArticleRecord, Author

NAMED = 20
"""Authors who are named in words; of more, the first and the last (as in the APA style)."""

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_SPECIAL = {
    "\\": r"{\textbackslash}",
    "{": r"{\textbraceleft}",  # not \{: BibTeX counts braces, also those behind a backslash
    "}": r"{\textbraceright}",
    "~": r"{\textasciitilde}",
    "^": r"{\textasciicircum}",
    **{letter: "\\" + letter for letter in "$&#%_"},
}
_TEX = str.maketrans(_SPECIAL)


def plain(record: ArticleRecord, address: str) -> str:
    """In words, for people to copy: authors (year). Title. Journal, volume(issue), pages. DOI, or else ``address``."""
    names = [author.label for author in record.authors if author.label]
    if len(names) > NAMED:
        names = [*names[: NAMED - 1], "…", names[-1]]
    who = "; ".join(names)
    when = f"({record.year})" if record.year else ""
    numbered = (record.volume or "") + (f"({record.issue})" if record.issue else "")
    where = ", ".join(part for part in (record.journal_title, numbered, _pages(record, "–")) if part)
    parts = (" ".join(part for part in (who, when) if part), record.title, where)
    said = " ".join(_ended(_text(part)) for part in parts if part)
    return f"{said} https://doi.org/{quote(record.doi, safe='/:;()._-')}" if record.doi else f"{said} {address}"


def ris(record: ArticleRecord, address: str) -> str:
    """In RIS, UTF-8 with CRLF: one article of a journal."""
    lines = [f"{tag}  - {_text(value)}" for tag, value in _tagged(record, address) if value and _text(value)]
    return "\r\n".join(("TY  - JOUR", *lines, "ER  - ", ""))


def _tagged(record: ArticleRecord, address: str) -> Iterator[tuple[str, str | None]]:
    yield from (("AU", author.label) for author in record.authors)
    yield "TI", record.title
    yield from (("TT", title) for title in record.translated_titles.values())
    yield "T2", record.journal_title
    yield "PB", record.publisher
    yield from (("SN", issn) for issn in record.issns)
    yield "VL", record.volume
    yield "IS", record.issue
    yield "SP", record.first_page
    yield "EP", record.last_page
    yield "C7", record.elocation
    yield "PY", f"{record.year:04d}" if record.year else None
    year, *rest = (record.issue_date or "").split("-")
    # Three slashes in all, whatever of it is known.
    yield "DA", "/".join((year, *rest, "", "")[:3]) + "/" if rest else None
    yield "LA", record.language
    yield from (("AB", abstract) for abstract in record.abstracts.values())
    yield from (("KW", keyword) for keyword in record.keywords)
    yield "DO", record.doi
    yield "UR", address


def bibtex(record: ArticleRecord, address: str) -> str:
    """In BibTeX, UTF-8. What has a meaning in TeX is written so that it has none; addresses stay as they are."""
    fields: list[tuple[str, str | None]] = [
        ("author", " and ".join(name for author in record.authors if (name := _name(author)))),
        # Doubly: a style would make small letters, and not those of Turkish.
        ("title", f"{{{_tex(record.title)}}}" if record.title else None),
        ("journal", _tex(record.journal_title)),
        ("publisher", _tex(record.publisher)),
        ("issn", ", ".join(record.issns)),
        ("year", f"{record.year:04d}" if record.year else None),
        ("volume", _tex(record.volume)),
        ("number", _tex(record.issue)),
        ("pages", _tex(_pages(record, "--")) if record.first_page else None),
        ("eid", _tex(record.elocation)),
        ("language", _tex(record.language)),
        ("keywords", ", ".join(_tex(keyword) for keyword in record.keywords)),
        ("abstract", _tex(next(iter(record.abstracts.values()), None))),
        ("doi", _address(record.doi)),
        ("url", _address(address)),
    ]
    lines = [f"  {name} = {{{value}}}" for name, value in fields if value]
    date = record.issue_date or ""
    if date[5:7].isdigit() and 1 <= int(date[5:7]) <= 12:
        lines.insert(-1, f"  month = {_MONTHS[int(date[5:7]) - 1]}")
    return f"@article{{{key(record)},\n" + ",\n".join(lines) + "\n}\n"


def key(record: ArticleRecord) -> str:
    """By which an entry is cited, and the name of a file: ``yilmaz2021isparta``, in ASCII."""
    first = record.authors[0] if record.authors else Author()
    name = first.family or first.collab or first.given or ""
    words = [_ascii(word) for word in tr_fold(record.title or "").split()]
    long = next((word for word in words if len(word) > 3), "")
    made = f"{_ascii(tr_fold(name))[:24]}{record.year or ''}{long[:24]}"
    return made if made[:1].isalpha() else f"article{made}"


def _ascii(text: str) -> str:
    plain_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return machine_lower("".join(re.findall(r"[A-Za-z0-9]+", plain_text)))


def _name(author: Author) -> str:
    """A person as BibTeX parts them, ``Family, Suffix, Given``; a group, and what it would part wrongly, in braces."""
    if author.collab:
        return f"{{{_tex(author.collab)}}}"
    given: Sequence[str | None] = (author.family, author.suffix, author.given)
    parts = [_kept_whole(_tex(part)) for part in given if part]
    if len(parts) == 1 and not parts[0].startswith("{"):
        return f"{{{parts[0]}}}"
    return ", ".join(parts)


def _kept_whole(part: str) -> str:
    return f"{{{part}}}" if "," in part or re.search(r"\band\b", part, re.IGNORECASE) else part


def _pages(record: ArticleRecord, dash: str) -> str | None:
    if record.first_page and record.last_page and record.first_page != record.last_page:
        return f"{record.first_page}{dash}{record.last_page}"
    return record.first_page or record.elocation


def _ended(text: str) -> str:
    return text if text.endswith((".", "?", "!", "…")) else text + "."


def _text(value: str) -> str:
    return " ".join(ILLEGAL.sub("", value).split())


def _tex(value: str | None) -> str:
    return _text(value).translate(_TEX) if value else ""


def _address(value: str | None) -> str:
    """As it is, but for what would end the field: braces, backslashes, blanks."""
    return quote(_text(value), safe="!#$%&'()*+,/:;<=>?@[]^_`|~-.") if value else ""
