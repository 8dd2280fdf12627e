"""The answers of an S3 server that are no failures, because the one who asked is prepared to hear them."""

from __future__ import annotations

# The statuses that one can ask to hear.
NO_STATUS: frozenset[int] = frozenset()
GONE = frozenset({404})
TAKEN = frozenset({409, 412})


class Answer(Exception):
    """A status that the caller asked to hear: never leaves this folder."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(f"{status} {code}")
        self.status = status
        self.code = code


def plain(error: BaseException) -> str:
    """What an error says, on one line; its type when it says nothing."""
    return " ".join(str(error).split()) or type(error).__name__
