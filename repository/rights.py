"""The words of licences, entitlements and triggers, as librarians know them from their own systems.

Statuses and reasons for closure are those of FOLIO and Koha; hosting rules and archival copies those of LAS:eR;
the kinds of trigger are NatHosting's. None is ever renamed.
"""

from __future__ import annotations

from enum import StrEnum


class LicenceType(StrEnum):
    """Whom a licence is for."""

    NATIONAL = "national"
    CONSORTIAL = "consortial"
    LOCAL = "local"
    OPEN = "open"
    """The publisher opens it to everyone, at once or when an embargo is over (delayed open access)."""


class Basis(StrEnum):
    """What a licence rests on."""

    SIGNED = "signed"
    SERU = "seru"
    """No signed licence, but the Shared E-Resource Understanding (NISO RP-7-2012)."""
    INVOICE = "invoice"
    OTHER = "other"


class LicenceStatus(StrEnum):
    """Where a licence stands. Only what is or was active ever gave a right."""

    DRAFT = "draft"
    REQUESTED = "requested"
    IN_NEGOTIATION = "in_negotiation"
    ACTIVE = "active"
    CLOSED = "closed"


class Closure(StrEnum):
    """Why a licence is closed. What was rejected never ran; the others leave every right that was earned."""

    CANCELLED = "cancelled"
    CEASED = "ceased"
    SUPERSEDED = "superseded"
    REJECTED = "rejected"


class Perpetual(StrEnum):
    """What the perpetual-access clause gives for ever, of what the title list covers."""

    NONE = "none"
    PAID_YEARS = "paid_years"
    """What was published on days that were paid for, and in so many years before the first of them."""
    FULL = "full"
    """What was published up to the last day that was paid for."""
    YEARS = "years"
    """What was published from one year to another, which the clause names, once anything was paid."""


class Hosting(StrEnum):
    """When the archive may serve what was licensed."""

    ALWAYS = "always"
    EXCLUSIVE = "exclusive"
    """Only without the provider: as soon as the subscription has ended."""
    ON_TRIGGER = "on_trigger"
    """Only after a trigger event was declared."""


class ClaimState(StrEnum):
    """Where an entitlement stands between library and publisher. Only what is agreed opens anything."""

    ASSERTED = "asserted"
    AGREED = "agreed"
    DISPUTED = "disputed"
    REJECTED = "rejected"


class Side(StrEnum):
    """For whom something is said of an entitlement."""

    LIBRARY = "library"
    PUBLISHER = "publisher"
    ARCHIVE = "archive"


class TriggerKind(StrEnum):
    """What has happened, so that the archive opens what it keeps."""

    POST_CANCELLATION = "post_cancellation"
    TITLE_TRANSFER = "title_transfer"
    PUBLISHER_CEASED = "publisher_ceased"
    INADEQUATE_HOSTING = "inadequate_hosting"
    NATIONAL_EMERGENCY = "national_emergency"


class Audience(StrEnum):
    """To whom a trigger opens."""

    ENTITLED = "entitled"
    """To institutions that subscribe or have a perpetual right."""
    INSTITUTIONS = "institutions"
    """To all institutions that it names, whatever their rights: a crisis grant."""
    EVERYONE = "everyone"


class TriggerState(StrEnum):
    """Where a trigger stands."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    """By a second person; its moment has not come yet."""
    IN_FORCE = "in_force"
    ENDED = "ended"
    """Its last moment has passed."""
    REVOKED = "revoked"
    REFUSED = "refused"
    """The second person said no."""
