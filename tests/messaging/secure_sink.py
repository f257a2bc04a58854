"""An SMTP server with TLS and a login, in a thread of the test: real certificates, signed by an authority made for the test."""

import ipaddress
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.messaging.sink import free_port

USER, PASSWORD = "shop", "correct horse"
LOGINS = {USER: PASSWORD, "крамниця": "пароль"}


class Certificates:
    """An authority (`authority`, a file for `SSL_CERT_FILE`) and the server's certificate for 127.0.0.1 or another name."""

    def __init__(self, folder: Path, *, name: str = "127.0.0.1") -> None:
        key, own_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
        root = _certificate(issuer, issuer, key.public_key()).add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True
        )
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        named: x509.GeneralName = x509.DNSName(name)
        if name[0].isdigit():
            named = x509.IPAddress(ipaddress.ip_address(name))
        leaf = _certificate(subject, issuer, own_key.public_key()).add_extension(
            x509.SubjectAlternativeName([named]), critical=False
        )
        pem = serialization.Encoding.PEM
        self.authority = folder / "authority.pem"
        self.authority.write_bytes(root.sign(key, hashes.SHA256()).public_bytes(pem))
        both = folder / "server.pem"
        plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        both.write_bytes(
            own_key.private_bytes(pem, *plain) + leaf.sign(key, hashes.SHA256()).public_bytes(pem)
        )
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.context.load_cert_chain(both)


def _certificate(subject: x509.Name, issuer: x509.Name, key: Any) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    made = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
    made = made.serial_number(x509.random_serial_number())
    return made.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))


class Handler:
    """Keeps recipients, and how many sessions there were; refuses by the recipient's or sender's first letters."""

    def __init__(self) -> None:
        self.received: list[str] = []
        self.sessions: set[int] = set()
        self.were_encrypted: list[bool] = []
        self.data_answer = "250 2.0.0 Ok: queued as Q1"
        self.hangs_up_after = 0
        self.sockets: list[Any] = []

    async def handle_MAIL(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        self.sessions.add(id(session))
        self.sockets.append((session, server.transport))
        envelope.mail_from = address
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.data_answer.startswith("250"):
            self.received.append(envelope.rcpt_tos[0])
            self.were_encrypted.append(
                session.ssl is not None or server.transport.get_extra_info("sslcontext") is not None
            )
        return self.data_answer

    def hang_up(self, server: Any) -> None:
        """Close every open session, as a server does with idle ones."""
        for _session, transport in self.sockets:
            server.loop.call_soon_threadsafe(transport.close)


def _authenticate(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
    assert isinstance(data, LoginPassword)
    return AuthResult(success=LOGINS.get(data.login.decode()) == data.password.decode(), handled=False)


class Server(Controller):
    def __init__(self, handler: Handler, *, tls: str, context: ssl.SSLContext, needs_login: bool) -> None:
        self.tls = tls
        self.needs_login = needs_login
        self.context = context
        super().__init__(
            handler,
            hostname="127.0.0.1",
            port=free_port(),
            ssl_context=context if tls == "implicit" else None,
        )

    def factory(self) -> SMTP:
        return SMTP(
            self.handler, authenticator=_authenticate, auth_required=self.needs_login,
            auth_require_tls=self.tls == "starttls", require_starttls=self.tls == "starttls",
            tls_context=self.context if self.tls == "starttls" else None,
        )  # fmt: skip


@contextmanager
def secure_sink(
    certificates: Certificates, tls: str, *, needs_login: bool = True
) -> Iterator[tuple[Handler, Server]]:
    handler = Handler()
    server = Server(handler, tls=tls, context=certificates.context, needs_login=needs_login)
    server.start()
    try:
        yield handler, server
    finally:
        server.stop()
