"""The door as people see it: what was delivered, what became of it, and each finding with what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from urllib.parse import parse_qsl, urlencode, urlsplit
from zoneinfo import ZoneInfo

from flask import Blueprint, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session
from werkzeug.exceptions import BadRequest, NotFound

from ingest import attestation, pauses, quarantine, receipts
from ingest.feeds import expected_of, standings
from ingest.web import completeness, deaccession, lists, proof, salvage
from ingest.web.desk import Desk
from ingest.web.words import remedy, what
from repository.access.web.guard import Route, Who, lay, member
from repository.bags import shown
from repository.catalogue import browse, decisions, deliveries, intake, tallies, titles
from repository.catalogue.browse import DeliveryLine
from repository.catalogue.walks import every
from repository.errors import UsageError
from repository.models import Delivery, Publisher
from repository.vocabulary import ArticleOutcome, DeliveryState, Finding, Verdict, utc_now
from repository.web import paging
from repository.web.tables import csv_answer

A_PAGE = 50
A_QUEUE = 30
_ARTICLE = "/staff/articles/<hex32:identifier>"
_SALVAGE = f"{_ARTICLE}/versions/<int(max=999999):version>/salvage"
COLUMNS = ("delivery", "publisher", "files", "state", "accepted_on", "finished_at", "bytes", "attempts")


def console(desk: Desk) -> ResponseReturnValue:
    """Each publisher's day, feeds that fail or are late, and the queue with how far each delivery has come."""
    after = paging.asked_key(str, int)
    now = utc_now()
    today = now.astimezone(ZoneInfo(desk.time_zone)).date()
    midnight, _ = _hours_of(desk, today)
    with desk.catalogue.reading() as rows:
        listed = intake.publishers(rows, midnight, after=after, limit=A_PAGE + 1)
        waiting = pauses.with_notes(intake.queue(rows, limit=A_QUEUE + 1), desk.home)
        counts = {name: count.number for (_, name), count in tallies.of(rows, "deliveries").items()}
        feeds = standings(rows, desk.feeds, now)
    days, following = paging.page_of(listed, A_PAGE, lambda day: (day.slug, day.id))
    return render_template(
        "ingest/console.html",
        now=now,
        today=today.isoformat(),
        days=days,
        following=following,
        begun=after is not None,
        waiting=waiting[:A_QUEUE],
        more_waiting=len(waiting) > A_QUEUE,
        states=list(DeliveryState),
        counts=counts,
        expected=expected_of(feeds),
        feeds=[one for one in feeds if one.needs_attention],
    )


def deliveries_listed(desk: Desk) -> ResponseReturnValue:
    """Deliveries, the newest first: all, in one state, of one publisher, of one day, or found by words; as a page or
    as CSV."""
    state = request.args.get("state") or None
    words = request.args.get("q", "").strip()[:300]
    if (state is not None and state not in tuple(DeliveryState)) or not paging.storable(words):
        raise BadRequest
    before = _asked()
    day = paging.asked_day("day")
    within = _hours_of(desk, day) if day else None
    with desk.catalogue.reading() as rows:
        publisher = _publisher(rows)
        counts = _counts(rows, publisher, within)
        if words:
            listed = intake.found(rows, words, limit=A_PAGE)
        else:
            of = publisher.id if publisher else None
            listed = browse.deliveries_listed(
                rows, state=state, publisher=of, within=within, before=before, limit=A_PAGE + 1
            )
    if request.args.get("format") == "csv" and not words:
        every = _every_delivery(desk, state, publisher, within)
        return csv_answer("deliveries", COLUMNS, (_row(line) for line in every))
    shown, following = paging.page_of(listed, A_PAGE, lambda line: (line.accepted_on.isoformat(), line.id))
    return render_template(
        "ingest/deliveries.html",
        lines=shown,
        following=following,
        state=state,
        publisher=publisher,
        day=day.isoformat() if day else None,
        question=words,
        states=list(DeliveryState),
        counts=counts,
        begun=before is not None,
        decided=request.args.get("decided", type=int),
        not_decided=request.args.get("not_decided", 0, type=int),
        as_csv=None if words else paging.here(format="csv", after=None, decided=None, not_decided=None),
    )


