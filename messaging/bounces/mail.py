"""Reads mail that comes back: delivery status notifications, complaint reports, automatic replies. Pure.

Standards: RFC 3464 and 6533 (delivery status), RFC 5965 (complaints), RFC 3834 (automatic replies). Whose delivery it is about is told by a signed token: in the envelope address (VERP), or in the header `X-Send-Id`
of the returned original; else by the original's Message-ID together with the recipient.
"""

import re
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage, Message
from email.parser import Parser
from email.utils import getaddresses
from enum import StrEnum

from flufl.bounce import all_failures

from messaging.bounces.categories import Category
from messaging.bounces.replies import classify, code_of, enhanced_of
from messaging.tracking.tokens import Token, TokenKind, read_bounce_address, read_token

ENVELOPE_HEADERS = ("X-Original-To", "Delivered-To", "Envelope-To", "X-Envelope-To", "X-Forwarded-To", "To")
SEND_ID = re.compile(r"^X-Send-Id:\s*([\w-]{20,64})\s*$", re.IGNORECASE | re.MULTILINE)
MESSAGE_ID = re.compile(r"^Message-ID:\s*(<[^<>\s]{3,200}>)", re.IGNORECASE | re.MULTILINE)
SENDERS = re.compile(r"mailer-daemon|postmaster|mail delivery|mdaemon", re.IGNORECASE)
BOUNCE_SUBJECT = re.compile(
    r"undeliver|delivery (?:status|failure|has failed)|returned (?:mail|to sender)|failure notice|mail delivery|"
    r"delivery notification|not delivered|недоставлен|не доставлено",
    re.IGNORECASE,
)
REPLY_SUBJECT = re.compile(
    r"^(?:auto(?:matic)?[ -]?(?:reply|response)|out of (?:the )?office|автовідповідь|автоответ)", re.I
)
ADDRESS = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+@[\w-]+(?:\.[\w-]+)+")
LONGEST_TEXT = 20_000


class NoticeKind(StrEnum):
    BOUNCE = "bounce"
    DELAYED = "delayed"  # noted, no failure
    DELIVERED = "delivered"
    COMPLAINT = "complaint"
    AUTO_REPLY = "auto_reply"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Notice:
    """What a mail tells. `token` is proof of the delivery; without it, `message_id` and `recipient` must both match."""

    kind: NoticeKind
    token: Token | None = None
    message_id: str = ""
    recipient: str = ""
    category: Category | None = None
    code: int | None = None
    status: str = ""
    text: str = ""
    feedback_type: str = ""


def read_mail(raw: bytes, *, envelope_to: str = "") -> Notice:
    """What a received mail tells; never raises for its form: what cannot be read is OTHER.

    Args:
        envelope_to: the address it was received for, when the server says so.
    """
    mail = message_from_bytes(raw, policy=policy.default)
    assert isinstance(mail, EmailMessage)
    token, message_id = _origin(mail, raw, envelope_to)
    report = (
        str(mail.get_param("report-type") or "").lower()
        if mail.get_content_type() == "multipart/report"
        else ""
    )
    if report == "feedback-report":
        return _complaint(mail, token, message_id)
    if report == "delivery-status" or _status_part(mail) is not None:
        return _delivery_status(mail, token, message_id)
    if _is_automatic_reply(mail):
        return Notice(NoticeKind.AUTO_REPLY, token, message_id)
    found = _known_forms(mail)
    if _looks_like_bounce(mail) or any(found):
        return _plain_bounce(mail, token, message_id, *found)
    return Notice(NoticeKind.OTHER, token, message_id)


def _header(part: Message, name: str) -> str:
    """A header as text; one that the standard library cannot parse counts as absent."""
    try:
        return str(part.get(name) or "")
    except (ValueError, IndexError, AttributeError):
        return ""


