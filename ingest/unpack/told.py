"""What there is to say of one delivery, bounded: of a million bad names a receipt tells some and counts the rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from ingest.findings import finding
from repository.vocabulary import Finding, Level

MOST_OF_A_CODE = 2_500


class Told:
    """Findings in the order in which they came, at most so many of one code, then how many more there were."""

    def __init__(self) -> None:
        self.first_error: Finding | None = None
        self._kept: list[Finding] = []
        self._counts: Counter[str] = Counter()

    def append(self, found: Finding) -> None:
        """One more; beyond the bound it is only counted."""
        self._counts[found.code] += 1
        if self.first_error is None and found.level is Level.ERROR:
            self.first_error = found
        if self._counts[found.code] <= MOST_OF_A_CODE:
            self._kept.append(found)

    def extend(self, findings: Iterable[Finding]) -> None:
        """Each of them."""
        for found in findings:
            self.append(found)

    def __iter__(self) -> Iterator[Finding]:
        yield from self._kept
        for code, count in self._counts.items():
            if count > MOST_OF_A_CODE:
                yield finding(code, detail=f"{count - MOST_OF_A_CODE} more of this kind")
