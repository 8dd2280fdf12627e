"""The pages of records as staff use them: forms that say what is wrong, lists line by line, every change shown."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pages
import pytest
import records
from flask.testing import FlaskClient
from lxml import html
from werkzeug.test import TestResponse

from repository.access import claims, licences
from repository.vocabulary import utc_now

AT = "/staff/access"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[pages.Site]:
    made = pages.site(f"sqlite:///{tmp_path_factory.mktemp('records') / 'c.sqlite'}")
    records.fill(made.catalogue, utc_now())
    yield made
    made.catalogue.close()


@pytest.fixture(scope="module")
def browser(site: pages.Site) -> FlaskClient:
    return site.staff_client()


def send(browser: FlaskClient, address: str, **fields: object) -> TestResponse:
    return pages.post(browser, f"{AT}{address}", **fields)


def said(answer: TestResponse) -> str:
    """What a page complains about."""
    return " ".join(" ".join(html.fromstring(answer.text).xpath("//*[@role='alert']//text()")).split())


def followed(browser: FlaskClient, answer: TestResponse) -> str:
    assert answer.status_code == 303, said(answer)
    return " ".join(" ".join(html.fromstring(browser.get(answer.location).text).xpath("//main//text()")).split())


def test_an_institution_is_entered_and_its_ways_in_are_kept(browser: FlaskClient) -> None:
    answer = send(browser, "/institutions", name="Yeni Üniversite", code="Yeni", ror="")
    assert (answer.status_code, "kod olamaz" in said(answer)) == (422, True)
    assert 'value="Yeni Üniversite"' in answer.text, "what was typed is not lost"
    assert "bir ROR değil" in said(send(browser, "/institutions", name="Yeni", code="yeni", ror="05dxps056"))
    page = followed(browser, send(browser, "/institutions", name="Yeni Üniversite", code="yeni", ror="05dxps055"))
    assert "05dxps055" in page
    here = "/institutions/yeni"
    page = followed(browser, send(browser, here, act="add-network", value="193.140.4.0/24"))
    assert "193.140.4.0/24, =SUM(A1) Üniversitesi kurumunun 193.140.0.0/16 aralığıyla çakışıyor" in page
    assert "fazlasıyla geniş" in said(send(browser, here, act="add-network", value="0.0.0.0/0"))
    assert "yalnızca bir kurum adına" in said(send(browser, here, act="add-scope", value="ornek.edu.tr"))
    assert "yeni.edu.tr" in followed(browser, send(browser, here, act="add-scope", value="yeni.edu.tr"))
    assert "aralığıyla çakışıyor" not in followed(
        browser, send(browser, here, act="drop-network", value="193.140.4.0/24")
    )
    made = send(browser, here, act="make-key", value="sushi")
    (key,) = html.fromstring(made.text).xpath("//*[@role='status']//code/text()")
    assert key not in browser.get(f"{AT}{here}").text
    assert "kapandı" in followed(browser, send(browser, here, act="close-key", value="sushi"))
    page = followed(browser, send(browser, here, act="change", name="Yeni Üniversitesi", counter_id="TR-9"))
    assert "artık okumuyor" in page, "the box was not ticked"
    assert "TR-9" in page
    assert "müşteri numarası" in said(send(browser, here, act="change", name="Yeni", counter_id="TR-1"))
    assert "Yeni Üniversitesi" in browser.get(f"{AT}/institutions?q=YENİ").text
    assert "Böyle bir kurum yok" in browser.get(f"{AT}/institutions?q=yok").text


def test_a_consortium_has_members_over_time(browser: FlaskClient) -> None:
    followed(browser, send(browser, "/consortia", name="Grup", code="grup"))
    here = "/consortia/grup"
    followed(browser, send(browser, here, act="join", institution="ornek", since="2010-01-01", until=""))
    assert "çakışamaz" in said(send(browser, here, act="join", institution="ornek", since="2011-01-01", until=""))
    assert "bir gün değil" in said(send(browser, here, act="join", institution="ornek", since="2011", until=""))
    assert "kurum yok" in said(send(browser, here, act="join", institution="yok", since="2011-01-01", until=""))
    assert "üyeydi" in followed(browser, send(browser, here, act="leave", institution="ornek", on="2012-01-01"))
    assert "Yeni ad" in followed(browser, send(browser, here, act="rename", name="Yeni ad"))


def test_a_licence_runs_and_ends(browser: FlaskClient) -> None:
    fields = {
        "name": "Ulusal",
        "publisher": "Örnek Yayınevi",
        "type": "national",
        "status": "active",
        "hosting": "exclusive",
    }
    answer = send(browser, "/licences", code="ulusal", perpetual="years", basis="signed", **fields)
    assert "yıl adı veriyor" in said(answer)
    here = "/licences/ulusal"
    followed(
        browser,
        send(browser, "/licences", code="ulusal", perpetual="paid_years", basis="signed", back_years="2", **fields),
    )
    followed(browser, send(browser, here, act="add-period", since="2009-01-01", until=""))
    assert "çakışamaz" in said(send(browser, here, act="add-period", since="2015-01-01", until=""))
    page = followed(
        browser, send(browser, here, act="add-party", kind="consortium", party="birlik", since="", until="")
    )
    assert "@Birlik" in page
    answer = browser.get(f"{AT}{here}")
    token = pages.token_of(answer)
    sent = {"csrf_token": token, "file": (io.BytesIO(b"<script>alert(1)</script>"), "sözleşme.html")}
    assert browser.post(f"{AT}{here}/documents", data=sent).status_code == 303
    (link,) = html.fromstring(browser.get(f"{AT}{here}").text).xpath("//a[contains(@href, '/documents/')]/@href")
    saved = browser.get(link)
    assert (saved.data, saved.mimetype) == (b"<script>alert(1)</script>", "application/octet-stream")
    assert saved.headers["Content-Disposition"].startswith("attachment")
    assert saved.headers["X-Content-Type-Options"] == "nosniff"
    assert browser.get(f"{AT}/documents/{'0' * 64}").status_code == 404
    for address in ("institutions/%00", "licences/%00", "licences/%00/titles", "history/licence/%00"):
        assert browser.get(f"{AT}/{address}").status_code == 404, address
    assert "reddedildi diye kapatılamaz" in said(send(browser, here, act="close", on="2018-12-31", closure="rejected"))
    page = followed(browser, send(browser, here, act="close", on="2018-12-31", closure="cancelled"))
    assert "None" not in page, "what was not said before is a dash in the history"
    assert "31 Ara 2018" in page
    assert "iptal edildi" in page
    assert "gerekçe" in said(send(browser, here, act="reopen", reason=" "))
    followed(browser, send(browser, here, act="reopen", reason="Yanlış lisans"))
    assert browser.post(f"{AT}{here}", data={"act": "close"}).status_code == 400, "without the form's token"
    assert send(browser, here, act="yok").status_code == 400
    assert browser.get(f"{AT}/licences?status=yok").status_code == 400
    assert browser.get(f"{AT}/licences?publisher=yok").status_code == 404
    assert "ulusal" in browser.get(f"{AT}/licences?status=active&publisher=ornek-yayinevi&q=ulus").text
    assert "Yanlış lisans" in browser.get(f"{AT}/history/licence/ulusal").text


def test_a_title_list_is_loaded_with_what_is_wrong_in_it(browser: FlaskClient) -> None:
    here = f"{AT}/licences/eski/titles"

    def load(text: str, name: str = "liste.txt") -> str:
        token = pages.token_of(browser.get(here))
        answer = browser.post(
            here, data={"csrf_token": token, "file": (io.BytesIO(text.encode()), name), "state": "agreed"}
        )
        return " ".join(" ".join(html.fromstring(answer.text).xpath("//main//text()")).split())

    assert "Bir dosya seçin" in load("", "")
    assert "Hiçbir şey yüklenmedi" in load("<script>\n")
    page = load(records.HEAD + records.line(21) + records.line(22, online="1234-5678", name="<b>") + records.line(23))
    assert "2 aralık okundu" in page
    assert "3. satır: “1234-5678” bir ISSN değil" in page
    page = load(records.HEAD + records.line(21), "yeni.txt")
    assert "1 aralık artık listede yok" in page
    page = browser.get(f"{here}?left_out=yes").text
    assert ("Dergi 23" in page, "Dergi 21" in page) == (True, False)
    kbart = browser.get(f"{here}?format=kbart")
    assert kbart.text.count("\n") == 3
    assert "eski_" in kbart.headers["Content-Disposition"]


def test_what_waits_is_decided_with_its_evidence(site: pages.Site, browser: FlaskClient) -> None:
    with site.catalogue.reading() as session:
        (line,) = claims.listed(session, states=["disputed"], limit=2)
    assert "1" in html.fromstring(browser.get(AT).text).xpath("string(//a[contains(@href, 'disputed')])")
    here = f"{AT}/entitlements/{line.row.id}"
    assert f"/entitlements/{line.row.id}" in browser.get(f"{AT}/entitlements").text
    answer = pages.post(browser, here, act="disputed", reason="x")
    assert "bu taraf söyleyemez" in said(answer)
    sent = {"csrf_token": pages.token_of(browser.get(here)), "act": "agreed", "reason": "Dekont <görüldü>"}
    answer = browser.post(here, data={**sent, "file": (io.BytesIO(b"%PDF"), "dekont.pdf")})
    page = followed(browser, answer)
    assert "Dekont <görüldü>" in page
    assert "/documents/" in browser.get(here).text
    page = followed(browser, pages.post(browser, here, act="end", on="2020-12-31", reason="Paketten çıktı"))
    assert "2020-12-31" in page
    assert browser.get(f"{AT}/entitlements/999999").status_code == 404
    with site.catalogue.reading() as session:
        assert licences.named(session, "paket").status == "active"


def test_tables_go_in_and_out(browser: FlaskClient) -> None:
    table = browser.get(f"{AT}/tables/institutions.csv")
    assert table.mimetype == "text/csv"
    assert "'=SUM(A1)" in table.text
    assert browser.get(f"{AT}/tables/passwords.csv").status_code == 404
    text = "code;name;networks\ntablo;Tablo Üniversitesi;193.140.0.0/20\nkötü;x;\n"
    sent = {"csrf_token": pages.token_of(browser.get(f"{AT}/tables")), "what": "institutions"}
    answer = browser.post(f"{AT}/tables", data={**sent, "file": (io.BytesIO(text.encode()), "k.csv")})
    page = " ".join(" ".join(html.fromstring(answer.text).xpath("//main//text()")).split())
    assert "2 satır okundu : 1 yeni" in page.replace("okundu:", "okundu :")
    assert "3. satır: kötü kod olamaz" in page
    assert "çakışıyor" in page
    assert browser.post(f"{AT}/tables", data={**sent, "what": "staff"}).status_code == 400