def decide(desk: Desk) -> ResponseReturnValue:
    """What the signed-in person decides about the chosen deliveries; one that cannot be decided on stops no other."""
    signed_in = member()
    verdict = request.form.get("verdict", "")
    if signed_in is None or verdict not in tuple(Verdict):
        raise BadRequest
    person = quarantine.Person(signed_in.login, desk.catalogue, desk.home, desk.agent, utc_now)
    reason = request.form.get("reason", "")
    done = refused = 0
    for identifier in request.form.getlist("delivery"):
        try:
            if not paging.storable(identifier):
                raise BadRequest
            quarantine.decide(person, identifier, Verdict(verdict), reason)
        except UsageError:
            refused += 1
        else:
            done += 1
    back = request.form.get("back", "")
    pages = (url_for("ingest.console").removesuffix("ingest"), url_for("ingest.receipt", identifier="0" * 32)[:-32])
    plain = back.startswith(pages) and "\\" not in back
    address = urlsplit(back if plain else url_for("ingest.deliveries_listed"))
    query = [(name, value) for name, value in parse_qsl(address.query) if name not in ("decided", "not_decided")]
    query += [("decided", str(done)), ("not_decided", str(refused))]
    return redirect(f"{address.path}?{urlencode(query)}")


def receipt(desk: Desk, identifier: str) -> ResponseReturnValue:
    """The receipt of one delivery: its state, what was found, and what became of each article."""
    after = paging.asked_key(int)
    with desk.catalogue.reading() as rows:
        delivery = _delivery(rows, identifier)
        publisher = deliveries.publisher_of(rows, delivery).name
        listed = browse.delivery_articles(rows, identifier, after=after[0] if after else -1, limit=A_PAGE + 1)
        outcomes = browse.outcomes_of(rows, identifier)
        decided = decisions.of(rows, identifier)
    shown, following = paging.page_of(listed, A_PAGE, lambda line: (line.position,))
    return render_template(
        "ingest/receipt.html",
        delivery=delivery,
        publisher=publisher,
        findings=[Finding.from_json(item) for item in delivery.findings],
        lines=[(line, [Finding.from_json(item) for item in line.findings]) for line in shown],
        outcomes=outcomes,
        every_outcome=list(ArticleOutcome),
        following=following,
        begun=after is not None,
        what=what,
        remedy=remedy,
        public=desk.public(url_for("ingest.page", word=attestation.token(desk.secret, identifier))),
        decisions=decided,
        held_up=pauses.noted(desk.home).get(identifier, delivery.held_up),
        verdicts=quarantine.open_to(delivery.state),
        decided=request.args.get("decided", type=int),
        not_decided=request.args.get("not_decided", 0, type=int),
    )


def receipt_json(desk: Desk, identifier: str) -> ResponseReturnValue:
    """The receipt as the contract prints it."""
    with desk.catalogue.reading() as rows:
        _delivery(rows, identifier)
        whole = receipts.of_delivery(rows, identifier)
    return jsonify(whole.as_json())


