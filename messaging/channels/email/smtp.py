"""SMTP: lines that stay open, TLS, login, pipelining where the server offers it."""

import base64
import re
import smtplib
import socket
import ssl
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cdp.crash import crash_point
from messaging.channels.email import mime
from messaging.channels.interface import Access, Handover, HandoverState, Parcel, Verdict

OPTIONS: dict[str, type] = {
    "host": str, "port": int, "tls": str, "user": str, "verify_certificate": bool, "timeout": int,
    "messages_per_line": int, "bounce_domain": str, "return_path": str,
}  # fmt: skip
KIND_FAULTS = {
    str: gettext_lazy("This must be a text."), int: gettext_lazy("This must be a number."),
    bool: gettext_lazy("This must be yes or no."),
}  # fmt: skip
TLS_MODES = ("implicit", "starttls", "none")
TIMEOUT = 30
CONNECT_TIMEOUT = 10
MESSAGES_PER_LINE = 1_000
IDLE_SECONDS = 45.0
REFUSES_EVERYONE = {421, 454, 530, 534, 535, 538}  # closing, throttled, or it wants another login
PROVIDER_ID = re.compile(r"(?:queued as|ok:? +(?:queued as +)?(?:id=)?)\W*([\w.<>@-]+)", re.IGNORECASE)

LineFault = (OSError, smtplib.SMTPException)
# The first that fits; what the system said follows.
TROUBLES: tuple[tuple[type[Exception], Any], ...] = (
    (smtplib.SMTPServerDisconnected, gettext_lazy("The server hung up")),
    (ssl.SSLCertVerificationError, gettext_lazy("The server's certificate is not trusted")),
    (ssl.SSLError, gettext_lazy("Encryption failed")),
    (socket.gaierror, gettext_lazy("There is no server of this name")),
    (ConnectionRefusedError, gettext_lazy("Nothing answers at this host and port")),
    (TimeoutError, gettext_lazy("The server did not answer in time")),
)


class Line:
    """One open session with a server."""

    def __init__(self, access: Access) -> None:
        options = access.options
        self.most = int(options.get("messages_per_line") or MESSAGES_PER_LINE)
        self.client = self._open(options, access.secret)
        self.is_pipelined = self.client.has_extn("pipelining")
        self.sent = 0
        self.used_at = time.monotonic()

    @staticmethod
    def _open(options: Mapping[str, Any], secret: str) -> smtplib.SMTP:
        host, port = str(options["host"]), int(options.get("port") or 25)
        tls = options.get("tls") or "none"
        context = ssl.create_default_context()
        if options.get("verify_certificate") is False:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        client: smtplib.SMTP
        try:
            if tls == "implicit":
                client = smtplib.SMTP_SSL(host, port, timeout=CONNECT_TIMEOUT, context=context)
            else:
                client = smtplib.SMTP(host, port, timeout=CONNECT_TIMEOUT)
        except UnicodeError as error:
            raise smtplib.SMTPException(f"{host} is no name of a server") from error
        try:
            client.ehlo_or_helo_if_needed()
            if tls == "starttls":
                client.starttls(context=context)
                client.ehlo()
            if options.get("user"):
                _log_in(client, str(options["user"]), secret)
        except BaseException:
            client.close()
            raise
        if client.sock is not None:
            client.sock.settimeout(int(options.get("timeout") or TIMEOUT))
            client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return client

    @property
    def is_worn(self) -> bool:
        return self.sent >= self.most

    def close(self) -> None:
        try:
            self.client.quit()
        except LineFault:
            self.client.close()

    def send(self, parcel: Parcel) -> Handover:
        """Hand over one message.

        Raises:
            OSError, smtplib.SMTPException: the line died before the end of the data: nothing was accepted.
        """
        self.sent += 1
        refusal = self._envelope(parcel)
        if refusal is not None:
            return refusal
        crash_point("smtp_before_data")
        assert self.client.sock is not None
        self.client.sock.sendall(parcel.prepared)  # an error here means the last dot has not left
        try:
            code, text = self.client.getreply()
        except LineFault as error:
            return Handover(HandoverState.UNKNOWN, text=f"no answer after the data: {error}")
        crash_point("smtp_after_data")
        self.used_at = time.monotonic()
        return _answer(code, text)

    def _envelope(self, parcel: Parcel) -> Handover | None:
        """MAIL, RCPT, DATA; the refusal if there was one."""
        commands = (
            f"MAIL FROM:<{parcel.return_path}>\r\n".encode(),
            f"RCPT TO:<{mime.ascii_address(parcel.to_address)}>\r\n".encode(),
            b"DATA\r\n",
        )
        client = self.client
        assert client.sock is not None
        if not self.is_pipelined:
            for command in commands:
                client.sock.sendall(command)
                code, text = client.getreply()
                if code >= 400:
                    self._reset(code)
                    return _answer(code, text)
            return None
        client.sock.sendall(b"".join(commands))
        replies = [client.getreply() for _ in commands]
        refused = next(((code, text) for code, text in replies if code >= 400), None)
        if refused is None:
            return None
        if replies[-1][0] == 354:  # it took DATA without a recipient: end it empty
            client.sock.sendall(b".\r\n")
            client.getreply()
        self._reset(refused[0])
        return _answer(*refused)

    def _reset(self, code: int) -> None:
        if code != 421:
            self.client.rset()


