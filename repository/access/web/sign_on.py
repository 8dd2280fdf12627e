"""Where a reader comes from: choose an institution, sign on there, come back to the page that was asked for.

No account is made and nothing of the person is kept: of all that an identity provider says only the institution is
remembered, by the reader's own browser, for some hours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import Any
from urllib.parse import quote, urlsplit

import structlog
from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from itsdangerous import BadData, URLSafeSerializer
from werkzeug.exceptions import BadRequest, Forbidden, NotFound

from repository.access import readers, sign_on
from repository.access.openid import OpenId, SignOnFailed
from repository.access.readers import How
from repository.access.sign_on import Asserted, Refused
from repository.access.trusted import Front, Provider, Rules
from repository.access.web import origin, sign_on_front
from repository.access.web.guard import Route, lay
from repository.access.web.readers import known, sign_on_cookie
from repository.access.web.within import local_path
from repository.catalogue import Catalogue
from repository.texts import marked
from repository.vocabulary import utc_now

log = structlog.get_logger(__name__)

A_PAGE = 40
MOST = 1000
_ONE_TRY = timedelta(minutes=10)
NOT_ANSWERED = marked(
    "The sign-in of your institution did not answer as it should. Try again; if it stays so, tell your library."
)
STALE = marked("This sign-in was begun too long ago, or in another browser. Begin it again.")


@dataclass(frozen=True, slots=True)
class SignOn:
    """What signing on is given by the switchboard."""

    catalogue: Catalogue
    secret_key: bytes = field(repr=False)
    base_url: str
    """Without a slash at its end."""
    secure: bool
    rules: Rules
    front: Front | None
    providers: Mapping[str, OpenId]

    @property
    def cookie(self) -> str:
        """What a browser brings back from the provider to which it was sent."""
        return "__Host-mahfuz-openid" if self.secure else "mahfuz-openid"

    @property
    def signer(self) -> URLSafeSerializer:
        """What makes that cookie ours."""
        return URLSafeSerializer(self.secret_key, salt="mahfuz sign-on under way")

    def absolute(self, path: str) -> str:
        """``path`` of this site as the world reaches it."""
        root = urlsplit(self.base_url)
        return f"{root.scheme}://{root.netloc}{path}"


def opened(providers: tuple[Provider, ...]) -> Mapping[str, OpenId]:
    """The providers by their names; none of them is asked for anything yet."""
    return MappingProxyType({one.name: OpenId(one) for one in providers})


def choose(room: SignOn) -> ResponseReturnValue:
    """Where are you from: the institutions, searched by name; or who is signed on already."""
    words, wanted = request.args.get("q", "")[:200], _wanted()
    with room.catalogue.reading() as rows:
        who = known(rows)
        found = readers.libraries(rows, "".join(c for c in words if c.isprintable()), after=None, limit=A_PAGE + 1)
    return render_template(
        "access/institutions.html",
        words=words,
        wanted=wanted,
        libraries=[one for one, _ in found[:A_PAGE]],
        more=len(found) > A_PAGE,
        hubs=[one.provider for one in room.providers.values() if one.provider.hub],
        who=who,
        signed_out="out" in request.args,
        logout_url=room.front.logout_url if room.front else "",
    )


def at(room: SignOn, code: str) -> ResponseReturnValue:
    """To the sign-on of one institution; where it has none, what else its readers can do."""
    with room.catalogue.reading() as rows:
        library = readers.library(rows, code)
        entities = sign_on.entities_of(rows, [library.id]).get(library.id, []) if library else []
    if library is None:
        raise NotFound
    for provider in room.providers.values():
        if provider.provider.issuer in entities:
            return _sent(room, provider)
    if room.front is not None and entities:
        target = room.absolute(url_for("sign_on.front", next=_wanted()))
        return redirect(room.front.login_url.format(entity=quote(entities[0], safe=""), target=quote(target, safe="")))
    hubs = [one.provider for one in room.providers.values() if one.provider.hub]
    return render_template("access/institution.html", library=library, hubs=hubs, wanted=_wanted())


def front(room: SignOn) -> ResponseReturnValue:
    """Back from the front, which has signed somebody on: it alone is believed."""
    if room.front is None:
        raise NotFound
    if not sign_on_front.speaks(room.front, request, origin.peer()):
        log.warning("a sign-on that did not come from the front")
        raise Forbidden
    asserted = sign_on_front.asserted(room.front, request)
    if asserted is None:
        return _refused(Refused.UNKNOWN_PROVIDER)
    return _admitted(room, asserted, How.SAML, _wanted())


def begin(room: SignOn, name: str) -> ResponseReturnValue:
    """To an OpenID provider."""
    if name not in room.providers:
        raise NotFound
    return _sent(room, room.providers[name])


def back(room: SignOn, name: str) -> ResponseReturnValue:
    """Back from an OpenID provider: with the state of this browser, once, and within ten minutes."""
    if name not in room.providers:
        raise NotFound
    under_way = _under_way(room, name)
    if under_way is None or not _same_state(under_way):
        return _said(STALE, BadRequest.code)
    code = request.args.get("code", "")
    if not code or "error" in request.args:
        return _ended(room, _said(NOT_ANSWERED, Forbidden.code))
    try:
        asserted = room.providers[name].finish(
            _redirect_uri(room, name), code, under_way["nonce"], under_way["verifier"]
        )
    except SignOnFailed as error:
        log.warning("a sign-on failed", provider=name, reason=str(error))
        return _ended(room, _said(NOT_ANSWERED, Forbidden.code))
    return _ended(room, _admitted(room, asserted, How.OPENID, local_path(str(under_way["next"])) or ""))


def leave(_room: SignOn) -> ResponseReturnValue:
    """Signed out: the browser remembers no institution any more."""
    answer = make_response(redirect(url_for("sign_on.choose", out=1), 303))
    sign_on_cookie().forget(answer)
    return answer


def _sent(room: SignOn, provider: OpenId) -> ResponseReturnValue:
    name = provider.provider.name
    try:
        begun = provider.begin(_redirect_uri(room, name))
    except SignOnFailed as error:
        log.warning("a sign-on could not begin", provider=name, reason=str(error))
        return _said(NOT_ANSWERED, 502)
    answer = make_response(redirect(begun.url))
    until = utc_now() + _ONE_TRY
    kept = {"provider": name, "state": begun.state, "nonce": begun.nonce, "verifier": begun.verifier}
    text = str(room.signer.dumps(kept | {"next": _wanted(), "until": int(until.timestamp())}))
    seconds = int(_ONE_TRY.total_seconds())
    answer.set_cookie(room.cookie, text, max_age=seconds, path="/", secure=room.secure, httponly=True, samesite="Lax")
    return answer


def _under_way(room: SignOn, name: str) -> dict[str, Any] | None:
    try:
        kept: dict[str, Any] = room.signer.loads(request.cookies.get(room.cookie, ""))
    except BadData:
        return None
    return kept if kept["provider"] == name and kept["until"] > utc_now().timestamp() else None


def _same_state(under_way: Mapping[str, Any]) -> bool:
    return request.args.getlist("state") == [under_way["state"]]


def _ended(room: SignOn, answer: ResponseReturnValue) -> ResponseReturnValue:
    """One try is one try: whatever came of it, the browser forgets how it began."""
    made = make_response(answer)
    made.delete_cookie(room.cookie, path="/", secure=room.secure, httponly=True, samesite="Lax")
    return made


def _admitted(room: SignOn, asserted: Asserted, how: How, wanted: str) -> ResponseReturnValue:
    with room.catalogue.reading() as rows:
        matched = sign_on.institution_for(rows, asserted, room.rules)
    log.info("sign-on", how=str(how), provider=asserted.provider, institution=matched.code, refused=matched.refused)
    if matched.code is None:
        return _refused(matched.refused or Refused.NOT_A_MEMBER)
    answer = make_response(redirect(wanted or url_for("reading.home"), 303))
    sign_on_cookie().write(answer, matched.code, how)
    return answer


def _refused(why: Refused) -> ResponseReturnValue:
    return _said(sign_on.SENTENCES[why], Forbidden.code)


def _said(sentence: str, status: int) -> ResponseReturnValue:
    answer = Response(render_template("access/not_signed_on.html", sentence=sentence, wanted=_wanted()), status)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _redirect_uri(room: SignOn, name: str) -> str:
    return room.absolute(url_for("sign_on.back", name=name))


def _wanted() -> str:
    return local_path(request.args.get("next", "")) or ""


def blueprint(room: SignOn) -> Blueprint:
    """The pages of signing on as a reader."""
    return lay(
        Blueprint("sign_on", __name__),
        room,
        (
            Route("/sign-in", choose),
            Route("/sign-in/at/<code>", at),
            Route("/sign-in/front", front),
            Route("/sign-in/openid/<name>", begin),
            Route("/sign-in/openid/<name>/back", back),
            Route("/sign-in/out", leave, methods=("POST",)),
        ),
    )
