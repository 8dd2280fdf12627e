"""A store in a folder of a file system: one file for each object, under its key."""

from __future__ import annotations

from repository.storage.directory.store import DirectoryStore

__all__ = ["DirectoryStore"]
