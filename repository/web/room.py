"""What the reading room is given by the switchboard, and the addresses that it makes from it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote, urlsplit
from zoneinfo import ZoneInfo

from flask import url_for

from repository.catalogue import Catalogue
from repository.web.streaming import Counter


@dataclass(frozen=True, slots=True)
class ReadingRoom:
    """The archive as readers meet it: its name, its address for the world, its catalogue, and its files."""

    archive: str
    base_url: str
    """Without a slash at its end. Whatever leaves the site (citations, links for machines) is made from it."""
    repository_identifier: str
    catalogue: Catalogue
    counter: Counter
    time_zone: str = "Europe/Istanbul"
    """By its days licences run."""
    oai_address: str = "/oai"
    has_sign_on: bool = False
    """Whether readers can sign on with their institution."""

    def now(self) -> datetime:
        """The present moment, in the archive's time zone."""
        return datetime.now(ZoneInfo(self.time_zone))

    def absolute(self, path: str) -> str:
        """``path`` of this site, as :func:`flask.url_for` gives it, as the world reaches it."""
        root = urlsplit(self.base_url)
        return f"{root.scheme}://{root.netloc}{path}"

    def oai_record(self, article_id: str) -> str:
        """Where the OAI-PMH record of an article is."""
        identifier = quote(f"oai:{self.repository_identifier}:{article_id}", safe=":")
        question = f"verb=GetRecord&metadataPrefix=oai_dc&identifier={identifier}"
        return f"{self.base_url}{self.oai_address}?{question}"


def file_address(article_id: str, path: str, version: int | None = None) -> str:
    """Where one file of an article is given out."""
    return url_for("reading.file", identifier=article_id, path=path, version=version)
