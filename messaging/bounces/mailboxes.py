"""Fetches mail from a bounce mailbox, by IMAP or POP3. A mail leaves the server only after `keep` has stored it."""

import imaplib
import poplib
import ssl
from collections.abc import Callable, Sequence
from typing import Any

from messaging.models import BounceMailbox, MailboxProtocol, MailboxTls
from messaging.secrets import decrypt

TIMEOUT = 20
MOST_MAILS = 100
LARGEST_MAIL = 5_000_000
MOST_LINES = 2_000
PORTS = {
    (MailboxProtocol.IMAP, True): 993, (MailboxProtocol.IMAP, False): 143,
    (MailboxProtocol.POP3, True): 995, (MailboxProtocol.POP3, False): 110,
}  # fmt: skip
Keep = Callable[[Sequence[bytes]], None]


class MailboxError(Exception):
    """The mailbox could not be read; the text has the server's words and never the password."""


def fetch_mail(mailbox: BounceMailbox, keep: Keep) -> int:
    """Give at most `MOST_MAILS` new mails to `keep`, then delete them or mark them read; returns how many.

    Raises:
        MailboxError: the server is away, refuses the login, or says something strange.
    """
    fetch = _fetch_imap if mailbox.protocol == MailboxProtocol.IMAP else _fetch_pop3
    try:
        return fetch(mailbox, decrypt(mailbox.secret), keep)
    except (OSError, EOFError, imaplib.IMAP4.error, poplib.error_proto) as error:
        raise MailboxError(_words(error)) from error


def port_of(mailbox: BounceMailbox) -> int:
    return mailbox.port or PORTS[(MailboxProtocol(mailbox.protocol), mailbox.tls == MailboxTls.IMPLICIT)]


def _fetch_imap(mailbox: BounceMailbox, secret: str, keep: Keep) -> int:
    context = ssl.create_default_context()
    client: imaplib.IMAP4
    if mailbox.tls == MailboxTls.IMPLICIT:
        client = imaplib.IMAP4_SSL(mailbox.host, port_of(mailbox), ssl_context=context, timeout=TIMEOUT)
    else:
        client = imaplib.IMAP4(mailbox.host, port_of(mailbox), timeout=TIMEOUT)
    with client:
        if mailbox.tls == MailboxTls.STARTTLS:
            client.starttls(context)
        client.login(mailbox.user, secret)
        _said(client.select(f'"{mailbox.folder}"'))
        [found] = _said(client.uid("SEARCH", "UNSEEN" if mailbox.keeps_mail else "ALL"))
        uids = (found or b"").split()[:MOST_MAILS]
        mails = [mail for uid in uids if (mail := _imap_mail(client, uid.decode()))]
        keep(mails)
        if uids:
            flag = r"(\Seen)" if mailbox.keeps_mail else r"(\Deleted)"
            _said(client.uid("STORE", b",".join(uids).decode(), "+FLAGS.SILENT", flag))
        if not mailbox.keeps_mail:
            client.expunge()
        return len(mails)


def _said(answer: tuple[str, Any]) -> list[Any]:
    """The data of an answer that is OK."""
    word, data = answer
    if word != "OK":
        raise imaplib.IMAP4.error((data[0] or b"").decode("utf-8", "replace") if data else word)
    return list(data)


def _imap_mail(client: imaplib.IMAP4, uid: str) -> bytes | None:
    data = _said(client.uid("FETCH", uid, f"(BODY.PEEK[]<0.{LARGEST_MAIL}>)"))
    return next((bytes(part[1]) for part in data if isinstance(part, tuple)), None)


def _fetch_pop3(mailbox: BounceMailbox, secret: str, keep: Keep) -> int:
    context = ssl.create_default_context()
    client: poplib.POP3
    if mailbox.tls == MailboxTls.IMPLICIT:
        client = poplib.POP3_SSL(mailbox.host, port_of(mailbox), timeout=TIMEOUT, context=context)
    else:
        client = poplib.POP3(mailbox.host, port_of(mailbox), timeout=TIMEOUT)
    try:
        if mailbox.tls == MailboxTls.STARTTLS:
            client.stls(context)
        client.user(mailbox.user)
        client.pass_(secret)
        sizes = [line.split() for line in client.list()[1]][:MOST_MAILS]
        mails = [_pop3_mail(client, int(number), int(size)) for number, size in sizes]
        keep(mails)
        for number, _ in sizes:
            client.dele(int(number))
        client.quit()  # deletes; without it the server keeps everything
        return len(mails)
    finally:
        client.close()


def _pop3_mail(client: poplib.POP3, number: int, size: int) -> bytes:
    """The mail; of a huge one its beginning."""
    lines = client.retr(number)[1] if size <= LARGEST_MAIL else client.top(number, MOST_LINES)[1]
    return b"\r\n".join(lines)


def _words(error: Exception) -> str:
    """What the server said, which the libraries give as bytes, or what happened to the line."""
    said = error.args[0] if error.args else ""
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(error)
    return " ".join(text.split())[:500] or type(error).__name__
