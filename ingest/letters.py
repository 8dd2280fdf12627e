"""The letter by which a publisher is asked for what is missing, in Turkish or English, with its list as CSV."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from string import Template

from repository import spreadsheet
from repository.bags.paths import shown
from repository.catalogue.completeness import Cell, Line

COLUMNS = ("doi", "year", "volume", "issue", "page", "title", "source")
_MOST_ISSUES = 40

_SUBJECTS = {
    "tr": Template("$journal ($issn): arşivimizde eksik olan içerik"),
    "en": Template("$journal ($issn): content missing from our archive"),
}
_LETTERS = {
    "tr": Template(
        """$archive
$email
$day

Konu: $subject

Sayın $publisher yetkilisi,

Derginizin arşivimizde kalıcı olarak saklanması için gönderdiğiniz teslimatları aldık; teşekkür ederiz.
Elimizdeki listelere göre yayımlanmış görünen $expected kaydın $missing tanesi arşivimizde yoktur:

$issues

Tam liste ekteki CSV dosyasındadır (her satırda bir kayıt: DOI, yıl, cilt, sayı, sayfa, başlık, kaynak).
Eksik içeriği her zamanki yolla göndermenizi, yayımlanmamış veya geri çekilmiş olanları bildirmenizi rica ederiz.

Saygılarımızla,
$archive
"""
    ),
    "en": Template(
        """$archive
$email
$day

Subject: $subject

Dear colleagues at $publisher,

Thank you for the deliveries of your journal that we preserve.
According to the lists that we have, $missing of $expected published items are not in our archive:

$issues

The complete list is in the attached CSV file (one item a line: DOI, year, volume, issue, page, title, source).
Please send what is missing in the usual way, and tell us what was never published or has been withdrawn.

With kind regards,
$archive
"""
    ),
}
_WORDS = {
    "tr": ("Cilt $volume", "Sayı $issue", "$year", "$missing eksik", "hiçbir içerik yok", "… ve $more sayı daha"),
    "en": ("Vol. $volume", "No. $issue", "$year", "$missing missing", "nothing of it", "… and $more more issues"),
}


@dataclass(frozen=True, slots=True)
class Claim:
    """Who asks whom for what: the cells of the grid in which something is missing are told one by one."""

    archive: str
    email: str
    publisher: str
    journal: str
    issn: str
    day: date
    cells: Sequence[Cell]


def letter(claim: Claim, language: str) -> str:
    """The letter as plain text. ``language`` is ``tr`` or ``en``."""
    volume, issue, year, missing, nothing, more = (Template(text) for text in _WORDS[language])
    wanting = [cell for cell in claim.cells if cell.missing]
    told = []
    for cell in wanting[:_MOST_ISSUES]:
        place = [
            volume.substitute(volume=cell.volume) if cell.volume else "",
            (issue.substitute(issue=cell.issue) if cell.issue[0].isdigit() else cell.issue) if cell.issue else "",
            year.substitute(year=cell.year) if cell.year else "",
        ]
        number = nothing.template if cell.loose == cell.expected else missing.substitute(missing=cell.missing)
        told.append(f"  - {', '.join(filter(None, place)) or '–'}: {number}")
    if len(wanting) > _MOST_ISSUES:
        told.append("  " + more.substitute(more=len(wanting) - _MOST_ISSUES))
    return _LETTERS[language].substitute(
        subject=_SUBJECTS[language].substitute(journal=claim.journal, issn=claim.issn),
        archive=claim.archive,
        email=claim.email,
        publisher=claim.publisher,
        journal=claim.journal,
        issn=claim.issn,
        day=f"{claim.day:%d.%m.%Y}" if language == "tr" else claim.day.isoformat(),
        expected=sum(cell.expected for cell in claim.cells),
        missing=sum(cell.missing for cell in claim.cells),
        issues="\n".join(told),
    )


def missing_rows(lines: Iterable[Line]) -> Iterator[tuple[object, ...]]:
    """A row of :data:`COLUMNS` for each expectation that is not held."""
    for line in lines:
        if not line.held:
            one = line.expected
            yield (one.doi, one.year, one.volume, one.issue, one.page, one.name, line.source)


def missing_csv(lines: Iterable[Line]) -> str:
    """The list that goes with the letter; no cell of it runs in a spreadsheet."""
    return "".join(spreadsheet.parts(COLUMNS, missing_rows(lines)))


def message(claim: Claim, language: str, listed: str) -> EmailMessage:
    """The letter as a mail that waits to be addressed, with its list as an attachment: any mail program opens it."""
    _, _, text = letter(claim, language).split("\n\n", 2)  # the sender and the subject stand in the header
    found = EmailMessage()
    found["From"] = Address(claim.archive, addr_spec=claim.email)
    found["Subject"] = shown(_SUBJECTS[language].substitute(journal=claim.journal, issn=claim.issn))
    found["Date"] = format_datetime(datetime.combine(claim.day, time(12), UTC))
    found["X-Unsent"] = "1"  # Outlook opens such a message as a draft
    found.set_content(text, cte="quoted-printable")
    # With a byte order mark: a spreadsheet takes the list for UTF-8 only then.
    octets = listed.encode("utf-8-sig")
    found.add_attachment(octets, maintype="text", subtype="csv", filename=f"missing-{claim.issn}.csv")
    return found
