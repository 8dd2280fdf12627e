"""Signing on: what each OpenID provider publishes now, and whether the front that speaks SAML can be believed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

from config.access_settings import OpenIdSettings
from config.doctor.lines import Line, Value, bad, doubt, good, moment, note
from config.doctor.questions import Beyond, Patient
from config.settings import Settings
from repository.texts import marked

SOON = timedelta(days=14)


def providers(settings: Settings) -> list[Beyond]:
    """A question to each OpenID provider."""
    return [Beyond("sign-on", _of(one), subject=one.name) for one in settings.access.openid]


def _of(given: OpenIdSettings) -> Callable[[Patient], Iterator[Line]]:
    def ask(patient: Patient) -> Iterator[Line]:
        from repository.access.openid import OpenId, SignOnFailed  # noqa: PLC0415  (loaded where there is one to ask)

        try:
            found = OpenId(given.provider()).look()
        except SignOnFailed as error:
            yield doubt("sign-on", "{problem}", given.name, problem=str(error))
            return
        except ValueError as error:
            yield bad("sign-on", "{problem}", given.name, problem=str(error))
            return
        now = patient.clock()
        if found.ends is None:
            yield good("sign-on", marked("configuration and {keys} keys fetched"), given.name, keys=found.keys)
            return
        values: dict[str, Value] = {"keys": found.keys, "ends_at": moment(found.ends)}
        if found.ends <= now:
            yield bad("sign-on", marked("what it publishes ran out {ends_at}"), given.name, **values)
        elif found.ends - now < SOON:
            yield note("sign-on", marked("what it publishes runs out {ends_at}"), given.name, **values)
        else:
            said = marked("configuration and {keys} keys fetched, good until {ends_at}")
            yield good("sign-on", said, given.name, **values)

    return ask


def front(patient: Patient) -> Iterator[Line]:
    """Whether what the front hands on in request headers could come from anybody else."""
    given = patient.archive.settings.access
    if given.saml is None:
        return
    secure = patient.archive.settings.archive.base_url.startswith("https://")
    if not secure:
        yield bad("front", marked("archive.base_url is not https: what it hands on crosses the network in clear"))
    elif not given.saml.addresses:
        yield note("front", marked("believed from any address that knows its secret"))
    else:
        yield good("front", marked("believed from {addresses}"), addresses=", ".join(given.saml.addresses))
