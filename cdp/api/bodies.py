"""Request bodies before anybody reads them: media type, compression and charset (API document, 2.2)."""

import codecs
import re
import zlib
from functools import lru_cache

from cdp.api.errors import Refused

JSON_TYPES = ("", "application/json")
UTF8 = ("utf-8", "utf8")
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# Codecs of Python that are no charsets of documents, and some that take time squared.
NO_CHARSETS = frozenset({"punycode", "idna", "unicode-escape", "raw-unicode-escape", "undefined", "utf-7"})
WINDOW_BITS = {"gzip": 31, "x-gzip": 31, "deflate": 15}


def plain_body(body: bytes, *, content_type: str, content_encoding: str, most: int) -> bytes:
    """The body as UTF-8, unpacked.

    Args:
        most: bytes allowed once unpacked.

    Raises:
        Refused: 415 for another media type, compression or charset; 413 for more than `most` bytes; 400 when the body
            is not what its headers say.
    """
    media, charset = read_content_type(content_type)
    packing = content_encoding.strip().lower()
    if packing not in ("", "identity"):
        body = _unpack(body, packing, most)
    if len(body) > most:
        raise too_large(most)
    if media not in JSON_TYPES and body.strip():
        raise Refused(415, "media_type", f"Content type '{media}' not supported")
    if charset not in UTF8:
        body = _decode(body, charset)
    return body.removeprefix(BYTE_ORDER_MARK)


def too_large(most: int) -> Refused:
    return Refused(413, "too_large", f"The request is larger than {most} bytes")


@lru_cache(maxsize=100)
def read_content_type(header: str) -> tuple[str, str]:
    """Media type and charset of a Content-Type header."""
    media, _, rest = header.partition(";")
    found = re.search(r"charset=\"?([\w.:-]+)", rest, re.IGNORECASE)
    return media.strip().lower(), (found[1] if found else "utf-8").lower()


def _unpack(body: bytes, packing: str, most: int) -> bytes:
    bits = WINDOW_BITS.get(packing)
    if bits is None:
        raise Refused(415, "content_encoding", f"Content encoding '{packing[:40]}' not supported")
    stream = zlib.decompressobj(bits)
    try:
        found = stream.decompress(body, most + 1)
    except zlib.error as error:
        raise Refused(400, "content_encoding", f"The request body is not {packing}") from error
    if len(found) > most:
        raise too_large(most)
    if not stream.eof:
        raise Refused(400, "content_encoding", f"The request body is not complete {packing}")
    return found


def _decode(body: bytes, charset: str) -> bytes:
    try:
        name = codecs.lookup(charset).name
        if name in NO_CHARSETS:
            raise LookupError(name)
        return body.decode(name).encode()
    except LookupError as error:
        raise Refused(415, "charset", f"Charset '{charset[:40]}' not supported") from error
    except UnicodeError as error:
        raise Refused(
            400, "json_invalid", f"The request body is not valid JSON: it is not {charset}"
        ) from error
