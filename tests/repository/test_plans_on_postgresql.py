"""What PostgreSQL makes of questions for which SQLite's plan says nothing: it goes by how many rows it expects."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from plans import explained
from sqlalchemy import text

from repository.access import entitled, our_rights
from repository.catalogue import Catalogue

_FILLED = """
    INSERT INTO publisher (id, name, slug, titles_agreed) VALUES (1, 'Yayınevi', 'yayinevi', false);
    INSERT INTO institution (id, code, name, sort_key, folded, active, created_at)
         SELECT n, 'kurum-' || n, 'Kurum', 'kurum', 'kurum', true, now() FROM generate_series(1, 2) AS n;
    INSERT INTO title (id, publisher_id, name, sort_key, folded, articles)
         SELECT n, 1, 'Dergi ' || n, md5(CAST(n AS text)), 'dergi ' || n, 0 FROM generate_series(1, 5000) AS n;
    INSERT INTO licence (id, code, name, folded, publisher_id, type, basis, status, perpetual, back_years, hosting,
                         created_at)
         SELECT n, 'lisans-' || n, 'Lisans', 'lisans', 1, 'local', 'signed', 'active', 'full', 0, 'always', now()
           FROM generate_series(1, 20) AS n;
    INSERT INTO licence_party (id, licence_id, institution_id) SELECT n, n, 1 + n % 2 FROM generate_series(1, 20) AS n;
    INSERT INTO entitlement (licence_id, title_id, name, state, by, at)
         SELECT l, t, 'Dergi', 'agreed', 'test', now()
           FROM generate_series(1, 20) AS l, generate_series(1, 5000, 2) AS t;
    ANALYZE"""


@pytest.fixture
def filled(postgresql_url: str) -> Iterator[Catalogue]:
    """Five thousand journals, and half of them in each of twenty lists."""
    catalogue = Catalogue(postgresql_url)
    with catalogue.writing() as session:
        for statement in _FILLED.split(";"):
            session.execute(text(statement))
    yield catalogue
    catalogue.close()


def test_a_page_of_rights_reads_journals_in_their_order_and_not_all_of_them(filled: Catalogue) -> None:
    with explained(filled.engine, "FROM title") as plans, filled.reading() as session:
        agreements = entitled.agreements_of(session, 1)
        found = our_rights._journals(session, agreements, None, 50)
    assert len(found) == 50
    (plan,) = plans
    assert any("Index Scan using ix_title_sort_key_id on title" in step for step in plan), plan
    assert not any("Seq Scan on title " in step for step in plan), plan
