"""The web face of what is whole: dumps to load, and figures that prove a harvest complete, for people and programs."""

from __future__ import annotations

from base64 import b64encode
from functools import partial
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, jsonify, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import BadRequest, NotFound

from oai_pmh.manners import Figures, Turns
from oai_pmh.manners.web import mind
from oai_pmh.people import account
from oai_pmh.verbs import Window
from oai_pmh.whole import days, dumps
from oai_pmh.whole.dumps import Of


def blueprint(window: Window, folder: Path, turns: Turns | None = None, figures: Figures | None = None) -> Blueprint:
    """The addresses ``/oai/days…`` and ``/oai/dumps…``; dumps lie below ``folder``. They change nothing."""
    pages = Blueprint("whole", __name__, template_folder="templates")
    if turns is not None:
        mind(pages, turns, figures or Figures())
    shown = {"window": window, "ask": partial(account.question, window)}

    @pages.get("/oai/days")
    def counted() -> ResponseReturnValue:
        return render_template("whole/days.html", told=_account(window), year=request.args.get("year"), **shown)

    @pages.get("/oai/days.json")
    def counted_for_programs() -> ResponseReturnValue:
        return jsonify(days.as_json(window, _account(window)))

    @pages.get("/oai/dumps")
    def listed() -> ResponseReturnValue:
        found = [_told(folder, of) for of in dumps.every(folder)]
        return render_template("whole/dumps.html", dumps=[one for one in found if one], **shown)

    @pages.get("/oai/dumps.json")
    def listed_for_programs() -> ResponseReturnValue:
        found = [_told(folder, of) for of in dumps.every(folder)]
        return jsonify(dumps=[one for one in found if one])

    @pages.get("/oai/dumps/<prefix>/<spec>/dump.json")
    def newest(prefix: str, spec: str) -> ResponseReturnValue:
        told = _told(folder, Of.named(prefix, spec))
        if told is None:
            raise NotFound
        return jsonify(told)

    @pages.get("/oai/dumps/<prefix>/<spec>/<made>/<file>")
    def part(prefix: str, spec: str, made: str, file: str) -> Response:
        found = dumps.part(folder, Of.named(prefix, spec), made, file)
        if found is None:
            raise NotFound
        place, known = found
        answer = send_file(place, mimetype="application/gzip", etag=known.sha256, conditional=True, max_age=86400)
        answer.headers["Repr-Digest"] = f"sha-256=:{b64encode(bytes.fromhex(known.sha256)).decode()}:"
        return answer

    return pages


def _account(window: Window) -> days.Account:
    year = request.args.get("year")
    if year is not None and not (len(year) == 4 and year.isascii() and year.isdigit()):
        raise BadRequest
    told = days.account(window, request.args.get("set") or None, year)
    if told is None:
        raise NotFound
    return told


def _told(folder: Path, of: Of) -> dict[str, Any] | None:
    """The newest dump of this, with the whole address of each of its files."""
    told = dumps.latest(folder, of)
    if told is None:
        return None
    made = told.pop("folder")

    def address(file: str) -> str:
        return url_for(".part", prefix=of.prefix, spec=of.place, made=made, file=file, _external=True)

    told["parts"] = [{**one, "url": address(one["file"])} for one in told["parts"]]
    told["url"] = url_for(".newest", prefix=of.prefix, spec=of.place, _external=True)
    told["bytes"] = sum(one["bytes"] for one in told["parts"])
    return told
