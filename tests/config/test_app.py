"""The application as a whole: who may open which route, what stands on every answer, and both languages complete."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise, product
from pathlib import Path
from typing import Any
from uuid import UUID

import pages
import pytest
from babel.messages.pofile import read_po
from flask import Blueprint
from lxml import html
from sqlalchemy import update

from config.app import Mounted
from config.languages import load, to_translate
from repository.access.trusted import Front
from repository.access.web.guard import Route, lay
from repository.catalogue import schema, titles
from repository.errors import DatabaseUnavailable, UsageError
from repository.models import Staff, Table

PO = Path(__file__).parents[2] / "config" / "translations" / "tr" / "LC_MESSAGES" / "messages.po"

EVERYONE = {
    "/", "/search", "/titles", "/titles/<issn:issn>",
    "/titles/<issn:issn>/issues/<int(max=9223372036854775807):number>",
    "/articles/<hex32:identifier>/access.json",
    "/articles/<hex32:identifier>", "/articles/<hex32:identifier>.json",
    "/articles/<hex32:identifier>.ris", "/articles/<hex32:identifier>.bib",
    "/articles/<hex32:identifier>/files/<payload:path>", "/doi/<payload:doi>", "/openurl", "/ServeContent",
    "/issn/<payload:text>",

    "/receipts/<word>", "/receipts/<word>.json", "/.well-known/mahfuz-keys.json",
    "/api/sword/2.0/sd-iri", "/api/sword/2.0/col-iri/<uuid:journal>",
    "/api/sword/2.0/cont-iri/<uuid:journal>/<uuid:deposit>/state",
    "/api/sword/2.0/cont-iri/<uuid:journal>/<uuid:deposit>/edit",
    "/lockss/", "/lockss/<issn:issn>", "/lockss/<issn:issn>/<int(max=9999):number>",
    "/.well-known/resourcesync", "/resourcesync/capabilitylist.xml",
    "/kbart/", "/kbart/AllTitles.txt", "/kbart/publishers/<slug>.txt",
    "/reports/keepers.csv", "/reports/titles.marcxml", "/r51/status",
    "/sign-in", "/sign-in/at/<code>", "/sign-in/openid/<name>", "/sign-in/openid/<name>/back",
    "/sign-in/out", "/supply/<secret>",
    "/staff/sign-in", "/healthz", "/readyz", "/metrics", "/robots.txt", "/static/<path:filename>",
}  # fmt: skip
STAFF = {
    "/staff/", "/staff/fixity", "/staff/rounds", "/staff/fixity/found",
    "/staff/copies",
    "/staff/inventory", "/staff/inventory/differences", "/staff/fixity/days", "/staff/fixity/forecast",
    "/staff/copies/<hex32:identifier>/<int(max=999999):version>/<store>", "/staff/ingest",
    "/staff/deliveries", "/staff/deliveries/decide", "/staff/completeness", "/staff/completeness/<issn:issn>",
    "/staff/completeness/<issn:issn>/letter/<language>", "/staff/completeness/<issn:issn>/letter/<language>.eml",
    "/staff/completeness/load", "/staff/completeness/<issn:issn>/lines", "/staff/completeness/<issn:issn>/forget",
    "/deliveries/<hex32:identifier>", "/deliveries/<hex32:identifier>.json",
    "/staff/copies/<hex32:identifier>/<int(max=999999):version>/<store>/again", "/staff/fixity/publishers",
    "/staff/fixity/canaries", "/staff/fixity/tallies",
    "/staff/storage", "/staff/storage/growth", "/staff/storage/trials", "/staff/storage/<store>/lacking",
    "/staff/storage/<store>/retirement",
    "/staff/alerts", "/staff/alerts/<int(max=9223372036854775807):number>/acknowledge",
    "/staff/disposals", "/staff/articles/<hex32:identifier>", "/staff/articles/<hex32:identifier>/withdraw",
    "/staff/articles/<hex32:identifier>/restore", "/staff/articles/<hex32:identifier>/dispose",
    "/staff/articles/<hex32:identifier>/versions/<int(max=999999):version>/salvage",
    "/staff/articles/<hex32:identifier>/disposals/<int(max=999999999):number>",
    "/staff/access/triggers", "/staff/access/triggers/new", "/staff/access/triggers/<code>",
    "/staff/access/triggers/<code>/decide", "/staff/access/simulator",
    "/staff/evidence", "/staff/evidence/tables/<name>", "/staff/evidence/certificates", "/staff/evidence/pack.zip",
    "/staff/evidence/certificates/<name>", "/staff/evidence/certificates/<name>.json",
    "/staff/usage", "/staff/usage/<name>.<kind>",
    "/staff/system", "/staff/system/entries",
    "/staff/access",
    "/staff/access/history/<any(institution, consortium, licence):record>/<code>",
    "/staff/access/institutions",
    "/staff/access/institutions/<code>",
    "/staff/access/consortia",
    "/staff/access/consortia/<code>",
    "/staff/access/licences",
    "/staff/access/licences/<code>",
    "/staff/access/licences/<code>/documents",
    "/staff/access/licences/<code>/titles",
    "/staff/access/documents/<sha256>",
    "/staff/access/entitlements",
    "/staff/access/entitlements/<int(max=9223372036854775807):number>",
    "/staff/access/tables",
    "/staff/access/tables/<name>.csv",
}  # fmt: skip
ACCOUNTS = {
    "/staff/password",
    "/staff/sign-out",
}
"""For whoever is signed in with an account, whatever its role."""
LIBRARIANS = {
    "/staff/access/explain",
    "/staff/access/supply/<hex32:identifier>",
    "/library/", "/library/compare", "/library/compare/claim", "/library/claims", "/library/claims/new",
    "/library/claims/<int(max=9223372036854775807):number>", "/library/documents/<word>",
    "/library/access", "/library/access/networks", "/library/access/contacts",
    "/library/usage", "/library/usage/<name>.<kind>", "/library/files", "/library/keys",
}  # fmt: skip
"""For librarians, each of whom sees what is their institution's, and for staff."""
PUBLISHERS = {
    "/publisher/", "/publisher/deliveries", "/publisher/receipts/<hex32:identifier>", "/publisher/claims",
    "/publisher/claims/<int(max=9223372036854775807):number>", "/publisher/documents/<word>",
}  # fmt: skip
"""For publishers' accounts, each of which sees what is theirs, and for staff."""
FRONTS = {
    "/sign-in/front",
}
"""For the front that speaks SAML for us, and for nobody else."""
PEERS = {
    "/resourcesync/resourcelist.xml", "/resourcesync/resourcelist/<int(max=999999999):number>.xml",
    "/resourcesync/changelist.xml", "/resourcesync/changelist/<int(max=999999999):number>.xml",
    "/resourcesync/bags/<hex32:identifier>/v<int(max=999999):version>.tar",
}  # fmt: skip
"""For archives that have the right, and for staff: whoever else asks is told so, and led to no sign-in."""
KEYED = {"/kbart/institutions/<code>.txt", "/r51/members", "/r51/reports", "/r51/reports/<name>"}
"""For who brings a key of an institution: whoever brings none is asked for it, and led to no sign-in. The list of what
an institution holds is there for its librarians and for staff too."""
ASKED = {
    "/api/sword/2.0/sd-iri", "/staff/evidence/pack.zip", "/r51/members", "/r51/reports", "/r51/reports/<name>",
}  # fmt: skip
"""What cannot be answered without a question: of which journal the service document is, of which period the pack."""
VALUES: dict[str, Any] = {
    "issn": "1300-0632", "number": 1, "identifier": "0" * 32, "path": "a.pdf", "doi": "10.5555/x", "version": 1,
    "store": "main", "sha256": "0" * 64, "filename": "mahfuz.css", "language": "tr", "word": "0" * 64,
    "record": "licence", "code": "ornek", "name": "ndsa", "slug": "ornek-yayinevi", "kind": "tsv",
    "secret": "x" * 32, "text": "1300-0632",
    "journal": UUID(int=1), "deposit": UUID(int=2),
}  # fmt: skip


