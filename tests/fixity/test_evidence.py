"""Requirements held against figures and words: nothing is met that was not measured, and the pack proves itself."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pages
import pytest
from lxml import html

from config.evidence import documents
from fixity.evidence import certificates, looks, statements
from fixity.evidence.certificate import Wanted
from fixity.evidence.facts import gather
from fixity.evidence.matrix import Matrix, Standing, held_against
from fixity.evidence.measures import MEASURES
from fixity.evidence.pack import pack
from fixity.evidence.requirements import FRAMEWORKS, framework
from fixity.evidence.room import Evidence, Place
from fixity.evidence.statements import Answer, Statement
from fixity.web.evidence import printer
from repository import signing
from repository.catalogue import proofs, rehearsals
from repository.catalogue.periods import Period
from repository.errors import UsageError
from repository.promise import Promises
from repository.storage.capabilities import Capabilities, Capability, Verdict

YEAR = Period(date(2026, 1, 1), date(2026, 12, 31))
ANSWERS = Capability("answers", Verdict.YES, "", needed=True)
GOOD = Capability("object_lock", Verdict.YES, "held", needed=False)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[pages.Site]:
    made = pages.site(f"sqlite:///{tmp_path / 'catalogue.sqlite'}", home=tmp_path)
    yield made
    made.catalogue.close()


def room(site: pages.Site, home: Path, **changes: Any) -> Evidence:
    usual = Evidence(
        catalogue=site.catalogue,
        home=home,
        named={"name": "Mahfuz", "identifier": "mahfuz.example.org", "base_url": "https://mahfuz.example.org"},
        agent="mahfuz test",
        places=(Place("main", "s3", "Ankara", "deprem"), Place("second", "file", "İzmir", "sel")),
        promises=Promises(),
        policy={"copies": 2, "fixity_days": {"main": 90, "second": 90}},
        inventory=timedelta(days=1),
        documents=documents(),
    )
    return replace(usual, **changes)


def matrix(evidence: Evidence, said: Mapping[str, Statement] | None = None, name: str = "ndsa") -> Matrix:
    return held_against(framework(name), gather(evidence, pages.NOW), said or {})


def standing(found: Matrix, key: str) -> Standing:
    return next(one.standing for one in found.judged if one.requirement.key == key)


def said(answer: Answer, until: date | None = None) -> Statement:
    return Statement("ndsa.storage-3-media", answer, "Ayşe Yılmaz", "", pages.NOW.date(), until, "", {"tr": "Bant."})


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_in_an_empty_archive_no_figure_shows_anything_of_what_is_kept(
    site: pages.Site, tmp_path: Path, name: str
) -> None:
    found = matrix(room(site, tmp_path, places=()), name=name)
    met = {
        asked.measure
        for one in found.judged
        for asked, outcome in zip(one.requirement.measures, one.outcomes, strict=True)
        if outcome.met
    }
    assert met <= {"stores_described"}, "there is no store that is not described"
    assert found.number(Standing.STATED) == found.number(Standing.NOT_APPLICABLE) == 0


def test_copies_count_as_apart_only_by_place_and_threat(site: pages.Site, tmp_path: Path) -> None:
    pages.enter(site, pages.record(1))
    assert standing(matrix(room(site, tmp_path)), "ndsa.storage-1-copies") is Standing.MET
    assert standing(matrix(room(site, tmp_path)), "ndsa.storage-3-threat") is Standing.MET
    assert standing(matrix(room(site, tmp_path)), "ndsa.storage-2-copies") is Standing.NOT_MET
    together = (Place("main", "s3", "Ankara", "deprem"), Place("second", "file", "Ankara", "deprem"))
    found = matrix(room(site, tmp_path, places=together))
    assert standing(found, "ndsa.storage-1-copies") is standing(found, "ndsa.storage-3-threat") is Standing.NOT_MET
    bare = (Place("main", "s3", "", ""), Place("second", "file", "", ""))
    assert standing(matrix(room(site, tmp_path, places=bare)), "ndsa.storage-1-copies") is Standing.NOT_MET


def test_a_store_that_lacks_one_copy_has_no_whole_copy(site: pages.Site, tmp_path: Path) -> None:
    pages.enter(site, pages.record(1))
    pages.enter(site, pages.record(2), verified={"main": pages.NOW, "second": None})
    found = matrix(room(site, tmp_path))
    assert standing(found, "ndsa.storage-1-copies") is Standing.NOT_MET
    assert standing(found, "ndsa.integrity-2-moving") is Standing.NOT_MET, "one copy was never read back"
    assert standing(found, "ndsa.integrity-3-intervals") is Standing.NOT_MET


def test_a_person_answers_only_for_what_no_figure_shows(site: pages.Site, tmp_path: Path) -> None:
    evidence, key = room(site, tmp_path), "ndsa.storage-3-media"
    assert standing(matrix(evidence), key) is Standing.STATEMENT_NEEDED
    assert standing(matrix(evidence, {key: said(Answer.YES)}), key) is Standing.STATED
    assert standing(matrix(evidence, {key: said(Answer.NO)}), key) is Standing.NOT_MET
    assert standing(matrix(evidence, {key: said(Answer.NOT_APPLICABLE)}), key) is Standing.NOT_APPLICABLE
    gone = said(Answer.YES, until=pages.NOW.date() - timedelta(days=1))
    assert standing(matrix(evidence, {key: gone}), key) is Standing.STATEMENT_NEEDED
    measured = "ndsa.storage-1-copies"
    assert standing(matrix(evidence, {measured: said(Answer.YES)}), measured) is Standing.NOT_MET, "figures weigh more"


def test_a_level_is_reached_only_over_those_below(site: pages.Site, tmp_path: Path) -> None:
    pages.enter(site, pages.record(1), files={"makale.xml": b"<article/>"})
    found = matrix(room(site, tmp_path))
    assert found.cell("metadata", 2).standing is Standing.MET
    assert found.cell("metadata", 1).standing is Standing.NOT_MET
    assert found.reached("metadata") == 0
    assert found.of("storage", 1) == found.of("storage")[:3]


def test_a_look_is_kept_and_runs_out(site: pages.Site, tmp_path: Path) -> None:
    evidence = room(
        site,
        tmp_path,
        probe=lambda: [Capabilities(name, (ANSWERS, GOOD)) for name in ("main", "second")],
        exposed=lambda tried: [{"what": "one hand", "safe": len(tried) < 2, "detail": "root", "remedy": "two keys"}],
        prove=lambda: {"whole": True, "events": 3, "problem_count": 0},
        scanner=lambda: "ClamAV 1.4",
    )
    assert not looks.last(evidence).fresh(pages.NOW)
    seen = looks.look(evidence, pages.NOW.replace(microsecond=0))
    assert looks.last(evidence) == seen
    found = matrix(evidence)
    assert standing(found, "ndsa.integrity-1-virus") is Standing.MET
    assert standing(found, "ndsa.storage-1-stable") is Standing.MET
    assert standing(found, "ndsa.storage-4-diversity") is Standing.NOT_MET
    assert standing(found, "ndsa.control-2-applied") is Standing.STATEMENT_NEEDED
    looks.look(evidence, pages.NOW - timedelta(days=32))
    found = matrix(evidence)
    assert standing(found, "ndsa.integrity-1-virus") is Standing.NOT_MET
    assert standing(found, "ndsa.storage-1-stable") is Standing.NOT_MET, "a trial of last month proves nothing of today"
    (tmp_path / "evidence" / "looks.json").write_text('{"at": 1}')
    assert looks.last(evidence).at is None


def _rehearse_and_walk(site: pages.Site) -> None:
    with site.catalogue.writing() as session:
        rehearsals.begin(session, pages.NOW - timedelta(days=200), whole=False, store=None, first="")
        (row,) = rehearsals.latest(session, limit=1)
        row.finished_at, row.articles, row.differences = pages.NOW - timedelta(days=200), 12, 3
        before = proofs.standing(session)
        assert proofs.note(session, before, replace(before, ended_at=pages.NOW), pages.NOW)


def test_what_the_clock_walked_and_what_was_rehearsed_count(site: pages.Site, tmp_path: Path) -> None:
    evidence = room(site, tmp_path)
    assert standing(matrix(evidence), "ndsa.metadata-1-backup") is Standing.NOT_MET
    _rehearse_and_walk(site)
    with site.catalogue.reading() as session:
        assert proofs.standing(session).ended_at == pages.NOW
    assert MEASURES["testimony_verified"](gather(evidence, pages.NOW)).met
    assert not MEASURES["testimony_verified"](gather(evidence, pages.NOW + timedelta(days=101))).met
    with site.catalogue.writing() as session:
        (row,) = rehearsals.latest(session, limit=1)
        row.started_at, row.differences = pages.NOW - timedelta(days=2), 0
    assert standing(matrix(evidence), "ndsa.metadata-1-backup") is Standing.MET


def test_every_sentence_of_a_measure_can_be_filled(site: pages.Site, tmp_path: Path) -> None:
    evidence = room(site, tmp_path)
    for known in (False, True):
        if known:
            _rehearse_and_walk(site)
        for name in FRAMEWORKS:
            for one in matrix(evidence, name=name).as_json()["requirements"]:
                for measure in one["measures"]:
                    assert measure["seen"]
                    assert measure["met"] or measure["remedy"], measure
                    assert "{" not in measure["seen"] + measure["remedy"]
    assert set(MEASURES)


def test_a_file_of_statements_is_read_whole_or_says_where_it_is_wrong(tmp_path: Path) -> None:
    file = tmp_path / statements.FILE
    assert statements.read(tmp_path) == {}
    file.write_text(statements.EXAMPLE, encoding="utf-8")
    (one,) = statements.read(tmp_path).values()
    assert (one.answer, one.name, one.day) == (Answer.YES, "Ayşe Yılmaz", date(2026, 11, 27))
    assert one.said("en").startswith("The copy")
    for spoilt, told in (
        (statements.EXAMPLE.replace("storage-3-media", "storage-9"), "no requirement has the key"),
        (statements.EXAMPLE.replace('"yes"', '"perhaps"'), "perhaps"),
        (statements.EXAMPLE.replace("date = 2026-11-27", 'date = "yesterday"'), "without quotation marks"),
        (statements.EXAMPLE.replace('name = "Ayşe Yılmaz"\n', ""), "name is missing"),
        (statements.EXAMPLE + '\nnote = "x"', "nobody knows note"),
        (statements.EXAMPLE + "\n" + statements.EXAMPLE, "answered twice"),
        (statements.EXAMPLE.replace("\ntr =", "\n# ").replace("\nen =", "\n# "), "a text is missing"),
        ("[[statement", "is not TOML"),
        ("[statements]", "tables only"),
    ):
        file.write_text(spoilt, encoding="utf-8")
        with pytest.raises(UsageError, match=told):
            statements.read(tmp_path)


def packed(site: pages.Site, evidence: Evidence, at: datetime) -> bytes:
    with site.app.app_context():
        return b"".join(pack(evidence, YEAR, at, printer(evidence)))


def test_a_pack_lists_every_file_with_its_digest_and_is_signed(site: pages.Site, tmp_path: Path) -> None:
    pages.enter(site, pages.record(1))
    evidence = room(site, tmp_path)
    now = datetime.now(UTC).replace(microsecond=0)
    issued = certificates.issue(evidence, Wanted(Period(now.date(), now.date())), now)
    certificates.issue(evidence, Wanted(Period(date(2020, 1, 1), date(2020, 12, 31))), now)
    other = replace(YEAR, last=now.date())
    with site.app.app_context():
        data = b"".join(pack(evidence, other, now, printer(evidence)))
        assert data == b"".join(pack(evidence, other, now, printer(evidence))), "the same figures, the same bytes"
    target = zipfile.ZipFile(io.BytesIO(data))
    assert target.testzip() is None
    envelope = json.loads(target.read("manifest.json"))
    assert signing.verify(envelope, evidence.signer.public_keys(), "manifest") is None
    listed = {one["path"]: one for one in envelope["manifest"]["files"]}
    assert set(target.namelist()) == {*listed, "manifest.json"}
    for name, one in listed.items():
        content = target.read(name)
        assert (one["bytes"], one["sha512"]) == (len(content), hashlib.sha512(content).hexdigest()), name
    named = [line.split("  ")[1] for line in target.read("manifest-sha512.txt").decode().splitlines()]
    assert set(named) == set(listed) - {"manifest-sha512.txt"}
    mine = {name for name in listed if name.startswith("certificates/")}
    assert mine == {f"certificates/{issued.name}{end}" for end in (".json", ".tr.html", ".en.html")}, "of that period"
    absent = {one["path"] for one in envelope["manifest"]["absent"]}
    assert absent == {"rehearsal.json", "looks.json", "testimony/verified.json", "testimony/heads"}
    assert "docs/verify_events.py" in listed
    for name in FRAMEWORKS:
        turkish, english = (html.fromstring(target.read(f"{name}.{code}.html").decode()) for code in ("tr", "en"))
        assert (turkish.get("lang"), english.get("lang")) == ("tr", "en")
        assert turkish.xpath("string(//h1)") == framework(name).title["tr"]
        assert english.xpath("string(//h1)") == framework(name).title["en"]
        for page in (turkish, english):
            here = [str(link) for link in page.xpath("//a/@href") if not str(link).startswith(("http", "#"))]
            assert here
            assert all(link in listed for link in here), "every link of a page leads to a file of the pack"


def test_a_pack_in_one_language_says_nothing_in_another(site: pages.Site, tmp_path: Path) -> None:
    target = zipfile.ZipFile(io.BytesIO(packed(site, room(site, tmp_path), pages.NOW)))
    turkish, english = (target.read(f"ndsa.{code}.html").decode() for code in ("tr", "en"))
    assert "karşılanmıyor" in turkish
    assert "not met" not in turkish
    assert "not met" in english
    assert "karşılanmıyor" not in english


def test_the_page_has_the_matrix_first_and_says_every_state_in_words(site: pages.Site) -> None:
    pages.enter(site, pages.record(1))
    browser = site.staff_client()
    page = html.fromstring(browser.get("/staff/evidence?lang=en").text)
    table = page.xpath("//main//table")[0]
    assert "NDSA" in table.xpath("string(./caption)")
    cells = table.xpath(".//td[.//span[contains(@class, 'mark')]]")
    assert len(cells) == 20
    known = {"met", "not met", "statement needed", "a person answers for it", "not applicable"}
    assert {cell.xpath("string(.//span[contains(@class, 'mark')])").strip() for cell in cells} <= known
    assert all(cell.xpath(".//svg") for cell in cells), "and by a sign"
    for name in FRAMEWORKS:
        told = html.fromstring(browser.get(f"/staff/evidence/tables/{name}?lang=tr").text)
        assert len(told.xpath("//section")) == len(framework(name).requirements)
        assert "(orada yok)" not in told.text_content(), "what a pack would hold is not missing on the page"
        assert "`" not in told.text_content()
    assert browser.get("/staff/evidence/tables/nirgends").status_code == 404


def test_a_certificate_is_issued_on_the_page_and_given_out(site: pages.Site) -> None:
    pages.enter(site, pages.record(1))
    browser = site.staff_client()
    made = pages.post(
        browser, "/staff/evidence/certificates", "/staff/evidence", **{"from": "2026-01-01", "to": "2026-12-31"}
    )
    assert made.status_code == 302
    page = browser.get(made.location + "?lang=en")
    assert "Nothing was read here in the period." in page.text
    assert "What this does not say" in page.text
    signed = browser.get(made.location + ".json")
    assert signed.headers["Content-Disposition"].startswith('attachment; filename="fixity-2026-01-01-2026-12-31-')
    keys = browser.get("/.well-known/mahfuz-keys.json").json
    assert keys is not None
    assert signing.verify(signed.json, keys["keys"], "certificate") is None
    assert made.location.rpartition("/")[2] in browser.get("/staff/evidence").text
    for wrong, status in (
        ({"from": "2026-02-01", "to": "2026-01-01"}, 400),
        ({"from": "gestern", "to": ""}, 400),
        ({"from": "2026-01-01", "to": "2026-01-02", "publisher": "Hiç Kimse"}, 400),
        ({"from": "2026-01-01", "to": "2026-01-02", "store": "third"}, 400),
    ):
        answer = pages.post(browser, "/staff/evidence/certificates", "/staff/evidence", **wrong)
        assert answer.status_code == status, wrong
    assert browser.get("/staff/evidence/certificates/..%2F..%2Fsecret").status_code == 404


def test_the_pack_is_downloaded_as_it_is_made(site: pages.Site) -> None:
    pages.enter(site, pages.record(1))
    browser = site.staff_client()
    answer = browser.get("/staff/evidence/pack.zip?from=2026-01-01&to=2026-12-31&lang=en")
    assert (answer.status_code, answer.mimetype) == (200, "application/zip")
    target = zipfile.ZipFile(io.BytesIO(answer.data))
    assert target.testzip() is None
    assert "karşılanmıyor" in target.read("ndsa.tr.html").decode(), "in its own language, whatever the browser's"
    assert browser.get("/staff/evidence/pack.zip?from=2026-02-01&to=2026-01-01").status_code == 400
    assert browser.get("/staff/evidence/pack.zip").status_code == 400


def test_a_spoilt_file_of_statements_is_shown_and_crashes_nothing(site: pages.Site, tmp_path: Path) -> None:
    (tmp_path / "evidence").mkdir(exist_ok=True)
    (tmp_path / "evidence" / statements.FILE).write_text("[[statement")
    browser = site.staff_client()
    for address in ("/staff/evidence", "/staff/evidence/tables/ndsa"):
        page = browser.get(f"{address}?lang=en")
        assert page.status_code == 200
        assert "The statements cannot be read" in page.text
    assert browser.get("/staff/evidence/pack.zip?from=2026-01-01&to=2026-01-02").status_code == 400
