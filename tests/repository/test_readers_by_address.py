"""Whose reader an address is, told by exactly our own proxies: whatever else a request says, nobody gains by it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from ipaddress import IPv6Address, ip_address, ip_network
from pathlib import Path

import pages
import plans
import pytest
from flask import Blueprint
from sqlalchemy.orm import Session
from werkzeug.test import EnvironBuilder, run_wsgi_app

from config import wiring
from config.commands.servers import _Web
from config.settings import load
from repository.access import networks, readers
from repository.access.ranges import span_of
from repository.access.web.guard import Route, lay
from repository.access.web.readers import known
from repository.catalogue import Catalogue
from repository.models import Institution, InstitutionNetwork

RANGES = {
    # The proxies themselves stand on the ground of the library that everybody would like to be of.
    "kurban": ("192.0.2.0/24", "2001:db8:1::/48", "127.0.0.0/8", "10.0.0.0/8", "::1/128"),
    "kendi": ("198.51.100.0/25", "2001:db8:2::/48"),
    "kapali": ("203.0.113.128/25",),
}
"""By institution, its ranges; the last one is no institution any more."""
CLIENTS = {
    "of nobody": ("203.0.113.9", "2001:db8:9::9", "::ffff:203.0.113.9"),
    "of its own": ("198.51.100.7", "2001:db8:2::7", "::ffff:198.51.100.7"),
    "of one that was": ("203.0.113.200", "2001:db8:7::7", "::ffff:203.0.113.200"),
}
WANTED = ("192.0.2.1", "2001:db8:1::1", "::ffff:192.0.2.1")
"""The addresses that somebody would like to have."""


def enter(catalogue: Catalogue, whose: dict[str, tuple[str, ...]], closed: tuple[str, ...] = ()) -> None:
    with catalogue.writing() as rows:
        for code, given in whose.items():
            row = Institution(
                code=code, created_at=datetime.now(UTC), active=code not in closed, **pages.named_columns(code)
            )
            rows.add(row)
            rows.flush()
            for text in given:
                first, last = span_of(text).keys
                rows.add(InstitutionNetwork(institution_id=row.id, given=text, first=first, last=last))


def truly(address: str) -> str:
    """The oracle: whose an address is, by the standard library's own arithmetic."""
    parsed = ip_address(address)
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped:
        parsed = parsed.ipv4_mapped
    found = [code for code, given in RANGES.items() if any(parsed in ip_network(text) for text in given)]
    return found[0] if found and found[0] != "kapali" else "-"


Headers = list[tuple[str, str]]


def spoofed(wanted: str) -> list[Headers]:
    """What a client may send so as to be taken for somebody else."""
    v4 = "192.0.2.1"
    xff = "X-Forwarded-For"
    return [
        [],
        [(xff, wanted)],
        [(xff, f"{wanted}, {wanted}")],
        [(xff, f"{wanted}, {wanted}, {wanted}, {wanted}")],
        [(xff, wanted), (xff, wanted)],
        [(xff, wanted), ("x-forwarded-for", v4), ("X-FORWARDED-FOR", wanted)],
        [("X_Forwarded_For", wanted)],
        [(xff, f'{wanted}, "junk')],
        [(xff, '"')],
        [(xff, f'"{wanted}')],
        [(xff, f'"{wanted}, \\')],
        [(xff, f"{wanted}, \\")],
        [(xff, f'{wanted}, {wanted}, "')],
        [(xff, f'"{wanted}"')],
        [(xff, f"{wanted},")],
        [(xff, f",{wanted},,")],
        [(xff, ",,,,")],
        [(xff, "")],
        [(xff, " ")],
        [(xff, f"{wanted}:443")],
        [(xff, f"[{wanted}]:443")],
        [(xff, f"[{wanted}]")],
        [(xff, f"{wanted}%eth0")],
        [(xff, "unknown")],
        [(xff, "_hidden, unix:")],
        [(xff, f"for={wanted}")],
        [(xff, f"{wanted}\t")],
        [(xff, f"{wanted};{wanted}")],
        [(xff, "127.0.0.1")],
        [(xff, "::1, 10.0.0.2, localhost")],
        [(xff, "0300.0.02.01, 0xC0000201, 3221225985")],
        [(xff, ", ".join([wanted] * 300))],
        [(xff, "a" * 30_000)],
        [("Forwarded", f"for={wanted};proto=https;by={wanted}"), ("Forwarded", f'for="[{wanted}]"')],
        [("X-Real-IP", wanted)],
        [("X-Client-IP", wanted), ("Client-IP", wanted), ("True-Client-IP", wanted)],
        [("CF-Connecting-IP", wanted), ("Fastly-Client-IP", wanted), ("X-Cluster-Client-IP", wanted)],
        [("Via", f"1.1 {wanted}"), ("X-Forwarded", wanted), ("Forwarded-For", wanted)],
        [("X-Forwarded-Host", wanted), ("X-Forwarded-Proto", "https, https, http"), ("X-Forwarded-Port", wanted)],
        [("X-Originating-IP", wanted), ("X-Remote-IP", wanted), ("X-Remote-Addr", wanted), ("Remote-Addr", wanted)],
        [("X-ProxyUser-Ip", wanted), ("WL-Proxy-Client-IP", wanted), ("HTTP_X_FORWARDED_FOR", wanted)],
        [(xff, wanted), ("Forwarded", f"for={wanted}"), ("X-Real-IP", wanted), ("Via", wanted)],
    ]


