"""A time-stamp authority on this machine: its own certificates, a web server, and `openssl ts` that signs."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from repository.time_stamps import Authority

OPENSSL = shutil.which("openssl")

_CONFIG = """
[tsa]
serial = {folder}/serial
signer_cert = {folder}/tsa.pem
signer_key = {folder}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha512
accuracy = secs:1
ordering = yes
tsa_name = yes
ess_cert_id_chain = no
"""


@dataclass
class TimeStamper:
    """A running authority. ``answers``: what the next requests get, then time stamps: a status, or these very bytes."""

    folder: Path
    port: int = 0
    asked: int = 0
    answers: list[int | bytes | str] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def ca_file(self) -> Path:
        """The certificate by which its answers are judged."""
        return self.folder / "ca.pem"

    @property
    def url(self) -> str:
        """Where it is asked."""
        return f"http://127.0.0.1:{self.port}/tsa"

    @property
    def authority(self) -> Authority:
        """It, as the archive knows it."""
        return Authority(self.url, x509.load_pem_x509_certificates(self.ca_file.read_bytes()), patience=5)

    def reply(self, query: bytes) -> bytes:
        """A time stamp for a query, by openssl."""
        (self.folder / "query.tsq").write_bytes(query)
        command = ["ts", "-reply", "-config", "tsa.cnf", "-section", "tsa", "-queryfile", "query.tsq"]
        self.openssl(*command, "-out", "reply.tsr")
        return (self.folder / "reply.tsr").read_bytes()

    def openssl(self, *words: str) -> str:
        """What openssl says to these words. Raises CalledProcessError."""
        told = subprocess.run([str(OPENSSL), *words], cwd=self.folder, capture_output=True, text=True, check=True)
        return told.stdout


@contextmanager
def time_stamper(folder: Path) -> Iterator[TimeStamper]:
    """An authority until the end of the block; the test is skipped where there is no openssl."""
    if OPENSSL is None:
        pytest.skip("openssl, which plays the time-stamp authority, is not on this machine")
    folder.mkdir()
    _certificates(folder)
    (folder / "tsa.cnf").write_text(_CONFIG.format(folder=folder))
    (folder / "serial").write_text("01\n")
    told = TimeStamper(folder)

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = self.rfile.read(int(self.headers["Content-Length"]))
            assert self.headers["Content-Type"] == "application/timestamp-query"
            told.asked += 1
            how = told.answers.pop(0) if told.answers else b""
            if how == "hang":
                told.ended.wait(30)
                return
            body = how if isinstance(how, bytes) and how else told.reply(query)
            self.send_response(how if isinstance(how, int) else 200)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Answer) as server:
        told.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield told
        finally:
            told.ended.set()
            server.shutdown()
            thread.join()


def _certificates(folder: Path) -> None:
    """A root that signed itself, and a certificate of its own for time stamping and nothing else (RFC 3161 2.3)."""
    root_key, key = (rsa.generate_private_key(65537, 2048) for _ in range(2))
    root_name, name = _name("Deneme Kök"), _name("Deneme Zaman Damgası")
    root = _certificate(root_name, root_name, root_key.public_key())
    root = root.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    root = root.add_extension(_usage(signs_certificates=True), critical=True)
    own = _certificate(name, root_name, key.public_key())
    own = own.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    own = own.add_extension(_usage(signs_certificates=False), critical=True)
    own = own.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
    for file, builder in (("ca.pem", root), ("tsa.pem", own)):
        (folder / file).write_bytes(builder.sign(root_key, hashes.SHA256()).public_bytes(Encoding.PEM))
    (folder / "tsa.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _certificate(subject: x509.Name, issuer: x509.Name, key: rsa.RSAPublicKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    return builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=30))


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