@pytest.fixture
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[pages.Site]:
    url = f"sqlite:///{tmp_path_factory.mktemp('app') / 'catalogue.sqlite'}"
    site = pages.site(url, front=Front(secret="of the front alone"))
    yield site
    site.catalogue.close()


def addresses(archive: pages.Site) -> list[tuple[str, str, str]]:
    """Rule, address and method of every route."""
    adapter, found = archive.app.url_map.bind("localhost"), []
    for rule in archive.app.url_map.iter_rules():
        values = {name: VALUES[name] for name in rule.arguments}
        methods = sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
        found += [(rule.rule, adapter.build(rule.endpoint, values, method=method), method) for method in methods]
    return found


OPEN_TO: list[tuple[set[str], set[str]]] = [
    (EVERYONE, {"nobody", "reader", "librarian", "publisher", "staff"}),
    (ACCOUNTS, {"librarian", "publisher", "staff"}),
    (LIBRARIANS, {"librarian", "staff"}),
    (PUBLISHERS, {"publisher", "staff"}),
    (STAFF, {"staff"}),
    (PEERS, {"staff"}),
    (FRONTS, set()),
    (KEYED, set()),
]
"""The table: for whom the routes of each set are there. A reader is known by the address."""
CHANGING = {"/staff/sign-out"}
"""What would end the sessions of this test."""


