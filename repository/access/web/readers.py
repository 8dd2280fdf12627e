"""Who reads: the member of staff who is signed in with this browser, or nobody in particular."""

from __future__ import annotations

from repository.access.entitlement import Reader
from repository.access.staff import Role
from repository.access.web.guard import member


def reader() -> Reader:
    """The reader of the request that is being answered. Raises DatabaseUnavailable."""
    signed_in = member()
    return Reader(staff=signed_in is not None and signed_in.role == Role.STAFF)
