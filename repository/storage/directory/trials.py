"""What a file system really does, tried out on files that are staged like any others and gone afterwards."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO

from repository.storage.capabilities import Capability, Verdict
from repository.storage.durable import sync_folder

Stage = Callable[[], AbstractContextManager[tuple[Path, BinaryIO]]]


def all_trials(stage: Stage) -> Iterator[Capability]:
    """Each capability of the file system that ``stage`` makes new files in, tried when asked for. Raises OSError."""
    yield _writing(stage)
    yield _linking(stage)
    yield _syncing(stage)
    yield _names(stage)


def _writing(stage: Stage) -> Capability:
    with stage() as (new, file):
        file.write(b"what was put")
        file.flush()
        same = new.read_bytes() == b"what was put"
    return Capability("round_trip", Verdict.of(same), "the same came back" if same else "OTHER BYTES CAME", True)


def _linking(stage: Stage) -> Capability:
    """Putting rests on a link that fails when the name is taken; FAT and some network shares have none."""
    with stage() as (first, file), stage() as (second, _):
        file.write(b"first")
        file.flush()
        linked = first.with_name(first.name + ".link")
        try:
            os.link(first, linked)
            try:
                os.link(second, linked)
            except FileExistsError:
                return Capability("exclusive_link", Verdict.YES, "a second link to a taken name was refused", True)
            return Capability("exclusive_link", Verdict.NO, "a taken name WAS OVERWRITTEN", True)
        except OSError as error:
            return Capability("exclusive_link", Verdict.NO, f"no hard links here: {error.strerror}", True)
        finally:
            linked.unlink(missing_ok=True)


def _syncing(stage: Stage) -> Capability:
    with stage() as (new, file):
        try:
            os.fsync(file.fileno())
            sync_folder(new.parent)
        except OSError as error:
            return Capability("fsync", Verdict.NO, f"fsync: {error.strerror}", True)
    return Capability("fsync", Verdict.YES, "file and folder were synced", True)


def _names(stage: Stage) -> Capability:
    """Keys differ in case only by mistake, but a file system that folds them would give one bag for another."""
    with stage() as (new, _):
        folded = new.with_name("A" + new.name)
        folded.touch(exist_ok=False)
        try:
            kept = not new.with_name("a" + new.name).exists()
        finally:
            folded.unlink(missing_ok=True)
    return Capability("case_kept", Verdict.of(kept), "A and a are " + ("two names" if kept else "ONE NAME"), True)