def test_every_route_has_its_row_in_the_table(archive: pages.Site) -> None:
    declared = [rule for rules, _ in OPEN_TO for rule in rules]
    assert sorted(declared) == sorted({rule for rule, *_ in addresses(archive)}), "declare the new route in one set"


def test_every_route_opens_to_just_those_roles_for_which_it_is_declared(archive: pages.Site) -> None:
    pages.institution(archive, "ornek", networks=("192.0.2.0/24",))
    with archive.catalogue.writing() as rows:
        titles.publisher_named(rows, "Örnek Yayınevi")
    reader = archive.client
    reader.environ_base["REMOTE_ADDR"] = "192.0.2.1"
    browsers = {
        "nobody": archive.client,
        "reader": reader,
        "librarian": archive.staff_client("kutup", "librarian", institution="ornek"),
        "publisher": archive.staff_client("yayin", "publisher", publisher="Örnek Yayınevi"),
        "staff": archive.staff_client(),
    }
    whose = {rule: roles for rules, roles in OPEN_TO for rule in rules}
    for (rule, address, method), (role, browser) in product(addresses(archive), browsers.items()):
        if rule in CHANGING and role in whose[rule]:
            continue
        answer, where = browser.open(address, method=method), (role, method, address)
        to_sign_in = (answer.location or "").startswith("/staff/sign-in?next=")
        if role in whose[rule]:
            assert answer.status_code not in (401, 403), where
            assert not to_sign_in, where
            usual = answer.status_code in (200, 302, 404) or rule in EVERYONE
            assert method != "GET" or usual or (answer.status_code == 400 and rule in ASKED), where
        elif rule in KEYED:
            refusals = {400, 401, 403, 404}
            opens = role in ("staff", "librarian") and rule.startswith("/kbart/")  # to each librarian her own
            assert answer.status_code in (refusals | {200} if opens else refusals), where
        elif role in ("nobody", "reader") and rule not in PEERS | FRONTS and method == "GET":
            assert to_sign_in, where
        else:  # whoever is signed in is told so, and not led to sign in again
            assert answer.status_code in (400, 403), where
            assert not answer.location, where


def test_an_account_that_belongs_to_nobody_any_more_opens_nothing(archive: pages.Site) -> None:
    pages.institution(archive, "ornek")
    librarian = archive.staff_client("kutup", "librarian", institution="ornek")
    with archive.catalogue.writing() as rows:
        rows.execute(update(Staff).values(institution_id=None))
    for rule, address, method in addresses(archive):
        if method == "GET" and rule in LIBRARIANS:
            assert librarian.get(address).status_code == 403, address
    assert librarian.get("/staff/password").status_code == 200


def test_a_route_that_nobody_declared_is_closed(archive: pages.Site) -> None:
    archive.app.add_url_rule("/forgotten", "forgotten", lambda: "secret")
    answer = archive.client.get("/forgotten")
    assert answer.location == "/staff/sign-in?next=/forgotten"
    assert archive.staff_client().get("/forgotten").text == "secret"


def test_a_blueprint_that_only_answers_is_open_and_needs_no_token(tmp_path_factory: pytest.TempPathFactory) -> None:
    window = Blueprint("oai", __name__)
    window.add_url_rule("/oai", view_func=lambda: "verbs", methods=["GET", "POST"])
    url = f"sqlite:///{tmp_path_factory.mktemp('oai') / 'c.sqlite'}"
    site = pages.site(url, open_blueprints=(window,))
    assert site.client.get("/oai").text == site.client.post("/oai").text == "verbs"
    assert '"/oai">OAI-PMH' in site.client.get("/").text
    site.catalogue.close()


def test_every_answer_carries_the_headers(archive: pages.Site) -> None:
    browser = archive.staff_client()
    for _rule, address, method in addresses(archive):
        answer = browser.open(address, method=method)
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy, address
        assert "frame-ancestors 'none'" in policy, address
        assert "unsafe-inline" not in policy, address
        assert "script-src" not in policy, address
        assert answer.headers["X-Content-Type-Options"] == "nosniff", address
        assert answer.headers["Referrer-Policy"] == "same-origin", address
        assert answer.headers["Cache-Control"], address
        if address.startswith(("/staff", "/library", "/publisher")):
            assert answer.headers["Cache-Control"] == "no-store", address


