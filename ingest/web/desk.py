"""What the pages of the door are given."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from ingest.deaccession import Deaccession
from ingest.feeds.feed import Feed
from ingest.survivors import Salvaging
from repository.catalogue import Catalogue


@dataclass(frozen=True, slots=True)
class Desk:
    """A catalogue, and who we are to those who are told something."""

    catalogue: Catalogue
    home: Path
    agent: str
    time_zone: str
    archive: str
    """The archive's name, as letters give it."""
    email: str
    base_url: str
    identifier: str
    """The archive's namespace in OAI identifiers, which names it for ever."""
    secret: bytes
    stores: int
    """How many stores there are, each of which keeps a copy."""
    feeds: tuple[Feed, ...] = ()
    """Where deliveries come from, as the settings name them."""
    deaccession: Deaccession | None = None
    """What withdrawing and disposing is given; None: the pages only tell of it."""
    salvaging: Salvaging | None = None
    """What a salvage is given; None: there are no pages for it."""

    def public(self, address: str) -> str:
        """An address of ours as the world reaches it."""
        return self.base_url + address[len(urlsplit(self.base_url).path) :]

    def named(self) -> dict[str, str]:
        """Who the archive is, as its signed documents say it."""
        return {"name": self.archive, "identifier": self.identifier, "base_url": self.base_url}
