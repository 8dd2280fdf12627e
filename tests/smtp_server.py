"""A real SMTP server on the loopback, written from RFC 5321, 3207 and 4954, independently of the client under test."""

from __future__ import annotations

import base64
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP

USER, PASSWORD = "arşiv", "parola-örnek"


@dataclass
class Received:
    """One letter that the server has taken."""

    sender: str
    recipients: list[str]
    octets: bytes
    encrypted: bool
    user: str | None

    @property
    def letter(self) -> EmailMessage:
        """It, read."""
        found = message_from_bytes(self.octets, policy=SMTP)
        assert isinstance(found, EmailMessage)
        return found


@dataclass
class SmtpServer:
    """A running server. What is put into its lists makes it answer otherwise; ``met`` says that it did."""

    port: int = 0
    received: list[Received] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    """A recipient, or the word MAIL or DATA, to the answer that it gets, for example ``450 later``."""
    break_off: list[str] = field(default_factory=list)
    """After a verb that stands here the connection ends without an answer; once for each. A letter is taken before."""
    met: list[str] = field(default_factory=list)
    mechanism: str = "PLAIN"
    connections: int = 0


@contextmanager
def smtp_server(
    *, certificate: ssl.SSLContext | None = None, implicit: bool = False, password: bool = False, port: int = 0
) -> Iterator[SmtpServer]:
    """A server that speaks STARTTLS with a ``certificate``, TLS from the first byte if ``implicit``."""
    told = SmtpServer()

    class Talk(socketserver.StreamRequestHandler):
        def say(self, line: str) -> None:
            self.wfile.write(line.encode() + b"\r\n")

        def secure(self) -> None:
            assert certificate is not None
            self.request = certificate.wrap_socket(self.request, server_side=True)
            self.rfile, self.wfile = self.request.makefile("rb"), self.request.makefile("wb", buffering=0)

        def handle(self) -> None:
            try:
                self.talk()
            except (OSError, ssl.SSLError):
                told.met.append("gone")

        def talk(self) -> None:
            told.connections += 1
            encrypted, user = implicit, None
            if implicit:
                self.secure()
            sender, recipients = "", list[str]()
            self.say("220 loopback ESMTP")
            while line := self.rfile.readline(2000):
                words = line.decode("ascii").strip()
                verb, _, rest = words.partition(" ")
                verb = verb.upper()
                if verb in told.break_off and verb != "DATA":
                    told.break_off.remove(verb)
                    told.met.append(f"broke off after {verb}")
                    return
                if verb in ("EHLO", "HELO"):
                    offered = ["loopback", "8BITMIME", "SIZE 10000000"]
                    offered += ["STARTTLS"] if certificate and not encrypted else []
                    offered += [f"AUTH {told.mechanism}"] if password and encrypted else []
                    for number, name in enumerate(offered):
                        self.say(f"250{' ' if number == len(offered) - 1 else '-'}{name}")
                elif verb == "STARTTLS":
                    self.say("220 go ahead")
                    self.secure()
                    encrypted = True
                elif verb == "AUTH":
                    given = base64.b64decode(rest.split()[1]).decode()
                    if rest.startswith("LOGIN"):
                        self.say("334 UGFzc3dvcmQ6")
                        given = f"\0{given}\0{base64.b64decode(self.rfile.readline()).decode()}"
                    _, name, secret = given.split("\0")
                    user = name if (name, secret) == (USER, PASSWORD) else None
                    self.say("235 welcome" if user else "535 5.7.8 wrong name or password")
                elif verb == "MAIL":
                    refused = told.answers.get("MAIL") or ("530 sign in first" if password and not user else None)
                    sender, recipients = rest[len("FROM:<") :].partition(">")[0], []
                    self.say(refused or "250 ok")
                elif verb == "RCPT":
                    address = rest[len("TO:<") :].partition(">")[0]
                    answer = told.answers.get(address)
                    if answer:
                        told.met.append(f"{address}: {answer}")
                    else:
                        recipients.append(address)
                    self.say(answer or "250 ok")
                elif verb == "DATA":
                    if refusal := told.answers.get("DATA"):
                        self.say(refusal)
                        continue
                    self.say("354 go on")
                    octets = b""
                    while (part := self.rfile.readline()) != b".\r\n":
                        assert part.endswith(b"\r\n"), part
                        octets += part.removeprefix(b".") if part.startswith(b"..") else part
                    told.received.append(Received(sender, list(recipients), octets, encrypted, user))
                    if "DATA" in told.break_off:
                        told.break_off.remove("DATA")
                        told.met.append("broke off after DATA")
                        return
                    self.say("250 taken")
                elif verb == "QUIT":
                    self.say("221 bye")
                    return
                else:
                    self.say("250 ok" if verb in ("NOOP", "RSET") else "500 what?")

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True

    with Server(("127.0.0.1", port), Talk) as server:
        told.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield told
        finally:
            server.shutdown()
            thread.join()