def _origin(mail: EmailMessage, raw: bytes, envelope_to: str) -> tuple[Token | None, str]:
    """The token and the Message-ID of the mail this one is about."""
    addresses = [
        envelope_to,
        *[address for _, address in getaddresses([_header(mail, n) for n in ENVELOPE_HEADERS])],
    ]
    for address in addresses:
        if (token := read_bounce_address(address)) is not None:
            return token, ""
    body = raw.partition(b"\r\n\r\n")[2] or raw.partition(b"\n\n")[2]
    text = body[-200_000:].decode("utf-8", "replace").replace("\r\n", "\n")
    ids = MESSAGE_ID.findall(text)
    message_id = ids[0] if ids else ""
    for found in SEND_ID.findall(text):
        if (token := read_token(found, TokenKind.BOUNCE)) is not None:
            return token, message_id
    return None, message_id


def _status_part(mail: EmailMessage) -> Message | None:
    wanted = ("message/delivery-status", "message/global-delivery-status")
    return next((part for part in mail.walk() if part.get_content_type() in wanted), None)


def _fields(part: Message) -> list[Message]:
    """The groups of header fields of a status part: of the message first, then one per recipient."""
    payload = part.get_payload()
    if isinstance(payload, list) and part.get_content_type() == "message/delivery-status":
        return [group for group in payload if isinstance(group, Message) and group.keys()]
    # other types of message/… are parsed as a mail: its headers are the first group, its body holds the others
    whole = "".join(str(inner) for inner in payload) if isinstance(payload, list) else str(payload)
    text = whole.replace("\r\n", "\n")
    return [
        Parser(policy=policy.compat32).parsestr(group)
        for group in re.split(r"\n\s*\n", text)
        if group.strip()
    ]


def _delivery_status(mail: EmailMessage, token: Token | None, message_id: str) -> Notice:
    part = _status_part(mail)
    groups = [group for group in _fields(part) if group.get("Action")] if part is not None else []
    if not groups:
        return _plain_bounce(mail, token, message_id, *_known_forms(mail))
    rank = {"failed": 0, "delayed": 1}
    group = min(groups, key=lambda found: rank.get(_header(found, "Action").strip().lower(), 2))
    action = _header(group, "Action").split(";")[0].strip().lower()
    status = enhanced_of(_header(group, "Status"))
    diagnostic = " ".join(_header(group, "Diagnostic-Code").split())
    recipient = _header(group, "Final-Recipient") or _header(group, "Original-Recipient")
    kinds = {"failed": NoticeKind.BOUNCE, "delayed": NoticeKind.DELAYED}
    kind = kinds.get(
        action, NoticeKind.DELIVERED if action in ("delivered", "relayed", "expanded") else NoticeKind.OTHER
    )
    words = diagnostic.partition(";")[2].strip() or diagnostic
    code = code_of(words) if not diagnostic.lower().startswith("x-") or code_of(words) else None
    # a status of 5.0.0 says nothing: the diagnostic may say more
    enhanced = enhanced_of(words) or status if status in ("5.0.0", "4.0.0", "") else status
    return Notice(
        kind, token, message_id, recipient=_plain_address(recipient),
        category=classify(code, enhanced, words or _text(mail)) if kind is NoticeKind.BOUNCE else None,
        code=code, status=enhanced, text=words[:1000],
    )  # fmt: skip


def _complaint(mail: EmailMessage, token: Token | None, message_id: str) -> Notice:
    part = next((p for p in mail.walk() if p.get_content_type() == "message/feedback-report"), None)
    groups = _fields(part) if part is not None else []
    report = groups[0] if groups else Message()
    kind = (_header(report, "Feedback-Type") or "abuse").strip().lower()
    recipient = _header(report, "Original-Rcpt-To") or _header(report, "Removal-Recipient")
    if kind in ("auth-failure", "not-spam", "dmarc"):
        return Notice(NoticeKind.OTHER, token, message_id, feedback_type=kind)
    return Notice(
        NoticeKind.COMPLAINT, token, message_id, recipient=_plain_address(recipient), feedback_type=kind,
        text=" ".join(_header(report, "User-Agent").split())[:200],
    )  # fmt: skip


