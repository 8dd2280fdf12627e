"""Holdings lists as files: each is made when what it tells has changed, and given out as it lies until it does again.

A file is named by the numbers that it was made by (the change log's, that of the rights, the triggers that stand and
the archive's day), so that another process of the archive finds it too. It is written beside its place and moved
there whole.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import NamedTemporaryFile
from threading import Lock
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from repository.access import entitled, held, kbart, keepers, marc
from repository.catalogue import Catalogue, opened
from repository.models import AccessHead, ChangeHead, Institution, Publisher
from repository.vocabulary import utc_now

ALL_TITLES = "AllTitles"
_SAFE = re.compile(r"[a-z0-9-]{1,80}")
_AT_ONCE = 64 << 10
_making = Lock()
"""One list at a time is made in a process: whoever asks for the same one waits for it, and finds it made."""


@dataclass(frozen=True, slots=True)
class Publishing:
    """What making lists is given."""

    catalogue: Catalogue
    folder: Path
    base_url: str
    """Without a slash at its end."""
    archive: str
    """The archive's name, and"""
    identifier: str
    """its identifier."""
    stores: tuple[str, ...]
    """Every store in which a copy must be intact before anything is called preserved."""
    time_zone: str = "Europe/Istanbul"
    clock: Callable[[], datetime] = utc_now

    @property
    def now(self) -> datetime:
        """The present moment in the archive's time zone."""
        return self.clock().astimezone(ZoneInfo(self.time_zone))


@dataclass(frozen=True, slots=True)
class Made:
    """A list that lies ready."""

    path: Path
    digest: str
    """The first half of its SHA-256, in hexadecimal."""
    name: str
    """Under which it is given out."""


def all_titles(given: Publishing) -> Made:
    """Everything that is held, in KBART. Raises DatabaseUnavailable, OSError; so do the others."""
    now = given.now
    return _made(
        given,
        "kbart",
        _number(given, now),
        lambda: kbart.lines(held.walk(given.catalogue, now), given.base_url),
        kbart.file_name(given.archive, ALL_TITLES, now.date()),
    )


def of_publisher(given: Publishing, publisher: Publisher) -> Made:
    """What is held of one publisher's journals, in KBART."""
    now, identifier = given.now, publisher.id
    return _made(
        given,
        f"kbart-publisher-{publisher.id}",
        _number(given, now),
        lambda: kbart.lines(held.walk(given.catalogue, now, identifier), given.base_url),
        kbart.file_name(given.archive, publisher.name, now.date()),
    )


def of_institution(given: Publishing, institution: Institution) -> Made:
    """What one institution may read for ever of what is held, in KBART."""
    now, identifier = given.now, institution.id
    return _made(
        given,
        f"kbart-institution-{institution.id}",
        _number(given, now),
        lambda: kbart.entitled_lines(entitled.walk(given.catalogue, now, identifier), given.base_url),
        f"{kbart.word(given.archive)}_{kbart.word(institution.code)}_PerpetualAccess_{now.date().isoformat()}.txt",
    )


def keepers_report(given: Publishing) -> Made:
    """What is preserved and what is in progress, for the Keepers Registry."""
    now = given.now
    with given.catalogue.reading() as session:
        copies = keepers.as_of(session)

    def lines() -> Iterator[str]:
        with given.catalogue.reading() as session:
            not_yet = keepers.exceptions(session, given.stores)
        yield from keepers.lines(held.walk(given.catalogue, now), not_yet, now.date())

    return _made(given, "keepers", f"{_number(given, now)} {copies} {given.stores}", lines, "keepers.csv")


def titles_in_marc(given: Publishing) -> Made:
    """The journals that are held, as MARCXML."""
    now = given.now
    return _made(
        given,
        "titles",
        _number(given, now),
        lambda: marc.lines(held.walk(given.catalogue, now), given.base_url, given.identifier),
        "titles.marcxml",
    )


def publisher_of(session: Session, slug: str) -> Publisher | None:
    """The publisher whose file has this name."""
    return session.execute(select(Publisher).where(Publisher.slug == slug)).scalar_one_or_none()


def _number(given: Publishing, now: datetime) -> str:
    """What grows or differs whenever a list of what is held may say something else."""
    with given.catalogue.reading() as session:
        changes = session.execute(select(ChangeHead.number)).scalar()
        rights = session.execute(select(AccessHead.number)).scalar()
        standing = [one.id for one in opened.standing(session, now)]
    return f"{changes} {rights} {standing} {now.date()} {given.base_url} {given.archive}"


def _made(given: Publishing, name: str, number: str, lines: Callable[[], Iterable[str]], shown: str) -> Made:
    assert _SAFE.fullmatch(name)
    mark = hashlib.sha256(number.encode()).hexdigest()[:16]
    found = _lying(given.folder, name, mark, shown)
    if found is not None:
        return found
    with _making:
        found = _lying(given.folder, name, mark, shown)
        if found is None:
            _write(given.folder, name, mark, lines())
            found = _lying(given.folder, name, mark, shown)
    assert found is not None
    return found


def _lying(folder: Path, name: str, mark: str, shown: str) -> Made | None:
    path = next(iter(folder.glob(f"{name}.{mark}.*")), None)
    return Made(path, path.name.rpartition(".")[2], shown) if path is not None else None


def _write(folder: Path, name: str, mark: str, lines: Iterable[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with NamedTemporaryFile(dir=folder, prefix=".making-", delete=False) as file:
        part = Path(file.name)
        try:
            for some in _gathered(lines):
                digest.update(some)
                file.write(some)
        except BaseException:
            part.unlink()
            raise
    part.replace(folder / f"{name}.{mark}.{digest.hexdigest()[:32]}")
    for old in folder.glob(f"{name}.*.*"):
        if f".{mark}." not in old.name:
            with suppress(FileNotFoundError):  # another process was as quick
                old.unlink()


def _gathered(lines: Iterable[str]) -> Iterator[bytes]:
    some: list[str] = []
    size = 0
    for line in lines:
        some.append(line)
        size += len(line)
        if size >= _AT_ONCE:
            yield "".join(some).encode("utf-8")
            some, size = [], 0
    yield "".join(some).encode("utf-8")
