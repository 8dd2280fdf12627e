"""Usage comes back from a ledger as it was counted, day by day, under the numbers of another catalogue."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select

from ingest.ledger_tables import usage as ledger_usage
from repository.catalogue import Catalogue, schema
from repository.models import Institution, Publisher, Title, TitleIssn, UsageDay
from repository.vocabulary import utc_now


def _catalogue(path: Path, first: int) -> Catalogue:
    """A journal and a library, whose numbers begin at ``first``."""
    catalogue = Catalogue(f"sqlite:///{path}")
    schema.migrate(catalogue)
    now = datetime(2026, 1, 1, tzinfo=UTC)
    with catalogue.writing() as session:
        publisher = Publisher(name="Örnek", slug="ornek", titles_agreed=False)
        session.add(publisher)
        session.flush()
        session.add(Title(id=first, publisher_id=publisher.id, name="Dergi", sort_key="d", folded="dergi", articles=0))
        session.add(
            Institution(id=first + 1, code="lib", name="L", sort_key="l", folded="l", active=True, created_at=now)
        )
        session.flush()
        session.add(TitleIssn(issn="1300-0632", title_id=first))
    return catalogue


def _row(day: date, institution: int, title: int, number: int, **changes: Any) -> UsageDay:
    values: dict[str, Any] = {"year": 2015, "access_type": "Controlled", "metric": "Total_Item_Requests"}
    return UsageDay(day=day, institution_id=institution, title_id=title, number=number, **values | changes)


def test_every_day_that_is_over_comes_back(tmp_path: Path) -> None:
    ours, theirs = _catalogue(tmp_path / "a.sqlite", 5), _catalogue(tmp_path / "b.sqlite", 40)
    today = utc_now().date()
    before = today - timedelta(days=1)
    with ours.writing() as session:
        session.add_all(
            [
                _row(today, 6, 5, 9),
                _row(before, 6, 5, 4),
                _row(before, 6, 5, 1, year=1, metric="No_License"),
                _row(before, 0, 0, 3, year=1, access_type="", metric="Searches_Platform"),
                _row(date(2026, 1, 2), 0, 5, 7),
            ]
        )
    told = list(ledger_usage.tell(ours, None))
    assert [one["number"] for one in told] == [7, 3, 1, 4]
    assert [[str(one[name]) for name in ledger_usage.KEY] for one in told] == sorted(
        [str(one[name]) for name in ledger_usage.KEY] for one in told
    )
    with theirs.writing() as session:
        ledger_usage.enter(session, told, True)
        ledger_usage.enter(session, [told[0] | {"number": 8}], False)
        ledger_usage.enter(session, [told[0] | {"issn": "1300-0705"}, told[0] | {"institution": "nobody"}], True)
    assert list(ledger_usage.tell(theirs, None)) == told
    with theirs.reading() as session:
        places = {(row.institution_id, row.title_id) for row in session.execute(select(UsageDay)).scalars()}
    assert places == {(41, 40), (0, 40), (0, 0)}
    since = list(ledger_usage.tell(ours, f"{today.isoformat()}T01:00:00Z"))
    assert since == told[1:], "the last days are told again, as they ended"
    with theirs.writing() as session:
        ledger_usage.enter(session, [since[0] | {"number": 5}], True)
    assert next(iter(ledger_usage.tell(theirs, f"{today.isoformat()}T01:00:00Z")))["number"] == 5
    ours.close()
    theirs.close()
