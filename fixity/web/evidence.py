"""What the archive can show of itself, for its staff and for auditors: the matrix, certificates, and the pack."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from flask import Blueprint, Response, redirect, render_template, request, stream_with_context, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup, escape
from werkzeug.exceptions import BadRequest, NotFound

from fixity.evidence import certificates, looks, statements
from fixity.evidence.certificate import NOTES, Wanted
from fixity.evidence.facts import gather
from fixity.evidence.matrix import GOOD, Standing, held_against
from fixity.evidence.pack import ABSENT, PERSONAL_DATA, absent, has, pack
from fixity.evidence.requirements import FRAMEWORKS, framework
from fixity.evidence.room import Evidence
from fixity.evidence.statements import Statement
from repository.access.web.guard import Route, Who, lay, member
from repository.catalogue.periods import Period
from repository.errors import UsageError
from repository.vocabulary import utc_now
from repository.web import language, paging

_CODE = re.compile(r"`([^`]*)`")


def overview(evidence: Evidence) -> ResponseReturnValue:
    """The matrix first; then the other tables, the certificates, and the pack."""
    return _overview(evidence)


def table(evidence: Evidence, name: str) -> ResponseReturnValue:
    """One framework, requirement by requirement."""
    if name not in FRAMEWORKS:
        raise NotFound
    said, fault = _statements(evidence)
    matrix = held_against(framework(name), gather(evidence, utc_now()), said)
    return render_template(
        "evidence/framework.html", matrix=matrix, fault=fault, lying=None, link=_here, up="", **_words()
    )


def issue(evidence: Evidence) -> ResponseReturnValue:
    """A certificate of the period, store and publisher that the form names."""
    signed_in = member()
    store, publisher = request.form.get("store") or None, request.form.get("publisher", "").strip() or None
    if signed_in is None or not all(paging.storable(text) for text in (store, publisher) if text):
        raise BadRequest
    try:
        wanted = Wanted(_period(request.form), store, publisher)
        made = certificates.issue(evidence, wanted, utc_now(), signed_in.login)
    except UsageError as error:
        return _overview(evidence, str(error)), 400
    return redirect(url_for("evidence.certificate", name=made.name))


def certificate(evidence: Evidence, name: str) -> ResponseReturnValue:
    """A certificate as people read and print it."""
    made = certificates.find(evidence, name)
    if made is None:
        raise NotFound
    return render_template("evidence/certificate.html", issued=made, **_words())


def signed(evidence: Evidence, name: str) -> ResponseReturnValue:
    """The same as the document that was signed."""
    made = certificates.find(evidence, name)
    if made is None:
        raise NotFound
    answer = Response(made.text, mimetype="application/json")
    answer.headers["Content-Disposition"] = f'attachment; filename="{made.name}.json"'
    return answer


def download(evidence: Evidence) -> ResponseReturnValue:
    """The pack of a period, sent as it is made."""
    try:
        period = _period(request.args)
        parts = pack(evidence, period, utc_now(), printer(evidence))
        begun = next(parts)
    except UsageError as error:
        return _overview(evidence, str(error)), 400

    def rest() -> Any:
        yield begun
        yield from parts

    answer = Response(stream_with_context(rest()), mimetype="application/zip")
    named = f"evidence-{period.first.isoformat()}-{period.last.isoformat()}.zip"
    answer.headers["Content-Disposition"] = f'attachment; filename="{named}"'
    return answer


def printer(evidence: Evidence) -> Any:
    """What prints the pages of a pack: each stands alone, in its language, with addresses as the world has them."""

    def printed(template: str, code: str, values: Mapping[str, Any]) -> str:
        told = {"up": "", "lying": None, "link": lambda path: evidence.named["base_url"] + path, "code": code}
        with language.speaking(code):
            return render_template(f"evidence/printed_{template}.html", **{**told, **_words(), **values})

    return printed


def blueprint(evidence: Evidence) -> Blueprint:
    """The pages of evidence, all of them for staff."""
    return lay(
        Blueprint("evidence", __name__, template_folder="../templates"),
        evidence,
        (
            Route("/staff/evidence", overview, Who.STAFF),
            Route("/staff/evidence/tables/<name>", table, Who.STAFF),
            Route("/staff/evidence/certificates", issue, Who.STAFF, methods=("POST",)),
            Route("/staff/evidence/certificates/<name>", certificate, Who.STAFF),
            Route("/staff/evidence/certificates/<name>.json", signed, Who.STAFF),
            Route("/staff/evidence/pack.zip", download, Who.STAFF),
        ),
    )


def told(sentence: str, values: Mapping[str, Any]) -> Markup:
    """A sentence of a measure in the reader's language, its numbers and days as people write them, commands as code."""
    said = language.gettext(sentence, **{name: _shown(name, value) for name, value in values.items()})
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(said))))  # noqa: S704 (escaped just here)


def note(one: Mapping[str, Any]) -> str:
    """A note of a certificate in the reader's language; as it was signed, where its code is no longer known."""
    sentence = NOTES.get(one["code"])
    values = {name: language.isoday(value) if name == "day" else value for name, value in one["values"].items()}
    return language.gettext(sentence, **values) if sentence else str(one["sentence"])


def in_language(words: Mapping[str, str]) -> str:
    """A text of the data in the reader's language."""
    return words.get(language.current()) or next(iter(words.values()))


def _overview(evidence: Evidence, refused: str | None = None) -> str:
    now = utc_now()
    facts = gather(evidence, now)
    said, fault = _statements(evidence)
    today = now.date()
    return render_template(
        "evidence/overview.html",
        evidence=evidence,
        matrices=[held_against(framework(name), facts, said) for name in FRAMEWORKS],
        issued=list(certificates.kept(evidence)),
        seen=facts.looks,
        seen_lately=facts.looks.fresh(now),
        tried_at=facts.tried_at,
        fault=fault,
        first=date(today.year, 1, 1).isoformat(),
        last=today.isoformat(),
        refused=refused,
        **_words(),
    )


def _shown(name: str, value: Any) -> str:
    if isinstance(value, datetime):
        zone = language.spoken().time_zone
        return language.isoday(value.astimezone(zone).date().isoformat())
    if isinstance(value, int):
        return language.size(value) if name == "bytes" else language.number(value)
    return "–" if value is None else str(value)


def _words() -> dict[str, Any]:
    """What the templates of evidence say things with."""
    return {
        "told": told,
        "note": note,
        "words": in_language,
        "good": GOOD,
        "Standing": Standing,
        "has": has,
        "absent": absent,
        "why_absent": ABSENT,
        "personal_data": PERSONAL_DATA,
        "looked_within": looks.FRESH.days,
        "when": _moment,
    }


def _moment(text: str | None) -> Markup:
    return language.moment(datetime.fromisoformat(text) if text else None)


def _here(path: str) -> str:
    return f"{request.script_root}{path}"


def _statements(evidence: Evidence) -> tuple[dict[str, Statement], str | None]:
    """What people answer for; none, and why, where their file cannot be read."""
    try:
        return statements.read(evidence.folder), None
    except UsageError as error:
        return {}, str(error)


def _period(asked: Mapping[str, str]) -> Period:
    try:
        period = Period(date.fromisoformat(asked.get("from", "")), date.fromisoformat(asked.get("to", "")))
    except ValueError as error:
        raise BadRequest from error
    if period.first > period.last:
        raise UsageError(f"a period from {period.first} to {period.last} has no day")
    return period
