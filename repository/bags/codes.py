# ruff: noqa: E501  (one row of the table on one line)
"""Every deviation that a bag can show, with its code, its weight, the clause that it breaks and what to do."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from repository.bags.paths import shown
from repository.vocabulary import Finding, Level

MOST_OF_A_CODE = 100
"""A bag with 500,000 missing files gets 100 findings of that code and one that counts the rest."""


@dataclass(frozen=True, slots=True)
class Deviation:
    """One row of the table: ``code`` is stable for ever, ``message`` and ``remedy`` may hold ``{names}`` of values."""

    code: str
    level: Level
    clause: str
    message: str
    remedy: str


ERR, WARN, NOTE = Level.ERROR, Level.WARNING, Level.INFO
RFC = "RFC 8493 "
DRAFT = "BagIt 0.97 section 4"
PAX = "POSIX.1-2017 pax"
OURS = "Mahfuz bag profile"
AGAIN = "Get an undamaged copy; a bag is never mended by hand."
SENDER = "Ask the sender for a corrected bag."

# fmt: off
_ROWS = (
    # the tar
    Deviation("BAG_TAR_COMPRESSED", ERR, DRAFT, "The bytes are {format}, not an uncompressed tar.", "Decompress the file first."),
    Deviation("BAG_TAR_HEADER", ERR, PAX, "The tar header at byte {offset} cannot be read: {reason}.", AGAIN),
    Deviation("BAG_TAR_TRUNCATED", ERR, PAX, "The tar ends at byte {offset}, {reason}.", AGAIN),
    Deviation("BAG_TAR_TRAILING_DATA", ERR, PAX, "After the end of the tar, at byte {offset}, there is more: {reason}.", AGAIN),
    Deviation("BAG_TAR_END", WARN, PAX, "The tar ends with {count} blocks of zeros instead of two; members at its end could be missing.", "Write the tar again with a tool that ends it properly."),
    Deviation("BAG_TAR_PADDING", NOTE, PAX, "The padding behind the file is not zeros.", "Nothing, if every digest is right; the file itself is not touched."),
    Deviation("BAG_TAR_SPARSE", ERR, PAX, "The tar holds a sparse file, whose bytes do not stand in the tar one by one.", "Write the tar again without the sparse option."),
    Deviation("BAG_TAR_MEMBER_TWICE", ERR, PAX, "The tar holds this name twice; unpacking would keep only the last.", SENDER),
    Deviation("BAG_TAR_LAYOUT", ERR, DRAFT, "The tar does not hold exactly one folder at its top: {reason}.", "Serialise the bag from the folder above its base directory."),
    Deviation("BAG_TAR_NAME", WARN, DRAFT, "The top-level folder is called {name}, the file {expected}.", "Rename the file, or ask the sender which name is right."),
    # names and kinds
    Deviation("BAG_NAME_UNSAFE", ERR, RFC + "5.1", "A name would lead out of the bag or cannot be unpacked: {name}.", SENDER),
    Deviation("BAG_NAME_ENCODING", WARN, RFC + "2.3", "The name is not UTF-8.", "Rename the file and make its manifests again."),
    Deviation("BAG_NAME_CONFLICT", ERR, PAX, "The name is used for a file and for a folder.", SENDER),
    Deviation("BAG_NAMES_COLLIDE_NFC", WARN, RFC + "6.1.1", "Differs from {other} only in Unicode normalisation.", "On some systems the two would become one; ask the sender to rename."),
    Deviation("BAG_NAMES_COLLIDE_CASE", WARN, RFC + "6.1.1", "Differs from {other} only in case.", "On some systems the two would become one; ask the sender to rename."),
    Deviation("BAG_SYSTEM_FILE", WARN, RFC + "6.1.1", "An operating system left this file; it is hardly content.", "Ask the sender to leave it out."),
    Deviation("BAG_FILE_KIND", ERR, RFC + "5.1", "It is {kind}, not a regular file or folder.", "Ask the sender to send the file itself in its place."),
    Deviation("BAG_LIMIT", ERR, "docs/bags.md, limits", "The bag is larger than can be judged: {reason}.", "Split the bag, or have it checked with bagit on a machine with more memory."),
    # the bag declaration
    Deviation("BAG_DECLARATION_MISSING", ERR, RFC + "2.1.1", "There is no bagit.txt.", "If this is a bag at all, ask the sender for it whole."),
    Deviation("BAG_DECLARATION", ERR, RFC + "2.1.1", "bagit.txt does not consist of the two lines that it must: {reason}.", SENDER),
    Deviation("BAG_DECLARATION_LAX", WARN, RFC + "2.1.1", "bagit.txt is spelled loosely: {reason}.", "Write it as the standard spells it."),
    Deviation("BAG_VERSION", ERR, RFC + "2.1.1", "The bag says that it follows BagIt {version}, whose rules are not known.", "Known are 0.93 to 0.97 and 1.0."),
    Deviation("BAG_ENCODING", ERR, RFC + "2.3", "The tag files are said to be encoded in {encoding}, which is not known.", "Encode the tag files in UTF-8."),
    Deviation("BAG_ENCODING_OLD", NOTE, RFC + "2.3", "The tag files are encoded in {encoding}; UTF-8 is recommended.", "Nothing; later versions may allow only UTF-8."),
    # text tag files
    Deviation("BAG_TAG_ENCODING", ERR, RFC + "2.3", "The text is not {encoding}, as bagit.txt says.", SENDER),
    Deviation("BAG_TAG_BOM", ERR, RFC + "2.3", "The file begins with a byte-order mark, which UTF-8 tag files must not.", "Remove the mark and make the tag manifests again."),
    Deviation("BAG_TAG_LINE_END", NOTE, RFC + "2.3", "The last line has no line end.", "Nothing; but a text that was cut off looks the same."),
    Deviation("BAG_INFO_SYNTAX", ERR, RFC + "2.2.2", "The line is not a label, a colon, one blank and a value: {reason}.", SENDER),
    Deviation("BAG_OXUM_SYNTAX", ERR, RFC + "2.2.2", "Payload-Oxum must stand once and be two numbers with a point: {reason}.", SENDER),
    Deviation("BAG_OXUM_MISMATCH", ERR, RFC + "2.2.2", "Payload-Oxum says {said}, the payload is {found} (bytes.files).", AGAIN),
    # payload and manifests
    Deviation("BAG_PAYLOAD_MISSING", ERR, RFC + "2.1.2", "There is no folder data.", SENDER),
    Deviation("BAG_MANIFEST_MISSING", ERR, RFC + "2.1.3", "There is no payload manifest.", SENDER),
    Deviation("BAG_MANIFEST_SYNTAX", ERR, RFC + "2.1.3", "The line is not a digest, white space and a path: {reason}.", SENDER),
    Deviation("BAG_MANIFEST_MD5SUM", WARN, RFC + "6.1.3", "The line is in the format of md5sum ({reason}); strict validation refuses it.", "Make the manifest again in the standard's format."),
    Deviation("BAG_MANIFEST_DOT_SLASH", WARN, RFC + "2.1.3", "The path begins with ./, which is not needed and not understood by all.", "Make the manifest again without it."),
    Deviation("BAG_MANIFEST_PERCENT", WARN, RFC + "2.1.3", "The path spells LF, CR or % in another way than the standard.", "Make the manifest again; %, LF and CR become %25, %0A and %0D."),
    Deviation("BAG_MANIFEST_NORMALISATION", WARN, RFC + "6.1.1", "The path was found only after Unicode normalisation, as {found}.", "Nothing is lost; some tools will say that the file is missing."),
    Deviation("BAG_MANIFEST_TOO_LATE", ERR, "docs/bags.md, one pass", "The manifest stands behind files of the tar that no tag manifest before them announced for {algorithm}.", "Unpack the bag and verify the folder."),
    Deviation("BAG_ALGORITHM_UNKNOWN", ERR, RFC + "2.4", "The digest algorithm {algorithm} is not known, so its digests prove nothing.", "Have a manifest made with sha512 or sha256."),
    Deviation("BAG_ALGORITHM_NAME", WARN, RFC + "2.4", "The algorithm in the manifest's name must be small letters and digits: {algorithm}.", "Rename the manifest."),
    Deviation("BAG_ALGORITHM_WEAK", NOTE, RFC + "2.4", "Only {algorithm} protects the payload: enough against accident, not against forgery.", "Nothing now; ask for sha512 in future."),
    Deviation("BAG_PATH_OUTSIDE", ERR, RFC + "5.1", "The path leads out of the bag: {name}.", "Treat the bag as hostile until the sender has explained it."),
    Deviation("BAG_PATH_NOT_PAYLOAD", ERR, RFC + "2.1.3", "A payload manifest may list only files under data/, not {name}.", SENDER),
    Deviation("BAG_DIGEST_SYNTAX", ERR, RFC + "2.1.3", "The digest is not one of {algorithm}.", SENDER),
    Deviation("BAG_DIGEST_MISMATCH", ERR, RFC + "3", "The {algorithm} of the file is {found}, the manifest says {said}.", AGAIN),
    Deviation("BAG_FILE_MISSING", ERR, RFC + "3", "The manifest lists the file, and the bag does not hold it.", AGAIN),
    Deviation("BAG_FILE_UNLISTED", ERR, RFC + "3", "The payload holds the file, and {manifest} does not list it.", SENDER),
    Deviation("BAG_FILE_UNLISTED_IN_ONE", WARN, RFC + "3", "{manifest} does not list the file, though another manifest does.", "BagIt before 1.0 allows it; 1.0 does not."),
    Deviation("BAG_FILE_LISTED_TWICE", ERR, RFC + "2.1.3", "The manifest lists the file more than once.", SENDER),
    # tag manifests
    Deviation("BAG_TAGMANIFEST_MISSING", NOTE, RFC + "2.2.1", "There is no tag manifest, so damage to the tag files cannot be seen.", "Ask the sender for tag manifests in future."),
    Deviation("BAG_TAGMANIFEST_INCOMPLETE", ERR, RFC + "2.2.1", "The tag manifest does not list the payload manifest {manifest}.", SENDER),
    Deviation("BAG_TAGMANIFEST_LISTS", ERR, RFC + "2.2.1", "A tag manifest must not list {name}.", SENDER),
    Deviation("BAG_TAG_FILE_UNLISTED", WARN, RFC + "2.2.1", "{manifest} does not list the tag file, so damage to it cannot be seen.", "Ask the sender to list every tag file."),
    # fetch.txt
    Deviation("BAG_FETCH", WARN, RFC + "2.2.3", "The bag has a fetch.txt; nothing is ever fetched.", "Ask the sender for the bag without holes."),
    Deviation("BAG_FETCH_SYNTAX", ERR, RFC + "2.2.3", "The line is not an absolute URI, a length or -, and a path: {reason}.", SENDER),
    Deviation("BAG_FETCH_UNLISTED", ERR, RFC + "2.2.3", "fetch.txt lists a file that {manifest} does not.", SENDER),
    Deviation("BAG_FETCH_LENGTH", WARN, RFC + "5.3", "fetch.txt says {said} bytes, the file has {found}.", "The manifests decide; nothing, if they agree with the file."),
    Deviation("BAG_FILE_NOT_FETCHED", ERR, RFC + "3", "The file is only promised by fetch.txt, so the bag is incomplete.", "Ask the sender for the bag without holes."),
    # our own bags
    Deviation("BAG_OWN_NAME", ERR, OURS, "The bag is called {found}, and should be {expected}.", AGAIN),
    Deviation("BAG_OWN_IDENTIFIER", ERR, OURS, "External-Identifier is {found}, and should be {expected}.", AGAIN),
    Deviation("BAG_OWN_VERSION", ERR, OURS, "A bag of ours follows BagIt 1.0 in UTF-8.", AGAIN),
    Deviation("BAG_OWN_ORDER", ERR, OURS, "The files do not stand in the order in which we write them: found where {expected} should be.", AGAIN),
    Deviation("BAG_OWN_HEADER", ERR, OURS, "The tar header or the padding of the file is not as we write it.", AGAIN),
    Deviation("BAG_OWN_MANIFEST", ERR, OURS, "The text is not what we would write for these files.", AGAIN),
    # more
    Deviation("BAG_FINDINGS_CUT", NOTE, "docs/bags.md, limits", "{count} more findings of {finding} are not listed.", "Mend those that are listed first."),
    Deviation("BAG_SECOND_OPINION", WARN, "bagit {version}", "The Library of Congress's bagit does not accept the bag: {reason}.", "Compare with our findings; docs/bags.md lists what bagit is known to get wrong."),
    Deviation("BAG_SECOND_OPINION_NONE", WARN, "bagit {version}", "The Library of Congress's bagit could not be asked: {reason}.", "Rely on our own findings, or run bagit by hand."),
)
# fmt: on

CODES: dict[str, Deviation] = {row.code: row for row in _ROWS}


def finding(
    code: str, path: str | None = None, line: int | None = None, level: Level | None = None, **values: str
) -> Finding:
    """A finding of ``code``, its sentences filled with ``values`` made harmless to show. Raises KeyError for no such code."""
    row = CODES[code]
    params = {key: shown(value) for key, value in values.items()}
    return Finding(
        code=code,
        level=level or row.level,
        message=f"{row.message.format_map(params)} ({row.clause.format_map(params)})",
        remedy=row.remedy.format_map(params),
        path=None if path is None else shown(path),
        line=line,
        params=params,
    )


class Findings:
    """Findings as they come, at most :data:`MOST_OF_A_CODE` of each code and level kept."""

    def __init__(self) -> None:
        self._kept: list[Finding] = []
        self._counts: Counter[tuple[str, Level]] = Counter()

    def add(
        self, code: str, path: str | None = None, line: int | None = None, level: Level | None = None, **values: str
    ) -> None:
        """Keep one more finding, or count it."""
        weight = level or CODES[code].level
        self._counts[code, weight] += 1
        if self._counts[code, weight] <= MOST_OF_A_CODE:
            self._kept.append(finding(code, path, line, weight, **values))

    def keep(self, found: Finding) -> None:
        """Keep a finding that was made elsewhere."""
        self._kept.append(found)

    def all(self) -> tuple[Finding, ...]:
        """What was kept, errors first, and for each code of which some were only counted, how many."""
        cut = [
            finding("BAG_FINDINGS_CUT", finding=code, count=str(count - MOST_OF_A_CODE))
            for (code, _), count in self._counts.items()
            if count > MOST_OF_A_CODE
        ]
        weight = {Level.ERROR: 0, Level.WARNING: 1, Level.INFO: 2}
        return tuple(sorted([*self._kept, *cut], key=lambda found: weight[found.level]))
