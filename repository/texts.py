"""A sentence that people will read is marked where it is written and translated where it is shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


def marked(sentence: str) -> str:
    """``sentence`` itself: its name here is what the extraction of translatable texts looks for."""
    return sentence


def counted(one: str, several: str) -> tuple[str, str]:
    """A sentence for one thing and for several, marked like the others: the language chooses between its own forms."""
    return one, several


class Remark(NamedTuple):
    """A marked sentence with what fills its ``%(places)s``: worth knowing, and no reason to refuse."""

    sentence: str
    params: Mapping[str, object]

    def __str__(self) -> str:
        return self.sentence % self.params if self.params else self.sentence
