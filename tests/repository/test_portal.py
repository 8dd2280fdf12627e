"""The pages of libraries and publishers: each sees and changes what is its own, on both databases."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pages
import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from repository.access import claims, institutions, own_networks, requestors
from repository.access.requestors import of_key
from repository.catalogue import titles
from repository.errors import NotNow
from repository.models import (
    AccessHead,
    Delivery,
    Document,
    Entitlement,
    Event,
    Institution,
    InstitutionNetwork,
    Licence,
    Requestor,
    Shortfall,
    Staff,
)
from repository.rights import ClaimState, Side

TARIM, KIYI, YAYLA, OVA = "1300-0632", "1300-0640", "1300-0659", "1300-0667"
HEAD = (
    "publication_title\tprint_identifier\tonline_identifier\tdate_first_issue_online\tnum_first_vol_online\t"
    "num_first_issue_online\tdate_last_issue_online\tnum_last_vol_online\tnum_last_issue_online\n"
)
LIST = HEAD + "".join(
    f"{name}\t\t{issn}\t{first}\t\t\t{last}\t\t\n"
    for name, issn, first, last in (
        ("Tarım", TARIM, "2009", "2012"),
        ("Kıyı", KIYI, "2012", "2013"),
        ("Yayla", YAYLA, "2015", ""),
        ("Bilinmez", "1300-0675", "2009", ""),
        ("Yanlış", "1234-5678", "2009", ""),
    )
)


@dataclass
class Portal:
    """The pages, and who sits before them."""

    site: pages.Site
    library: FlaskClient
    """Örnek's librarian,"""
    other: FlaskClient
    """Başka's,"""
    publisher: FlaskClient
    """Örnek Yayınevi's account,"""
    rival: FlaskClient
    """another publisher's,"""
    staff: FlaskClient
    """and the archive's staff."""
    numbers: dict[str, int]

    def claimed(self, **given: str) -> int:
        """A claim of Örnek, made on its page; its number."""
        usual = {"licence": "tarim", "issn": YAYLA, "date_first_issue_online": "2015", "reason": "Fatura ektedir."}
        answer = sent(self.library, "/library/claims/new", **usual | given)
        assert answer.status_code == 303, said(answer)
        return int(answer.location.rpartition("/")[2])


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def portal(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    if request.param == "sqlite":
        yield from _filled(f"sqlite:///{tmp_path_factory.mktemp('portal') / 'catalogue.sqlite'}")
    else:
        with request.getfixturevalue("postgresql_server").fresh_database(migrated=True) as url:
            yield from _filled(url)


def _filled(url: str) -> Iterator[Portal]:
    site = pages.site(url)
    ours = pages.institution(site, "ornek", name="Örnek Üniversitesi", networks=("193.140.9.0/24",))
    pages.institution(site, "baska", name="Başka Üniversitesi", networks=("193.140.2.0/24",))
    for number, year in enumerate(range(2009, 2014), 1):
        tarim = pages.enter(site, dated(number, "Tarım Bilimleri", TARIM, year))
    kiyi = pages.enter(site, dated(20, "Kıyı Bilimleri", KIYI, 2012), verified={"main": pages.NOW, "second": None})
    pages.enter(site, dated(30, "Yaylalar", YAYLA, 2015))
    ova = pages.enter(site, dated(40, "Ovalar", OVA, 2015), publisher="Rakip Yayınevi")
    lines = {
        "tarim": pages.right(site, "tarim", tarim, ours, paid=(("2009-01-01", "2013-12-31"),), perpetual="paid_years"),
        "kiyi": pages.right(site, "kiyi", kiyi, ours, paid=(("2012-01-01", "2013-12-31"),), perpetual="paid_years"),
        "ova": pages.right(site, "ova", ova, ours, paid=(("2015-01-01", "2015-12-31"),), perpetual="none"),
    }
    with site.catalogue.writing() as rows:
        rakip = titles.find_publisher(rows, "Rakip Yayınevi")
        assert rakip is not None
        own = titles.find_publisher(rows, "Örnek Yayınevi")
        assert own is not None
        for word, whose in (("a", own), ("b", rakip)):
            rows.add(
                Delivery(
                    id=word * 32,
                    publisher_id=whose.id,
                    file_names=[f"{word}.zip"],
                    sha256=word * 64,
                    bytes=1000,
                    state="accepted",
                    accepted_on=pages.NOW,
                    finished_at=pages.NOW,
                    findings=[],
                )
            )
    yield Portal(
        site,
        site.staff_client("kutup", "librarian", institution="ornek"),
        site.staff_client("oteki", "librarian", institution="baska"),
        site.staff_client("yayin", "publisher", publisher="Örnek Yayınevi"),
        site.staff_client("rakip", "publisher", publisher="Rakip Yayınevi"),
        site.staff_client(),
        lines,
    )
    site.catalogue.close()


def dated(number: int, journal: str, issn: str, year: int) -> Any:
    volume = str(year - 2000)
    return pages.record(
        number, journal_title=journal, issn_electronic=issn, published={"ppub": str(year)}, volume=volume, licence=None
    )


def sent(browser: FlaskClient, address: str, form_at: str = "/library/claims/new", **fields: Any) -> TestResponse:
    """A form, as a browser sends it; a file as name and bytes."""
    token = pages.token_of(browser.get(form_at))
    files = {key: (io.BytesIO(value[1]), value[0]) for key, value in fields.items() if isinstance(value, tuple)}
    return browser.post(address, data={"csrf_token": token, **fields, **files})


def said(answer: TestResponse) -> str:
    """What a page says, without its tags and with white space folded."""
    return " ".join(re.sub(r"<[^>]+>", " ", answer.text).split())


def table(answer: TestResponse) -> list[dict[str, str]]:
    assert answer.mimetype == "text/csv", said(answer)
    return list(csv.DictReader(io.StringIO(answer.text)))


def counted(portal: Portal, what: Any) -> int:
    with portal.site.catalogue.reading() as rows:
        return rows.execute(select(func.count()).select_from(what)).scalar_one()


def test_rights_are_told_with_their_years_and_how_safe_they_are(portal: Portal) -> None:
    found = {line["online_identifier"]: line for line in table(portal.library.get("/library/?as=csv"))}
    tarim, kiyi, ova = found[TARIM], found[KIYI], found[OVA]
    assert (tarim["perpetual_years"], tarim["state"], tarim["preserved"]) == ("2009-2013", "preserved", "2009-2013")
    assert (tarim["licences"], tarim["clauses"]) == ("tarim", "paid_years")
    assert (kiyi["perpetual_years"], kiyi["state"]) == ("2012-2013", "missing")
    assert (kiyi["preserved"], kiyi["in_progress"], kiyi["nothing_held"]) == ("", "2012", "2013")
    assert (ova["perpetual_years"], ova["state"]) == ("", "no_right")
    page = said(portal.library.get("/library/?lang=en"))
    assert "Tarım Bilimleri 1300-0632 · Örnek Yayınevi 2009–2013 Lisans tarim (the years paid) preserved" in page


def test_what_is_not_yet_safe_is_told_alone(portal: Portal) -> None:
    page = said(portal.library.get("/library/?show=unsafe&lang=en"))
    assert "Kıyı Bilimleri" in page
    assert "nothing held of: 2013" in page
    assert "Tarım Bilimleri" not in page
    assert "Ovalar" not in page, "what gives no right is not unsafe"
    assert "Tarım Bilimleri" not in said(portal.library.get("/library/?q=kiyi")), "found by folded words"
    assert portal.library.get("/library/?show=all").status_code == 400


def test_missing_items_make_a_journal_unsafe(portal: Portal) -> None:
    with portal.site.catalogue.writing() as rows:
        title = titles.title_by_issn(rows, [TARIM])
        assert title is not None
        known = rows.get(Shortfall, title.id)
        short = known or Shortfall(title_id=title.id, due=pages.NOW)
        before = (short.expected, short.missing)
        short.expected, short.missing = 60, 2
        rows.add(short)
    try:
        found = {line["online_identifier"]: line for line in table(portal.library.get("/library/?as=csv&show=unsafe"))}
        assert (found[TARIM]["state"], found[TARIM]["missing_items"], found[TARIM]["expected_items"]) == (
            "missing", "2", "60",
        )  # fmt: skip
        assert "2 of 60 expected items of the journal are not held" in said(portal.library.get("/library/?lang=en"))
        assert "something is missing" in said(portal.publisher.get("/publisher/?lang=en"))
    finally:
        with portal.site.catalogue.writing() as rows:
            short = rows.get_one(Shortfall, short.title_id)
            short.expected, short.missing = before


def test_rights_go_on_after_a_key(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("repository.web.portal.rights.A_PAGE", 1)
    monkeypatch.setattr("repository.access.our_rights.AT_ONCE", 2)
    address, seen = "/library/", []
    while address:
        page = portal.library.get(address)
        seen += re.findall(r'rowheader"><a href="/titles/([0-9X-]+)"', page.text)
        found = re.search(r'rel="next" href="([^"]+)"', page.text)
        address = found[1].replace("&amp;", "&") if found else ""
    assert seen == [KIYI, OVA, TARIM]
    assert [line["online_identifier"] for line in table(portal.library.get("/library/?as=csv"))] == seen


def test_an_own_list_is_compared_and_nothing_of_it_is_kept(portal: Portal) -> None:
    before = [counted(portal, what) for what in (Entitlement, Event, Document, AccessHead)]
    answer = sent(portal.library, "/library/compare", file=("bizim.txt", LIST.encode()), **{"as": "csv"})
    found = {line["row"] or line["verdict"]: line for line in table(answer)}
    verdicts = {row: line["verdict"] for row, line in found.items()}
    assert verdicts == {"2": "matched", "3": "not_preserved", "4": "no_right", "5": "neither", "6": "error"}
    assert (found["2"]["years_with_a_right"], found["2"]["preserved"]) == ("2009-2012", "2009-2012")
    assert (found["3"]["in_progress"], found["3"]["nothing_held"]) == ("2012", "2013")
    assert found["4"]["held_without_a_right"] == "2015"
    assert "1234-5678" in found["6"]["remark"]
    page = sent(portal.library, "/library/compare?lang=en", file=("bizim.txt", LIST.encode()))
    assert "Line 6 : “1234-5678” is not an ISSN." in said(page)
    assert [counted(portal, what) for what in (Entitlement, Event, Document, AccessHead)] == before


def test_rights_that_a_list_does_not_name_are_told(portal: Portal) -> None:
    only = f"{HEAD}Tarım\t\t{TARIM}\t2009\t\t\t\t\t\n"
    answer = sent(portal.library, "/library/compare", file=("bir.txt", only.encode()), **{"as": "csv"})
    assert [line["title"] for line in table(answer) if line["verdict"] == "not_in_the_list"] == ["Kıyı Bilimleri"]


def test_a_long_list_is_compared(portal: Portal) -> None:
    long = LIST + "".join(f"Bilinmez {number}\t\t1300-0675\t2009\t{'x' * 500}\t\t\t\t\n" for number in range(1000))
    answer = sent(portal.library, "/library/compare", file=("uzun.txt", long.encode()))
    assert answer.status_code == 200
    assert answer.text.count('name="run"') == 1
    assert "1.001" in answer.text or "1,001" in answer.text


@pytest.mark.parametrize("data", [b"", b"\xff\x00\xfe", b"a,b\n1,2\n", HEAD.encode()])
def test_what_is_no_list_is_told_and_not_crashed_over(portal: Portal, data: bytes) -> None:
    answer = sent(portal.library, "/library/compare?lang=tr", file=("x.txt", data))
    assert answer.status_code == 422
    assert "Liste okunamadı" in answer.text


def test_rows_that_are_held_without_a_right_are_turned_into_claims(portal: Portal) -> None:
    page = sent(portal.library, "/library/compare", file=("bizim.txt", LIST.encode()))
    (run,) = re.findall(r'name="run" value="([^"]+)"', page.text)
    refused = sent(portal.library, "/library/compare/claim", run=run, licence="", reason="Ödendi")
    assert refused.status_code == 422
    assert run in refused.text, "what was chosen is not lost"
    assert sent(portal.library, "/library/compare/claim", run="bozuk", licence="tarim", reason="x").status_code == 400
    evidence = ("fatura.pdf", b"%PDF 1")
    made = sent(portal.library, "/library/compare/claim", run=run, licence="tarim", reason="Ödendi", evidence=evidence)
    assert (made.status_code, made.location) == (303, "/library/claims?made=1")
    with portal.site.catalogue.writing() as rows:
        ours = institutions.named(rows, "ornek")
        (line,) = claims.listed(rows, institution=ours, limit=5)
        assert (line.row.state, line.licence.code, line.coverage.first_date) == ("asserted", "tarim", "2015")
        (act,) = claims.acts_of(rows, line.row)
        assert (act.side, act.by, act.reason) == ("library", "kutup", "Ödendi")
        assert act.document is not None
        claims.act(rows, "kutup", line.row.id, ClaimState.REJECTED, Side.LIBRARY, "sınama", at=pages.NOW)


def test_a_claim_goes_from_side_to_side_with_its_evidence(portal: Portal) -> None:
    number = portal.claimed(date_first_issue_online="2004", evidence=("fatura.pdf", b"%PDF fatura"))  # type: ignore[arg-type]
    ours, theirs = f"/library/claims/{number}", f"/publisher/claims/{number}"
    assert "Claim" in said(portal.publisher.get("/publisher/?lang=en"))
    assert "wait" in said(portal.publisher.get("/publisher/?lang=en"))
    page = portal.publisher.get(theirs)
    (evidence,) = re.findall(r'href="(/publisher/documents/[0-9a-f]{64})"', page.text)
    file = portal.publisher.get(evidence)
    assert (file.data, file.mimetype) == (b"%PDF fatura", "application/octet-stream")
    assert "attachment; filename=fatura.pdf" in file.headers["Content-Disposition"]
    without = sent(portal.publisher, theirs, theirs, state="disputed", reason="")
    assert without.status_code == 422
    disputed = sent(portal.publisher, theirs, theirs, state="disputed", reason="Yalnız 2014", evidence=("k.txt", b"k"))
    assert disputed.status_code == 303
    page = portal.library.get(ours)
    assert "Yalnız 2014" in page.text
    assert "yayin" not in said(page).split(), "who it was at the publisher's is its own affair"
    answer = re.findall(r'href="(/library/documents/[0-9a-f]{64})"', page.text)
    assert [portal.library.get(one).data for one in answer] == [b"%PDF fatura", b"k"]
    assert 'value="agreed"' not in page.text, "a library never agrees to its own claim"
    assert sent(portal.library, ours, ours, state="agreed", reason="x").status_code == 422
    assert sent(portal.publisher, theirs, theirs, state="agreed", reason="Doğruymuş").status_code == 303
    assert sent(portal.publisher, theirs, theirs, state="rejected", reason="x").status_code in (400, 422)
    with portal.site.catalogue.reading() as rows:
        assert [act.side for act in claims.acts_of(rows, claims.find(rows, number).row)] == [
            "library", "publisher", "publisher",
        ]  # fmt: skip
        assert claims.find(rows, number).row.state == "agreed"


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"licence": "ova"}, "neither on this licence"),
        ({"licence": "yok"}, "Choose one of your licences"),
        ({"issn": "1300-0683"}, "No journal with the ISSN"),
        ({"issn": "1234-5678"}, "is not an ISSN"),
        ({"date_first_issue_online": "gecen yıl"}, "is no date"),
        ({"reason": " "}, "A reason is needed"),
    ],
)
def test_what_cannot_be_claimed_is_said_and_what_was_typed_is_kept(
    portal: Portal, given: dict[str, str], why: str
) -> None:
    usual = {"licence": "tarim", "issn": YAYLA, "date_first_issue_online": "1999", "reason": "Fatura."}
    before = counted(portal, Entitlement)
    answer = sent(portal.library, "/library/claims/new?lang=en", **usual | given)
    assert answer.status_code == 422
    assert why in answer.text.replace("&#39;", "'")
    assert counted(portal, Entitlement) == before
    assert (usual | given)["issn"] in answer.text


