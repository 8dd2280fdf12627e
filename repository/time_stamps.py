"""Time stamps by RFC 3161: a third party's word that a document existed at a moment, verified before it is believed.

Only the digest of the document is sent. What comes back is kept as it came (a TimeStampResp in DER), so that
``openssl ts -verify`` and any other tool of the standard reads it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.x509 import Certificate
from rfc3161_client import (
    HashAlgorithm,
    TimestampRequestBuilder,
    TimeStampResponse,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from repository.exchange import NoAnswer, exchange, shown_host

LARGEST = 1 << 17
"""An answer has two to ten thousand bytes, with the certificates in it."""

_ASKS, _ANSWERS = "application/timestamp-query", "application/timestamp-reply"


@dataclass(frozen=True, slots=True)
class Authority:
    """A time-stamp authority, and the certificates by which its answers are judged."""

    url: str
    roots: Sequence[Certificate]
    intermediates: Sequence[Certificate] = ()
    patience: float = 20.0
    """Seconds for one answer."""

    def stamp(self, document: bytes) -> bytes:
        """The authority's answer for ``document``, verified: it is of these bytes, and one of ours signed it.

        Raises NoAnswer, also for an answer that proves nothing: the next time may go better.
        """
        request = TimestampRequestBuilder().data(document).hash_algorithm(HashAlgorithm.SHA256).build()
        headers = {"Content-Type": _ASKS, "Accept": _ANSWERS}
        answer = exchange("POST", self.url, self.patience, request.as_bytes(), headers, most=LARGEST)
        if answer.status != 200:
            raise NoAnswer(f"{shown_host(self.url)} answered {answer.status}")
        try:
            self._verified(document, _decoded(answer.body), request.nonce)
        except ValueError as error:
            raise NoAnswer(f"{shown_host(self.url)} gave no time stamp that proves anything: {error}") from error
        return answer.body

    def moment(self, document: bytes, answer: bytes) -> datetime:
        """When ``document`` existed at the latest, by the authority's word. Raises ValueError where it is none."""
        return self._verified(document, _decoded(answer), None)

    def _verified(self, document: bytes, response: TimeStampResponse, nonce: int | None) -> datetime:
        judge = VerifierBuilder(roots=list(self.roots), intermediates=list(self.intermediates), nonce=nonce).build()
        try:
            judge.verify_message(response, document)
            return response.tst_info.gen_time.astimezone(UTC)
        except VerificationError as error:
            raise ValueError(str(error)) from error


def _decoded(answer: bytes) -> TimeStampResponse:
    """Raises ValueError."""
    response = decode_timestamp_response(answer)
    if response.status:
        raise ValueError(f"it is refused (PKIStatus {response.status}): {'; '.join(response.status_string)}")
    return response
