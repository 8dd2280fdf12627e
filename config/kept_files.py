"""What the settings name by the file in which it is kept: passwords, keys, known hosts."""

from __future__ import annotations

from pathlib import Path

from repository.errors import UsageError


def text_in(file: Path, key: str) -> str:
    """What ``file``, given as the setting ``key``, holds. Raises UsageError when it cannot be read."""
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise UsageError(f"{key}: {file} cannot be read: {reason}") from error


def secret_in(file: Path, key: str) -> str:
    """The secret that ``file`` holds, without the space and the end of line around it.

    Raises UsageError when it cannot be read or holds nothing.
    """
    secret = text_in(file, key).strip()
    if not secret:
        raise UsageError(f"{key}: {file} holds nothing")
    return secret
