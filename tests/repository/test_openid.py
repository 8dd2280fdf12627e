"""Signing on by OpenID Connect with a real provider: who is its member reads, and nothing forged or replayed does."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import openid_provider
import pages
import pytest
import requests
from flask.testing import FlaskClient
from joserfc.jwk import RSAKey
from openid_provider import OpenIdProvider
from werkzeug.test import TestResponse

from repository.access.openid import OpenId, SignOnFailed
from repository.access.trusted import Provider
from repository.models import InstitutionLogin

MEMBER = {"eduperson_scoped_affiliation": ["member@bilge.example.edu.tr"]}


@pytest.fixture(scope="module")
def provider() -> Iterator[OpenIdProvider]:
    with openid_provider.running() as made:
        yield made


@pytest.fixture(scope="module")
def site(provider: OpenIdProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[pages.Site]:
    """One issuer known twice: as that of one institution, and as a hub that the settings let speak for all."""
    ours = {"issuer": provider.issuer, "client_id": openid_provider.CLIENT, "client_secret": openid_provider.SECRET}
    providers = (
        Provider(name="bilge", label="Bilge", **ours),
        Provider(name="hub", label="Federasyon", hub=True, **ours),
        Provider(name="hub-alone", label="Yeter", hub=True, home_is_enough=True, **ours),
    )
    made = pages.site(f"sqlite:///{tmp_path_factory.mktemp('openid') / 'c.sqlite'}", openid=providers)
    provider.client.redirect_uris = tuple(f"{pages.BASE_URL}/sign-in/openid/{one.name}/back" for one in providers)
    number = pages.institution(made, "bilge", name="Bilge Üniversitesi")
    other = pages.institution(made, "baska", name="Başka Üniversitesi")
    with made.catalogue.writing() as rows:
        rows.add(InstitutionLogin(kind="scope", value="bilge.example.edu.tr", institution_id=number))
        rows.add(InstitutionLogin(kind="scope", value="baska.example.edu.tr", institution_id=other))
    article = pages.enter(made, pages.record(1, licence=None))
    pages.right(made, "bilge-2009", article, number, paid=(("2009-01-01", None),), hosting="always")
    yield made
    made.catalogue.close()


@pytest.fixture(autouse=True)
def as_it_should_be(provider: OpenIdProvider, site: pages.Site) -> Iterator[None]:
    provider.claims, provider.fault, provider.userinfo = dict(MEMBER), "", None
    yield
    entered(site, None)


def entered(site: pages.Site, issuer: str | None, code: str = "bilge") -> None:
    """The issuer is, or is not, entered under an institution."""
    with site.catalogue.writing() as rows:
        rows.query(InstitutionLogin).filter_by(kind="entity").delete()
        if issuer is not None:
            number = {"bilge": 1, "baska": 2}[code]
            rows.add(InstitutionLogin(kind="entity", value=issuer, institution_id=number))


def sent(browser: FlaskClient, address: str) -> str:
    """Where the browser comes back to, from the real provider to which it was sent."""
    begun = browser.get(address)
    assert begun.status_code == 302, begun.text
    answer = requests.get(str(begun.location), allow_redirects=False, timeout=10)
    assert answer.status_code == 302, answer.text
    return answer.headers["Location"].removeprefix(pages.BASE_URL)


def signed_on(browser: FlaskClient, name: str = "hub", wanted: str = "/titles") -> TestResponse:
    return browser.get(sent(browser, f"/sign-in/openid/{name}?next={wanted}"))


def reads(site: pages.Site, browser: FlaskClient) -> dict[str, Any]:
    location = site.client.get("/doi/10.5555/ornek.1").location
    said: dict[str, Any] = browser.get(f"{location}/access.json").json
    return said


def test_a_member_signs_on_and_reads_and_signs_out(site: pages.Site, provider: OpenIdProvider) -> None:
    browser = site.client
    assert not reads(site, browser)["allowed"]
    answer = signed_on(browser, wanted="/titles?letter=B")
    assert (answer.status_code, answer.location) == (303, "/titles?letter=B")
    said = reads(site, browser)
    assert said["allowed"]
    assert said["reader"] == {"institution": {"code": "bilge", "name": "Bilge Üniversitesi"}, "how": "openid"}
    cookie = browser.get_cookie("mahfuz-reader")
    assert cookie is not None
    assert "kimse" not in cookie.decoded_value
    assert cookie.http_only
    assert cookie.same_site == "Lax"
    assert browser.get_cookie("mahfuz-openid") is None
    assert "Bilge Üniversitesi" in browser.get("/sign-in").text
    assert pages.post(browser, "/sign-in/out", form_at="/sign-in").status_code == 303
    assert not reads(site, browser)["allowed"]


def test_what_is_asked_of_the_provider_is_the_code_flow_with_pkce_state_and_nonce(site: pages.Site) -> None:
    asked = parse_qs(urlsplit(str(site.client.get("/sign-in/openid/hub").location)).query)
    assert asked["response_type"] == ["code"]
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["scope"] == ["openid"]
    assert min(len(asked[name][0]) for name in ("state", "nonce", "code_challenge")) >= 43


@pytest.mark.parametrize(
    "fault",
    [
        "forged", "none", "shared secret", "nonce", "no nonce", "audience", "two audiences", "expired", "issuer",
        "at_hash", "silent",
    ],
)  # fmt: skip
def test_an_answer_that_cannot_be_believed_signs_nobody_on(
    site: pages.Site, provider: OpenIdProvider, fault: str
) -> None:
    browser = site.client
    provider.fault = fault
    answer = signed_on(browser)
    assert answer.status_code == 403
    assert browser.get_cookie("mahfuz-reader") is None
    assert browser.get_cookie("mahfuz-openid") is None, "one try is one try"
    assert not reads(site, browser)["allowed"]


def test_a_state_is_of_one_browser_and_of_one_use(site: pages.Site) -> None:
    browser, thief = site.client, site.client
    back = sent(browser, "/sign-in/openid/hub")
    assert thief.get(back).status_code == 400, "brought to another browser"
    wrong = back.replace("state=", "state=x")
    assert browser.get(wrong).status_code == 400
    assert browser.get(back.replace("/hub/", "/hub-alone/")).status_code == 400, "of another provider"
    assert browser.get(back + "&state=x").status_code == 400
    kept = browser.get_cookie("mahfuz-openid")
    assert kept is not None
    assert browser.get(back).status_code == 303
    assert browser.get(back).status_code == 400, "a second time"
    again = site.client
    again.set_cookie("mahfuz-openid", kept.value)
    assert again.get(back).status_code == 403, "the provider redeems a code once"
    assert again.get_cookie("mahfuz-reader") is None


def test_a_sign_on_that_took_too_long_is_begun_anew(site: pages.Site, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = site.client
    back = sent(browser, "/sign-in/openid/hub")
    monkeypatch.setattr("repository.access.web.sign_on.utc_now", lambda: datetime.now(UTC) + timedelta(minutes=11))
    assert browser.get(back).status_code == 400


def test_nobody_is_led_out_of_the_site(site: pages.Site) -> None:
    for away in ("//evil.example", "https://evil.example/", "/\\evil.example", "javascript:1"):
        assert signed_on(site.client, wanted=away).location == "/"


@pytest.mark.parametrize(
    ("claims", "institution"),
    [
        ({"eduperson_scoped_affiliation": "member@bilge.example.edu.tr"}, "bilge"),
        ({"eduPersonScopedAffiliation": ["alum@bilge.example.edu.tr", "STAFF@Bilge.Example.EDU.TR"]}, "bilge"),
        ({"eduperson_scoped_affiliation": ["alum@bilge.example.edu.tr"]}, None),
        ({"eduperson_scoped_affiliation": ["affiliate@bilge.example.edu.tr"]}, None),
        ({"eduperson_scoped_affiliation": ["member@yok.example.edu.tr"]}, None),
        ({"eduperson_scoped_affiliation": ["member@bilge.example.edu.tr", "member@baska.example.edu.tr"]}, None),
        ({"eduperson_scoped_affiliation": {"member": "bilge.example.edu.tr"}}, None),
        ({"eduperson_scoped_affiliation": [17, None]}, None),
        ({"schac_home_organization": "bilge.example.edu.tr"}, None),
        (
            {
                "schac_home_organization": "baska.example.edu.tr",
                "eduperson_entitlement": ["urn:mace:dir:entitlement:common-lib-terms"],
            },
            "baska",
        ),
        ({"eduperson_entitlement": ["urn:mace:dir:entitlement:common-lib-terms"]}, None),
        ({}, None),
    ],
)
def test_a_hub_speaks_for_an_institution_by_its_scope(
    site: pages.Site, provider: OpenIdProvider, claims: dict[str, Any], institution: str | None
) -> None:
    provider.claims = claims
    browser = site.client
    answer = signed_on(browser)
    assert answer.status_code == (403 if institution is None else 303)
    found = reads(site, browser)["reader"]["institution"]
    assert (found or {}).get("code") == institution


def test_a_hub_that_lets_only_readers_pass_needs_no_affiliation(site: pages.Site, provider: OpenIdProvider) -> None:
    provider.claims = {"derivedEduPersonScope": "baska.example.edu.tr"}
    assert signed_on(site.client, "hub").status_code == 403
    browser = site.client
    assert signed_on(browser, "hub-alone").status_code == 303
    assert reads(site, browser)["reader"]["institution"]["code"] == "baska"


def test_an_issuer_of_one_institution_speaks_for_no_other(site: pages.Site, provider: OpenIdProvider) -> None:
    assert signed_on(site.client, "bilge").status_code == 403, "no institution's and no hub"
    entered(site, provider.issuer)
    for name in ("bilge", "hub"):
        browser = site.client
        provider.claims = {"eduperson_scoped_affiliation": ["member@baska.example.edu.tr"]}
        assert signed_on(browser, name).status_code == 403, "what is entered binds a hub too"
        both = ["member@baska.example.edu.tr", "member@bilge.example.edu.tr"]
        provider.claims = {"eduperson_scoped_affiliation": both}
        assert signed_on(browser, name).status_code == 303
        assert reads(site, browser)["reader"]["institution"]["code"] == "bilge"


def test_choosing_the_institution_leads_to_its_provider(site: pages.Site, provider: OpenIdProvider) -> None:
    entered(site, provider.issuer)
    page = site.client.get("/sign-in?lang=en&q=BILGE+universite&next=/titles")
    assert 'href="/sign-in/at/bilge?next=/titles"' in page.text
    assert "Başka" not in page.text
    assert str(site.client.get("/sign-in/at/bilge").location).startswith(provider.issuer + "/authorize?")
    assert "no sign-in of its own" in site.client.get("/sign-in/at/baska?lang=en").text
    assert site.client.get("/sign-in/at/yok").status_code == 404


@pytest.mark.usefixtures("site")
def test_what_the_token_does_not_say_is_asked_of_userinfo(provider: OpenIdProvider) -> None:
    provider.claims, provider.userinfo = {}, dict(MEMBER)
    known = OpenId(
        Provider("x", "X", provider.issuer, openid_provider.CLIENT, openid_provider.SECRET)
    )  # one that has not kept the provider's configuration of before
    uri = provider.client.redirect_uris[0]
    begun = known.begin(uri)
    answer = requests.get(begun.url, allow_redirects=False, timeout=10)
    code = parse_qs(urlsplit(answer.headers["Location"]).query)["code"][0]
    found = known.finish(uri, code, begun.nonce, begun.verifier)
    assert found.affiliations == ("member@bilge.example.edu.tr",)
    provider.userinfo["sub"] = "baskasi"
    begun = known.begin(uri)
    answer = requests.get(begun.url, allow_redirects=False, timeout=10)
    code = parse_qs(urlsplit(answer.headers["Location"]).query)["code"][0]
    with pytest.raises(SignOnFailed, match="another subject"):
        known.finish(uri, code, begun.nonce, begun.verifier)


def test_a_configuration_of_another_issuer_is_not_used(provider: OpenIdProvider) -> None:
    provider.fault = "configuration of another"
    known = OpenId(Provider("x", "X", provider.issuer, openid_provider.CLIENT))
    with pytest.raises(SignOnFailed, match="another issuer"):
        known.begin("http://localhost/")


def test_new_keys_of_the_provider_are_fetched(site: pages.Site, provider: OpenIdProvider) -> None:
    assert signed_on(site.client).status_code == 303
    before, provider.key = provider.key, RSAKey.generate_key(2048, {"kid": "two", "alg": "RS256", "use": "sig"})
    try:
        patch = pytest.MonkeyPatch()
        patch.setattr("repository.access.openid._KEYS_AGAIN_SECONDS", 0)
        assert signed_on(site.client).status_code == 303
    finally:
        provider.key = before
        patch.undo()
