"""The tables of the contact specification, as data."""

import pytest

from contacts.normalise import (
    InvalidValue,
    normalise_email,
    normalise_identifier,
    normalise_language,
    normalise_name,
    normalise_phone,
    normalise_time_zone,
)


@pytest.mark.parametrize(
    ("text", "kept", "matched"),
    [
        (" John.Doe@Example.COM ", "John.Doe@example.com", "john.doe@example.com"),
        ("user+tag@gmail.com", "user+tag@gmail.com", "user+tag@gmail.com"),
        ("Ім'я@пошта.укр", "Ім'я@xn--80a1acn3a.xn--j1amh", "ім'я@xn--80a1acn3a.xn--j1amh"),
        ("mailto:x@y.org", "x@y.org", "x@y.org"),
        ("<a.b@shop.com.ua>", "a.b@shop.com.ua", "a.b@shop.com.ua"),
    ],
)
def test_email(text, kept, matched):
    assert normalise_email(text) == (kept, matched)


@pytest.mark.parametrize(
    "text",
    [
        "a@b",
        "a b@c.com",
        "a@-x.com",
        '"a b"@c.com',
        "x@",
        "@x.com",
        "a@@b.com",
        "a@gmai.com",
        "a..b@c.com",
        "",
        "a" * 65 + "@b.com",
    ],
)
def test_email_refused(text):
    with pytest.raises(InvalidValue) as caught:
        normalise_email(text)
    assert caught.value.code == "bad_email"


def test_a_misspelt_domain_comes_with_a_suggestion():
    with pytest.raises(InvalidValue, match=r"did you mean gmail\.com"):
        normalise_email("a@gmeil.com")


@pytest.mark.parametrize(
    ("text", "region", "digits", "capable"),
    [
        ("380955547708", "", "380955547708", True),
        ("+38 (095) 554-77-08", "", "380955547708", True),
        ("00447911123456", "", "447911123456", True),
        ("0955547708", "UA", "380955547708", True),
        ("12345", "", "12345", False),
        ("999999999999999", "", "999999999999999", False),
    ],
)
def test_phone(text, region, digits, capable):
    phone = normalise_phone(text, region)
    assert (phone.digits, phone.is_sms_capable) == (digits, capable)


@pytest.mark.parametrize("text", ["12ab", "1234", "1234567890123456", "", "++380955547708", "٣٨٠٩٥٥٥٤٧٧٠٨"])
def test_phone_refused(text):
    with pytest.raises(InvalidValue) as caught:
        normalise_phone(text)
    assert caught.value.code == "bad_phone"


@pytest.mark.parametrize(
    "text",
    ["", "  ", "null", "NULL", "undefined", "None", "nan", "-1", "0", "000-000", "---", "anonymous", "Guest"],
)
def test_values_that_mean_nothing(text):
    assert normalise_identifier(text, frozenset({"guest"})) is None


def test_an_identifier_keeps_its_case():
    assert normalise_identifier(" aB-7 ") == "aB-7"


@pytest.mark.parametrize("text", ["a\x00b", "x" * 256, "a\nb", "a\x85b", "a\ud800b"])
def test_identifier_refused(text):
    with pytest.raises(InvalidValue):
        normalise_identifier(text)


@pytest.mark.parametrize(
    "text", ["Anna", "Anna-Maria", "O'Neil", "Д’Артаньян", "Олена", "J. R.", "Anna 2", "李", "Anna Maria Jr."]
)
def test_name(text):
    assert normalise_name(text) == text


@pytest.mark.parametrize(
    "text", ["12", "Anna1234", "-Anna", "Anna!", "<b>", "'Anna", "aaaa bbbb cccc dddd", "Annabel.", "x" * 41]
)
def test_name_refused(text):
    with pytest.raises(InvalidValue):
        normalise_name(text)


def test_a_last_name_may_have_many_words():
    assert normalise_name("aaaa bbbb cccc dddd", last=True) == "aaaa bbbb cccc dddd"


@pytest.mark.parametrize(
    ("text", "tag"), [("EN_us", "en-US"), ("uk", "uk"), ("zh-hant-tw", "zh-Hant-TW"), ("es-AR", "es-AR")]
)
def test_language(text, tag):
    assert normalise_language(text) == tag


def test_a_country_code_is_not_a_language():
    with pytest.raises(InvalidValue, match="did you mean 'uk'"):
        normalise_language("ua")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Europe/Kiev", "Europe/Kyiv"),
        ("europe/london", "Europe/London"),
        ("UTC", "UTC"),
        ("Etc/UTC", "UTC"),
        ("US/Eastern", "America/New_York"),
        ("America/Buenos_Aires", "America/Argentina/Buenos_Aires"),
        ("Asia/Calcutta", "Asia/Kolkata"),
        ("Asia/Saigon", "Asia/Ho_Chi_Minh"),
        ("Japan", "Asia/Tokyo"),
        ("Europe/Amsterdam", "Europe/Amsterdam"),
    ],
)
def test_time_zone(text, name):
    assert normalise_time_zone(text) == name


@pytest.mark.parametrize(
    "text", ["+02:00", "EET", "Mars/Base", "", "Etc/GMT+2", "GMT", "EST5EDT", "Etc/GMT", "CET", "Factory"]
)
def test_time_zone_refused(text):
    with pytest.raises(InvalidValue):
        normalise_time_zone(text)
