"""Where a request came from, as the switchboard found it out: kept in its environment, where no header can write."""

from __future__ import annotations

from typing import cast

from flask import request

ADDRESS = "mahfuz.address"
"""The address of who asked the outermost of our proxies; empty where it is not known for certain."""
PEER = "mahfuz.peer"
"""The address of who has asked us: the innermost proxy, where there is one."""


def address() -> str:
    """The visitor's address, by which an institution's readers are known; empty where none is known for certain."""
    return cast(str, request.environ.get(ADDRESS, ""))


def peer() -> str:
    """The address of whoever holds the other end of our connection."""
    return cast(str, request.environ.get(PEER, ""))