def _log_in(client: smtplib.SMTP, user: str, secret: str) -> None:
    """By the best method the server offers; beyond ASCII by PLAIN, which alone says how it is written (RFC 4616)."""
    if user.isascii() and secret.isascii():
        client.login(user, secret)
        return
    if "PLAIN" not in client.esmtp_features.get("auth", "").upper().split():
        raise smtplib.SMTPException("user and password must be ASCII: the server offers no AUTH PLAIN")
    words = base64.b64encode(f"\0{user}\0{secret}".encode()).decode()
    code, text = client.docmd("AUTH", f"PLAIN {words}")
    if code != 235:
        raise smtplib.SMTPAuthenticationError(code, text)


def _answer(code: int, reply: bytes) -> Handover:
    text = reply.decode("utf-8", "replace")[:500]
    if code < 400:
        found = PROVIDER_ID.search(text)
        return Handover(
            HandoverState.ACCEPTED, provider_id=found.group(1) if found else "", code=str(code), text=text
        )
    if code in REFUSES_EVERYONE:
        return Handover(HandoverState.AWAY, code=str(code), text=text)
    state = HandoverState.RETRY if code < 500 else HandoverState.REJECTED
    return Handover(state, code=str(code), text=text)


class SmtpAdapter:
    """Lines are kept per access and given to one thread at a time."""

    kind = "smtp"

    def __init__(self) -> None:
        self._lines: dict[tuple[Any, ...], list[Line]] = {}
        self._lock = threading.Lock()

    def validate(self, options: Mapping[str, Any]) -> dict[str, str]:
        faults = {key: _("This option is unknown.") for key in options if key not in OPTIONS}
        for key, kind in OPTIONS.items():
            value = options.get(key)
            if value is not None and (
                not isinstance(value, kind) or (kind is int and isinstance(value, bool))
            ):
                faults[key] = str(KIND_FAULTS[kind])
        if not options.get("host"):
            faults.setdefault("host", _("The name or address of the server is needed."))
        if options.get("tls", "none") not in TLS_MODES:
            faults["tls"] = _("Use one of %(words)s.") % {"words": ", ".join(TLS_MODES)}
        return faults

    def verify(self, access: Access) -> Verdict:
        try:
            line = Line(access)
            code, text = line.client.noop()
            line.close()
        except LineFault as error:
            return Verdict(False, words_of(error))
        words = f"{code} {text.decode('utf-8', 'replace')}"
        return Verdict(code < 400, words)

    def prepare(self, parcel: Parcel, *, now: datetime) -> None:
        data = mime.encode(parcel, now=now)
        if b"\n." in data:
            data = data.replace(b"\r\n.", b"\r\n..")
        parcel.prepared = data + b".\r\n"

    def send_batch(self, access: Access, parcels: Sequence[Parcel], *, seconds: float) -> list[Handover]:
        deadline = time.monotonic() + seconds
        answers: list[Handover] = []
        line: Line | None = None
        for parcel in parcels:
            if time.monotonic() > deadline:
                break
            line, answer = self._send_one(access, line, parcel)
            answers.append(answer)
            if answer.state is HandoverState.AWAY:
                break
        if line is not None:
            self._give_back(access, line)
        rest = HandoverState.UNTOUCHED
        return answers + [Handover(rest) for _ in parcels[len(answers) :]]

    def _send_one(self, access: Access, line: Line | None, parcel: Parcel) -> tuple[Line | None, Handover]:
        """Send on this line, or on a new one when it died before anything left; a second death counts an attempt."""
        words = ""
        for _attempt in range(2):
            if line is None:
                try:
                    line = self._take(access)
                except LineFault as error:
                    return None, Handover(HandoverState.AWAY, text=words_of(error))
            try:
                answer = line.send(parcel)
            except ValueError as error:
                return line, Handover(HandoverState.REJECTED, text=str(error))
            except LineFault as error:
                line.client.close()
                line = None
                words = words_of(error)
                continue
            if answer.state in (HandoverState.UNKNOWN, HandoverState.AWAY) or line.is_worn:
                line.close()
                line = None
            return line, answer
        return None, Handover(HandoverState.RETRY, text=f"the line died before the end of the data: {words}")

    def _take(self, access: Access) -> Line:
        key = _key(access)
        while True:
            with self._lock:
                kept = self._lines.get(key) or []
                line = kept.pop() if kept else None
            if line is None:
                return Line(access)
            if time.monotonic() - line.used_at < IDLE_SECONDS:
                return line
            line.close()

    def _give_back(self, access: Access, line: Line) -> None:
        line.used_at = time.monotonic()
        with self._lock:
            self._lines.setdefault(_key(access), []).append(line)


def _key(access: Access) -> tuple[Any, ...]:
    return access.connection_id, hash(access.secret), *sorted((k, str(v)) for k, v in access.options.items())


def words_of(error: BaseException) -> str:
    """What the server said, or what happened to the line."""
    if isinstance(error, smtplib.SMTPResponseException):
        said = (
            error.smtp_error.decode("utf-8", "replace")
            if isinstance(error.smtp_error, bytes)
            else error.smtp_error
        )
        return f"{error.smtp_code} {said}"[:500]
    for kind, words in TROUBLES:
        if isinstance(error, kind):
            return f"{words}: {error}"[:500]
    return f"{type(error).__name__}: {error}"[:500]