def blueprint(desk: Desk) -> Blueprint:
    """The pages of the door, all of them for staff."""
    made = lay(
        Blueprint("ingest", __name__, template_folder="../templates"),
        desk,
        (
            Route("/staff/ingest", console, Who.STAFF),
            Route("/staff/deliveries", deliveries_listed, Who.STAFF),
            Route("/staff/deliveries/decide", decide, Who.STAFF, ("POST",)),
            Route("/staff/completeness", completeness.titles_expected, Who.STAFF),
            Route("/staff/completeness/<issn:issn>", completeness.title, Who.STAFF),
            Route("/staff/completeness/load", lists.form, Who.STAFF, endpoint="load_form"),
            Route("/staff/completeness/load", lists.load, Who.STAFF, ("POST",), most_sent=lists.MOST_UPLOADED),
            Route("/staff/completeness/<issn:issn>/lines", completeness.lines, Who.STAFF),
            Route("/staff/completeness/<issn:issn>/forget", completeness.forget, Who.STAFF, ("POST",)),
            Route("/staff/completeness/<issn:issn>/letter/<language>", completeness.claim_letter, Who.STAFF),
            Route("/staff/completeness/<issn:issn>/letter/<language>.eml", completeness.claim_mail, Who.STAFF),
            Route("/staff/disposals", deaccession.disposals_listed, Who.STAFF),
            Route(_ARTICLE, deaccession.standing, Who.STAFF),
            Route(f"{_ARTICLE}/withdraw", deaccession.withdraw, Who.STAFF, ("POST",)),
            Route(f"{_ARTICLE}/restore", deaccession.restore, Who.STAFF, ("POST",)),
            Route(f"{_ARTICLE}/dispose", deaccession.ask, Who.STAFF, ("POST",)),
            Route(
                f"{_ARTICLE}/disposals/<int(max=999999999):number>",
                deaccession.decide,
                Who.STAFF,
                ("POST",),
                endpoint="decide_disposal",
            ),
            Route(_SALVAGE, salvage.shown, Who.STAFF, endpoint="salvageable"),
            Route(_SALVAGE, salvage.decide, Who.STAFF, ("POST",), endpoint="salvage"),
            Route("/deliveries/<hex32:identifier>", receipt, Who.STAFF),
            Route("/deliveries/<hex32:identifier>.json", receipt_json, Who.STAFF),
            Route("/publisher/receipts/<hex32:identifier>", proof.of_own, Who.PUBLISHER),
            Route("/receipts/<word>", proof.page),
            Route("/receipts/<word>.json", proof.document),
            Route("/.well-known/mahfuz-keys.json", proof.keys),
        ),
    )
    made.add_app_template_filter(shown, "shown")  # what cannot be seen in a publisher's name stands as its number
    return made


def _delivery(rows: Session, identifier: str) -> Delivery:
    delivery = rows.get(Delivery, identifier)
    if delivery is None:
        raise NotFound
    return delivery


def _asked() -> tuple[datetime, str] | None:
    key = paging.asked_key(str, str)
    return (paging.moment_in(key[0]), key[1]) if key else None


def _publisher(rows: Session) -> Publisher | None:
    slug = request.args.get("publisher")
    if not slug:
        return None
    found = titles.publisher_with_slug(rows, slug) if paging.storable(slug) else None
    if found is None:
        raise NotFound
    return found


def _hours_of(desk: Desk, day: date) -> tuple[datetime, datetime]:
    """From midnight to midnight, where the archive is."""
    zone = ZoneInfo(desk.time_zone)
    first, last = (datetime.combine(each, time(), zone) for each in (day, day + timedelta(days=1)))
    return first.astimezone(UTC), last.astimezone(UTC)


def _counts(rows: Session, publisher: Publisher | None, within: tuple[datetime, datetime] | None) -> dict[str, int]:
    if within is not None:
        return intake.counts_within(rows, publisher.id if publisher else None, *within)
    if publisher is None:
        return {state: count.number for (_, state), count in tallies.of(rows, "deliveries").items()}
    return intake.counts_of(rows, publisher.slug)


def _every_delivery(
    desk: Desk, state: str | None, publisher: Publisher | None, within: tuple[datetime, datetime] | None
) -> Iterator[DeliveryLine]:
    of = publisher.id if publisher else None
    return every(
        desk.catalogue,
        lambda rows, before, limit: browse.deliveries_listed(
            rows, state=state, publisher=of, within=within, before=before, limit=limit
        ),
        lambda line: (line.accepted_on, line.id),
    )


def _row(line: DeliveryLine) -> tuple[object, ...]:
    names = "; ".join(islice(line.file_names, 20))
    return (line.id, line.publisher, names, line.state, line.accepted_on, line.finished_at, line.bytes, line.attempts)
