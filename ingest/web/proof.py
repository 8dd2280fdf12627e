"""The receipt that a publisher keeps: a page and a signed document under an address that nobody can guess."""

from __future__ import annotations

from flask import Response, abort, jsonify, make_response, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from ingest import attestation, receipts
from ingest.receipts import Statement
from ingest.web.desk import Desk
from ingest.web.words import remedy, what
from repository import signing
from repository.access.staff import Role
from repository.access.web.guard import account
from repository.catalogue import deliveries
from repository.vocabulary import utc_now

A_PAGE = 500
"""Articles shown on the page; the signed document has them all."""


def page(desk: Desk, word: str) -> ResponseReturnValue:
    """The receipt for the publisher: its state, each article with where it is kept, or what is wrong and what to do."""
    stated = _statement(desk, word)
    answer = make_response(
        render_template(
            "ingest/proof.html",
            receipt=stated.receipt,
            stated=stated,
            lines=list(zip(stated.receipt.articles, stated.document["articles"], strict=True))[:A_PAGE],
            more=len(stated.receipt.articles) > A_PAGE,
            word=word,
            what=what,
            remedy=remedy,
        )
    )
    return _private(answer)


def of_own(desk: Desk, identifier: str) -> ResponseReturnValue:
    """A publisher's account is led to the receipt of a delivery of its own, and staff to that of any."""
    signed_in = account()
    with desk.catalogue.reading() as rows:
        delivery = deliveries.find(rows, identifier)
    if signed_in is None or delivery is None:
        abort(404)
    if signed_in.role != Role.STAFF and delivery.publisher_id != signed_in.publisher_id:
        abort(404)
    return _private(make_response(redirect(url_for("ingest.page", word=attestation.token(desk.secret, identifier)))))


def document(desk: Desk, word: str) -> ResponseReturnValue:
    """The same as a signed JSON document (:mod:`repository.signing`)."""
    signed = signing.Signer(desk.home).signed("receipt", _statement(desk, word).document)
    answer = jsonify(signed)
    answer.headers["Content-Disposition"] = f'attachment; filename="receipt-{word[:32]}.json"'
    return _private(answer)


def keys(desk: Desk) -> ResponseReturnValue:
    """Every public key with which receipts were ever signed, as PEM by key id."""
    return jsonify({"archive": desk.named(), "keys": signing.Signer(desk.home).public_keys()})


def _statement(desk: Desk, word: str) -> Statement:
    identifier = attestation.delivery_of(desk.secret, word) if len(word) == 64 and word.isascii() else None
    with desk.catalogue.reading() as rows:
        if identifier is None or deliveries.find(rows, identifier) is None:
            abort(404)
        receipt = receipts.of_delivery(rows, identifier)
        return receipts.statement(rows, receipt, desk.named(), desk.stores, utc_now())


def _private(answer: Response) -> Response:
    """An address that is a secret is shown to no search engine and to no other site."""
    answer.headers["X-Robots-Tag"] = "noindex, nofollow"
    answer.headers["Referrer-Policy"] = "no-referrer"
    answer.headers["Cache-Control"] = "private, no-store"
    return answer
