"""What RFC 8493 and its drafts say of a bag that has been read: complete, valid, and every deviation by name."""

from __future__ import annotations

import unicodedata

from repository.bags.algorithms import WEAK, known, normalised
from repository.bags.bag_info import Pairs, check_oxum, parse_bag_info
from repository.bags.contents import MANIFEST, Contents, Member, sizes
from repository.bags.declaration import Declaration, read_declaration
from repository.bags.fetch import PATH as FETCH
from repository.bags.fetch import Promise, parse_fetch
from repository.bags.manifests import parse_manifest
from repository.bags.paths import PAYLOAD, alike, outside, percent_decoded, stray_percent
from repository.bags.text import has_forbidden_mark, lacks_last_line_end
from repository.vocabulary import Level

_SYSTEM_FILES = frozenset({".DS_Store", "Thumbs.db", "desktop.ini", "Desktop.ini"})


def judge(contents: Contents) -> tuple[Declaration, Pairs]:
    """Add to ``contents.findings`` everything that is wrong with the bag; what bagit.txt and bag-info.txt say.

    Complete and valid as RFC 8493 section 3 defines them, by the rules of the version that
    the bag declares. Linear in what was read; looks nothing up outside ``contents``.
    """
    return _Judgement(contents).all()


class _Judgement:
    """One bag before the standard."""

    def __init__(self, contents: Contents) -> None:
        self.bag = contents
        self.findings = contents.findings
        raw = contents.texts.get("bagit.txt")
        silent = raw is None and (contents.cut_short or "bagit.txt" in contents.members)
        self.declaration = Declaration() if silent else read_declaration(raw, contents.findings)
        self.strict = self.declaration.strict
        self.since_one = Level.ERROR if self.strict else Level.WARNING
        self._by_nfc: dict[str, str] | None = None

    def all(self) -> tuple[Declaration, Pairs]:
        pairs = self._metadata()
        promises = self._fetch()
        promised = {percent_decoded(promise.path.removeprefix("./")) for promise in promises}
        listed = self._payload_manifests(promised)
        self._fetched(promises, listed)
        self._tag_manifests()
        self._names()
        return self.declaration, pairs

    def _text(self, path: str) -> bytes | None:
        return self.bag.texts.get(path)

    def _text_form(self, path: str, raw: bytes) -> None:
        if has_forbidden_mark(raw, self.declaration.encoding):
            self.findings.add("BAG_TAG_BOM", path, 1)
        if lacks_last_line_end(raw, self.declaration.encoding):
            self.findings.add("BAG_TAG_LINE_END", path)

    def _metadata(self) -> Pairs:
        path = self.declaration.info_name
        raw = self._text(path)
        if raw is None:
            return ()
        self._text_form(path, raw)
        pairs = parse_bag_info(raw, path, self.declaration, self.findings)
        if FETCH not in self.bag.members and not self.bag.cut_short:
            check_oxum(pairs, *sizes(self.bag.members), path, self.declaration, self.findings)
        return pairs

    def _fetch(self) -> list[Promise]:
        raw = self._text(FETCH)
        if raw is None:
            return []
        self._text_form(FETCH, raw)
        return parse_fetch(raw, self.declaration, self.findings)

    def _payload_manifests(self, promised: set[str]) -> dict[str, set[str]]:
        """For each payload manifest the files that it lists, present or not."""
        if not self.bag.has_payload_folder and not self.bag.cut_short:
            self.findings.add("BAG_PAYLOAD_MISSING", "data")
        manifests = self.bag.manifests(tag=False)
        if not manifests and not self.bag.cut_short:
            self.findings.add("BAG_MANIFEST_MISSING")
        algorithms = {known(name) for name in manifests.values()} - {None}
        if algorithms and algorithms <= WEAK:
            weak = " and ".join(sorted(algorithm for algorithm in algorithms if algorithm))
            self.findings.add("BAG_ALGORITHM_WEAK", algorithm=weak)
        listed = {path: self._manifest(path, spelled, promised) for path, spelled in manifests.items()}
        everywhere = set.union(*listed.values()) if listed else set()
        for manifest, paths in listed.items():
            for path, _ in self.bag.payload():
                if path in paths:
                    continue
                if self.strict or path not in everywhere:
                    self.findings.add("BAG_FILE_UNLISTED", path, manifest=manifest)
                else:
                    self.findings.add("BAG_FILE_UNLISTED_IN_ONE", path, manifest=manifest)
        return listed

    def _tag_manifests(self) -> None:
        manifests = self.bag.manifests(tag=True)
        payload_manifests = self.bag.manifests(tag=False)
        if not manifests and not self.bag.cut_short:
            self.findings.add("BAG_TAGMANIFEST_MISSING")
        for path, spelled in manifests.items():
            listed = self._manifest(path, spelled, set())
            for name in self.bag.members:
                if name in listed or name.startswith(PAYLOAD) or name in manifests:
                    continue
                if name in payload_manifests:
                    self.findings.add("BAG_TAGMANIFEST_INCOMPLETE", path, level=self.since_one, manifest=name)
                else:
                    self.findings.add("BAG_TAG_FILE_UNLISTED", name, manifest=path)

    def _manifest(self, manifest: str, spelled: str, promised: set[str]) -> set[str]:
        """Compare every line of one manifest with the files; the files that it lists."""
        algorithm = known(spelled)
        listed: set[str] = set()
        if algorithm is None:
            self.findings.add("BAG_ALGORITHM_UNKNOWN", manifest, algorithm=spelled)
        elif normalised(spelled) != spelled:
            self.findings.add("BAG_ALGORITHM_NAME", manifest, algorithm=spelled)
        raw = self._text(manifest)
        if raw is None:  # larger than can be held, which is a finding already
            return listed
        self._text_form(manifest, raw)
        tag = manifest.startswith("tag")
        for line in parse_manifest(raw, self.declaration.encoding, manifest, self.findings):
            if self._misplaced(manifest, line.line, line.path, tag):
                continue
            path = self._found(manifest, line.line, line.path, line.star)
            if path in listed:
                self.findings.add("BAG_FILE_LISTED_TWICE", manifest, line.line, self.since_one)
            listed.add(path)
            member = self.bag.members.get(path)
            if member is None:
                self._absent(path, manifest, line.line, path in promised)
            elif algorithm is not None:
                self._compare(path, member, algorithm, line.digest, manifest, line.line)
        return listed

    def _misplaced(self, manifest: str, line: int, path: str, tag: bool) -> bool:
        """Whether the path may not stand in this manifest at all."""
        if outside(path):
            self.findings.add("BAG_PATH_OUTSIDE", manifest, line, name=path)
            return True
        bare = path.removeprefix("*").removeprefix("./")
        if not tag and not bare.startswith(PAYLOAD):
            self.findings.add("BAG_PATH_NOT_PAYLOAD", manifest, line, name=path)
            return True
        if tag:
            match = MANIFEST.fullmatch(bare)
            if bare.startswith(PAYLOAD):
                self.findings.add("BAG_TAGMANIFEST_LISTS", manifest, line, name=path)
                return True
            if match and match.group(1):
                self.findings.add("BAG_TAGMANIFEST_LISTS", manifest, line, self.since_one, name=path)
        return False

    def _found(self, manifest: str, line: int, path: str, star: bool) -> str:
        """The file that a line means: as the standard spells it, else as older and looser writers spelled it.

        A path for which there is no file comes back decoded.
        """
        members, refused = self.bag.members, self.bag.refused
        if star and path not in members:
            self.findings.add("BAG_MANIFEST_MD5SUM", manifest, line, reason="an asterisk before the path")
            path = path[1:]
        if path.startswith("./"):
            self.findings.add("BAG_MANIFEST_DOT_SLASH", manifest, line)
            path = path[2:]
        decoded = path
        if "%" in path:
            decoded = percent_decoded(path)
            first, second = (decoded, path) if self.strict else (path, decoded)
            if self.strict and stray_percent(path):
                self.findings.add("BAG_MANIFEST_PERCENT", manifest, line)
            if first in members or first in refused:
                return first
            if second in members or second in refused:
                if self.strict and not stray_percent(path):
                    self.findings.add("BAG_MANIFEST_PERCENT", manifest, line)
                return second
        if decoded in members or decoded in refused or decoded.isascii():
            return decoded
        found = self._normalised().get(unicodedata.normalize("NFC", decoded))
        if found is None:
            return decoded
        self.findings.add("BAG_MANIFEST_NORMALISATION", manifest, line, found=found)
        return found

    def _normalised(self) -> dict[str, str]:
        if self._by_nfc is None:
            names = (name for name in self.bag.members if not name.isascii())
            self._by_nfc = {unicodedata.normalize("NFC", name): name for name in names}
        return self._by_nfc

    def _absent(self, path: str, manifest: str, line: int, promised: bool) -> None:
        if path in self.bag.refused or self.bag.cut_short:
            return
        self.findings.add("BAG_FILE_NOT_FETCHED" if promised else "BAG_FILE_MISSING", path, line, manifest=manifest)

    def _compare(self, path: str, member: Member, algorithm: str, said: bytes | None, manifest: str, line: int) -> None:
        found = member.digest(algorithm)
        if found is None:
            self.findings.add("BAG_MANIFEST_TOO_LATE", manifest, algorithm=algorithm)
        elif said is None or len(said) != len(found):
            self.findings.add("BAG_DIGEST_SYNTAX", manifest, line, algorithm=algorithm)
        elif said != found:
            self.findings.add(
                "BAG_DIGEST_MISMATCH", path, algorithm=algorithm, found=found.hex(), said=said.hex(), manifest=manifest
            )

    def _fetched(self, promises: list[Promise], listed: dict[str, set[str]]) -> None:
        for promise in promises:
            plain = promise.path.removeprefix("./")
            names = {plain, percent_decoded(plain)}
            without = [manifest for manifest, paths in listed.items() if names.isdisjoint(paths)]
            if without and (self.strict or len(without) == len(listed)):
                self.findings.add("BAG_FETCH_UNLISTED", FETCH, promise.line, manifest=without[0])
            for name in names & self.bag.members.keys():
                octets = self.bag.members[name].size
                if promise.bytes is not None and promise.bytes != octets:
                    self.findings.add(
                        "BAG_FETCH_LENGTH", FETCH, promise.line, said=str(promise.bytes), found=str(octets)
                    )

    def _names(self) -> None:
        for first, second in alike(self.bag.members, fold_case=False):
            self.findings.add("BAG_NAMES_COLLIDE_NFC", second, other=first)
        for first, second in alike(self.bag.members, fold_case=True):
            self.findings.add("BAG_NAMES_COLLIDE_CASE", second, other=first)
        for path in self.bag.members:
            name = path.rpartition("/")[2]
            if name in _SYSTEM_FILES or name.startswith("._"):
                self.findings.add("BAG_SYSTEM_FILE", path)
