"""Where a request comes from, told by exactly so many proxies of our own; what anybody else says of it is nothing.

Each proxy writes behind a comma from where it was asked. So the address that the outermost of N wrote is the Nth from
the end of X-Forwarded-For, and what stands before it is the visitor's own. The header is split at every comma, whatever
else stands in it: a parser that knows quoted strings can be made to swallow what our proxies wrote.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from repository.access.networks import number
from repository.access.web.origin import ADDRESS, PEER

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_HEADER = "HTTP_X_FORWARDED_FOR"
_SCHEME = "HTTP_X_FORWARDED_PROTO"


class Hops:
    """The application behind ``hops`` proxies: REMOTE_ADDR and the scheme are those of who asked the outermost one.

    A request whose header names fewer, or no address where one has to be, is of no known address. One that has no such
    header at all was made beside the proxies, and is of its peer; it makes nobody a reader of an institution.
    """

    def __init__(self, app: WSGIApplication, hops: int) -> None:
        self._app, self._hops = app, hops

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ[PEER] = environ[ADDRESS] = environ.get("REMOTE_ADDR", "")
        if self._hops:
            said = environ.get(_HEADER)
            address = _nth(said, self._hops)
            environ[ADDRESS] = address if number(address) is not None else ""
            if said is not None:
                environ["REMOTE_ADDR"] = environ[ADDRESS]
            scheme = _nth(environ.get(_SCHEME), self._hops)
            if scheme in ("http", "https"):
                environ["wsgi.url_scheme"] = scheme
        return self._app(environ, start_response)


def _nth(said: str | None, hops: int) -> str:
    told = (said or "").split(",")
    return told[-hops].strip() if len(told) >= hops else ""
