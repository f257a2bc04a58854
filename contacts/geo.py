"""Where an IP address is, by a local file in MaxMind's format (`CDP_GEO_FILE`). Without the file nothing is known.

The file is read again when it is replaced: put the new one beside it and rename it over the old one. One look-up costs
some 20 µs; nothing is asked of the network.
"""

from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import geoip2.database
import geoip2.errors
import maxminddb
import structlog
from django.conf import settings

from contacts.normalise import InvalidValue, normalise_time_zone

log = structlog.get_logger(__name__)
KINDS = ("City", "Enterprise", "Country")


class BadGeoFileError(ValueError):
    """The file cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Place:
    """`country` is an ISO 3166 code, `region` and `city` are English names; ids are GeoNames'. What is unknown is empty."""

    country: str
    region: str = ""
    city: str = ""
    time_zone: str = ""
    country_id: int | None = None
    region_id: int | None = None
    city_id: int | None = None

    @property
    def is_precise(self) -> bool:
        return bool(self.country and self.region and self.city)


class GeoFile:
    """An open file.

    Raises:
        BadGeoFileError: missing, unreadable, not of the format, or without countries.
    """

    def __init__(self, path: str) -> None:
        try:
            self._reader = geoip2.database.Reader(path, locales=["en"])
        except (OSError, maxminddb.InvalidDatabaseError, ValueError) as error:
            raise BadGeoFileError(f"{path}: {error}") from error
        kind = self._reader.metadata().database_type
        if not any(word in kind for word in KINDS):
            self._reader.close()
            raise BadGeoFileError(f"{path}: holds {kind!r}, not cities or countries")
        self._find = self._reader.country
        if "Enterprise" in kind:
            self._find = self._reader.enterprise
        elif "City" in kind:
            self._find = self._reader.city

    def find(self, address: str) -> Place | None:
        try:
            return _place(self._find(str(ip_address(address.strip()))))
        except (geoip2.errors.AddressNotFoundError, ValueError):
            return None
        except maxminddb.InvalidDatabaseError as error:
            log.warning("geo_file_damaged", error=str(error))
            return None


def _place(found: Any) -> Place | None:
    country = found.country
    if not country.iso_code:
        return None
    regions = getattr(found, "subdivisions", None)
    region = regions[0] if regions else None
    city = getattr(found, "city", None)
    try:
        zone = normalise_time_zone(getattr(getattr(found, "location", None), "time_zone", None) or "")
    except InvalidValue:
        zone = ""
    return Place(
        country=country.iso_code, region=(region and region.name) or "", city=(city and city.name) or "", time_zone=zone,
        country_id=country.geoname_id, region_id=region and region.geoname_id, city_id=city and city.geoname_id,
    )  # fmt: skip


class _Opened:
    """The file in use: opened at the first look-up of a process, and again when another file lies there."""

    def __init__(self) -> None:
        self.stamp: tuple[Any, ...] = ()
        self.file: GeoFile | None = None

    def get(self, path: str) -> GeoFile | None:
        stamp: tuple[Any, ...]
        try:
            state = Path(path).stat()
            stamp = (path, state.st_ino, state.st_mtime_ns, state.st_size)
        except OSError:
            stamp = (path,)
        if stamp != self.stamp:
            self.stamp = stamp
            try:
                self.file = GeoFile(path)
            except BadGeoFileError as error:
                log.error("geo_file_bad", error=str(error))
                self.file = None
        return self.file


_opened = _Opened()


def is_configured() -> bool:
    return bool(settings.CDP_GEO_FILE)


def find_place(address: str | None) -> Place | None:
    """Where an address is; None when that is unknown, private, no address, or there is no usable file."""
    if not address or not settings.CDP_GEO_FILE:
        return None
    file = _opened.get(settings.CDP_GEO_FILE)
    return file.find(address) if file else None
