"""Everything that is asked of an archive, as a list: its pages, its protocols, its decisions and its nightly work."""

from __future__ import annotations

from collections.abc import Iterator

from bench.cost import Question
from bench.questions import deciding, harvesting, pages, work
from bench.questions.asked import Asked

__all__ = ["Asked", "every"]


def every(asked: Asked) -> Iterator[Question]:
    """In the order in which they are told. Raises SystemExit where a list or page of the application is forgotten."""
    yield from pages.questions(asked)
    yield from harvesting.questions(asked)
    yield from deciding.questions(asked)
    yield from work.questions(asked)
