"""Writes small files in MaxMind's format for tests: a search tree of 24-bit records over IPv4 networks, and its data.

The format: the published MaxMind DB specification, version 2.0.
"""

import struct
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

MARK = b"\xab\xcd\xefMaxMind.com"


def write_mmdb(path: Path, networks: dict[str, dict[str, Any]], *, kind: str = "GeoLite2-City") -> Path:
    """A file at `path` with one record a network, such as {"2.125.160.0/24": {"country": {"iso_code": "GB"}}}."""
    tree: list[list[Any]] = [[None, None]]
    data = b""
    for network, record in networks.items():
        parsed = IPv4Network(network)
        bits = f"{int(parsed.network_address):032b}"[: parsed.prefixlen]
        node = 0
        for bit in bits[:-1]:
            if tree[node][int(bit)] is None:
                tree.append([None, None])
                tree[node][int(bit)] = len(tree) - 1
            node = tree[node][int(bit)]
        tree[node][int(bits[-1])] = ("data", len(data))
        data += encoded(record)
    count = len(tree)
    records = b""
    for node in tree:
        for side in node:
            number = count if side is None else side
            if isinstance(side, tuple):
                number = count + 16 + side[1]
            records += number.to_bytes(3, "big")
    about = {
        "node_count": count, "record_size": _Short(24), "ip_version": _Short(4), "database_type": kind, "languages": ["en"],
        "binary_format_major_version": _Short(2), "binary_format_minor_version": _Short(0), "build_epoch": _Long(1),
        "description": {"en": "test"},
    }  # fmt: skip
    path.write_bytes(records + b"\0" * 16 + data + MARK + encoded(about))
    return path


class _Short(int):
    """A number of 16 bits."""


class _Long(int):
    """A number of 64 bits."""


def encoded(value: Any) -> bytes:
    """One value of the data section: texts, maps, lists, whole and floating numbers."""
    if isinstance(value, str):
        body = value.encode()
        return _control(2, len(body)) + body
    if isinstance(value, float):
        return _control(3, 8) + struct.pack(">d", value)
    if isinstance(value, _Short):
        return _control(5, 2) + value.to_bytes(2, "big")
    if isinstance(value, _Long):
        return _control(9, 8) + value.to_bytes(8, "big")
    if isinstance(value, int):
        return _control(6, 4) + value.to_bytes(4, "big")
    if isinstance(value, dict):
        return _control(7, len(value)) + b"".join(encoded(part) for pair in value.items() for part in pair)
    return _control(11, len(value)) + b"".join(encoded(part) for part in value)


def _control(kind: int, size: int) -> bytes:
    assert size < 285
    length = bytes([size - 29]) if size >= 29 else b""
    if kind <= 7:
        return bytes([kind << 5 | min(size, 29)]) + length
    return bytes([min(size, 29), kind - 7]) + length


def place(country: str, region: str = "", city: str = "", zone: str = "") -> dict[str, Any]:
    """A record as MaxMind's city files have it."""
    record: dict[str, Any] = {"country": {"iso_code": country, "geoname_id": 100, "names": {"en": country}}}
    if region:
        record["subdivisions"] = [{"geoname_id": 200, "names": {"en": region, "uk": "—"}}]
    if city:
        record["city"] = {"geoname_id": 300, "names": {"en": city, "uk": "—"}}
    if zone:
        record["location"] = {"time_zone": zone}
    return record


KYIV, BOXFORD, SOMEWHERE = "31.43.0.7", "2.125.160.216", "5.5.5.5"
NETWORKS = {
    "31.43.0.0/16": place("UA", "Kyiv City", "Kyiv", "Europe/Kiev"),
    "2.125.160.216/29": place("GB", "England", "Boxford", "Europe/London"),
    "5.5.0.0/16": place("UA", zone="Europe/Kyiv"),
}