def test_a_librarian_sees_and_changes_nothing_of_another_institution(portal: Portal) -> None:
    number = portal.claimed(date_first_issue_online="2001", evidence=("gizli.pdf", b"gizli"))  # type: ignore[arg-type]
    (document,) = re.findall(r"/library/documents/[0-9a-f]{64}", portal.library.get(f"/library/claims/{number}").text)
    sent(portal.library, "/library/keys", act="make", name="ornek-anahtar")
    adapter = portal.site.app.url_map.bind("localhost")
    values: dict[str, Any] = {"number": number, "word": document.rpartition("/")[2], "name": "tr_j1", "kind": "tsv"}
    rules = [rule for rule in portal.site.app.url_map.iter_rules() if rule.rule.startswith("/library/")]
    assert len({rule.rule for rule in rules}) == 14
    before = _all_of(portal)
    for rule in rules:
        own = adapter.build(rule.endpoint, {name: values[name] for name in rule.arguments})
        act = "close" if rule.rule.endswith("keys") else "drop"
        forms = {"act": act, "network": "193.140.9.0/24", "name": "ornek-anahtar", "state": "rejected"}
        for method in sorted((rule.methods or set()) & {"GET", "POST"}):
            for address, allowed in ((own, {200, 303, 404, 422, 400}), (f"{own}?institution=ornek", {403})):
                if method == "GET":
                    answer = portal.other.get(address)
                else:
                    answer = sent(portal.other, address, "/library/access", **forms, reason="x")
                assert answer.status_code in allowed, (method, address, answer.status_code)
                if rule.arguments and "usage" not in rule.rule:
                    assert answer.status_code in (403, 404), address
                for secret in ("Örnek Üniversitesi", "193.140.9.0/24", "ornek-anahtar", "gizli", "kutup", "tarim)"):
                    typed = method == "POST" and secret in forms.values()
                    assert typed or secret not in answer.text, (method, address, secret)
    assert _all_of(portal) == before
    assert portal.other.get("/staff/access/explain?institution=ornek").text.count("Örnek Üniversitesi") == 0
    assert portal.other.get("/kbart/institutions/ornek.txt").status_code == 403
    assert portal.library.get("/kbart/institutions/ornek.txt").status_code == 200
    assert portal.publisher.get("/kbart/institutions/ornek.txt").status_code == 403


