"""Where boto3 is imported: its clients set up as an archive needs them, its exceptions in our words."""

from __future__ import annotations

import os
import threading
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from repository.errors import RefusedByStore, StoreUnavailable
from repository.storage.s3.answers import Answer, plain
from repository.storage.s3.deadlines import S3Limits
from repository.storage.s3.wire import Wire

PROBE = ".probe/"
"""Stands in the key of every object of a trial, and in no other's: no segment of a key begins with a dot."""

_SESSION_LOCK = threading.Lock()
_DIGEST_REFUSED = frozenset(
    {
        "BadDigest",
        "InvalidDigest",
        "InvalidChecksum",
        "XAmzContentSHA256Mismatch",
        "XAmzContentChecksumMismatch",
        "ContentSHA256Mismatch",
    }
)
"""What servers call it that other bytes arrived than were announced."""


class OtherBytes(Exception):
    """The bytes that were about to be sent have the SHA-256 ``found``, and not the one that was to go with them."""

    def __init__(self, found: str) -> None:
        super().__init__(found)
        self.found = found


class ClientOfProcess:
    """Called, it gives this process's client of one server; its connections must not be shared across a fork."""

    def __init__(
        self, store: str, endpoint_url: str | None, region: str, credentials: tuple[str, str], limits: S3Limits
    ) -> None:
        self._store = store
        self._endpoint_url = endpoint_url
        self._region = region
        self._credentials = credentials
        self._limits = limits
        self._lock = threading.Lock()
        self._clients: dict[int, tuple[Any, Wire]] = {}

    def __call__(self) -> Any:
        """The client, made at the first call. Raises StoreUnavailable when there can be none with these settings."""
        return self._own()[0]

    @property
    def wire(self) -> Wire:
        """The short way over its connections. Raises StoreUnavailable as the client."""
        return self._own()[1]

    def _own(self) -> tuple[Any, Wire]:
        with self._lock:
            if os.getpid() not in self._clients:
                client = self._new()
                wire = Wire(client, self._region, self._credentials, patient=self._limits.attempts > 1)
                self._clients = {os.getpid(): (client, wire)}
            return self._clients[os.getpid()]

    @property
    def location(self) -> str | None:
        """The region that Amazon wants to be told when a bucket is made; None where nobody asks."""
        return self._region if self._endpoint_url is None and self._region != "us-east-1" else None

    def _new(self) -> Any:
        local = urlsplit(self._endpoint_url or "").hostname in {"localhost", "127.0.0.1", "::1"}
        access_key, secret_key = self._credentials
        config = Config(
            signature_version="s3v4",
            s3={"addressing_style": "path", "payload_signing_enabled": True},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            connect_timeout=self._limits.connect_seconds,
            read_timeout=self._limits.read_seconds,
            retries={"mode": "standard", "total_max_attempts": self._limits.attempts},
            max_pool_connections=self._limits.connections,
            tcp_keepalive=True,
            # A proxy of the site is of no use on the way to this very machine.
            proxies={} if local else None,
        )
        try:
            with _SESSION_LOCK:  # a session, unlike its clients, is not for several threads at once
                client = _session().client(
                    "s3",
                    endpoint_url=self._endpoint_url,
                    region_name=self._region,
                    aws_access_key_id=access_key,
                    aws_secret_access_key=secret_key,
                    config=config,
                )
        except (BotoCoreError, ValueError) as error:
            raise StoreUnavailable(self._store, plain(error)) from error
        client.meta.events.register("before-send.s3.PutObject", _check_claim)
        return client


def _check_claim(request: Any, **_: Any) -> None:
    """Raises OtherBytes when the digest that signs the body is not the one that the caller gave with it.

    To sign it the whole body was just read: reading it once more beforehand would tell no more.
    Only a trial lies, to see whether the server notices.
    """
    if PROBE in request.url:
        return
    claimed = request.headers.get("x-amz-checksum-sha256")
    signed = request.headers.get("X-Amz-Content-SHA256")
    if claimed and signed and _text(signed) != b64decode(_text(claimed)).hex():
        raise OtherBytes(_text(signed))


def _text(header: str | bytes) -> str:
    return header.decode("ascii") if isinstance(header, bytes) else header


@contextmanager
def in_our_words(store: str, operation: str, key: str, seconds: float, hear: frozenset[int]) -> Iterator[None]:
    """What one operation raises becomes ours.

    A status in ``hear`` becomes Answer, a digest that did not match RefusedByStore, everything else
    StoreUnavailable: a TimeoutError is said to have come after ``seconds``.
    """
    try:
        yield
    except TimeoutError:
        raise StoreUnavailable(store, f"no end to {operation} within {seconds:.0f} s") from None
    except ClientError as error:
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        code = str(error.response.get("Error", {}).get("Code", ""))
        if status in hear:
            raise Answer(status, code) from error
        if code in _DIGEST_REFUSED:
            raise RefusedByStore(store, key, plain(error)) from error
        raise StoreUnavailable(store, f"{operation} was answered {status} {code}: {plain(error)}") from error
    except (BotoCoreError, HTTPError, OSError) as error:
        raise StoreUnavailable(store, f"{operation}: {plain(error)}") from error


@cache
def _session() -> Any:
    """One for all stores: reading the description of S3 takes longer than anything that is then done with it."""
    return boto3.session.Session()
