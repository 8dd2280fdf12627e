"""Each request has a number: in every line of the log that it causes, in its answer, and on the page of an error.

What is written of a request is how it was asked for, which page that was, what it was answered with and how long that
took: neither who asked nor what they asked for.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import structlog
from gunicorn.glogging import Logger

from repository.access.networks import number as address_number
from repository.access.web.origin import ADDRESS

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

log = structlog.get_logger(__name__)

HEADER = "X-Request-Id"
NUMBER = "mahfuz.request_id"
"""Where the number stands in a request's environment."""

_GIVEN = re.compile(r"[0-9A-Za-z_-]{8,64}")
"""No dot, no colon and no at: a number in which a proxy wrote an address or a name is not taken."""
_SIGNS = ("/healthz", "/readyz", "/metrics")


class Numbered:
    """The application, of which each request has its number; that of our own outermost proxy, where it wrote one.

    It stands behind :class:`config.proxies.Hops`, which says whether the request came by way of our proxies.
    """

    def __init__(self, app: WSGIApplication, *, behind_proxies: bool) -> None:
        self._app, self._behind_proxies = app, behind_proxies

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        number = environ[NUMBER] = self._given(environ) or uuid4().hex
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=number)
        begun = time.monotonic()
        say = log.debug if environ.get("PATH_INFO") in _SIGNS else log.info

        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            took = round(1000 * (time.monotonic() - begun))
            say("answered", method=environ.get("REQUEST_METHOD"), status=int(status[:3]), milliseconds=took)
            return start_response(status, [*headers, (HEADER, number)], *more)

        return self._app(environ, start)

    def _given(self, environ: WSGIEnvironment) -> str | None:
        by_way_of_proxies = "HTTP_X_FORWARDED_FOR" in environ and address_number(environ.get(ADDRESS, "")) is not None
        said = environ.get("HTTP_X_REQUEST_ID", "")
        taken = self._behind_proxies and by_way_of_proxies and _GIVEN.fullmatch(said)
        return said if taken else None


def forget(_worker: object, _request: object, _environ: object, _answer: object) -> None:
    """The request is over: what this thread says from now on is of none (gunicorn's ``post_request``)."""
    structlog.contextvars.clear_contextvars()


class ServerLog(Logger):  # type: ignore[misc]
    """What gunicorn has to say, in the one log that there is; without the address and the line of who asked."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True

    def warning(self, msg: str, *args: Any, **kwargs: Any) -> None:
        if str(msg).startswith("Invalid request"):
            msg, args = "a request that cannot be read as HTTP was refused", ()
        super().warning(msg, *args, **kwargs)

    def exception(self, msg: str, *args: Any, **kwargs: Any) -> None:
        if str(msg).startswith("Error handling request"):
            msg, args = "the web server could not answer a request", ()
        super().exception(msg, *args, **kwargs)