def _all_of(portal: Portal) -> list[Any]:
    """All that belongs to Örnek, and how much there is of anything."""
    with portal.site.catalogue.reading() as rows:
        ours = institutions.named(rows, "ornek")
        lines = claims.listed(rows, institution=ours, limit=100)
        keys = [(one.name, one.closed_at) for one in requestors.of(rows, ours)]
        known = [institutions.as_json(rows, ours), keys, [(one.row.id, one.row.state) for one in lines]]
    return [*known, *(counted(portal, what) for what in (Entitlement, InstitutionNetwork, Requestor, Licence, Event))]


def test_a_publisher_sees_and_answers_nothing_of_another(portal: Portal) -> None:
    number = portal.claimed(date_first_issue_online="2002", evidence=("gizli.pdf", b"yine gizli"))  # type: ignore[arg-type]
    page = portal.publisher.get(f"/publisher/claims/{number}")
    (document,) = re.findall(r"/publisher/documents/[0-9a-f]{64}", page.text)
    for address in (f"/publisher/claims/{number}", document, "/publisher/receipts/" + "a" * 32):
        assert portal.rival.get(address).status_code == 404, address
    answer = sent(portal.rival, f"/publisher/claims/{number}", "/staff/password", state="agreed", reason="x")
    assert answer.status_code == 404
    assert portal.rival.get("/publisher/?publisher=Örnek Yayınevi").status_code == 403
    for address in ("/publisher/", "/publisher/deliveries", "/publisher/claims?show=all", "/publisher/?as=csv"):
        page = portal.rival.get(address)
        assert page.status_code == 200
        assert not {"Yaylalar", "Tarım", "a.zip", "Örnek Yayınevi"} & set(said(page).replace(",", " ").split()), address


