"""The languages of the pages, read from their ``.po`` files at the start; and every text that waits to be translated.

``python -m config.languages`` writes ``messages.pot`` and brings each ``messages.po`` up to date with it.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from functools import cache
from gettext import NullTranslations
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from babel.support import Translations

from ingest.findings import CODES
from repository.errors import UsageError

SOURCE = "en"
"""The language in which the texts are written: it needs no translation."""

_FOLDER = Path(__file__).parent / "translations"
_ROOT = Path(__file__).parent.parent
_ROOMS = ("repository", "ingest", "fixity", "oai_pmh", "config")
_KEYWORDS = {
    "_": None,
    "counted": (1, 2),
    "gettext": None,
    "marked": None,
    "ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
}
_METHODS = (("**.py", "python"), ("**/templates/**.html", "jinja2"))
_OPTIONS = {"**/templates/**.html": {"trimmed": "true", "newstyle_gettext": "true", "silent": "false"}}


def load(codes: Sequence[str], folder: Path = _FOLDER) -> dict[str, NullTranslations]:
    """The translations of these languages, in their order. Raises UsageError for one that there is not."""
    return {code: _translations(code, folder) for code in codes}


def to_translate() -> Catalog:
    """Every text that a page can show: from the templates, from the code, and from the findings of the door."""
    catalog = Catalog(project="Mahfuz", charset="utf-8", fuzzy=False)
    for place, line, message, comments, context in _extracted():
        catalog.add(message, None, [(place, line)], auto_comments=comments, context=context)
    for code, rule in CODES.items():
        for sentence in (rule.message, rule.remedy):
            catalog.add(sentence, None, auto_comments=[code])
    return catalog


def update(folder: Path = _FOLDER) -> None:
    """Write ``messages.pot`` and merge it into every ``messages.po``; what is no longer said is dropped."""
    wanted = to_translate()
    with (folder / "messages.pot").open("wb") as stream:
        write_po(stream, wanted, width=120, sort_output=True, omit_header=False, include_lineno=False)
    for file in sorted(folder.glob("*/LC_MESSAGES/messages.po")):
        known = _read(file, file.parent.parent.name)
        known.update(wanted, no_fuzzy_matching=True)
        known.obsolete.clear()
        with file.open("wb") as stream:
            write_po(stream, known, width=120, sort_output=True, include_lineno=False)


def _extracted() -> Iterator[tuple[str, int, str | tuple[str, ...], list[str], str | None]]:
    for room in _ROOMS:
        found = extract_from_dir(_ROOT / room, _METHODS, _OPTIONS, keywords=_KEYWORDS)
        for place, line, message, comments, context in found:
            yield f"{room}/{place}", line, message, comments, context


def _translations(code: str, folder: Path) -> NullTranslations:
    if code == SOURCE:
        return NullTranslations()
    file = folder / code / "LC_MESSAGES" / "messages.po"
    if not file.is_file():
        raise UsageError(f"archive.languages: there are no texts in {code!r}; for example languages = ['tr', 'en']")
    return _compiled(code, file, file.stat().st_mtime_ns)


@cache
def _compiled(code: str, file: Path, changed: int) -> Translations:  # noqa: ARG001 (a file that changed is read again)
    """Read once in a process: more than a thousand texts take a quarter of a second."""
    compiled = io.BytesIO()
    write_mo(compiled, _read(file, code))
    compiled.seek(0)
    return Translations(compiled)


def _read(file: Path, code: str) -> Catalog:
    with file.open("rb") as stream:
        return read_po(stream, locale=code)


if __name__ == "__main__":
    update()
