"""What the pages of the night watch are given by the switchboard."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from flask import request
from sqlalchemy.orm import Session
from werkzeug.exceptions import BadRequest, NotFound

from fixity.forecast import Policy
from repository.catalogue import Catalogue, titles
from repository.models import Publisher
from repository.web import paging


@dataclass(frozen=True, slots=True)
class Dashboard:
    """The catalogue, what is promised, and where the stores stand."""

    catalogue: Catalogue
    places: Mapping[str, str]
    """Store name to where it stands."""
    policies: Mapping[str, Policy]
    agent: str
    """The program and its version, as it bears witness."""
    copies: int = 2
    """So many copies of every bag are promised."""
    threats: Mapping[str, str] = field(default_factory=dict)
    """Store name to the disaster that it would share with what stands beside it."""

    def days(self, store: str) -> float | None:
        """Within how many days a copy in this store is read; None for a store that the settings do not name."""
        policy = self.policies.get(store)
        return policy.days if policy else None


def asked_publisher(rows: Session) -> Publisher | None:
    """The publisher that the address names; None where it names none. Raises BadRequest, NotFound."""
    slug = request.args.get("publisher")
    if not slug:
        return None
    if not paging.storable(slug):
        raise BadRequest
    if (found := titles.publisher_with_slug(rows, slug)) is None:
        raise NotFound
    return found
