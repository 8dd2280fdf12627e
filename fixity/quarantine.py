"""Damaged bytes are evidence: they are kept on the archive's own disk, with a report, before anything replaces them."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from fixity.audit import Hearing
from repository.bags import seal_of
from repository.catalogue.copies import CopyRef
from repository.storage import BUFFER, Store
from repository.storage.durable import sync_folder, write_text
from repository.vocabulary import as_utc_text, bag_name

_FETCHED = ".fetched-"
_FORGOTTEN_SECONDS = 86_400
"""A fetched file this old was left by a run that was killed: nothing reads it any more."""


@contextmanager
def fetched(store: Store, ref: CopyRef, folder: Path) -> Iterator[tuple[Path, str, int]]:
    """The bytes that ``store`` gives now for ``ref``, in a file of ``folder`` for the length of the block.

    Yields the file, its SHA-256 and its size; the file is durable (fsync). Raises ObjectMissing,
    StoreUnavailable, and OSError when our own disk is full or broken.
    """
    with room(folder) as path:
        with path.open("wb") as target, store.open(ref.key) as stream:
            hearing = Hearing(stream, ref.store, ref.bytes)
            while block := hearing.read(BUFFER):
                target.write(block)
            target.flush()
            os.fsync(target.fileno())
        yield path, hearing.sha256, hearing.bytes


@contextmanager
def room(folder: Path) -> Iterator[Path]:
    """An empty file of ``folder`` for the length of the block. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    _sweep(folder)
    handle, name = tempfile.mkstemp(prefix=_FETCHED, suffix=".tar", dir=folder)
    os.close(handle)
    path = Path(name)
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def keep(damaged: Path, sha256: str, ref: CopyRef, folder: Path, *, at: datetime, detail: str) -> Path:
    """``damaged`` lies in the quarantine ``folder``, durable, with a report beside it; where it lies is returned.

    The place is ``{store}/{article}-v{n}/{moment}-{sha256[:12]}.tar``. The same bytes, kept there
    before by a run that was killed before it could replace them, are kept once. The file
    ``damaged`` is moved. Raises OSError: then nothing may be replaced.
    """
    place = folder / ref.store / bag_name(ref.article_id, ref.version)
    place.mkdir(parents=True, exist_ok=True)
    for kept in sorted(place.glob(f"*-{sha256[:12]}.tar")):
        with kept.open("rb") as stream:
            if seal_of(stream)[0] == sha256 and kept.with_suffix(".json").exists():
                return kept
    target = place / f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}-{sha256[:12]}.tar"
    report = _report(ref, sha256, damaged.stat().st_size, at, detail)
    damaged.replace(target)
    write_text(target.with_suffix(".json"), json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    for changed in (place, place.parent, folder, folder.parent):
        sync_folder(changed)
    return target


def keep_report(ref: CopyRef, folder: Path, *, at: datetime, detail: str) -> Path:
    """A report, durable, of a copy whose bytes cannot be read, so that none can be kept. Raises OSError."""
    place = folder / ref.store / bag_name(ref.article_id, ref.version)
    place.mkdir(parents=True, exist_ok=True)
    target = place / f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}-unreadable.json"
    report = _report(ref, None, None, at, detail)
    write_text(target, json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    for changed in (place, place.parent, folder, folder.parent):
        sync_folder(changed)
    return target


def _report(ref: CopyRef, sha256: str | None, octets: int | None, at: datetime, detail: str) -> dict[str, object]:
    return {
        "article": ref.article_id,
        "version": ref.version,
        "store": ref.store,
        "key": ref.key,
        "seal": ref.seal,
        "bytes": ref.bytes,
        "found_sha256": sha256,
        "found_bytes": octets,
        "kept_at": as_utc_text(at),
        "detail": detail,
    }


def _sweep(folder: Path) -> None:
    for left in folder.glob(_FETCHED + "*"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > _FORGOTTEN_SECONDS:
                left.unlink()
