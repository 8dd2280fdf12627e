"""The journals that are held in MARC 21 (MARCXML), for a union catalogue: one record each, and nothing unknown said."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from xml.sax.saxutils import escape

from repository.access.held import HeldTitle, Run, runs
from repository.access.kbart import number
from repository.lawful_text import ILLEGAL

NAMESPACE = "http://www.loc.gov/MARC21/slim"

_LEADER = "     nas a22     uu 4500"
"""New, language material, serial, Unicode; encoding level and cataloguing rules unknown."""
_ONLINE = "cr |||||||||||"
_FIXED = "||||||uuuuuuuuuxx |||||o||||||||||||||||"
"""Field 008: an online resource; its dates, its frequency and its language nobody told us."""

Subfields = Sequence[tuple[str, str | None]]


def lines(pages: Iterable[Sequence[HeldTitle]], base_url: str, archive: str) -> Iterator[str]:
    """The collection; ``pages`` as :func:`repository.access.held.walk` gives. ``archive`` is its identifier (003)."""
    yield f'<?xml version="1.0" encoding="UTF-8"?>\n<collection xmlns="{NAMESPACE}">\n'
    for page in pages:
        yield "".join(record(title, base_url, archive) for title in page)
    yield "</collection>\n"


def record(title: HeldTitle, base_url: str, archive: str) -> str:
    """The record of one journal."""
    held = [designation(run) for run in runs(title.dated)]
    online, printed = title.issn_electronic, title.issn_print
    address = f"{base_url}/titles/{title.address}"
    fields = (
        _field("022", " ", " ", [("a", online or printed or title.issn_l), ("l", title.issn_l)]),
        _field("245", "0", "0", [("a", title.name)]),
        _field("264", " ", "1", [("b", title.publisher)]),
        _field("336", " ", " ", [("a", "text"), ("b", "txt"), ("2", "rdacontent")]),
        _field("337", " ", " ", [("a", "computer"), ("b", "c"), ("2", "rdamedia")]),
        _field("338", " ", " ", [("a", "online resource"), ("b", "cr"), ("2", "rdacarrier")]),
        # Not when it was published, which nobody told: what is preserved of it, and the words say so.
        _field("362", "1", " ", [("a", f"Preserved: {'; '.join(held)}" if held else None)]),
        _field("506", *(("0", " ") if title.free else ("1", " ")), _access(title.free)),
        _field("776", "0", "8", [("i", "Print version"), ("x", printed)]) if online and printed else "",
        _preceding(title),
        _field("856", "4", "0", [("u", address)]),
        *(_field("866", " ", "0", [("8", f"1.{place}"), ("a", text)]) for place, text in enumerate(held, start=1)),
    )
    return (
        f"<record><leader>{_LEADER}</leader>"
        + _control("001", title.identifier)
        + _control("003", archive)
        + _control("007", _ONLINE)
        + _control("008", _FIXED)
        + "".join(fields)
        + "</record>\n"
    )


def designation(run: Run) -> str:
    """A run as catalogues write it: ``v.5:no.1 (2009)-v.14:no.4 (2018)``."""
    first, last = (_designation(issue.volume, issue.issue, issue.year) for issue in (run.first, run.last))
    return first if first == last else f"{first}-{last}"


def _designation(volume: str | None, issue: str | None, year: int | None) -> str:
    named = ((label, number(text)) for label, text in (("v.", volume), ("no.", issue)))
    numbered = ":".join(f"{label}{text}" for label, text in named if text)
    return f"{numbered} ({year:04d})" if numbered else f"{year:04d}"


def _access(free: bool) -> Subfields:
    """Of the Standardized Terminology for Access Restriction (source code ``star``)."""
    return [("f", "Unrestricted online access" if free else "Online access with authorization"), ("2", "star")]


def _preceding(title: HeldTitle) -> str:
    if title.preceding is None:
        return ""
    return _field("780", "0", "0", [("t", title.preceding_name), ("x", title.preceding or None)])


def _control(tag: str, value: str) -> str:
    return f'<controlfield tag="{tag}">{_said(value)}</controlfield>'


def _field(tag: str, first: str, second: str, subfields: Subfields) -> str:
    """A data field with those of ``subfields`` that say something; nothing where only $2, $8 or $i would."""
    given = [(code, _said(value)) for code, value in subfields if value]
    if not any(code in "abfltux" for code, _ in given):
        return ""
    inside = "".join(f'<subfield code="{code}">{value}</subfield>' for code, value in given)
    return f'<datafield tag="{tag}" ind1="{first}" ind2="{second}">{inside}</datafield>'


def _said(value: str) -> str:
    return escape(ILLEGAL.sub("", value))
