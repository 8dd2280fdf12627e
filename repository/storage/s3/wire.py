"""The two requests that every bag needs, signed by botocore and carried by it, without all that boto3 does in between.

To validate, describe and parse one GET of which one header is read, boto3 works three milliseconds, the time in which
the bag itself is digested three times. A yes and a no are heard here; where boto3 would ask a second time or somewhere
else, it is asked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from botocore.auth import EMPTY_SHA256_HASH, S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError, ConnectionClosedError

from repository.storage.s3.digests import checksum_sha256

_DONE = frozenset({200, 206})
_TOLD = 64 * 1024
_CODE = re.compile(r"<Code>([^<]*)</Code>")
_MESSAGE = re.compile(r"<Message>([^<]*)</Message>")
_SHA256 = "sha256"


class Wire:
    """Whole requests on the connections of one boto3 client, by path and never by the name of a host.

    ``patient``: the client asks more than once, so that what may pass is left to it.
    """

    def __init__(self, client: Any, region: str, credentials: tuple[str, str], *, patient: bool) -> None:
        self._patient = patient
        self._base = client.meta.endpoint_url
        self._carry = client._endpoint.http_session.send
        self._signer = _Signer(Credentials(*credentials), "s3", region)

    def get(self, bucket: str, key: str, headers: Mapping[str, str]) -> dict[str, Any] | None:
        """What boto3's ``get_object`` says, in as far as we ask; None when it is to be asked. Raises as it does."""
        answer = self._answer("GET", bucket, key, headers)
        if answer is None:
            return None
        told = {"Body": answer.raw}
        if (length := answer.headers.get("Content-Length")) is not None:
            told["ContentLength"] = int(length)
        return {**told, "ContentRange": answer.headers.get("Content-Range")}

    def put(self, bucket: str, key: str, body: bytes, sha256: str, headers: Mapping[str, str]) -> bool:
        """Whether the server took ``body`` as what ``sha256`` says; if not, boto3 is to be asked. Raises as it does."""
        headers = {**headers, "x-amz-checksum-sha256": checksum_sha256(sha256)}
        answer = self._answer("PUT", bucket, key, headers, body, sha256)
        if answer is not None:
            answer.content  # noqa: B018  (read to its end, so that the connection is free again)
        return answer is not None

    def _answer(
        self,
        method: str,
        bucket: str,
        key: str,
        headers: Mapping[str, str],
        body: bytes = b"",
        sha256: str = EMPTY_SHA256_HASH,
    ) -> Any:
        """The answer if it is yes, None if another may come. Raises ClientError for a no, BotoCoreError for silence."""
        url = f"{self._base}/{bucket}/{key}"  # our keys need no quoting
        request = AWSRequest(method=method, url=url, headers=dict(headers), data=body, stream_output=True)
        request.context[_SHA256] = sha256
        self._signer.add_auth(request)
        try:
            answer = self._carry(request.prepare())
        except ConnectionClosedError:
            if self._patient:  # the connection had been idle for long, or the server would not hear us out
                return None
            raise
        if answer.status_code in _DONE:
            return answer
        with answer.raw as stream:
            told = stream.read(_TOLD).decode("utf-8", "replace")
        elsewhere, later = answer.status_code < 400, answer.status_code >= 500 or answer.status_code == 429
        if elsewhere or (later and self._patient):
            return None
        said = {"Code": _CODE.search(told), "Message": _MESSAGE.search(told)}
        error = {name: found[1] for name, found in said.items() if found}
        status = {"HTTPStatusCode": answer.status_code}
        raise ClientError(
            {"Error": error, "ResponseMetadata": status}, {"GET": "GetObject", "PUT": "PutObject"}[method]
        )


class _Signer(S3SigV4Auth):  # type: ignore[misc]
    """Signs the digest that the body is known to have."""

    def payload(self, request: AWSRequest) -> str:
        """As its parent, which would read the whole body for it."""
        return str(request.context[_SHA256])