def test_a_publisher_sees_what_is_held_and_opens_its_receipts(portal: Portal) -> None:
    found = {line["online_identifier"]: line for line in table(portal.publisher.get("/publisher/?as=csv"))}
    assert (found[TARIM]["articles"], found[TARIM]["state"], found[TARIM]["preserved"]) == (
        "5", "preserved", "2009-2013",
    )  # fmt: skip
    assert (found[KIYI]["state"], found[KIYI]["in_progress"]) == ("in_progress", "2012")
    assert OVA not in found
    assert "a.zip" in portal.publisher.get("/publisher/deliveries").text
    receipt = portal.publisher.get("/publisher/receipts/" + "a" * 32)
    assert receipt.status_code == 302
    assert receipt.location.startswith("/receipts/" + "a" * 32)
    assert portal.publisher.get(receipt.location).status_code == 200
    assert portal.staff.get("/publisher/receipts/" + "b" * 32).status_code == 302


def test_librarians_enter_networks_that_are_neither_wide_nor_of_others(portal: Portal) -> None:
    def add(given: str, browser: FlaskClient = portal.library, more: str = "") -> str:
        answer = sent(
            browser, f"/library/access/networks?lang=en{more}", f"/library/access?x=1{more}", act="add", network=given
        )
        return "" if answer.status_code == 303 else said(answer)

    assert add("193.140.7.0/24") == ""
    assert "193.140.7.0/24" in portal.library.get("/library/access").text
    overlap = add("193.140.2.128/25")
    assert "overlaps a range of another institution" in overlap
    assert "Başka" not in overlap
    assert "more addresses than a /16" in add("194.0.0.0/15")
    assert "more addresses than a /16" in add("194.27.0.0/16"), "all ranges together"
    assert "is not public" in add("10.0.0.0/24")
    assert "is no range" in add("üniversite")
    assert add("194.0.0.0/15", portal.staff, "&institution=ornek") == "", "the archive enters wider ones"
    for given in ("194.0.0.0/15", "193.140.7.0/24"):
        dropped = sent(portal.library, "/library/access/networks", "/library/access", act="drop", network=given)
        assert dropped.status_code == 303
    with portal.site.catalogue.reading() as rows:
        ours = institutions.named(rows, "ornek")
        assert [one.given for one in institutions.networks_of(rows, ours)] == ["193.140.9.0/24"]
        told = rows.execute(select(Event.agent, Event.detail).order_by(Event.id.desc()).limit(1)).one()
    assert (told.agent, told.detail["what"]) == ("kutup", "network taken away")