def passed_on(headers: Headers, peer: str, style: str) -> Headers:
    """What a proxy of ours hands on: it writes who asked it behind what it was given, in a line of its own or not."""
    rest = [one for one in headers if one[0].lower() != "x-forwarded-for"]
    had = [value for name, value in headers if name.lower() == "x-forwarded-for"]
    if style == "one more line":
        return [*rest, *(("X-Forwarded-For", value) for value in had), ("X-Forwarded-For", peer)]
    return [*rest, ("X-Forwarded-For", ", ".join([*had, peer]))]


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[int, pages.Site]]:
    """The archive behind no proxy, one and two."""
    found = {}
    for hops in (0, 1, 2):
        url = f"sqlite:///{tmp_path_factory.mktemp('hops') / 'c.sqlite'}"
        site = found[hops] = pages.site(url, trusted_proxies=hops)
        enter(site.catalogue, RANGES, closed=("kapali",))
        met = Blueprint("met", __name__)
        lay(met, site, (Route("/met", _met),))
        site.app.register_blueprint(met)
    yield found
    for site in found.values():
        site.catalogue.close()


def _met(site: pages.Site) -> str:
    with site.catalogue.reading() as rows:
        found = known(rows)
    return found.library.code if found.library else "-"


def asked(site: pages.Site, headers: Headers, peer: str) -> str:
    """Whose reader the archive takes this request for."""
    environ = EnvironBuilder("/met", base_url=pages.BASE_URL).get_environ()
    environ["REMOTE_ADDR"] = peer
    for name, value in headers:
        if "_" in name:  # which would be taken for a dash: gunicorn is told to drop it
            continue
        key = "HTTP_" + name.upper().replace("-", "_")
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    body, _status, _headers = run_wsgi_app(site.app.wsgi_app, environ)
    return b"".join(body).decode()


@pytest.mark.parametrize(
    ("hops", "style"), [(0, ""), (1, "one line"), (1, "one more line"), (2, "one line"), (2, "one more line")]
)
def test_forty_ways_to_say_that_one_comes_from_elsewhere_gain_nothing(
    sites: dict[int, pages.Site], hops: int, style: str
) -> None:
    wrong = []
    for kind, addresses in CLIENTS.items():
        for client, wanted in zip(addresses, WANTED, strict=True):
            variants = spoofed(wanted)
            assert len(variants) >= 40
            for headers in variants:
                sent, peer = headers, client
                for proxy in ("10.0.0.2", "127.0.0.1")[2 - hops :]:
                    sent, peer = passed_on(sent, peer, style), proxy
                got, right = asked(sites[hops], sent, peer), truly(client)
                if got != right:
                    wrong.append((kind, client, headers[:1], got, right))
    assert not wrong


def test_the_server_drops_headers_that_could_be_taken_for_others(tmp_path: Path) -> None:
    with wiring.opened(load(None, {"MAHFUZ_ARCHIVE__HOME": str(tmp_path)}).settings, with_stores=False) as archive:
        server = _Web(archive, "127.0.0.1", 8080, 1)
    assert server.cfg.header_map == "drop"


