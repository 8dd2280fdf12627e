"""Records of a small archive, some of every kind, and lists of fictional journals as publishers write them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

from repository.access import claims, consortia, documents, institutions, licences, requestors, terms, title_lists
from repository.access.runs import Run
from repository.catalogue import Catalogue
from repository.catalogue.titles import AgreedTitle
from repository.coverage import Coverage
from repository.rights import ClaimState, Closure, Side

NOW = datetime(2026, 11, 27, 9, tzinfo=UTC)
BY = "ayse"
HEAD = "publication_title\tprint_identifier\tonline_identifier\tdate_first_issue_online\tnum_first_vol_online\t"
HEAD += "num_first_issue_online\tdate_last_issue_online\tnum_last_vol_online\tnum_last_issue_online\ttitle_id\t"
HEAD += "embargo_info\tcoverage_depth\tpublication_type\tpreceding_publication_title_id\n"


def issn(number: int) -> str:
    """The ISSN whose first seven digits are this number."""
    digits = f"{number:07d}"
    rest = -sum((8 - place) * int(digit) for place, digit in enumerate(digits)) % 11
    return f"{digits[:4]}-{digits[4:]}{'X' if rest == 10 else rest}"


def line(number: int, first: str = "2009", last: str = "", name: str = "", **more: str) -> str:
    """A line of a list about one fictional journal."""
    cells = [
        *(name or f"Dergi {number}", more.get("printed", ""), more.get("online", issn(number)), first),
        *(more.get("vol", ""), "", last, more.get("last_vol", ""), "", more.get("id", f"t{number}")),
        *(more.get("embargo", ""), more.get("depth", "fulltext"), more.get("type", "serial"), more.get("before", "")),
    ]
    return "\t".join(cells) + "\n"


def filled(url: str) -> Catalogue:
    """A catalogue of such records."""
    catalogue = Catalogue(url)
    fill(catalogue)
    return catalogue


def fill(catalogue: Catalogue, at: datetime = NOW) -> None:
    """Some of everything, and names that a spreadsheet would run."""
    with catalogue.writing() as session:
        said = institutions.Described(
            "=SUM(A1) Üniversitesi", ror="05dxps055", counter_id="TR-1", resolver="https://cozucu.ornek.edu.tr/"
        )
        one = institutions.enter(session, BY, "ornek", said, at=at)
        other = institutions.enter(session, BY, "baska", institutions.Described("Başka, Üniversitesi"), at=at)
        institutions.change(session, BY, other, replace(institutions.described(other), active=False), at=at)
        for network in ("193.140.0.0/16", "2001:a98::/32", "193.141.1.1 - 193.141.1.9"):
            institutions.add_network(session, BY, one, network, at=at)
        institutions.add_login(session, BY, one, "entity", "https://idp.ornek.edu.tr/shibboleth", at=at)
        institutions.add_login(session, BY, one, "scope", "ornek.edu.tr", at=at)
        group = consortia.enter(session, BY, "birlik", "@Birlik", at=at)
        consortia.enter(session, BY, "yalniz", "Kimsesiz", at=at)
        consortia.join(session, BY, group, one, date(2009, 1, 1), date(2012, 12, 31), at=at)
        consortia.join(session, BY, group, one, date(2015, 1, 1), None, at=at)
        described = licences.Described(
            "+Paket", "Örnek Yayınevi", type="national", status="active", perpetual="paid_years", back_years=3,
            hosting="exclusive", archival_copy=True, supply=False, note="iki\nsatır; ve \"tırnak\"",
        )  # fmt: skip
        row = licences.enter(session, BY, "paket", described, at=at)
        terms.add_period(session, BY, row, date(2009, 1, 1), date(2012, 12, 31), at=at)
        terms.add_period(session, BY, row, date(2015, 1, 1), date(2030, 12, 31), at=at)
        terms.add_party(session, BY, row, group, at=at)
        terms.add_party(session, BY, row, other, date(2010, 1, 1), date(2011, 1, 1), at=at)
        closed = replace(
            described, name="Eski", perpetual="years", perpetual_from="2001", perpetual_to="2008-06", back_years=0
        )
        documents.attach(session, BY, row, "sözleşme.pdf", b"%PDF-1.7", at=at)
        requestors.make(session, BY, one, "sushi", at=at)
        old = licences.enter(session, BY, "eski", closed, at=at)
        terms.add_period(session, BY, old, date(2001, 1, 1), None, at=at)
        licences.close(session, BY, old, date(2008, 12, 31), Closure.CEASED, at=at)
        text = HEAD + line(1, last="2018", embargo="P1Y") + line(2, before="t1", name="=cmd|' /C calc'!A0") + line(3)
        title_lists.load(session, BY, row, title_lists.read_list("liste.txt", text.encode()), at=at)
        newer = HEAD + line(1, last="2018", embargo="P1Y") + line(2, before="t1", name="=cmd|' /C calc'!A0")
        title_lists.load(session, BY, row, title_lists.read_list("yeni.txt", newer.encode()), at=at)
        run = Run(0, AgreedTitle("Dergi 1", None, issn(1)), Coverage("2019", "11", "1"))
        number = claims.claim(session, BY, row, one, run, "fatura", at=at).row.id
        claims.act(session, BY, number, ClaimState.DISPUTED, Side.PUBLISHER, "hayır", at=at)
