"""The pages of libraries and of publishers: each sees what is its own and changes what it may, nothing of others."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint
from flask.typing import ResponseReturnValue

from repository.access.web.guard import Route, Who, lay
from repository.web.portal import claiming, comparing, publishing, rights, setting_up, using
from repository.web.portal.room import Portal, choosing

_NUMBER = "<int(max=9223372036854775807):number>"
_GET, _POST, _BOTH = ("GET",), ("POST",), ("GET", "POST")


def _library(
    rule: str, view: Callable[..., ResponseReturnValue], methods: tuple[str, ...] = _GET, most_sent: int | None = None
) -> Route:
    return Route(f"/library/{rule}", choosing(view), Who.LIBRARIAN, methods, view.__name__, most_sent)


def _publisher(
    rule: str, view: Callable[..., ResponseReturnValue], methods: tuple[str, ...] = _GET, most_sent: int | None = None
) -> Route:
    return Route(f"/publisher/{rule}", choosing(view), Who.PUBLISHER, methods, view.__name__, most_sent)


def blueprint(portal: Portal) -> Blueprint:
    """These pages; the archive's staff open them for whom the address names."""
    return lay(
        Blueprint("portal", __name__),
        portal,
        (
            _library("", rights.rights),
            _library("compare", comparing.compare, _BOTH, comparing.MOST_UPLOADED),
            _library("compare/claim", comparing.claim_rows, _POST, comparing.MOST_SENT),
            _library("claims", claiming.claims_listed),
            _library("claims/new", claiming.claim_new, _BOTH, comparing.MOST_SENT),
            _library(f"claims/{_NUMBER}", claiming.claim, _BOTH, comparing.MOST_SENT),
            _library("documents/<word>", claiming.document),
            _library("access", setting_up.access),
            _library("access/networks", setting_up.network, _POST),
            _library("access/contacts", setting_up.contacts, _POST),
            _library("usage", using.usage_shown),
            _library("usage/<name>.<kind>", using.report),
            _library("files", using.files),
            _library("keys", using.keys, _POST),
            _publisher("", publishing.journals),
            _publisher("deliveries", publishing.deliveries),
            _publisher("claims", publishing.disputes),
            _publisher(f"claims/{_NUMBER}", publishing.dispute, _BOTH, comparing.MOST_SENT),
            _publisher("documents/<word>", publishing.evidence),
        ),
    )