def test_who_comes_beside_the_proxies_is_nobodys_reader(sites: dict[int, pages.Site]) -> None:
    for hops in (1, 2):
        assert asked(sites[hops], [], "192.0.2.1") == "-", "the peer's own address is that of a proxy, or of nobody"
        assert asked(sites[hops], [("X-Forwarded-For", "")], "192.0.2.1") == "-"
    assert asked(sites[2], [("X-Forwarded-For", "192.0.2.1")], "10.0.0.2") == "-", "by one proxy of two"
    assert asked(sites[0], [], "192.0.2.1") == "kurban"
    assert asked(sites[0], [], "") == "-"


@pytest.mark.parametrize(
    ("told", "whose"),
    [
        ("198.51.100.7:51034", "kendi"),
        ("[2001:db8:2::7]:51034", "kendi"),
        ("[2001:db8:2::7]", "kendi"),
        (" 198.51.100.7 ", "kendi"),
        ("2001:DB8:2:0:0:0:0:7", "kendi"),
        ("::ffff:c633:6407", "kendi"),
        ("fe80::1%eth0", "-"),
        ("2001:db8:2::7%eth0", "-"),
        ("198.51.100.007", "-"),
        ("198.51.100", "-"),
        ("unknown", "-"),
        ("", "-"),
        ("١٩٨.٥١.١٠٠.٧", "-"),
    ],
)
def test_what_our_proxy_writes_is_understood_or_it_is_nobodys(
    sites: dict[int, pages.Site], told: str, whose: str
) -> None:
    assert asked(sites[1], [("X-Forwarded-For", f"192.0.2.1, {told}")], "127.0.0.1") == whose


@pytest.fixture
def catalogue(database_url: str) -> Iterator[Catalogue]:
    from repository.catalogue import schema

    made = Catalogue(database_url)
    schema.migrate(made)
    yield made
    made.close()


def test_the_narrowest_range_tells_and_where_two_are_as_narrow_nobody_is_meant(catalogue: Catalogue) -> None:
    enter(
        catalogue,
        {
            "geniş": ("10.0.0.0/8", "2001:db8::/32"),
            "dar": ("10.1.0.0/16", "10.9.0.0 - 10.9.0.15", "2001:db8:5::/48"),
            "aynı": ("10.1.0.0/16", "10.9.0.8-10.9.0.23"),
            "iki": ("10.7.0.0/24", "10.7.0.128-10.7.1.127"),
        },
    )
    with catalogue.reading() as rows:

        def whose(address: str) -> str | None:
            found = readers.by_address(rows, address)
            return "several" if found.several else found.library.code if found.library else None

        assert whose("10.2.3.4") == "geniş"
        assert whose("10.1.3.4") == "several"
        assert whose("10.9.0.7") == "dar"
        assert whose("10.9.0.8") == "several"
        assert whose("10.9.0.16") == "aynı"
        assert whose("10.7.0.200") == "iki", "two ranges of one institution are no doubt"
        assert whose("2001:db8:5::1") == "dar"
        assert whose("2001:db8:6::1") == "geniş"
        assert whose("11.0.0.0") is None
        assert whose("9.255.255.255") is None


def test_a_reader_whom_nobody_knows_costs_one_look_up_by_index(
    sites: dict[int, pages.Site], monkeypatch: pytest.MonkeyPatch
) -> None:
    site, asked_for, true = sites[0], [], networks._HOLDING

    def counted(session: Session, values: dict[str, str]) -> list[tuple[str, ...]]:
        asked_for.append(values)
        return true(session, values)

    article = pages.enter(site, pages.record(1, licence=None))
    monkeypatch.setattr(networks, "_HOLDING", counted)
    with site.catalogue.reading() as rows:
        text, order, _given = true._compile(rows.get_bind().dialect)
        plan = rows.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", tuple("0" * 32 for _ in order or ()))
        steps = [row[-1] for row in plan]
    assert any("USING COVERING INDEX" in step or "USING INDEX" in step for step in steps), steps
    assert not any(step.startswith("SCAN") for step in steps), steps
    for address in ("", "/access.json", "/files/makale.pdf"):
        asked_for.clear()
        with plans.plans(site.catalogue.engine, "institution") as others:
            site.client.get(f"/articles/{article}{address}", environ_overrides={"REMOTE_ADDR": "203.0.113.1"})
        assert len(asked_for) == 1, address
        assert not [steps for steps in others if "institution" in str(steps)], address
    asked_for.clear()
    site.staff_client().get(f"/articles/{article}")
    assert not asked_for, "staff read as staff wherever they sit"