def test_overlaps_are_told_without_saying_whose(portal: Portal) -> None:
    with portal.site.catalogue.writing() as rows:
        ours = institutions.named(rows, "ornek")
        institutions.add_network(rows, "ayse", ours, "193.140.2.0/25", at=pages.NOW)
        (remark,) = own_networks.remarks(rows, ours)
        assert "Başka" not in str(remark)
        institutions.drop_network(rows, "ayse", ours, "193.140.2.0/25", at=pages.NOW)
        with pytest.raises(NotNow):
            own_networks.add(rows, "kutup", ours, "193.140.2.7", at=pages.NOW)


def test_the_set_up_has_what_other_systems_need(portal: Portal) -> None:
    page = portal.library.get("/library/access?lang=en").text
    for text in ("http://localhost/openurl", "rft.issn={rft.issn}", "HJ localhost", "DJ localhost", "360 Link", "SFX"):
        assert text in page, text
    saved = sent(
        portal.library,
        "/library/access/contacts",
        "/library/access",
        contact="yardim@ornek.edu.tr",
        supply="",
        resolver="https://cozumleyici.ornek.edu.tr/",
    )
    assert saved.status_code == 303
    wrong = sent(
        portal.library, "/library/access/contacts", "/library/access", contact="nerede", supply="", resolver=""
    )
    assert wrong.status_code == 422
    with portal.site.catalogue.reading() as rows:
        row = rows.execute(select(Institution).where(Institution.code == "ornek")).scalar_one()
        assert (row.contact, row.name) == ("yardim@ornek.edu.tr", "Örnek Üniversitesi")


