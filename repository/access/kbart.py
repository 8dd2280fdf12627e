"""KBART Phase II (NISO RP-9-2014): what is held as the file that knowledge bases read, one row per unbroken run."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from datetime import date

from repository.access.entitled import Entitled
from repository.access.held import HeldTitle, Run, runs

COLUMNS = (
    "publication_title",
    "print_identifier",
    "online_identifier",
    "date_first_issue_online",
    "num_first_vol_online",
    "num_first_issue_online",
    "date_last_issue_online",
    "num_last_vol_online",
    "num_last_issue_online",
    "title_url",
    "first_author",
    "title_id",
    "embargo_info",
    "coverage_depth",
    "notes",
    "publisher_name",
    "publication_type",
    "date_monograph_published_print",
    "date_monograph_published_online",
    "monograph_volume",
    "monograph_edition",
    "first_editor",
    "parent_publication_title_id",
    "preceding_publication_title_id",
    "access_type",
)
"""All twenty-five, in the order of the recommendation (6.6); those of monographs stay empty."""

_LABEL = re.compile(r"(?:volume|vol|cilt|issue|iss|number|num|nr|no|sayı)\b[.:]?\s*(?=\d)", re.IGNORECASE)
_BLANKS = re.compile(r"[\s\x00]+")


def lines(pages: Iterable[Sequence[HeldTitle]], base_url: str) -> Iterator[str]:
    """The file, line by line: tabs, no quotes, each line ended by a line feed; ``pages`` as :func:`held.walk` gives.

    A journal of which no issue has a date is in no row: an empty last date would say that it goes on (6.6.6).
    """
    yield line(COLUMNS)
    for page in pages:
        for title in page:
            for run in runs(title.dated):
                yield line(row(title, run, base_url, notes(title)))


def entitled_lines(pages: Iterable[Sequence[Entitled]], base_url: str) -> Iterator[str]:
    """The file of one institution; ``pages`` as :func:`entitled.walk` gives. Its notes name the licences."""
    yield line(COLUMNS)
    for page in pages:
        for one in page:
            said = f"Perpetual access by {', '.join(one.licences)}"
            for run in runs(one.title.dated):
                yield line(row(one.title, run, base_url, said))


def row(title: HeldTitle, run: Run, base_url: str, said: str) -> tuple[str, ...]:
    """The cells of one run. Its dates are years: what is known of every issue, and no more."""
    first, last = run.first, run.last
    return (
        title.name,
        title.issn_print or "",
        title.issn_electronic or "",
        f"{first.year:04d}",
        number(first.volume),
        number(first.issue),
        f"{last.year:04d}",
        number(last.volume),
        number(last.issue),
        f"{base_url}/titles/{title.address}",
        "",
        title.identifier,
        "",
        "fulltext",
        said,
        title.publisher,
        "serial",
        "",
        "",
        "",
        "",
        "",
        "",
        title.preceding or "",
        "F" if title.free else "P",
    )


def line(cells: Iterable[str]) -> str:
    """Cells as one line. No cell can break it: white space of any kind is one blank."""
    return "\t".join(_BLANKS.sub(" ", cell).strip() for cell in cells) + "\n"


def notes(title: HeldTitle) -> str:
    """What a librarian should know of what is held, in English as the other columns."""
    said = []
    if title.missing:
        said.append(f"{title.missing} of {title.expected} expected items are not held")
    undated = len(title.issues) - len(title.dated)
    if undated:
        said.append(f"{undated} more {'issue' if undated == 1 else 'issues'} without a date")
    return "; ".join(said)


def number(text: str | None) -> str:
    """A volume or an issue without the word before it (6.6.4): ``Cilt 12`` is ``12``."""
    return _LABEL.sub("", text or "", count=1).strip()


def file_name(provider: str, package: str, day: date) -> str:
    """``PROVIDER_Global_AllTitles_2026-11-27.txt`` (section 6.5): ASCII letters and digits between the underscores."""
    return f"{word(provider)}_Global_{word(package)}_{day.isoformat()}.txt"


def word(name: str) -> str:
    """A name as one word of a file's name: ASCII letters and digits."""
    plain = unicodedata.normalize("NFKD", name.replace("ı", "i")).encode("ascii", "ignore").decode()
    return "".join(re.findall(r"[A-Za-z0-9]+", plain)) or "Archive"
