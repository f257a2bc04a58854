"""Mail that comes back is read as the table of failures says: one sample a row, and old forms, complaints, replies."""

from pathlib import Path

import pytest

from messaging.bounces.categories import EFFECTS, Category
from messaging.bounces.mail import Notice, NoticeKind, read_mail
from messaging.bounces.replies import classify, enhanced_of
from messaging.tracking.tokens import Token, TokenKind, bounce_address, make_token
from tests.messaging.sent import MONTH

SAMPLES = Path(__file__).parent / "bounces"
PROOF = Token(TokenKind.BOUNCE, 1, MONTH)
EXPECTED = {
    "invalid_address": "invalid_address", "invalid_address_null_mx_user": "invalid_address",
    "invalid_address_loose_code": "invalid_address", "invalid_domain": "invalid_domain",
    "invalid_domain_4_4_4": "invalid_domain", "inactive": "inactive", "inactive_temporary": "inactive",
    "mailbox_full": "mailbox_full", "mailbox_full_temporary": "mailbox_full", "mailbox_full_loose_code": "mailbox_full",
    "temporary": "temporary", "temporary_greylisted": "temporary", "expired": "expired", "message_too_large": "message",
    "message_content": "message", "message_attachment": "message", "blocked_list": "blocked", "blocked_dmarc": "blocked",
    "blocked_rate": "blocked", "blocked_spf": "blocked", "policy_relay": "policy", "policy_user_blocked": "policy",
    "unrecognised": "unrecognised", "international": "invalid_address", "token_in_original": "invalid_address",
    "plain_qmail": "invalid_address", "plain_exim": "mailbox_full", "plain_sendmail": "invalid_domain",
    "plain_cyrillic": "invalid_address",
}  # fmt: skip
OTHERS = {
    "delayed": "delayed", "plain_exim_warning": "delayed", "delivered": "delivered", "out_of_office": "auto_reply",
    "auto_reply_old": "auto_reply", "a_person_writes": "other", "complaint": "complaint",
    "complaint_by_message_id": "complaint", "not_spam": "other",
}  # fmt: skip


def sample(name: str) -> bytes:
    text = (SAMPLES / f"{name}.eml").read_text()
    text = text.replace("bounce+TOKEN@bounce.example.com", bounce_address(1, MONTH, "bounce.example.com"))
    return text.replace("SENDID", make_token(TokenKind.BOUNCE, 1, MONTH)).replace("\n", "\r\n").encode()


def read(name: str) -> Notice:
    return read_mail(sample(name))


def test_it_works() -> None:
    notice = read("invalid_address")
    assert (notice.kind, notice.token, notice.category) == (
        NoticeKind.BOUNCE,
        PROOF,
        Category.INVALID_ADDRESS,
    )
    assert (notice.recipient, notice.code, notice.status) == ("ann@example.net", 550, "5.1.1")
    assert notice.text.startswith("550 5.1.1 <ann@example.net>: Recipient address rejected")


@pytest.mark.parametrize("name", EXPECTED)
def test_a_bounce_has_the_category_of_the_table(name: str) -> None:
    notice = read(name)
    assert (notice.kind, notice.category, notice.recipient) == ("bounce", EXPECTED[name], "ann@example.net")
    assert notice.token == PROOF


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_no_bounce_is_none(name: str) -> None:
    notice = read(name)
    assert (notice.kind, notice.category) == (OTHERS[name], None)


def test_every_category_has_a_sample_and_an_effect() -> None:
    assert set(EXPECTED.values()) == set(Category.values) == {str(found) for found in EFFECTS}
    assert {path.stem for path in SAMPLES.glob("*.eml")} == {*EXPECTED, *OTHERS, "truncated", "forged"}


def test_a_complaint_names_its_delivery_or_message_and_recipient() -> None:
    assert read("complaint").token == PROOF
    by_id = read("complaint_by_message_id")
    assert (by_id.token, by_id.message_id, by_id.recipient) == (
        None,
        "<d1.202606@shop.example.com>",
        "ann@example.net",
    )


def test_a_forged_address_proves_nothing() -> None:
    notice = read("forged")
    assert (notice.kind, notice.token) == ("bounce", None)


def test_the_envelope_address_counts_when_the_header_was_rewritten() -> None:
    raw = sample("plain_qmail").replace(b"To: bounce+", b"X-Was: bounce+")
    assert read_mail(raw).token is None
    assert read_mail(raw, envelope_to=bounce_address(1, MONTH, "x.example.com")).token == PROOF


@pytest.mark.parametrize("cut", [0, 1, 50, 400, 700, 900, 1200])
def test_no_mail_breaks_the_reader(cut: int) -> None:
    for name in EXPECTED:
        read_mail(sample(name)[:cut])
    assert read("truncated").kind == "bounce"
    assert read_mail(b"\xff\xfe\x00" * 50).kind == "other"
    assert read_mail(b"From: =?utf-8?q?\xff?= <>\nContent-Type: multipart/report\n\nx").kind == "other"


@pytest.mark.parametrize(
    ("reply", "category"),
    [
        ("550 5.1.1 The email account that you tried to reach does not exist", "invalid_address"),
        ("550 Requested action not taken: mailbox unavailable", "invalid_address"),
        ("553 sorry, that domain isn't in my list of allowed rcpthosts", "invalid_address"),
        ("450 4.1.1 <ann@example.net>: user unknown, try later", "temporary"),
        ("451 4.3.0 Temporary lookup failure", "temporary"),
        ("452 4.3.1 Insufficient system storage", "mailbox_full"),
        ("452 Too busy", "mailbox_full"),
        ("421 Service not available", "temporary"),
        ("552 Message size exceeds maximum permitted", "message"),
        ("554 5.7.1 Your message was rejected due to poor reputation of a domain", "blocked"),
        ("550 SPF check failed", "blocked"),
        ("554 Transaction failed", "blocked"),
        ("550 5.4.1 Recipient address rejected: Access denied", "policy"),
        ("550 Sender 192.0.2.1 blocked", "blocked"),
        ("556 5.1.10 Recipient address has null MX", "invalid_address"),
        ("599 whatever", "unrecognised"),
    ],
)
def test_replies_of_servers(reply: str, category: str) -> None:
    assert classify(int(reply[:3]), enhanced_of(reply), reply[4:]) == category