def test_a_key_is_shown_once_and_closed(portal: Portal) -> None:
    made = sent(portal.library, "/library/keys", act="make", name="Alma")
    (key,) = re.findall(r"<p><code>([\w-]{40,})</code></p>", made.text)
    assert made.headers["Cache-Control"] == "no-store"
    with portal.site.catalogue.reading() as rows:
        known = of_key(rows, key)
        assert known is not None
        assert known.created_by == "kutup"
    listed = portal.site.client.get(f"/kbart/institutions/ornek.txt?api_key={key}")
    assert listed.status_code == 200
    assert key not in portal.library.get("/library/files").text
    assert sent(portal.library, "/library/keys", act="make", name="Alma").status_code == 422
    assert sent(portal.library, "/library/keys", act="close", name="Alma").status_code == 303
    assert portal.site.client.get(f"/kbart/institutions/ornek.txt?api_key={key}").status_code == 401


def test_staff_choose_whose_pages_they_see_and_speak_for_the_archive(portal: Portal) -> None:
    assert "Örnek Üniversitesi" in portal.staff.get("/library/").text
    assert "Rakip Yayınevi" in portal.staff.get("/publisher/").text
    assert portal.staff.get("/library/?institution=yok").status_code == 404
    assert "Tarım Bilimleri" in portal.staff.get("/library/?institution=ornek").text
    number = portal.claimed(date_first_issue_online="2003")
    address = f"/publisher/claims/{number}?publisher=Örnek Yayınevi"
    assert sent(portal.staff, address, address, state="disputed", reason="Kanıt yok").status_code == 303
    assert sent(portal.staff, f"/publisher/claims/{number}", address, state="agreed", reason="x").status_code == 400
    with portal.site.catalogue.reading() as rows:
        act = claims.acts_of(rows, claims.find(rows, number).row)[-1]
        assert (act.side, act.by) == ("archive", "ayse")


def test_accounts_begin_on_their_own_page(portal: Portal) -> None:
    for login, home, name in (("kutup", "/library/", "Kütüphanemiz"), ("yayin", "/publisher/", "Dergilerimiz")):
        with portal.site.catalogue.reading() as rows:
            assert rows.execute(select(Staff.role).where(Staff.login == login)).scalar() in ("librarian", "publisher")
        browser = portal.site.client
        answer = pages.sign_in(browser, login, pages.PASSWORD)
        assert answer.location == home
        assert name in browser.get(home).text
        assert browser.get("/staff/sign-in").location == home
