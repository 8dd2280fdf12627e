"""Turns at the web face: taken before a request is looked at, ended when the last byte of its answer has gone out."""

from __future__ import annotations

from flask import Blueprint, Response, g, request

from oai_pmh.manners.figures import Figures
from oai_pmh.manners.turns import Turn, Turns, seconds_until_again
from repository.access.throttle import network


def mind(pages: Blueprint, turns: Turns, figures: Figures) -> None:
    """Let every request to ``pages`` take a turn; one that gets none is answered with 503 and Retry-After."""

    @pages.before_request
    def _take() -> Response | None:
        turn = turns.take(network(request.remote_addr or ""))
        if turn is not None:
            g.turn = turn
            return None
        figures.sent_away()
        seconds = seconds_until_again()
        return Response(
            f"Other harvests are under way. Please ask the same again in {seconds} seconds.\n",
            503,
            {"Retry-After": str(seconds)},
            mimetype="text/plain",
        )

    @pages.after_request
    def _ends_with_its_answer(answer: Response) -> Response:
        turn: Turn | None = g.get("turn")
        if turn is not None and _has_body(answer):
            answer.call_on_close(turn.end)
        elif turn is not None:
            turn.end()
        return answer

    @pages.teardown_request
    def _ends_without_one(error: BaseException | None) -> None:
        turn: Turn | None = g.get("turn")
        if turn is not None and error is not None:
            turn.end()


def _has_body(answer: Response) -> bool:
    """Whether anything is sent after the headers: else nobody closes the answer (werkzeug, Response.get_app_iter)."""
    return request.method != "HEAD" and answer.status_code not in (204, 304) and not answer.direct_passthrough
