"""Signing on by SAML through a front: the front alone is believed, and no institution is spoken for by another."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from typing import Any

import pages
import pytest
from flask.testing import FlaskClient

from config.settings import load
from repository.access import sign_on
from repository.access.sign_on import Asserted, Refused
from repository.access.trusted import COMMON_LIB_TERMS, Front, Rules
from repository.errors import UsageError
from repository.models import Institution, InstitutionLogin

SECRET = "only the front and the archive know it"
IDP = "https://idp.bilge.example.edu.tr/shibboleth"
OTHER_IDP = "https://idp.baska.example.edu.tr/shibboleth"
MEMBER = {
    "X-Front-Secret": SECRET,
    "X-Front-Entity": IDP,
    "X-Front-Affiliation": "student@bilge.example.edu.tr;member@bilge.example.edu.tr",
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[pages.Site]:
    front = Front(secret=SECRET, addresses=(ip_network("127.0.0.1"),), logout_url="/Shibboleth.sso/Logout")
    made = pages.site(f"sqlite:///{tmp_path_factory.mktemp('saml') / 'c.sqlite'}", front=front, trusted_proxies=1)
    number = pages.institution(made, "bilge", name="Bilge Üniversitesi", contact="kutuphane@bilge.example.edu.tr")
    other = pages.institution(made, "baska", name="Başka Üniversitesi")
    pages.institution(made, "eski", name="Eski Yüksekokul", active=False)
    with made.catalogue.writing() as rows:
        for kind, value, whose in (
            ("entity", IDP, number),
            ("scope", "bilge.example.edu.tr", number),
            ("scope", "tip.bilge.example.edu.tr", number),
            ("entity", OTHER_IDP, other),
            ("scope", "baska.example.edu.tr", other),
            ("entity", "https://idp.eski.example.edu.tr", 3),
            ("scope", "eski.example.edu.tr", 3),
        ):
            rows.add(InstitutionLogin(kind=kind, value=value, institution_id=whose))
    article = pages.enter(made, pages.record(1, licence=None))
    pages.right(made, "bilge-2009", article, number, paid=(("2009-01-01", None),), hosting="always")
    yield made
    made.catalogue.close()


def reader_of(site: pages.Site, browser: FlaskClient) -> str | None:
    location = site.client.get("/doi/10.5555/ornek.1").location
    said: dict[str, Any] = browser.get(f"{location}/access.json").json
    return (said["reader"]["institution"] or {}).get("code")


def come_back(
    site: pages.Site, headers: dict[str, str] | list[tuple[str, str]], **environ: str
) -> tuple[int, str | None]:
    browser = site.client
    status = browser.get("/sign-in/front?next=/titles", headers=headers, environ_overrides=environ).status_code
    return status, reader_of(site, browser)


def test_a_member_comes_back_from_the_front_and_reads(site: pages.Site) -> None:
    browser = site.client
    there = browser.get("/sign-in/at/bilge?next=/titles?letter%3DB").location
    assert there == (
        "/Shibboleth.sso/Login?entityID=https%3A%2F%2Fidp.bilge.example.edu.tr%2Fshibboleth"
        "&target=http%3A%2F%2Flocalhost%2Fsign-in%2Ffront%3Fnext%3D%2Ftitles%3Fletter%253DB"
    )
    back = browser.get("/sign-in/front?next=/titles?letter%3DB", headers=MEMBER)
    assert (back.status_code, back.location) == (303, "/titles?letter=B")
    assert reader_of(site, browser) == "bilge"
    page = browser.get("/sign-in?lang=en").text
    assert "You read as a member of Bilge Üniversitesi" in page
    out = pages.post(browser, "/sign-in/out", form_at="/sign-in")
    assert "/Shibboleth.sso/Logout" in browser.get(str(out.location)).text
    assert reader_of(site, browser) is None


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {name: value for name, value in MEMBER.items() if name != "X-Front-Secret"},
        MEMBER | {"X-Front-Secret": ""},
        MEMBER | {"X-Front-Secret": SECRET[:-1]},
        MEMBER | {"X-Front-Secret": SECRET + " x"},
        MEMBER | {"X-Front-Secret": f"{SECRET},{SECRET}"},
        MEMBER | {"X-Front-Secret": "ş"},
        [*MEMBER.items(), ("X-Front-Secret", "x")],
        [("X-Front-Secret", "x"), *MEMBER.items()],
    ],
)
def test_a_visitor_who_sends_the_headers_gains_nothing(site: pages.Site, headers: dict[str, str]) -> None:
    assert come_back(site, headers) == (403, None)


def test_the_headers_are_read_at_one_address_and_from_the_front_alone(site: pages.Site) -> None:
    browser = site.client
    for address in ("/", "/sign-in", "/sign-in/at/bilge", "/titles"):
        browser.get(address, headers=MEMBER)
    assert reader_of(site, browser) is None
    assert come_back(site, MEMBER, REMOTE_ADDR="192.0.2.66") == (403, None)
    through = MEMBER | {"X-Forwarded-For": "192.0.2.66"}
    assert come_back(site, through, REMOTE_ADDR="127.0.0.1") == (303, "bilge"), "the peer is the front"
    spoofed = MEMBER | {"X-Forwarded-For": "127.0.0.1"}
    assert come_back(site, spoofed, REMOTE_ADDR="192.0.2.66") == (403, None)


@pytest.mark.parametrize(
    ("changed", "institution"),
    [
        ({}, "bilge"),
        ({"X-Front-Affiliation": "faculty@tip.bilge.example.edu.tr"}, "bilge"),
        ({"X-Front-Affiliation": "library-walk-in@bilge.example.edu.tr"}, "bilge"),
        ({"X-Front-Affiliation": "Member@BILGE.example.edu.tr"}, "bilge"),
        ({"X-Front-Affiliation": "alum@bilge.example.edu.tr"}, None),
        ({"X-Front-Affiliation": "affiliate@bilge.example.edu.tr"}, None),
        ({"X-Front-Affiliation": "member@baska.example.edu.tr"}, None),
        ({"X-Front-Affiliation": "member@baska.example.edu.tr;member@bilge.example.edu.tr"}, "bilge"),
        ({"X-Front-Affiliation": "alum@bilge.example.edu.tr;member@baska.example.edu.tr"}, None),
        ({"X-Front-Affiliation": "member@evil-bilge.example.edu.tr"}, None),
        ({"X-Front-Affiliation": "member@bilge.example.edu.tr.evil.example"}, None),
        ({"X-Front-Affiliation": "member@x@bilge.example.edu.tr"}, None),
        ({"X-Front-Affiliation": "member"}, None),
        ({"X-Front-Affiliation": "@bilge.example.edu.tr"}, None),
        ({"X-Front-Affiliation": "member@bilge.example.edu.tr,member@bilge.example.edu.tr"}, None),
        ({"X-Front-Affiliation": ""}, None),
        ({"X-Front-Entity": "https://idp.yok.example.edu.tr"}, None),
        ({"X-Front-Entity": ""}, None),
        ({"X-Front-Entity": f"{IDP};{OTHER_IDP}"}, None),
        ({"X-Front-Entity": f"{OTHER_IDP},{IDP}"}, None),
        ({"X-Front-Entity": OTHER_IDP}, None),
        ({"X-Front-Entity": OTHER_IDP, "X-Front-Affiliation": "member@baska.example.edu.tr"}, "baska"),
        ({"X-Front-Affiliation": "", "X-Front-Entitlement": f"urn:x;{COMMON_LIB_TERMS}"}, "bilge"),
        ({"X-Front-Affiliation": "", "X-Front-Entitlement": COMMON_LIB_TERMS + "x"}, None),
        (
            {
                "X-Front-Affiliation": "",
                "X-Front-Entitlement": COMMON_LIB_TERMS,
                "X-Front-Home": "baska.example.edu.tr",
            },
            None,
        ),
        ({"X-Front-Home": "bilge.example.edu.tr"}, "bilge"),
        ({"X-Front-Affiliation": "", "X-Front-Home": "bilge.example.edu.tr"}, None),
        (
            {"X-Front-Entity": "https://idp.eski.example.edu.tr", "X-Front-Affiliation": "member@eski.example.edu.tr"},
            None,
        ),
    ],
)
def test_an_identity_provider_speaks_for_its_own_institution_and_of_its_members(
    site: pages.Site, changed: dict[str, str], institution: str | None
) -> None:
    status, found = come_back(site, MEMBER | changed)
    assert found == institution
    assert status == (403 if institution is None else 303)


def test_every_refusal_has_its_reason(site: pages.Site) -> None:
    def why(**said: Any) -> Refused | None:
        with site.catalogue.reading() as rows:
            return sign_on.institution_for(rows, Asserted(**said), Rules()).refused

    assert why(provider="https://yok.example") is Refused.UNKNOWN_PROVIDER
    assert why(provider=IDP, affiliations=("member@baska.example.edu.tr",)) is Refused.FOREIGN_SCOPE
    assert why(provider=IDP, affiliations=("alum@bilge.example.edu.tr",)) is Refused.NOT_A_MEMBER
    both = ("member@baska.example.edu.tr", "member@bilge.example.edu.tr")
    assert why(provider="https://hub.example", hub=True, affiliations=both) is Refused.SEVERAL
    assert why(provider="\x00", affiliations=("member@\x00",) * 5000) is Refused.UNKNOWN_PROVIDER


def test_a_cookie_that_is_not_ours_or_has_ended_is_nobodys(site: pages.Site, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = site.client
    browser.get("/sign-in/front", headers=MEMBER)
    cookie = browser.get_cookie("mahfuz-reader")
    assert cookie is not None
    other = site.client
    for text in (cookie.value[:-1], cookie.value[1:], "", "x.y", "e30.x", cookie.value.replace(".", "..")):
        other.set_cookie("mahfuz-reader", text)
        assert reader_of(site, other) is None, text
    other.set_cookie("mahfuz-reader", cookie.value)
    assert reader_of(site, other) == "bilge"
    signer = site.app.extensions["mahfuz sign-on"]
    monkeypatch.setattr(signer, "_clock", lambda: datetime.now(UTC) + timedelta(hours=8))
    assert reader_of(site, other) is None


def test_an_institution_that_is_none_any_more_has_no_readers(site: pages.Site) -> None:
    browser = site.client
    browser.get("/sign-in/front", headers=MEMBER)
    with site.catalogue.writing() as rows:
        rows.get_one(Institution, 1).active = False
    try:
        assert reader_of(site, browser) is None
        assert come_back(site, MEMBER) == (403, None)
    finally:
        with site.catalogue.writing() as rows:
            rows.get_one(Institution, 1).active = True


def test_over_https_the_cookie_is_secure(tmp_path_factory: pytest.TempPathFactory) -> None:
    url = f"sqlite:///{tmp_path_factory.mktemp('https') / 'c.sqlite'}"
    site = pages.site(url, base_url="https://mahfuz.example.org", front=Front(secret=SECRET))
    number = pages.institution(site, "bilge")
    with site.catalogue.writing() as rows:
        rows.add(InstitutionLogin(kind="entity", value=IDP, institution_id=number))
        rows.add(InstitutionLogin(kind="scope", value="bilge.example.edu.tr", institution_id=number))
    answer = site.client.get("/sign-in/front", headers=MEMBER, base_url="https://mahfuz.example.org")
    site.catalogue.close()
    header = answer.headers["Set-Cookie"]
    assert header.startswith("__Host-mahfuz-reader=")
    for word in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=28800"):
        assert word in header


def test_institutions_are_found_by_name_whatever_the_letters(site: pages.Site) -> None:
    for words in ("bılge", "BİLGE", "universitesi bilge", "Üniversitesi"):
        assert "Bilge Üniversitesi" in site.client.get("/sign-in", query_string={"q": words}).text, words
    assert "Eski" not in site.client.get("/sign-in").text
    none = site.client.get("/sign-in", query_string={"lang": "en", "q": "zz%_<b>\x00"}).text
    assert "No institution of this archive" in none
    assert "<b>" not in none


SAML = '[access.saml]\nsecret = "0123456789abcdef0123"\n'
OPENID = '[[access.openid]]\nname = "a"\nlabel = "A"\nissuer = "https://op.example.org"\nclient_id = "x"\n'


@pytest.mark.parametrize(
    ("text", "key", "reason"),
    [
        ("[access.saml]\n", "access.saml", "needs secret"),
        ('[access.saml]\nsecret = "short"\n', "access.saml", "at least 20"),
        (SAML + 'login_url = "https://x"\n', "access.saml", "{entity}"),
        (SAML + 'login_url = "//evil/{entity}{target}"\n', "access.saml", "path of this site"),
        (SAML + 'addresses = ["10.0.0.1/8"]\n', "access.saml.addresses", "host bits"),
        (SAML + 'entity_header = "a b"\n', "access.saml.entity_header", "pattern"),
        (OPENID.replace("https://op.example.org", "http://op.example.org"), "access.openid.0.issuer", "https address"),
        (OPENID + 'scopes = ["profile"]\n', "access.openid.0", "openid"),
        (OPENID + OPENID, "access", "same name"),
        (OPENID + "hubb = true\n", "access.openid.0.hubb", "no such setting"),
        ("[access]\nsign_on_hours = 48\n", "access.sign_on_hours", "less than or equal"),
    ],
)
def test_a_mistake_in_the_settings_of_sign_on_names_its_key(tmp_path: Any, text: str, key: str, reason: str) -> None:
    file = tmp_path / "mahfuz.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError) as raised:
        load(file, {})
    assert key in str(raised.value)
    assert reason in str(raised.value)


def test_the_settings_of_sign_on_are_read(tmp_path: Any) -> None:
    file = tmp_path / "mahfuz.toml"
    file.write_text(SAML + OPENID, encoding="utf-8")
    found = load(file, {"MAHFUZ_ACCESS__OPENID__A__CLIENT_SECRET": "geheim"})
    access = found.settings.access
    assert access.saml is not None
    assert access.saml.front().secret == "0123456789abcdef0123"
    assert access.openid[0].provider().client_secret == "geheim"
    shown = {key: value for key, value, _ in found.shown()}
    assert "geheim" not in str(shown)
    assert "0123456789abcdef0123" not in str(shown)