def test_pages_hold_no_script_and_no_style_of_their_own(archive: pages.Site) -> None:
    pages.enter(archive, pages.record(1))
    browser = archive.staff_client()
    for _rule, address, method in addresses(archive):
        answer = browser.open(address, method=method)
        if method == "GET" and answer.mimetype == "text/html" and answer.status_code == 200:
            page = html.fromstring(answer.text)
            assert not page.xpath("//script[not(@type='application/ld+json')] | //style | //@style"), address
            assert not page.xpath("//@*[starts-with(name(), 'on')]"), address


def test_pages_can_be_used_without_eyes(archive: pages.Site) -> None:
    identifier = pages.enter(archive, pages.record(1))
    browser = archive.staff_client()
    also = [f"/articles/{identifier}", "/titles/1300-0632", f"/staff/copies/{identifier}/1/main", "/nirgends"]
    for address in [*(address for _, address, method in addresses(archive) if method == "GET"), *also]:
        answer = browser.get(address)
        if answer.mimetype != "text/html" or answer.status_code in (301, 302):
            continue
        page = html.fromstring(answer.text)
        assert page.get("lang") == "tr", address
        assert len(page.xpath("//h1")) == 1, address
        assert page.xpath("string(//title)").strip(), address
        assert page.xpath("//a[@class='skip']/@href") == ["#main"], address
        assert page.xpath("//main[@id='main']"), address
        levels = [int(heading.tag[1]) for heading in page.xpath("//h1|//h2|//h3|//h4")]
        assert all(after - before <= 1 for before, after in pairwise(levels)), (address, levels)
        for table in page.xpath("//table"):
            assert table.xpath("./caption"), address
            assert all(cell.get("scope") for cell in table.xpath(".//th")), address
        for field in page.xpath("//input[not(@type='hidden')]"):
            named = field.get("aria-label") or page.xpath(f"//label[@for='{field.get('id')}']")
            assert named, address
        for link in page.xpath("//a | //button"):
            assert link.text_content().strip() or link.get("aria-label"), address
        identifiers = page.xpath("//@id")
        assert len(identifiers) == len(set(identifiers)), address
        for moment in page.xpath("//time"):
            assert moment.get("datetime"), address


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "localhost@evil", "", "a b", "mahfuz.example.org:0"]
)
def test_a_foreign_host_is_refused(archive: pages.Site, host: str) -> None:
    answer = archive.client.get("/", headers={"Host": host})
    assert answer.status_code == 400
    assert "evil" not in answer.text


@pytest.mark.parametrize("code", [400, 404, 405, 413])
def test_errors_are_pages_in_both_languages(archive: pages.Site, code: int) -> None:
    ask = {
        400: lambda: archive.client.get("/titles?after=x"),
        404: lambda: archive.client.get("/nirgends"),
        405: lambda: archive.client.post("/titles"),
        413: lambda: archive.client.post("/staff/sign-in", data={"login": "x" * 300_000}),
    }[code]
    answer = ask()
    assert answer.status_code == code
    assert f"<h1>{pages_heading(archive, code, 'tr')}</h1>" in answer.text
    assert code != 405 or "GET" in answer.headers["Allow"]


def pages_heading(archive: pages.Site, code: int, language: str) -> str:
    from config.app import ERRORS

    heading = ERRORS[code][0]
    said = load([language])[language].gettext(heading)
    assert language == "en" or said != heading
    return said


def test_an_unexpected_error_is_a_page_without_a_trace(archive: pages.Site) -> None:
    def fail() -> str:
        raise RuntimeError("a secret detail")

    fail.who = archive.app.view_functions["static"].who  # type: ignore[attr-defined, union-attr]
    archive.app.add_url_rule("/fail", view_func=fail)
    archive.app.testing = False
    archive.app.config["PROPAGATE_EXCEPTIONS"] = False
    answer = archive.client.get("/fail")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "Burada bir şey ters gitti" in answer.text


