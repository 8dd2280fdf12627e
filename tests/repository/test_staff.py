"""Staff: sign-in, sessions that end, tries that are counted, and no way out of the site."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pages
import pytest
from sqlalchemy import func, select

from repository.access import staff
from repository.access.throttle import Throttle
from repository.access.web.within import local_path
from repository.catalogue import titles
from repository.errors import UsageError
from repository.models import Staff, StaffSession


@pytest.fixture
def archive(database_url: str) -> Iterator[pages.Site]:
    site = pages.site(database_url)
    yield site
    site.catalogue.close()


@pytest.fixture
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[pages.Site]:
    """On SQLite only, for what does not depend on the database."""
    site = pages.site(f"sqlite:///{tmp_path_factory.mktemp('staff') / 'catalogue.sqlite'}")
    yield site
    site.catalogue.close()


def sessions(archive: pages.Site) -> int:
    with archive.catalogue.reading() as rows:
        return rows.execute(select(func.count()).select_from(StaffSession)).scalar_one()


def test_a_one_time_password_must_be_changed_before_anything_else(archive: pages.Site) -> None:
    with archive.catalogue.writing() as rows:
        password = staff.create(rows, "Ayse", "staff")
    browser = archive.client
    answer = pages.sign_in(browser, "ayse", password)
    assert answer.location == "/staff/password"
    assert browser.get("/staff/fixity").location == "/staff/password"
    changed = pages.post(browser, "/staff/password", old=password, new=pages.PASSWORD, again=pages.PASSWORD)
    assert changed.location == "/staff/"
    assert browser.get("/staff/fixity").status_code == 200
    assert pages.sign_in(archive.client, "ayse", password).status_code == 422


def test_signing_out_ends_the_session_for_whoever_kept_the_cookie(archive: pages.Site) -> None:
    browser = archive.staff_client()
    cookie = browser.get_cookie("mahfuz")
    assert cookie is not None
    assert sessions(archive) == 1
    thief = archive.client
    thief.set_cookie("mahfuz", cookie.value)
    assert thief.get("/staff/").status_code == 200
    assert pages.post(browser, "/staff/sign-out", form_at="/staff/").status_code == 303
    assert sessions(archive) == 0
    assert browser.get_cookie("mahfuz") is None
    assert thief.get("/staff/").status_code == 302


def test_a_new_password_ends_every_other_session(archive: pages.Site) -> None:
    browser = archive.staff_client()
    other = archive.client
    pages.sign_in(other, "ayse", pages.PASSWORD)
    assert other.get("/staff/").status_code == 200
    new = "başka bir uzun parola"
    pages.post(browser, "/staff/password", old=pages.PASSWORD, new=new, again=new)
    assert other.get("/staff/").status_code == 302
    assert browser.get("/staff/").status_code == 200


def test_signing_in_gives_a_new_secret_and_the_table_does_not_hold_it(archive: pages.Site) -> None:
    with archive.catalogue.writing() as rows:
        password = staff.create(rows, "ayse", "staff")
    browser = archive.client
    browser.set_cookie("mahfuz", "p" * 43)
    pages.sign_in(browser, "ayse", password)
    cookie = browser.get_cookie("mahfuz")
    assert cookie is not None
    assert cookie.value != "p" * 43
    with archive.catalogue.reading() as rows:
        kept = rows.execute(select(StaffSession.id, StaffSession.data)).one()
    assert kept.id == staff.session_id(cookie.value)
    assert cookie.value not in str(kept)


def test_a_deactivated_account_is_out_at_once(archive: pages.Site) -> None:
    browser = archive.staff_client()
    with archive.catalogue.writing() as rows:
        rows.execute(select(Staff).where(Staff.login == "ayse")).scalar_one().active = False
    assert browser.get("/staff/").status_code == 302
    assert pages.sign_in(archive.client, "ayse", pages.PASSWORD).status_code == 422


def test_a_session_ends_when_it_is_not_used_and_after_half_a_day(archive: pages.Site) -> None:
    with archive.catalogue.writing() as rows:
        staff.create(rows, "ayse", "staff")
        account = rows.execute(select(Staff.id).where(Staff.login == "ayse")).scalar_one()
        staff.begin_session(rows, "s", account, {}, pages.NOW)
    with archive.catalogue.reading() as rows:
        assert staff.open_session(rows, "s", pages.NOW + staff.IDLE - timedelta(seconds=1)) is not None
        assert staff.open_session(rows, "s", pages.NOW + staff.IDLE) is None
    late = pages.NOW + staff.LONGEST_SESSION - timedelta(minutes=1)
    with archive.catalogue.writing() as rows:
        staff.prolong_session(rows, "s", {}, late, pages.NOW)
    with archive.catalogue.reading() as rows:
        assert staff.open_session(rows, "s", pages.NOW + staff.LONGEST_SESSION) is None


def test_a_session_ended_meanwhile_is_not_made_again(archive: pages.Site) -> None:
    with archive.catalogue.writing() as rows:
        staff.prolong_session(rows, "gone", {}, pages.NOW, pages.NOW)
    assert sessions(archive) == 0


def test_at_most_ten_guesses_at_one_account_however_many_come_at_once(archive: pages.Site) -> None:
    with archive.catalogue.writing() as rows:
        staff.create(rows, "ayse", "staff")

    def guess(_number: int) -> bool:
        with archive.catalogue.writing() as rows:
            return staff.count_try(rows, "ayse", pages.NOW).refused

    with ThreadPoolExecutor(8) as pool:
        refused = list(pool.map(guess, range(40)))
    assert refused.count(False) == 10
    with archive.catalogue.writing() as rows:
        later = pages.NOW + staff.LOCKED_FOR + timedelta(seconds=1)
        assert not staff.count_try(rows, "ayse", later).refused


def test_the_right_password_is_of_no_use_while_the_account_waits(one: pages.Site) -> None:
    one.staff_client()
    for number in range(10):
        answer = pages.sign_in(one.client, "ayse", f"yanlış {number}")
        assert answer.status_code == 422
    assert "429" not in answer.status
    browser = one.client
    browser.environ_base["REMOTE_ADDR"] = "192.0.2.7"
    assert pages.sign_in(browser, "ayse", pages.PASSWORD).status_code == 422


def test_one_address_waits_after_ten_failures_whatever_logins_it_tries(one: pages.Site) -> None:
    one.staff_client()
    for number in range(10):
        assert pages.sign_in(one.client, f"kimse{number}", "yanlış").status_code == 422
    answer = pages.sign_in(one.client, "ayse", pages.PASSWORD)
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "900"
    elsewhere = one.client
    elsewhere.environ_base["REMOTE_ADDR"] = "192.0.2.7"
    assert pages.sign_in(elsewhere, "ayse", pages.PASSWORD).location == "/staff/"


def test_unknown_logins_take_the_same_way_and_read_the_same_answer(one: pages.Site) -> None:
    one.staff_client()
    known = pages.sign_in(one.client, "ayse", "yanlış")
    unknown = pages.sign_in(one.client, "kimse", "yanlış")
    assert known.status_code == unknown.status_code == 422
    strip = re.compile(r'value="[^"]*"')
    assert strip.sub("", known.text) == strip.sub("", unknown.text)
    with one.catalogue.writing() as rows:
        attempt = staff.count_try(rows, "kimse", pages.NOW)
        assert attempt.refused
        assert attempt.password_hash.startswith("$argon2id$"), "something is hashed against in every case"
        assert staff.count_try(rows, "", pages.NOW).refused, "the account of nobody has no login"


@pytest.mark.parametrize("login", ["", " ", "iki kelime", "a" * 121, "satır\nsonu"])
def test_what_cannot_be_a_login_is_refused(one: pages.Site, login: str) -> None:
    with pytest.raises(UsageError, match="is no login"), one.catalogue.writing() as rows:
        staff.create(rows, login, "staff")


def test_a_login_is_given_once_and_a_role_must_be_one(one: pages.Site) -> None:
    with one.catalogue.writing() as rows:
        assert not staff.anybody(rows)
        staff.create(rows, "ayse", "staff")
        assert staff.anybody(rows)
    with pytest.raises(UsageError, match="already an account"), one.catalogue.writing() as rows:
        staff.create(rows, "AYSE", "staff")
    with pytest.raises(UsageError, match="is no role"), one.catalogue.writing() as rows:
        staff.create(rows, "can", "root")


def test_a_librarian_is_of_an_institution_and_a_publisher_of_a_publisher(archive: pages.Site) -> None:
    number = pages.institution(archive, "ornek")
    with archive.catalogue.writing() as rows:
        publisher = titles.publisher_named(rows, "Örnek Yayınevi").id
        staff.create(rows, "kutup", "librarian", institution="ornek")
        staff.create(rows, "yayin", "publisher", publisher="Örnek Yayınevi")
    with archive.catalogue.reading() as rows:
        found = {row.login: (row.role, row.institution_id, row.publisher_id) for row in rows.scalars(select(Staff))}
    assert found["kutup"] == ("librarian", number, None)
    assert found["yayin"] == ("publisher", None, publisher)


@pytest.mark.parametrize(
    ("role", "whose", "said"),
    [
        ("librarian", {}, "an institution is named"),
        ("librarian", {"institution": "yok"}, "no institution"),
        ("librarian", {"publisher": "Örnek"}, "an institution is named"),
        ("publisher", {}, "a publisher is named"),
        ("publisher", {"publisher": "Yok"}, "no publisher"),
        ("staff", {"institution": "yok"}, "an institution is named"),
        ("staff", {"publisher": "Yok"}, "a publisher is named"),
    ],
)
def test_an_account_that_lacks_whose_it_is_is_refused(
    one: pages.Site, role: str, whose: dict[str, str], said: str
) -> None:
    with pytest.raises(UsageError, match=said), one.catalogue.writing() as rows:
        staff.create(rows, "biri", role, **whose)


def test_a_reset_gives_a_new_password_and_ends_sessions(one: pages.Site) -> None:
    browser = one.staff_client()
    with one.catalogue.writing() as rows:
        password = staff.reset(rows, "ayse")
    assert browser.get("/staff/").status_code == 302
    assert pages.sign_in(one.client, "ayse", password).location == "/staff/password"


@pytest.mark.parametrize(
    ("old", "new", "again", "said"),
    [
        ("yanlış", "yepyeni bir parola", "yepyeni bir parola", "present password"),
        (pages.PASSWORD, "yepyeni bir parola", "başka bir parola!", "differ"),
        (pages.PASSWORD, pages.PASSWORD, pages.PASSWORD, "old one"),
        (pages.PASSWORD, "kısa", "kısa", "12 to 256"),
        (pages.PASSWORD, "xx-ayse-xx-2026", "xx-ayse-xx-2026", "12 to 256"),
        (pages.PASSWORD, "aaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaa", "12 to 256"),
    ],
)
def test_a_bad_new_password_is_refused_with_its_reason(
    one: pages.Site, old: str, new: str, again: str, said: str
) -> None:
    browser = one.staff_client()
    answer = pages.post(browser, "/staff/password?lang=en", old=old, new=new, again=again)
    assert answer.status_code == 422
    assert said in answer.text


def test_readers_get_no_cookie_and_leave_no_row(one: pages.Site) -> None:
    browser = one.client
    for address in ("/", "/titles", "/search?q=x", "/healthz", "/static/mahfuz.css"):
        assert "Set-Cookie" not in browser.get(address).headers, address
    browser.get("/staff/sign-in")
    assert browser.get_cookie("mahfuz") is not None
    assert sessions(one) == 0


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(one: pages.Site) -> None:
    header = one.client.get("/staff/sign-in").headers["Set-Cookie"]
    assert "HttpOnly" in header
    assert "SameSite=Lax" in header
    assert "Secure" not in header


def test_over_https_the_cookie_is_secure_and_bound_to_the_host(tmp_path_factory: pytest.TempPathFactory) -> None:
    url = f"sqlite:///{tmp_path_factory.mktemp('https') / 'c.sqlite'}"
    site = pages.site(url, base_url="https://mahfuz.example.org")
    answer = site.client.get("/staff/sign-in", base_url="https://mahfuz.example.org")
    site.catalogue.close()
    assert answer.headers["Set-Cookie"].startswith("__Host-mahfuz=")
    assert "Secure" in answer.headers["Set-Cookie"]
    assert "Strict-Transport-Security" in answer.headers


def test_forms_without_the_right_token_are_refused(one: pages.Site) -> None:
    browser, other = one.staff_client(), one.client
    foreign = pages.token_of(other.get("/staff/sign-in"))
    for address in ("/staff/sign-in", "/staff/sign-out", "/staff/password"):
        assert browser.post(address, data={}).status_code == 400, address
        assert browser.post(address, data={"csrf_token": foreign}).status_code == 400, address
        assert browser.post(address, data={"csrf_token": "x.y.z"}).status_code == 400, address
    assert browser.get("/staff/").status_code == 200


LEADING_AWAY = [
    *(
        f"{before}evil.example"
        for before in ("//", "///", "/\\", "\\\\", "\\/", "/\t/", "\t//", " //", "/\n/", "\n//", "/\r/")
    ),
    *(f"{scheme}://evil.example" for scheme in ("http", "https", "HTTP", "ftp", "data", "file", "ws", "hTTps")),
    "http:evil.example",
    "https:evil.example",
    "http:/evil.example",
    "https:///evil.example",
    "javascript:alert(1)",
    "java\nscript:alert(1)",
    "data:text/html,x",
    "vbscript:x",
    "evil.example",
    "@evil.example",
    ".evil.example",
    "//evil.example/%2f..",
    "//evil.example#",
    "//evil.example?x",
    "//google.com@evil.example",
    "////evil.example",
    "/\\/evil.example",
    "/\\\\evil.example",
    "\x00//evil.example",
    "/\x0b/evil.example",
    "/\x0c/evil.example",
    "/\u2028/evil.example",
    "/\u200b//evil.example",
    "/\u0085/evil.example",
    "//[::1]/",
    "//0x7f.1/",
    "//1/",
    "//user:pw@evil.example:80/",
    "http://localhost@evil.example/",
    "http://localhost.evil.example/",
    "",
    "?next=//x",
    "#x",
    "..//evil.example",
    "./evil.example",
]


@pytest.mark.parametrize("target", LEADING_AWAY)
def test_no_sign_in_leads_out_of_the_site(target: str) -> None:
    assert len(LEADING_AWAY) >= 50
    assert local_path(target) is None


def test_signing_in_leads_back_to_the_page_asked_for_and_nowhere_else(one: pages.Site) -> None:
    one.staff_client()
    asked = one.client.get("/staff/copies?state=damaged")
    assert asked.location == "/staff/sign-in?next=/staff/copies?state%3Ddamaged"
    back = pages.sign_in(one.client, "ayse", pages.PASSWORD, next="/staff/copies?state=damaged")
    assert back.location == "/staff/copies?state=damaged"
    away = pages.sign_in(one.client, "ayse", pages.PASSWORD, next="//evil.example")
    assert away.location == "/staff/"


def test_one_subscriber_of_ipv6_is_one_address() -> None:
    throttle = Throttle(most=2)
    throttle.failed("2001:db8:1:2::1", pages.NOW)
    throttle.failed("2001:db8:1:2:ffff::9", pages.NOW)
    assert throttle.waits("2001:db8:1:2:3::4", pages.NOW)
    assert not throttle.waits("2001:db8:1:3::1", pages.NOW)
    assert not throttle.waits("2001:db8:1:2::1", pages.NOW + timedelta(minutes=15))
    throttle.failed("::ffff:192.0.2.1", pages.NOW)
    throttle.failed("192.0.2.1", pages.NOW)
    assert throttle.waits("192.0.2.1", pages.NOW)
