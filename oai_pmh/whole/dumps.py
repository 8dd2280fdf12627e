"""The whole of a set in one format as files: a new harvester takes millions of records at the speed of a download.

A dump is cut into parts, each an answer to ListRecords that is valid by itself, in
one gzip member. It holds what stood in the feed at its *horizon*; whoever has it
goes on by OAI-PMH with ``from`` = ``continue_from``, and misses nothing and gets
nothing twice that has not changed. A dump that was killed goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from oai_pmh import sets, wire, xml
from oai_pmh.arguments import Verb
from oai_pmh.sheaves import run
from oai_pmh.verbs import Window, write
from repository.catalogue import harvest
from repository.catalogue.feed_days import NONE, Count, Line
from repository.catalogue.sheaves import Place
from repository.errors import UsageError
from repository.storage.durable import write_text
from repository.vocabulary import ArticleState, as_utc_text

ALL = "all"
"""In the place of a setSpec: the whole feed."""

A_PART = 50_000
_A_RUN = 2_000
_WORD = re.compile(r"(?!\.)[A-Za-z0-9\-_.!~*'():]+")
_LEVEL = 6
_SETTLED = timedelta(seconds=5)
_MADE = "dump.json"
_MAKING = "making"
KEPT = 2
"""So many dumps of a set and format are kept: who is loading the last but one can end it."""


@dataclass(frozen=True, slots=True)
class Of:
    """What a dump is of."""

    prefix: str
    set_spec: str | None = None

    @property
    def is_lawful(self) -> bool:
        """Whether it can be the name of a folder: a stranger may ask for anything."""
        return all(_WORD.fullmatch(word) for word in (self.prefix, self.place))

    @classmethod
    def named(cls, prefix: str, place: str) -> Of:
        """What lies at this place of this format."""
        return cls(prefix, None if place == ALL else place)

    @property
    def place(self) -> str:
        """Of which set, as folders and addresses say it."""
        return self.set_spec or ALL

    @property
    def path(self) -> str:
        """Its place below the folder of dumps, and in addresses."""
        return f"{self.prefix}/{self.place}"


@dataclass(frozen=True, slots=True)
class FilePart:
    """One file of a dump."""

    file: str
    records: int
    bytes: int
    sha256: str


@dataclass(slots=True)
class _Progress:
    """How far a dump has come; written down with each part."""

    horizon: str
    after: tuple[str, int] | None = None
    parts: list[FilePart] = field(default_factory=list)
    count: Count = NONE


def make(window: Window, folder: Path, of: Of, stopping: Callable[[], bool] = lambda: False) -> Path | None:
    """A dump of all that stands in the feed now, in a folder of its own below ``folder``; None when asked to stop.

    Raises UsageError for a set or format that there is not, DatabaseUnavailable, OSError.
    """
    part = _part(window, of)
    place = folder / of.path
    making = place / _MAKING
    progress = _begun(window, making)
    horizon = datetime.fromisoformat(progress.horizon)
    span = harvest.Span(horizon)
    more = True
    while more:
        if stopping():
            return None
        more = _write_part(window, of, part, span, making, progress)
        _keep(making / "progress.json", asdict(progress))
    told = as_utc_text(horizon)
    _keep(making / _MADE, _description(window, of, progress))
    (making / "progress.json").unlink()
    made = place / told.replace(":", "")
    making.replace(made)
    for old in _complete(place)[KEPT:]:
        shutil.rmtree(old)
    return made


def latest(folder: Path, of: Of) -> dict[str, Any] | None:
    """The description of the newest complete dump, with ``folder``, the name of the folder of its files."""
    found = _complete(folder / of.path) if of.is_lawful else []
    if not found:
        return None
    return {**json.loads((found[0] / _MADE).read_text(encoding="utf-8")), "folder": found[0].name}


def is_due(window: Window, folder: Path, of: Of, days: int) -> bool:
    """Whether there is no complete dump that began within the last ``days``."""
    newest = latest(folder, of)
    return newest is None or datetime.fromisoformat(newest["horizon"]) <= window.now() - timedelta(days=days)


def make_due(window: Window, folder: Path, wanted: Iterable[str], days: int, stopping: Callable[[], bool]) -> None:
    """Make those of the ``wanted`` dumps (a format, or a format and a set with a slash between) that are due.

    Raises as :func:`make`.
    """
    for one in wanted:
        prefix, _, spec = one.partition("/")
        of = Of(prefix, spec or None)
        if not stopping() and is_due(window, folder, of, days):
            make(window, folder, of, stopping)


def every(folder: Path) -> list[Of]:
    """Of what there are complete dumps."""
    return [Of.named(place.parent.name, place.name) for place in sorted(folder.glob("*/*")) if _complete(place)]


def _complete(place: Path) -> list[Path]:
    """The folders of complete dumps, the newest first."""
    return sorted((one.parent for one in place.glob(f"*/{_MADE}") if one.parent.name != _MAKING), reverse=True)


def _part(window: Window, of: Of) -> harvest.Range:
    if of.prefix not in window.preparable:
        raise UsageError(f"there is no dump in the format {of.prefix!r}; there is in {', '.join(window.preparable)}")
    with window.catalogue.reading() as session:
        part = sets.range_of(session, of.set_spec)
    if part is None:
        raise UsageError(f"there is no set {of.set_spec!r}")
    return part


def _begun(window: Window, making: Path) -> _Progress:
    making.mkdir(parents=True, exist_ok=True)
    try:
        known = json.loads((making / "progress.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return _Progress(as_utc_text(window.now() - _SETTLED))
    known["parts"] = [FilePart(**part) for part in known["parts"]]
    known["count"] = Count(**known["count"])
    return _Progress(**known)


def _write_part(
    window: Window, of: Of, part: harvest.Range, span: harvest.Span, making: Path, progress: _Progress
) -> bool:
    """The next file, to the disk; whether more records follow."""
    name = f"part-{len(progress.parts) + 1:05}.xml.gz"
    after: Place | None = progress.after and (datetime.fromisoformat(progress.after[0]), progress.after[1])
    digest, size, records, more = hashlib.sha256(), 0, 0, True
    before, behind = xml.around_list(Verb.LIST_RECORDS, span.horizon, window.address, _request(of, span.horizon))
    member = wire.Member()
    with (making / name).open("wb") as file:

        def put(*pieces: bytes) -> None:
            nonlocal size
            for piece in pieces:
                digest.update(piece)
                size += file.write(piece)

        put(*member.add(before.encode()))
        while more and records < A_PART:
            with window.catalogue.reading() as session:
                found = run(
                    session,
                    part,
                    span,
                    after=after,
                    limit=min(_A_RUN, A_PART - records),
                    lying_as=window.form(of.prefix),
                    write=write(window, of.prefix),
                )
                entries = harvest.entries(session, found.numbers, records=False) if found else []
            if found is None:
                more = False
                break
            for one in wire.gathered(found.build()):
                put(*member.add(one, _LEVEL))
            for entry in entries:
                gone = entry.state == ArticleState.WITHDRAWN
                progress.count += Line(entry.article_id, entry.datestamp, gone).count
            records += found.records
            after, more = found.last, found.more
        put(*member.add(behind.encode()), member.end())
        file.flush()
        os.fsync(file.fileno())
    if records:
        progress.parts.append(FilePart(name, records, size, digest.hexdigest()))
        assert after is not None
        progress.after = (after[0].isoformat(), after[1])
    else:
        (making / name).unlink()
    return more


def _request(of: Of, horizon: datetime) -> dict[str, str]:
    asked = {"verb": str(Verb.LIST_RECORDS), "metadataPrefix": of.prefix, "until": as_utc_text(horizon)}
    return asked | ({"set": of.set_spec} if of.set_spec else {})


def _description(window: Window, of: Of, progress: _Progress) -> dict[str, Any]:
    horizon = datetime.fromisoformat(progress.horizon)
    return {
        "base_url": window.address,
        "metadata_prefix": of.prefix,
        "set": of.set_spec,
        "horizon": as_utc_text(horizon),
        "continue_from": as_utc_text(horizon + timedelta(seconds=1)),
        "records": progress.count.number,
        "deleted": progress.count.deleted,
        "digest": progress.count.hexadecimal,
        "parts": [asdict(part) for part in progress.parts],
    }


def _keep(file: Path, said: dict[str, Any]) -> None:
    write_text(file, json.dumps(said, ensure_ascii=False, indent=1))


def part(folder: Path, of: Of, made: str, file: str) -> tuple[Path, FilePart] | None:
    """One file of a dump that is kept, and what is known of it; None for anything else that a stranger asks for."""
    for place in _complete(folder / of.path) if of.is_lawful else ():
        if place.name == made:
            told = json.loads((place / _MADE).read_text(encoding="utf-8"))
            known = next((FilePart(**one) for one in told["parts"] if one["file"] == file), None)
            return (place / known.file, known) if known else None
    return None
