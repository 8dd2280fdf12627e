"""Harvesters take turns: so many at once, fewer of one client, and whoever is sent away is told when to come again."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import create_environ, run_wsgi_app

from oai_pmh.manners import Figures, Turns
from oai_pmh.manners.turns import LATEST, SOONEST, seconds_until_again
from oai_pmh.web import Window, blueprint

OFTEN = 60.0
"""Seconds; nobody waits so long here."""


@pytest.fixture
def database_url(tmp_path: Any) -> str:
    """What is asked here does not depend on the database."""
    return f"sqlite:///{tmp_path / 'catalogue.sqlite'}"


def test_so_many_turns_are_taken_at_once_and_fewer_by_one_client() -> None:
    turns = Turns(at_once=3, each=2, waiting=0)
    taken = [turns.take("a"), turns.take("a"), turns.take("a"), turns.take("b"), turns.take("c")]
    assert [turn is not None for turn in taken] == [True, True, False, True, False]
    assert turns.taken == 3
    for turn in taken:
        if turn is not None:
            turn.end()
            turn.end()  # said twice, it ends once
    assert turns.taken == 0
    assert turns.take("c") is not None


def test_who_waits_is_given_the_turn_that_becomes_free() -> None:
    turns = Turns(at_once=1, each=1, waiting=1, patience=OFTEN)
    first = turns.take("a")
    assert first is not None
    got: list[bool] = []
    waiter = threading.Thread(target=lambda: got.append(turns.take("b") is not None))
    waiter.start()
    first.end()
    waiter.join()
    assert got == [True]


def test_a_free_turn_is_given_to_one_who_may_have_it() -> None:
    """Of two who wait the first has all the turns that one client may have; what becomes free is the other's."""
    turns = Turns(at_once=2, each=1, waiting=2, patience=OFTEN)
    mine, other = turns.take("a"), turns.take("b")
    assert mine is not None
    assert other is not None
    got: list[str] = []
    ended = threading.Event()

    def wait(client: str) -> None:
        if turns.take(client) is not None:
            got.append(client)
            ended.set()

    waiting = [threading.Thread(target=wait, args=(client,)) for client in ("a", "c")]
    for one in waiting:
        one.start()
    other.end()
    ended.wait()
    assert got == ["c"]
    mine.end()
    for one in waiting:
        one.join()
    assert got == ["c", "a"]


def test_no_more_wait_than_may() -> None:
    turns = Turns(at_once=1, each=1, waiting=0, patience=OFTEN)
    assert turns.take("a") is not None
    assert turns.take("b") is None


def test_a_turn_that_does_not_come_is_not_waited_for_for_ever() -> None:
    turns = Turns(at_once=1, each=1, waiting=1, patience=0.01)
    assert turns.take("a") is not None
    assert turns.take("b") is None
    assert turns.taken == 1


def test_those_who_were_sent_away_do_not_all_come_back_in_one_second() -> None:
    said = {seconds_until_again() for _ in range(500)}
    assert said == set(range(SOONEST, LATEST + 1))


def test_a_turn_lasts_until_the_answer_is_closed_and_503_says_when_to_come_again(window: Window) -> None:
    turns, figures = Turns(at_once=1, each=1, waiting=0), Figures()
    app = Flask("window")
    app.register_blueprint(blueprint(window, turns, figures))
    client = app.test_client()
    with client.get("/oai?verb=Identify") as answer:
        environ = answer.request.environ
    body, status, _ = run_wsgi_app(app, environ, buffered=False)
    assert status.startswith("200")
    assert turns.taken == 1
    refused = client.get("/oai?verb=Identify")
    assert refused.status_code == 503
    assert refused.mimetype == "text/plain"
    assert SOONEST <= int(refused.headers["Retry-After"]) <= LATEST
    assert refused.headers["Retry-After"] in refused.text
    b"".join(body)
    getattr(body, "close")()  # noqa: B009
    assert turns.taken == 0
    with client.get("/oai?verb=Identify") as answer:
        assert answer.status_code == 200
    assert turns.taken == 0
    requests, _, sent_away = figures.told()
    assert (requests["Identify"], sent_away) == (3, 1)


def test_a_turn_ends_with_an_answer_that_has_no_body_to_be_closed(window: Window) -> None:
    turns = Turns(at_once=1, each=1, waiting=0)
    app = Flask("window")
    app.register_blueprint(blueprint(window, turns))
    for _ in range(3):
        body, status, _headers = run_wsgi_app(app, create_environ("/oai?verb=Identify", method="HEAD"))
        assert status.startswith("200")
        assert not list(body)
    assert turns.taken == 0


def test_a_turn_ends_with_a_request_that_fails(window: Window, monkeypatch: pytest.MonkeyPatch) -> None:
    turns = Turns(at_once=1, each=1, waiting=0)
    app = Flask("window")
    app.register_blueprint(blueprint(window, turns))
    monkeypatch.setattr("oai_pmh.verbs.answer", lambda *_: 1 / 0)
    for _ in range(3):
        assert app.test_client().get("/oai?verb=Identify").status_code == 500
    assert turns.taken == 0


def test_what_is_given_out_is_counted(archive: Any, window: Window) -> None:
    archive.fill(12)
    figures = Figures()
    app = Flask("window")
    app.register_blueprint(blueprint(window, None, figures))
    client = app.test_client()
    for query in (
        "verb=ListRecords&metadataPrefix=oai_dc",
        "verb=ListIdentifiers&metadataPrefix=oai_dc&set=journal:2000-0001",
        f"verb=GetRecord&metadataPrefix=oai_dc&identifier=oai:arsiv.example.org:{archive.ids[0]}",
        "verb=GetRecord&metadataPrefix=oai_dc&identifier=oai:arsiv.example.org:none",
        "verb=ListSets",
        "verb=Nothing",
        "",
    ):
        client.get("/oai?" + query)
    requests, records, sent_away = figures.told()
    assert requests == {
        "Identify": 0, "ListMetadataFormats": 0, "ListSets": 1, "ListIdentifiers": 1, "ListRecords": 1, "GetRecord": 2,
        "none": 2,
    }  # fmt: skip
    assert (records, sent_away) == (10 + 2 + 1, 0)
