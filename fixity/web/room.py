"""What the pages of the night watch are given by the switchboard."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fixity.forecast import Policy
from repository.catalogue import Catalogue


@dataclass(frozen=True, slots=True)
class Dashboard:
    """The catalogue, what is promised, and where the stores stand."""

    catalogue: Catalogue
    places: Mapping[str, str]
    """Store name to where it stands."""
    policies: Mapping[str, Policy]
