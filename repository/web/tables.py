"""Any list as CSV, streamed page by page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from flask import Response

from repository import spreadsheet


def csv_answer(name: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Response:
    """A download of ``rows`` under ``name``: UTF-8; nothing is held in memory."""
    answer = Response(spreadsheet.parts(columns, rows), mimetype="text/csv")
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return answer
