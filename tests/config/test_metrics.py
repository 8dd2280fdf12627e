"""The archive in figures for Prometheus, equal to the rows, and not for everybody."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pages
import pytest
from prometheus_client.parser import text_string_to_metric_families

from oai_pmh.arguments import Verb
from oai_pmh.manners import Figures
from repository.catalogue import canaries, copies, days, standing, system_lines
from repository.catalogue.canaries import Look
from repository.catalogue.system_lines import Answered, Found
from repository.models import Rehearsal
from repository.vocabulary import AuditOutcome, utc_now

LOCAL = {"REMOTE_ADDR": "127.0.0.1"}


@pytest.fixture
def archive(database_url: str) -> Iterator[pages.Site]:
    site = pages.site(database_url)
    for number in range(1, 4):
        pages.enter(site, pages.record(number))
    with site.catalogue.writing() as rows:
        (ref, *_) = copies.walk(rows, limit=1)
        copies.record(rows, ref, AuditOutcome.DAMAGED, at=pages.NOW, next_due=pages.NOW)
        days.add(rows, utc_now() - timedelta(days=400), {"main": {"intact": 5, "bytes": 50}})
        days.add(rows, utc_now(), {"main": {"intact": 7, "damaged": 1, "bytes": 70}})
        looks = [
            Look("main", "flipped", AuditOutcome.DAMAGED, AuditOutcome.DAMAGED),
            Look("main", "cut", AuditOutcome.DAMAGED, AuditOutcome.INTACT),
        ]
        canaries.write_down(rows, looks, utc_now())
        line = Found("disk", "", "bad", {"sentence": "full", "values": {}})
        system_lines.keep(rows, [Answered("arsiv-1", "disk", lines=[line])], utc_now())
        rows.add(Rehearsal(started_at=utc_now(), finished_at=utc_now(), differences=2, details=[]))
        standing.note_answer(rows, "second", utc_now(), problem=None, free=7, total=9)
    yield site
    site.catalogue.close()


def figures(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_the_figures_equal_the_rows(archive: pages.Site) -> None:
    answer = archive.app.test_client().get("/metrics", environ_base=LOCAL)
    assert answer.status_code == 200
    assert answer.content_type.startswith("text/plain; version=0.0.4")
    found = figures(answer.text)
    damaged, main = (("state", "damaged"), ("store", "main")), (("store", "main"),)
    assert found["mahfuz_copies", damaged] == 1
    assert found["mahfuz_copies_read_total", (("outcome", "intact"), *main)] == 12
    assert found["mahfuz_bytes_read_total", main] == 120
    assert found["mahfuz_canaries", (("outcome", "missed"), *main)] == 1
    assert found["mahfuz_canaries", (("outcome", "caught"), *main)] == 1
    assert found["mahfuz_canaries", (("outcome", "missed"), ("store", "second"))] == 0
    assert found["mahfuz_alerts_open", ()] == found["mahfuz_tallies_wrong", ()] == 0
    assert found["mahfuz_store_free_bytes", (("store", "second"),)] == 7
    assert found["mahfuz_store_answered_timestamp_seconds", (("store", "second"),)] > 0
    assert sum(value for (name, _), value in found.items() if name == "mahfuz_copies") == 6
    queue = "mahfuz_queue_waiting"
    assert found[queue, (("queue", "mending"),)] == 1
    assert found[queue, (("queue", "announcements"),)] + found[queue, (("queue", "overdue"),)] >= 0
    assert found["mahfuz_doctor_lines", (("host", "arsiv-1"), ("verdict", "bad"))] == 1
    assert found["mahfuz_doctor_lines", (("host", "arsiv-1"), ("verdict", "good"))] == 0
    assert found["mahfuz_doctor_timestamp_seconds", (("host", "arsiv-1"),)] > 0
    assert found["mahfuz_rehearsal_differences", ()] == 2
    assert found["mahfuz_rehearsal_timestamp_seconds", ()] > 0
    assert all(name.startswith("mahfuz_") for name, _ in found)


def test_an_empty_archive_has_figures(database_url: str) -> None:
    site = pages.site(database_url)
    assert site.app.test_client().get("/metrics", environ_base=LOCAL).status_code == 200
    site.catalogue.close()


def test_without_a_token_they_are_for_this_machine_only(archive: pages.Site) -> None:
    browser = archive.app.test_client()
    assert browser.get("/metrics", environ_base={"REMOTE_ADDR": "192.0.2.7"}).status_code == 404
    through_a_proxy = {"X-Forwarded-For": "127.0.0.1"}
    assert browser.get("/metrics", environ_base=LOCAL, headers=through_a_proxy).status_code == 404


def test_with_a_token_they_are_for_who_brings_it(database_url: str) -> None:
    site = pages.site(database_url, metrics_token="s3cret-sığ")
    browser = site.app.test_client()
    for given in ({}, {"Authorization": "Bearer other"}, {"Authorization": "s3cret-sığ".encode().decode("latin-1")}):
        answer = browser.get("/metrics", environ_base=LOCAL, headers=given)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    site.catalogue.close()
    site = pages.site(database_url, metrics_token="s3cret")
    browser = site.app.test_client()
    far = {"REMOTE_ADDR": "192.0.2.7"}
    assert browser.get("/metrics", environ_base=far, headers={"Authorization": "Bearer s3cret"}).status_code == 200
    site.catalogue.close()


def test_what_the_window_gave_out_is_among_the_figures(database_url: str) -> None:
    given = Figures()
    given.answered(Verb.LIST_RECORDS, 500)
    given.answered(None)
    given.sent_away()
    site = pages.site(database_url, harvested=given)
    found = figures(site.client.get("/metrics", environ_base=LOCAL).text)
    assert found["mahfuz_oai_requests_total", (("verb", "ListRecords"),)] == 1
    assert found["mahfuz_oai_requests_total", (("verb", "none"),)] == 1
    assert found["mahfuz_oai_records_total", ()] == 500
    assert found["mahfuz_oai_sent_away_total", ()] == 1
    site.catalogue.close()
