"""Every code that ingest can say to a publisher: how much it weighs, what it refuses, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from string import Formatter

from repository.bags import shown
from repository.vocabulary import DeliveryState, Finding, Level


class Scope(StrEnum):
    """What an error refuses: one article (or one file), or the delivery as such."""

    ARTICLE = "article"
    DELIVERY = "delivery"


@dataclass(frozen=True, slots=True)
class Rule:
    """One code: its usual level, its scope, its two sentences, and the state in which its error leaves a delivery.

    ``message`` and ``remedy`` name their parameters in braces; ``{detail}`` is never among
    them, because any code may be given a ``detail``, which then follows the message after a colon.
    """

    level: Level
    scope: Scope
    message: str
    remedy: str
    state: DeliveryState = DeliveryState.QUARANTINED

    @property
    def parameters(self) -> frozenset[str]:
        """The names that :func:`finding` must be given for this code."""
        fields = (name for text in (self.message, self.remedy) for _, name, _, _ in Formatter().parse(text))
        return frozenset(name for name in fields if name)


def _refuse(message: str, remedy: str) -> Rule:
    return Rule(Level.ERROR, Scope.DELIVERY, message, remedy, DeliveryState.REFUSED)


def _hold(message: str, remedy: str) -> Rule:
    return Rule(Level.ERROR, Scope.DELIVERY, message, remedy)


def _error(message: str, remedy: str) -> Rule:
    return Rule(Level.ERROR, Scope.ARTICLE, message, remedy)


def _warn(message: str, remedy: str, scope: Scope = Scope.ARTICLE) -> Rule:
    return Rule(Level.WARNING, scope, message, remedy)


def _note(message: str, remedy: str, scope: Scope = Scope.ARTICLE) -> Rule:
    return Rule(Level.INFO, scope, message, remedy)


_WHOLE = Scope.DELIVERY
_NOTHING = "Nothing to do."

CODES: dict[str, Rule] = {
    # The archive as such.
    "ARCHIVE_CORRUPT": _refuse(
        "The archive cannot be read to its end", "Make the archive again, test it, and send it again."
    ),
    "ARCHIVE_ENCRYPTED": _refuse(
        "The archive is protected by a password", "Send the archive again without a password."
    ),
    "ARCHIVE_FORMAT_UNSUPPORTED": _hold(
        "This kind of archive is not opened here", "Send the same files again as zip, tar or tar.gz."
    ),
    "ARCHIVE_BOMB": _refuse(
        "A member unpacks to far more than any publication needs",
        "Send the articles again without this member; ask the archive if it is really wanted.",
    ),
    "ARCHIVE_TOO_MANY_MEMBERS": _refuse(
        "The archive has more members than the limit allows", "Divide the delivery into several archives."
    ),
    "ARCHIVE_TOO_LARGE": _refuse(
        "The archive unpacks to more bytes than the limit allows", "Divide the delivery into several archives."
    ),
    "NESTED_ARCHIVE": _warn(
        "This archive lies inside another one",
        "Send articles without an outer archive if you can; supplements may stay packed.",
        _WHOLE,
    ),
    "NESTED_REFUSED": _hold(
        "This archive lies inside another one, which the profile {name} of the publisher does not allow",
        "Send what is in it without the outer archive.",
    ),
    "NESTED_TOO_DEEP": _warn(
        "This archive lies too deep inside others; it is kept as a file and was not opened",
        "If articles are in it, send it again at most one level deep.",
        _WHOLE,
    ),
    "EMPTY_PACKAGE": _refuse(
        "Nothing in this delivery belongs to an article", "Send the delivery again with its XML and PDF files."
    ),
    "PATH_TRAVERSAL": _refuse(
        "The name of this member leads outside the delivery's own folder",
        "Make the archive again with relative names and without '..'.",
    ),
    "LINK_OR_DEVICE": _refuse(
        "This member is a link or a device and not a file", "Make the archive again with plain files only."
    ),
    "DUPLICATE_MEMBER": _hold(
        "Two members of the archive have the same name", "Decide which one is right and send the archive again."
    ),
    "SET_INCOMPLETE": _hold(
        "This file is one part of a set whose other parts have not come", "Send the missing parts of the set."
    ),
    "VIRUS_FOUND": _hold(
        "The virus scanner finds {signature} in this file",
        "Look for the source of it, and send the delivery again without it; until then nothing of it is taken in.",
    ),
    "VIRUS_NOT_SCANNED": _hold(
        "The virus scanner did not read this file to its end, so that nobody knows whether it is clean",
        "Send what is behind a password again without it. Else nothing to do: the archive raises the scanner's limits "
        "and takes the delivery up again.",
    ),
    "DELETION_REQUESTED": _hold(
        "The delivery asks that articles be deleted; nothing is deleted and nothing of it is taken in",
        "Send a retraction or a withdrawal notice as an article, or write to the archive's staff.",
    ),
    "JUNK_IGNORED": _note("This file was left by an operating system and is passed over", _NOTHING, _WHOLE),
    # Names.
    "NAME_ENCODING": _warn(
        "The name of this member is not UTF-8; it was read in another encoding",
        "Write archives with UTF-8 names (zip: with the UTF-8 flag).",
        _WHOLE,
    ),
    "NAME_NORMALISATION": _warn(
        "Two names of one article differ in capitals or in Unicode form (NFC and NFD) and were taken as equal",
        "Write both names alike, in Unicode NFC.",
        _WHOLE,
    ),
    "NAME_COLLISION": _warn(
        "This name differs from another one only in capitals or in Unicode form; both files are kept",
        "Give the two files names that differ on every system.",
        _WHOLE,
    ),
    "NAME_NOT_PORTABLE": _warn(
        "This name holds characters that some systems cannot store; it is kept exactly as it came",
        "Use letters, digits, '.', '-' and '_' in file names.",
        _WHOLE,
    ),
    "NAME_TOO_LONG": _error(
        "No file system could hold a file of this name, so that no bag of the article could ever be unpacked",
        "Give the file a name of at most 255 bytes, in folders whose names are short, and send the article again.",
    ),
    # Manifests and what came with the delivery.
    "CHECKSUM_MISMATCH": _refuse(
        "The bytes of this file are not those of its manifest", "Make file and manifest agree and send both again."
    ),
    "MANIFEST_FILE_MISSING": _refuse(
        "The manifest lists this file and it was not delivered", "Send the delivery again with every listed file."
    ),
    "MANIFEST_MISSING": _hold(
        "The manifest {name}, which every delivery of this publisher has, did not come",
        "Send the delivery again with its manifest.",
    ),
    "MANIFEST_UNREADABLE": _hold(
        "The manifest cannot be read, so that nothing can be compared with it",
        "Write a digest and the name of its file into each line, by one algorithm (the agreed one, if there is one), "
        "and send the delivery again.",
    ),
    "UNLISTED_FILE": _warn(
        "This file is not in the manifest of its delivery", "List every file in the manifest.", _WHOLE
    ),
    "SIDECAR": _note("This file describes the delivery and was read with it", _NOTHING, _WHOLE),
    "UNPAIRED_FILE": _warn(
        "This file belongs to none of the articles; it stays with the delivery",
        "Name it in the XML of its article, or give it the same base name.",
        _WHOLE,
    ),
    "NOT_METADATA": _note("This is {format}; it describes no article and is passed over", _NOTHING, _WHOLE),
    # The publisher's own profile.
    "PROFILE_USED": _note("The delivery was read as the profile {name} says", _NOTHING, _WHOLE),
    "PROFILE_UNKNOWN": _hold(
        "The delivery came with the profile {name}, which the settings do not have",
        "Nothing for the publisher to do: the archive's staff mend the settings and take the delivery up again.",
    ),
    "PASSED_OVER": _note(
        "What fits {pattern} is passed over, as the publisher's profile says ({number}; the first is named)",
        _NOTHING,
        _WHOLE,
    ),
    "FROM_PROFILE": _note(
        "What the XML does not say was taken from the profile {name} of the publisher", "Write it into the XML."
    ),
    "PDF_OF_ISSUE": _note(
        "This PDF holds the whole issue, and so this article and others", "Send a PDF of each article if you can."
    ),
    # The XML as XML.
    "XML_NOT_WELL_FORMED": _error("The XML is not well formed", "Mend the XML at this line and send it again."),
    "XML_ENCODING": _error(
        "The bytes of the XML are not in the encoding that it declares",
        "Declare the true encoding, or save the file as UTF-8, and send it again.",
    ),
    "XML_UNKNOWN_ENTITY": _error(
        "The XML uses the entity &{name};, which no known entity set defines",
        "Write the character itself, or a numeric reference, and send the file again.",
    ),
    "XML_FORBIDDEN_ENTITY": _error(
        "The XML takes text from outside itself (entity {name})",
        "Write the text into the XML and send it again: nothing outside the file is ever read.",
    ),
    "XML_ENTITY_EXPANSION": _error(
        "The entities of the XML expand to far more text than the file itself",
        "Write the text into the XML without nested entities and send it again.",
    ),
    "XML_TOO_DEEP": _error(
        "The elements of the XML are nested deeper than any article needs",
        "Mend the nesting (at most 256 levels) and send the file again.",
    ),
    "XML_TOO_LARGE": _error(
        "The XML, or one text in it, is larger than the limit", "Move large content out of the XML into its own file."
    ),
    # Which format, and whether it can be read.
    "FORMAT_NOT_READ": _error(
        "This is {format}; it is recognised and cannot be read yet",
        "Send the metadata as JATS XML, or ask the archive when this format will be read.",
    ),
    "FORMAT_NOT_RECOGNISED": _error(
        "This is {format} and not the metadata of an article",
        "Send the metadata of the article as JATS XML.",
    ),
    "METADATA_MISSING": _error(
        "No metadata of an article came with this file", "Send the XML of the article together with its files."
    ),
    # The article's files.
    "PDF_MISSING": _error("The PDF of the article was not delivered", "Send XML and PDF together."),
    "PDF_AMBIGUOUS": _error(
        "Nothing says which PDF is the article, so that none was taken for it ({names})",
        "Name the PDF in the XML, or give it the base name of the XML, and send both again.",
    ),
    "PDF_EMPTY": _error("The PDF has no bytes", "Send the PDF again."),
    "PDF_NOT_A_PDF": _error("This file is named PDF and is not one", "Send the true PDF."),
    "PDF_DAMAGED": _error("The PDF is damaged or cut off", "Send the PDF again, whole."),
    "PDF_ENCRYPTED": _warn(
        "The PDF is encrypted", "Send it without a password and without restrictions: it has to be readable for ever."
    ),
    "PDF_REPAIRABLE": _warn(
        "The PDF opens only after a repair; it is kept exactly as it came", "Send a PDF that needs no repair."
    ),
    "FILE_MISSING": _warn(
        "The XML names the file {name} and it was not delivered", "Send the file, or take its name out of the XML."
    ),
    # The article's identity.
    "NO_DOI": _warn("The article has no DOI", "Add the DOI to the XML if the article has one."),
    "DOI_INVALID": _error("{doi} is not a DOI", "Write the DOI as 10.prefix/suffix and send the XML again."),
    "DOI_MISMATCH": _warn(
        "The PDF gives the DOI {pdf_doi} and the XML gives {doi}", "Make XML and PDF agree, and send the right ones."
    ),
    "DOI_CONFLICT": _error(
        "Under the DOI {doi} another article is held: {title}",
        "Write the article's own DOI and send it again; if the DOI is its own, ask the archive to release it.",
    ),
    "DUPLICATE_DOI": _error(
        "Two articles of one delivery have the DOI {doi}", "Give each article its own DOI and send both again."
    ),
    "ISSN_INVALID": _error("{issn} is not an ISSN", "Write the journal's true ISSN and send the XML again."),
    "NO_ISSN": _error("The XML names no ISSN", "Write the journal's ISSN into the XML and send it again."),
    "ISSN_SAME": _note(
        "Print and electronic ISSN are the same ({issn})", "Check whether the journal has a second ISSN."
    ),
    "TITLE_NOT_AGREED": _error(
        "No agreement covers the journal with the ISSN {issn}",
        "Check the ISSN; if it is right, ask the archive to add the title to the agreement.",
    ),
    "NO_TITLE": _warn("The article has no title", "Write the title into article-title."),
    "METADATA_CONFLICT": _error(
        "The XML gives the {field} {value} and {source} gives {other}",
        "Make the two agree, and send both again.",
    ),
    "NO_IDENTITY": _error(
        "The article has neither a DOI nor an ISSN with a title or page, so that nothing tells it from others",
        "Add the DOI, or the ISSN with the title, and send the XML again.",
    ),
    "PREPRINT": _warn("This is a preprint and not the version of record", "Send the version of record when it exists."),
    "DATE_UNREADABLE": _note("The date of type {type} is not one ({date})", "Write the date as year, month and day."),
    # What became of it.
    "RELATED_NOT_HELD": _note(
        "The article that this one is about ({identifier}) is not held yet; the link is kept", _NOTHING
    ),
    "DUPLICATE_NO_CHANGE": _note("These very bytes are already preserved; nothing was changed", _NOTHING),
    "NEW_VERSION": _note("This is a new version of an article already held; the earlier one stays", _NOTHING),
    "STORE_HOLDS_OTHER": _error(
        "A store already keeps other bytes where this article belongs; nothing was changed",
        "Nothing for the publisher to do: the archive's staff decide.",
    ),
    "PROGRAM_FAULT": _hold(
        "The program stumbled here by a fault of its own; the bytes are kept whole and everything else goes on",
        "Nothing for the publisher to do: the archive's staff look into it.",
    ),
    # What people decided.
    "SET_ASIDE": _hold(
        "The program fell {times} times while it worked on this delivery; it is set aside so that the others go on",
        "Nothing for the publisher to do: the archive's staff look into it.",
    ),
    "RELEASED": _note("The archive's staff took the article in, in spite of {codes}", _NOTHING),
    "REJECTED": _refuse(
        "The archive's staff rejected this delivery", "Mend what the receipt names, and send the delivery again."
    ),
}
"""Code to rule, in the order of docs/findings.md. A code is never renamed and never used for something else."""

RELEASABLE = frozenset(
    (
        "PDF_MISSING",
        "PDF_AMBIGUOUS",
        "PDF_EMPTY",
        "PDF_NOT_A_PDF",
        "PDF_DAMAGED",
        "PDF_ENCRYPTED",
        "ISSN_INVALID",
        "TITLE_NOT_AGREED",
        "DOI_CONFLICT",
    )
)
"""The errors in spite of which a person may take an article in; all others only the publisher can mend."""


def finding(
    code: str, path: str | None = None, line: int | None = None, level: Level | None = None, **params: object
) -> Finding:
    """The finding ``code`` about ``path`` at ``line`` (counted from 1).

    ``level`` overrides the code's usual one. ``params`` fill the braces of its sentences; ``detail``,
    if given, follows the message after a colon. Raises KeyError for a code that is not in the table
    or a parameter that its sentences need: both are bugs of the caller.
    """
    rule = CODES[code]
    values = {name: str(value) for name, value in params.items() if value is not None}
    message = rule.message.format_map(values)
    if values.get("detail"):
        message = f"{message}: {values['detail']}"
    return Finding(
        code=code,
        level=level or rule.level,
        message=message + ".",
        remedy=rule.remedy.format_map(values),
        path=path,
        line=line,
        params=values,
    )


def refuses_article(findings: Iterable[Finding]) -> bool:
    """Whether one of these findings about one article keeps it out."""
    return any(found.level is Level.ERROR for found in findings)


def delivery_verdict(findings: Iterable[Finding]) -> DeliveryState | None:
    """REFUSED or QUARANTINED when an error about the delivery as such is among the findings, else None.

    REFUSED: the publisher must send it again. QUARANTINED: it is kept whole until a person decides.
    """
    states = {
        CODES[found.code].state
        for found in findings
        if found.level is Level.ERROR and CODES[found.code].scope is Scope.DELIVERY
    }
    if DeliveryState.REFUSED in states:
        return DeliveryState.REFUSED
    return DeliveryState.QUARANTINED if states else None


def sentence(found: Finding) -> str:
    """``file X, line Y: message remedy`` as one line for a terminal, a log or an e-mail.

    What cannot be seen in a publisher's name, or would steer a terminal, stands as its number.
    """
    where = ", ".join(
        part
        for part in (f"file {found.path}" if found.path else "", f"line {found.line}" if found.line else "")
        if part
    )
    said = f"{found.message} {found.remedy}".strip()
    return shown(f"{where}: {said}" if where else said)
