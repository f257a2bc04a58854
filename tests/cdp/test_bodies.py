"""Request bodies as they come: packed, in other charsets, with a byte order mark, or not what their headers say."""

import gzip
import zlib

import pytest

from cdp.api.bodies import plain_body
from cdp.api.errors import Refused


def packed(body: bytes) -> bytes:
    """gzip without the clock, so that the ids of tests are the same in every process."""
    return gzip.compress(body, mtime=0)


TEXT = '{"a": "Олена"}'


def read(body: bytes, kind: str = "application/json", packing: str = "", most: int = 1_000) -> bytes:
    return plain_body(body, content_type=kind, content_encoding=packing, most=most)


def test_it_works():
    assert read(TEXT.encode()) == TEXT.encode()


@pytest.mark.parametrize(
    ("body", "kind", "packing"),
    [
        (packed(TEXT.encode()), "application/json", "gzip"),
        (packed(TEXT.encode()), "", "X-GZIP"),
        (zlib.compress(TEXT.encode()), "application/json", "deflate"),
        (b"\xef\xbb\xbf" + TEXT.encode(), "application/json;charset=UTF-8", "identity"),
        (TEXT.encode("cp1251"), 'application/json; charset="windows-1251"', ""),
        (TEXT.encode("utf-16"), "application/json; charset=utf-16", ""),
        (packed(TEXT.encode("koi8-u")), "application/json; charset=KOI8-U", "gzip"),
    ],
)
def test_ways_to_say_the_same(body, kind, packing):
    assert read(body, kind, packing) == TEXT.encode()


@pytest.mark.parametrize(
    ("body", "kind", "packing", "status"),
    [
        (b"a=b", "application/x-www-form-urlencoded", "", 415),
        (b"{}", "application/json; charset=nope", "", 415),
        (b"{}", "application/json; charset=punycode", "", 415),
        (b"{}", "application/json; charset=zlib_codec", "", 415),
        (b"{}", "application/json", "br", 415),
        (b"{}", "application/json", "gzip", 400),
        (packed(TEXT.encode())[:-9], "application/json", "gzip", 400),
        (b"\xff", "application/json; charset=utf-16", "", 400),
        (b"x" * 1_001, "application/json", "", 413),
        (packed(b"x" * 1_001), "application/json", "gzip", 413),
        (packed(b" " * 50_000_000), "application/json", "gzip", 413),
    ],
)
def test_refused(body, kind, packing, status):
    with pytest.raises(Refused) as refused:
        read(body, kind, packing)
    assert refused.value.status == status


def test_an_empty_body_has_no_media_type():
    assert read(b" ", "text/plain") == b" "