def _is_automatic_reply(mail: EmailMessage) -> bool:
    """RFC 3834, and what programs did before it. A bounce is automatic too, and told apart before or by its sender."""
    submitted = _header(mail, "Auto-Submitted").lower()
    if SENDERS.search(_header(mail, "From")):
        return False
    return (
        submitted.startswith("auto-replied")
        or bool(mail.get("X-Autoreply") or mail.get("X-Autorespond") or mail.get("X-Autoresponder"))
        or _header(mail, "Precedence").lower() == "auto_reply"
        or (submitted.startswith("auto-") and not BOUNCE_SUBJECT.search(_header(mail, "Subject")))
        or REPLY_SUBJECT.search(_header(mail, "Subject")) is not None
    )


def _looks_like_bounce(mail: EmailMessage) -> bool:
    has_no_sender = _header(mail, "Return-Path").strip() == "<>"
    return has_no_sender or bool(
        SENDERS.search(_header(mail, "From")) and BOUNCE_SUBJECT.search(_header(mail, "Subject"))
    )


def _known_forms(mail: EmailMessage) -> tuple[list[str], list[str]]:
    """Recipients that fail for now and for good, by the forms of many old servers (flufl.bounce)."""
    if not SENDERS.search(_header(mail, "From")):
        return [], []
    try:
        temporary, permanent = all_failures(message_from_bytes(mail.as_bytes()))
    except (ValueError, LookupError, TypeError, AttributeError):  # a form it cannot read is no form it knows
        return [], []
    return sorted(a.decode("ascii", "replace") for a in temporary), sorted(
        a.decode("ascii", "replace") for a in permanent
    )


def _plain_bounce(
    mail: EmailMessage, token: Token | None, message_id: str, failing: list[str], failed: list[str]
) -> Notice:
    """A bounce in words only, as old servers write them."""
    text = _text(mail)
    above = re.split(
        r"^-{3,}.*(?:original|copy|returned|message).*$|^Received:", text, maxsplit=1, flags=re.I | re.M
    )[0]
    if re.search(
        r"\b(?:delayed|has not (?:yet )?been delivered|will (?:keep )?retry|no action is required)",
        above,
        re.I,
    ):
        return Notice(NoticeKind.DELAYED, token, message_id, text=above[:1000])
    if failing and not failed:
        return Notice(NoticeKind.DELAYED, token, message_id, recipient=_plain_address(failing[0]))
    addresses = [*failed, _header(mail, "X-Failed-Recipients"), *ADDRESS.findall(above)]
    recipient = next((a.strip() for a in addresses if a.strip() and not SENDERS.search(a)), "")
    code, enhanced = code_of(above), enhanced_of(above)
    return Notice(
        NoticeKind.BOUNCE, token, message_id, recipient=_plain_address(recipient),
        category=classify(code, enhanced, " ".join(above.split())), code=code, status=enhanced,
        text=" ".join(above.split())[:1000],
    )  # fmt: skip


def _text(mail: EmailMessage) -> str:
    """The text for people, at most `LONGEST_TEXT`."""
    try:
        body = mail.get_body(("plain", "html"))
        content = body.get_content() if body is not None else ""
    except (LookupError, KeyError, ValueError, AttributeError):
        content = ""
    if not content and not mail.is_multipart():
        payload = mail.get_payload(decode=True)
        content = payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""
    return re.sub(r"<[a-zA-Z/!][^>]*>", " ", str(content))[:LONGEST_TEXT]


def _plain_address(text: str) -> str:
    """The address of `rfc822; name@example.com` or `<name@example.com>`, in small letters."""
    found = ADDRESS.search(text.rpartition(";")[2])
    return found.group().lower() if found else ""
