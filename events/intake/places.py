"""The parameter `ip` of an event: adds the place to its parameters (events document 3, API document 12.1)."""

from typing import Any

from contacts.geo import find_place

ADDED = ("countryCode", "countryId", "regionName", "regionId", "cityName", "cityId")
ADDRESS = "ip"


def add_place(params: dict[str, Any]) -> dict[str, Any]:
    """The parameters with the place of their `ip`; the same ones when they say a place themselves, or none is known."""
    address = params.get(ADDRESS)
    if not isinstance(address, str) or not params.keys().isdisjoint(ADDED):
        return params
    place = find_place(address)
    if place is None:
        return params
    found = (place.country, place.country_id, place.region, place.region_id, place.city, place.city_id)
    return params | {name: value for name, value in zip(ADDED, found, strict=True) if value}
