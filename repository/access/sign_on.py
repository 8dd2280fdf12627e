"""Of which institution somebody is, by what an identity provider says of them; nothing of it is kept.

An identity provider speaks for the institution under which its name (a SAML entityID, an OpenID issuer) is entered, and
for no other: a scope that is not that institution's is passed over, whoever asserts it (eduPersonScopedAffiliation,
schacHomeOrganization). A hub, which speaks for many, is one that the settings name; then the scope tells.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from repository.access.trusted import Rules
from repository.models import Institution, InstitutionLogin
from repository.texts import marked
from repository.turkish import machine_lower

_SCOPE = re.compile(r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+")
_MOST = 100


class Refused(StrEnum):
    """Why a sign-on makes nobody a reader. A code is never renamed."""

    UNKNOWN_PROVIDER = "unknown_provider"
    FOREIGN_SCOPE = "foreign_scope"
    NOT_A_MEMBER = "not_a_member"
    SEVERAL = "several_institutions"


SENTENCES = {
    Refused.UNKNOWN_PROVIDER: marked(
        "Your institution's sign-in is not known to this archive yet: ask your library to have it entered."
    ),
    Refused.FOREIGN_SCOPE: marked(
        "Your institution's sign-in spoke for another institution than its own. Ask your library."
    ),
    Refused.NOT_A_MEMBER: marked(
        "Your institution's sign-in does not say that you are one of those for whom it licenses: members, students, "
        "staff, and visitors of the library. Ask your library."
    ),
    Refused.SEVERAL: marked("Your sign-in names several institutions. Choose yours, and sign in again."),
}


@dataclass(frozen=True, slots=True)
class Asserted:
    """What an identity provider says of somebody, as far as it is asked for."""

    provider: str
    """Its entityID, or its issuer."""
    affiliations: tuple[str, ...] = ()
    """``member@example.edu.tr``."""
    homes: tuple[str, ...] = ()
    """Scopes that name where somebody is at home, without an affiliation."""
    entitlements: tuple[str, ...] = ()
    hub: bool = False
    """Whether it speaks for all institutions, because the settings say so."""
    home_is_enough: bool = False
    """Whether to be at home somewhere is enough: at a hub that lets no others pass."""


@dataclass(frozen=True, slots=True)
class Matched:
    """The code of the institution, or why there is none."""

    code: str | None
    refused: Refused | None = None


def institution_for(session: Session, asserted: Asserted, rules: Rules) -> Matched:
    """Of which institution whoever is spoken of is a reader."""
    own = _of(session, "entity", (asserted.provider,)).get(asserted.provider)
    if own is None and not asserted.hub:
        return Matched(None, Refused.UNKNOWN_PROVIDER)
    scoped = list(_scoped(asserted.affiliations[:_MOST]))
    homes = [home for one in asserted.homes[:_MOST] if (home := _scope(one))]
    whose = _of(session, "scope", {scope for _, scope in scoped} | set(homes))
    if own is not None:
        foreign = any(whose.get(scope) != own for scope in homes)
        scoped, had = [one for one in scoped if whose.get(one[1]) == own], bool(scoped)
        if foreign or (had and not scoped):
            return Matched(None, Refused.FOREIGN_SCOPE)
        counted = any(kind in rules.affiliations for kind, _ in scoped)
        entitled = any(one in rules.entitlements for one in asserted.entitlements[:_MOST])
        enough = counted or entitled or (asserted.home_is_enough and bool(homes))
        return Matched(own) if enough else Matched(None, Refused.NOT_A_MEMBER)
    named = {whose[scope] for kind, scope in scoped if scope in whose and kind in rules.affiliations}
    if asserted.home_is_enough or any(one in rules.entitlements for one in asserted.entitlements[:_MOST]):
        named |= {whose[home] for home in homes if home in whose}
    if len(named) > 1:
        return Matched(None, Refused.SEVERAL)
    if named:
        return Matched(named.pop())
    return Matched(None, Refused.NOT_A_MEMBER if whose else Refused.UNKNOWN_PROVIDER)


def entities_of(session: Session, institution_ids: Iterable[int]) -> dict[int, list[str]]:
    """The identity providers of these institutions, by which a sign-on begins."""
    found: dict[int, list[str]] = {}
    rows = session.execute(
        select(InstitutionLogin.institution_id, InstitutionLogin.value)
        .where(InstitutionLogin.institution_id.in_(list(institution_ids)), InstitutionLogin.kind == "entity")
        .order_by(InstitutionLogin.value)
    )
    for row in rows:
        found.setdefault(row.institution_id, []).append(row.value)
    return found


def _of(session: Session, kind: str, values: Iterable[str]) -> dict[str, str]:
    """The codes of the institutions that have these names, by name; those that are none any more are left out."""
    wanted = sorted({value for value in values if value and "\x00" not in value})
    if not wanted:
        return {}
    rows = session.execute(
        select(InstitutionLogin.value, Institution.code)
        .join(Institution, Institution.id == InstitutionLogin.institution_id)
        .where(InstitutionLogin.kind == kind, InstitutionLogin.value.in_(wanted), Institution.active)
    )
    return {row.value: row.code for row in rows}


def _scoped(values: Iterable[str]) -> Iterable[tuple[str, str]]:
    for value in values:
        kind, at, scope = value.strip().partition("@")
        if at and (clean := _scope(scope)):
            yield machine_lower(kind), clean


def _scope(text: str) -> str | None:
    clean = machine_lower(text.strip())
    return clean if _SCOPE.fullmatch(clean) else None
