"""What a crosswalk is told of an item besides what the publisher said of the article."""

from __future__ import annotations

from dataclasses import dataclass

from repository.catalogue.holdings import KeptBag
from repository.jats import Front
from repository.vocabulary import Related


@dataclass(frozen=True, slots=True)
class Told:
    """One item as the archive has it at this moment.

    ``address`` is that of its page, ``identifier`` its OAI identifier. ``open``: everybody may read its files now.
    ``opened``: a trigger event opened it, to everybody or to institutions with a right to it.
    ``notices`` are the corrections and retractions that point at it; they stand among the record's relations too.
    ``front`` and ``versions`` are None and empty for formats that do not ask for them.
    """

    address: str
    identifier: str
    open: bool = False
    opened: bool = False
    notices: tuple[Related, ...] = ()
    front: Front | None = None
    versions: tuple[KeptBag, ...] = ()
    """What is kept of it, the first version first; without those that were given up."""
