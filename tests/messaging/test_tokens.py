"""Tokens of links: they say what they were made with, and nothing that was changed is read."""

import string
from datetime import date

import pytest
from django.core.exceptions import ImproperlyConfigured

from cdp.env import Environment
from messaging.tracking.tokens import (
    TRAP_LINK,
    Token,
    TokenKind,
    bounce_address,
    click_url,
    make_token,
    open_url,
    read_bounce_address,
    read_token,
    unsubscribe_url,
    view_url,
)

MONTH = date(2026, 6, 1)
ALPHABET = string.ascii_letters + string.digits + "-_"


@pytest.fixture(autouse=True)
def _base(settings) -> None:
    settings.CDP_PUBLIC_URL = "https://mail.example.com"
    settings.CDP_LINK_SECRETS = []


def test_it_works() -> None:
    url = click_url(812, MONTH, 77)
    assert url.startswith("https://mail.example.com/c/")
    assert read_token(url.rpartition("/")[2]) == Token(TokenKind.CLICK, 812, MONTH, 77)


@pytest.mark.parametrize(
    ("make", "prefix", "kind"),
    [(open_url, "/o/", "o"), (unsubscribe_url, "/u/", "u"), (view_url, "/v/", "v")],
)
def test_every_kind_has_its_path(make, prefix: str, kind: str) -> None:
    url = make(5, MONTH)
    text = url.removeprefix("https://mail.example.com" + prefix).removesuffix(".gif")
    assert read_token(text) == Token(TokenKind(kind), 5, MONTH)


def test_a_token_of_one_kind_is_no_token_of_another() -> None:
    text = make_token(TokenKind.OPEN, 5, MONTH)
    assert read_token(text, TokenKind.OPEN)
    assert read_token(text, TokenKind.UNSUBSCRIBE) is None


def test_the_largest_ids_and_the_trap_link_fit() -> None:
    text = make_token(TokenKind.CLICK, 2**56 - 1, date(2199, 12, 1), TRAP_LINK)
    assert read_token(text) == Token(TokenKind.CLICK, 2**56 - 1, date(2199, 12, 1), 0)
    assert len(text) <= 64


@pytest.mark.parametrize("kind", [TokenKind.CLICK, TokenKind.UNSUBSCRIBE, TokenKind.OPEN])
def test_no_character_can_be_changed(kind: TokenKind) -> None:
    text = make_token(kind, 812, MONTH, 77 if kind is TokenKind.CLICK else None)
    for place, character in enumerate(text):
        for other in ALPHABET:
            if other != character:
                assert read_token(text[:place] + other + text[place + 1 :]) is None


@pytest.mark.parametrize("text", ["", "x", "a" * 200, "ü" * 20, "====", "../../etc", "%00", "a b"])
def test_what_is_no_token_is_refused(text: str) -> None:
    assert read_token(text) is None


def test_one_token_has_one_spelling() -> None:
    text = make_token(TokenKind.OPEN, 812, MONTH)
    assert read_token(text + "=") is None
    assert read_token(text[:10] + "!" + text[10:]) is None
    assert read_token(text[:-1]) is None


def test_another_installation_cannot_sign_for_ours(settings) -> None:
    text = make_token(TokenKind.OPEN, 812, MONTH)
    settings.SECRET_KEY = "another-" + "y" * 40
    assert read_token(text) is None


def test_a_new_key_signs_and_older_ones_are_still_read(settings) -> None:
    first = make_token(TokenKind.OPEN, 1, MONTH)
    settings.CDP_LINK_SECRETS = ["1:" + "a" * 32]
    second = make_token(TokenKind.OPEN, 2, MONTH)
    settings.CDP_LINK_SECRETS = ["2:" + "b" * 32, "1:" + "a" * 32]
    third = make_token(TokenKind.OPEN, 3, MONTH)
    assert [read_token(text).delivery_id for text in (first, second, third)] == [1, 2, 3]
    settings.CDP_LINK_SECRETS = ["2:" + "b" * 32]
    assert read_token(second) is None


def test_a_bounce_address_survives_folded_case() -> None:
    address = bounce_address(812, MONTH, "example.com")
    assert len(address.rpartition("@")[0]) <= 64
    for spelling in (address, address.upper(), address.title()):
        assert read_bounce_address(spelling) == Token(TokenKind.BOUNCE, 812, MONTH)
    assert read_bounce_address(address[:20] + ("b" if address[20] == "a" else "a") + address[21:]) is None
    assert read_bounce_address("someone@example.com") is None


def test_ids_out_of_range_and_missing_links_are_refused() -> None:
    with pytest.raises(ValueError, match="out of range"):
        make_token(TokenKind.OPEN, 2**56, MONTH)
    with pytest.raises(ValueError, match="needs a link id"):
        make_token(TokenKind.CLICK, 1, MONTH)
    with pytest.raises(ValueError, match="has no link id"):
        make_token(TokenKind.OPEN, 1, MONTH, 3)


@pytest.mark.parametrize(
    "value", ["ftp://example.com", "example.com", "https://", "https://example.com/?a=1"]
)
def test_a_public_address_that_is_none_stops_the_start(value: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="CDP_PUBLIC_URL"):
        Environment({"CDP_PUBLIC_URL": value}).url("CDP_PUBLIC_URL", "http://127.0.0.1:8000")


@pytest.mark.parametrize("value", ["secret", "0:" + "a" * 32, "1:short", "1:" + "a" * 32 + ",1:" + "b" * 32])
def test_bad_link_secrets_stop_the_start_unseen(value: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="CDP_LINK_SECRETS") as raised:
        Environment({"CDP_LINK_SECRETS": value}).numbered_secrets("CDP_LINK_SECRETS")
    assert "aaaa" not in str(raised.value)
