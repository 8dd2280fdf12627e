"""A sentence that people will read is marked where it is written and translated where it is shown."""

from __future__ import annotations


def marked(sentence: str) -> str:
    """``sentence`` itself: its name here is what the extraction of translatable texts looks for."""
    return sentence


def counted(one: str, several: str) -> tuple[str, str]:
    """A sentence for one thing and for several, marked like the others: the language chooses between its own forms."""
    return one, several
