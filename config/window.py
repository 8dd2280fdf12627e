"""The window, wired from the settings: what OAI-PMH is given, and how many it serves at once."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from config.settings import Settings
from config.wiring import secret_key
from oai_pmh.descriptions import Icon, Said
from oai_pmh.manners import Turns
from oai_pmh.tokens import TokenKeys
from oai_pmh.verbs import Window
from repository.errors import UsageError

if TYPE_CHECKING:
    from config.wiring import Archive


def of(archive: Archive) -> Window:
    """What OAI-PMH is given. Raises UsageError for a format that there is not."""
    settings = archive.settings
    given = settings.oai
    secret = secret_key(archive.home)
    made = Window(
        catalogue=archive.catalogue,
        repository_name=settings.archive.name,
        base_url=settings.archive.base_url,
        repository_identifier=settings.archive.repository_identifier,
        admin_emails=tuple(dict.fromkeys((settings.archive.admin_email, *given.admin_emails))),
        token_keys=TokenKeys((hmac.digest(secret, b"resumption tokens", "sha256"),)),
        page_size=given.page_size,
        said=_said(settings),
    )
    if unknown := sorted({*given.prepared} - {*made.preparable}):
        there_are = ", ".join(made.preparable)
        raise UsageError(f"oai.prepared names {unknown[0]!r}, which cannot lie ready; there are: {there_are}")
    return made


def turns(settings: Settings) -> Turns:
    """How many harvesters are served at once: of the window, and of what is whole, together."""
    given = settings.oai
    return Turns(given.requests_at_once, given.requests_per_client, given.requests_waiting, given.wait_seconds)


def _said(settings: Settings) -> Said:
    """What the window says of the archive beside what the protocol asks for."""
    given, who = settings.oai, settings.archive
    icon = Icon(given.icon_url, who.name, who.base_url + "/", given.icon_width, given.icon_height)
    return Said(
        friends=tuple(given.friends),
        metadata_licence=given.metadata_licence,
        icon=icon if given.icon_url else None,
        content=given.content,
        metadata_policy=given.metadata_policy,
        data_policy=given.data_policy,
    )