def test_a_silent_catalogue_is_said_and_not_crashed_over(archive: pages.Site, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = archive.staff_client()
    asked = 0

    @contextmanager
    def silent(_self: object) -> Iterator[None]:
        nonlocal asked
        asked += 1
        raise DatabaseUnavailable("silenced by the test at postgresql://secret-host")
        yield

    monkeypatch.setattr("repository.catalogue.Catalogue.reading", silent)
    for address in ("/", "/staff/", "/search?q=x"):
        answer = browser.get(address)
        assert answer.status_code == 503, address
        assert answer.headers["Retry-After"] == "60"
        assert "secret-host" not in answer.text
    assert asked
    ready = browser.get("/readyz")
    assert (ready.status_code, ready.text) == (503, "the catalogue does not answer\n")
    assert browser.get("/healthz").text == "ok\n"
    assert browser.get("/static/mahfuz.css").status_code == 200


def test_ready_only_with_the_schema_of_this_version(archive: pages.Site) -> None:
    assert archive.client.get("/readyz").text == "ready\n"
    Table.metadata.drop_all(archive.catalogue.engine)
    with archive.catalogue.writing() as rows:
        rows.connection().exec_driver_sql("DROP TABLE alembic_version")
    answer = archive.client.get("/readyz")
    assert answer.status_code == 503
    assert f"needs {schema.HEAD}" in answer.text


@pytest.mark.parametrize(
    ("hops", "forwarded", "seen"),
    [
        (0, "192.0.2.1", "127.0.0.1"),
        (1, "192.0.2.1", "192.0.2.1"),
        (1, "192.0.2.1, 198.51.100.7", "198.51.100.7"),
        (2, "6.6.6.6, 192.0.2.1, 198.51.100.7", "192.0.2.1"),
        (2, "192.0.2.1", ""),
        (1, '"', ""),
        (2, '192.0.2.1, "junk, 203.0.113.9, 198.51.100.7', "203.0.113.9"),
        (1, "192.0.2.1,", ""),
    ],
)
def test_exactly_our_own_proxies_are_believed(
    tmp_path_factory: pytest.TempPathFactory, hops: int, forwarded: str, seen: str
) -> None:
    site = pages.site(f"sqlite:///{tmp_path_factory.mktemp('hops') / 'c.sqlite'}", trusted_proxies=hops)
    met = Blueprint("met", __name__)
    lay(met, None, (Route("/met", _address),))
    site.app.register_blueprint(met)
    assert site.client.get("/met", headers={"X-Forwarded-For": forwarded}).text == seen
    site.catalogue.close()


def _address(_room: None) -> str:
    from flask import request

    return str(request.remote_addr)


def test_under_a_path_every_link_stays_under_it(tmp_path_factory: pytest.TempPathFactory) -> None:
    url = f"sqlite:///{tmp_path_factory.mktemp('path') / 'c.sqlite'}"
    site = pages.site(url, base_url="http://localhost/arsiv/")
    assert isinstance(site.app.wsgi_app, Mounted)
    identifier = pages.enter(site, pages.record(1))
    for address in (f"/arsiv/articles/{identifier}", f"/articles/{identifier}"):
        page = html.fromstring(site.client.get(address).text)
        own = [str(link) for link in page.xpath("//@href") if str(link).startswith("/")]
        assert own
        assert all(link.startswith("/arsiv/") for link in own)
        assert page.xpath("//link[@rel='canonical']/@href") == [f"http://localhost/arsiv/articles/{identifier}"]
    site.catalogue.close()


def test_every_text_has_a_turkish_translation() -> None:
    with PO.open("rb") as stream:
        turkish = read_po(stream, locale="tr")
    wanted = {message.id if isinstance(message.id, str) else message.id[0] for message in to_translate() if message.id}
    assert len(wanted) > 250
    for identifier in sorted(wanted):
        message = turkish.get(identifier)
        assert message is not None, f"no Turkish for {identifier!r}: python -m config.languages, then translate it"
        assert not message.fuzzy, identifier
        said = message.string if isinstance(message.string, tuple) else (message.string,)
        assert all(said), identifier
        for text in said:
            places = re.compile(r"%\(\w+\)s|\{\w+\}")
            assert set(places.findall(text)) == set(places.findall(identifier)), identifier
    spoken = {message.id if isinstance(message.id, str) else message.id[0] for message in turkish if message.id}
    assert spoken == wanted, "texts that nobody says any more"


def test_a_language_without_texts_is_an_error_that_names_the_setting() -> None:
    with pytest.raises(UsageError, match=r"archive\.languages"):
        load(["de"])


def test_crawlers_are_asked_to_leave_the_staff_alone(archive: pages.Site) -> None:
    assert "Disallow: /staff/\n" in archive.client.get("/robots.txt").text
