"""Every page and list of the application, as those see it to whom it is open."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from functools import partial
from urllib.parse import quote

from bench.cost import Question
from bench.generator import article_id, issn, word
from bench.generator.size import YEARS
from bench.questions.asked import INSTITUTION, PUBLISHER, Asked
from flask.testing import FlaskClient

from repository.models import Title
from repository.web.paging import key_text

FULL = "a page is full in the larger catalogue only"
_ARTICLE = 5_001
"""Of this article pages are asked in a catalogue of any size."""

_WHOLE = "it tells of every journal: it grows with the journals, and with the articles not at all"
_LISTS = ("/kbart/AllTitles.txt", "/reports/keepers.csv", "/reports/titles.marcxml")

_BECAUSE = {
    "/search": "it looks at the name of every journal, and at no more than 10,000 entries of words",
    "/staff/usage": "it adds up what was used in a month",
    "/library/usage": "it adds up what an institution used in a month",
    "/r51/reports": "it tells of every journal that an institution used",
    "/library/": "it counts the lines of the lists of its licences",
    "/staff/access/simulator": "it tells of every journal and issue of a publisher",
    "/staff/fixity/found?publisher": "it goes through what was not whole, which is little, for what is one publisher's",
    "/openurl?rft.jtitle": "it looks at the name of every journal",
    "/lockss": FULL,
    "/staff/evidence": FULL,
    "/staff/copies": FULL,
    "/staff/completeness": FULL,
    "/staff/deliveries": "it tells of every delivery that waits, and more do in the larger catalogue",
    "/staff/usage/": "it tells of every journal that an institution used",
    "/staff/access/licences/lisans-5/titles": "it tells of every journal of a list",
    "/staff/access": "it goes through the lines of title lists that are not agreed",
    "/publisher/claims": "it goes through the lines of title lists that are not agreed",
    "/publisher/": "it counts, and as CSV tells of, every journal of the publisher",
}

_NOT_ASKED = (
    "/ServeContent", "/sign-in", "/supply", "/static", "/api/sword", "/receipts", "/lockss", "/.well-known", "/robots",
    "/healthz", "/readyz", "/library/documents", "/publisher/documents", "/publisher/receipts",
    "/staff/access/documents", "/staff/access/supply", "/resourcesync/bags", "/deliveries/<hex32:identifier>.json",
    "/staff/sign-in", "/staff/password", "/staff/evidence/certificates", "/staff/evidence/pack.zip", "/oai/dumps/",
)  # fmt: skip
"""Pages that ask the catalogue for nothing, or for one row that another page asks for too."""


def questions(asked: Asked) -> Iterator[Question]:
    """All of them; a rule of the application that has no question here is one that was forgotten."""
    told: list[str] = []
    for group, browser, addresses in (
        ("everybody", asked.nobody, _open(asked)),
        ("staff", asked.staff, _staff()),
        ("a library", asked.librarian, _library()),
        ("a publisher", asked.publisher, _publisher()),
    ):
        for address in addresses:
            told.append(address)
            yield Question(group, _name(asked, address), partial(page, browser, address), _because(address))
    for address in (*_LISTS, "/kbart/publishers/yayinevi-1.txt", f"/kbart/institutions/kurum-{INSTITUTION}.txt"):
        key = f"?api_key={asked.key}" if "institutions" in address else ""
        told.append(address)
        because = _WHOLE if address in _LISTS else "it tells of every journal of a publisher, of a library"
        made = partial(_made_anew, asked, asked.nobody, address + key)
        yield Question("everybody", f"{address}, made", made, because)
        yield Question("everybody", f"{address}, again", partial(page, asked.nobody, address + key))
    _expect_all(asked, told)


def _because(address: str) -> str:
    """What is said of the longest beginning of this address that anything is said of."""
    return max(
        ((one, why) for one, why in _BECAUSE.items() if address.startswith(one)),
        key=lambda x: len(x[0]),
        default=("", ""),
    )[1]


def _name(asked: Asked, address: str) -> str:
    """An address without what is another in every catalogue."""
    return re.sub(r"after=\w+", "after=…", address).replace(asked.key, "…")


def page(browser: FlaskClient, address: str) -> None:
    """Ask; raises SystemExit for an answer that is none."""
    answer = browser.get(address)
    read = len(answer.get_data())
    answer.close()
    if answer.status_code not in (200, 302, 303, 403, 404, 422) or not read:
        raise SystemExit(f"{address} was answered with {answer.status_code}: {answer.get_data()[:500]!r}")


def _made_anew(asked: Asked, browser: FlaskClient, address: str) -> None:
    shutil.rmtree(asked.archive.home / "lists", ignore_errors=True)
    page(browser, address)


def _open(asked: Asked) -> Iterator[str]:
    size = asked.size
    middle, article = _ARTICLE, f"/articles/{article_id(_ARTICLE)}"
    with asked.catalogue.reading() as session:
        half = key_text([session.get_one(Title, size.journals // 2).sort_key, size.journals // 2])
    yield from ("/", "/titles", f"/titles?after={half}", "/titles?letter=O", "/metrics")
    yield from (f"/titles/{issn(1)}", f"/titles/{issn(77)}")
    yield from (f"/titles/{issn(1)}/issues/{YEARS // 2}", f"/titles/{issn(77)}/issues/{76 * YEARS + 2}")
    yield from (article, f"{article}.bib", f"{article}.ris", f"{article}.json", f"{article}/access.json")
    yield f"{article}/files/article.pdf"
    yield from (f"/doi/10.5555/{middle}", f"/issn/{issn(5)}", "/doi/10.5555/unknown")
    yield f"/openurl?rft.issn={issn(9)}&rft.volume=3&rft.spage={middle}&rft.date=2003"
    yield f"/openurl?rft.issn={issn(1)}&rft.volume=3&rft.spage=1"
    yield "/openurl?rft.jtitle=Ornek+Dergisi+900&rft.volume=3"
    yield from (f"/lockss/{issn(1)}/2003", "/oai/days", "/oai/days.json", "/oai/days.json?set=open")
    for words in (
        word(0), word(20_000), f"{word(0)} {word(1)}", f"{word(0)} {word(20_000)}", word(0)[:4], "ornek dergisi",
        " ".join(word(rank) for rank in range(8)), " ".join(word(rank) for rank in range(20, 28)),
        f"10.5555/{middle}", issn(9), "yokboylebirsey",
    ):  # fmt: skip
        yield f"/search?q={quote(words)}"
    key = f"customer_id=kurum-{INSTITUTION}&api_key={asked.key}"
    yield from (f"/r51/status?{key}", f"/r51/members?{key}", f"/r51/reports?{key}", "/kbart/", "/sign-in?q=ornek")
    for name in ("tr", "tr_j1", "tr_j3", "tr_j4", "pr", "pr_p1"):
        yield f"/r51/reports/{name}?{key}&begin_date=2026-01&end_date=2026-10"


def _staff() -> Iterator[str]:
    article, delivery, library = article_id(_ARTICLE), article_id(-1 - 100), f"kurum-{INSTITUTION}"
    publisher, slug = f"Yay%C4%B1nevi+{PUBLISHER}", f"yayinevi-{PUBLISHER}"
    yield from ("/staff/", f"/deliveries/{delivery}")
    yield from (
        f"/staff/{name}"
        for name in f"""
        fixity fixity/canaries fixity/days fixity/days?format=csv fixity/days?publisher={slug} fixity/forecast
        fixity/found fixity/found?found=damaged fixity/found?publisher={slug} fixity/publishers
        fixity/publishers?format=csv fixity/tallies inventory inventory/differences rounds alerts storage storage/growth
        storage/trials storage/izmir/lacking storage/izmir/retirement system system/entries disposals evidence
        evidence/tables/disposals.csv usage
        usage/tr_j1.tsv?institution={library}&from=2026-01&to=2026-10
        usage/tr_j4.tsv?institution={library}&from=2026-01&to=2026-10
        copies?state=damaged copies?state=missing copies?state=intact copies?state=unreadable copies?state=unverified
        copies?oldest=1 copies?within=1&store=izmir copies?never=1 copies?overdue=1 copies?silent=1
        copies?state=damaged&store=van copies/{article}/1/izmir articles/{article} articles/{article}/versions/1/salvage
        ingest deliveries deliveries?state=quarantined deliveries?state=accepted deliveries?state=received
        deliveries?publisher={slug} deliveries?publisher={slug}&state=partial deliveries?q=sayi-12 deliveries?q=yok
        deliveries?q=10.5555/{_ARTICLE} deliveries?state=quarantined&format=csv
        completeness completeness?publisher={slug} completeness/load completeness/{issn(1)}
        completeness/{issn(1)}/lines?which=missing completeness/{issn(11)} completeness/{issn(11)}/lines?which=missing
        completeness/{issn(11)}/letter/tr completeness/{issn(11)}/letter/tr.eml
        access access/consortia access/consortia/ulusal access/entitlements access/entitlements?state=asserted
        access/entitlements?state=agreed access/entitlements?institution={library} access/entitlements/77
        access/institutions access/institutions?q=ornek access/institutions/{library} access/licences
        access/licences?q=lisans access/licences?publisher={slug} access/licences/lisans-5
        access/licences/lisans-5/titles access/licences/lisans-5/titles?format=kbart
        access/licences/lisans-5/titles?left_out=yes access/tables access/tables/institutions.csv
        access/tables/consortia.csv access/triggers access/triggers/olay-1 access/triggers/olay-2 access/triggers/new
        access/history/institution/{library} access/history/licence/lisans-5 access/history/consortium/ulusal
        access/explain?institution={library}&article={article} access/simulator?publisher={publisher}
        access/simulator?publisher={publisher}&institution={library}""".split()
    )


def _library() -> Iterator[str]:
    for name in [
        "?",
        "?show=unsafe",
        "?q=ornek",
        "access",
        "claims",
        "claims/new",
        "claims/50",
        "compare",
        "files",
        "usage",
        "usage/tr_j1.tsv",
    ]:
        yield f"/library/{name}".rstrip("?")


def _publisher() -> Iterator[str]:
    for name in ["?", "?as=csv", "claims", "claims?show=all", "claims/50", "deliveries"]:
        yield f"/publisher/{name}".rstrip("?")


def _expect_all(asked: Asked, told: list[str]) -> None:
    adapter = asked.site.url_map.bind("localhost")
    reached = {adapter.match(address.partition("?")[0], method="GET", return_rule=True)[0].rule for address in told}
    left = {rule.rule for rule in asked.site.url_map.iter_rules() if "GET" in (rule.methods or ())} - reached
    forgotten = sorted(rule for rule in left if not rule.startswith((*_NOT_ASKED, "/oai", "/resourcesync")))
    if forgotten:
        raise SystemExit(f"pages that nobody asks for: {', '.join(forgotten)}")
