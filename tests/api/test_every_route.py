"""What holds on every route of the API, whichever app serves it: read from the addresses themselves."""

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from cdp.api.rights import OPENS
from cdp.api.views import ApiView
from partners.models import ApiKey
from partners.services import cache

pytestmark = pytest.mark.django_db
BODIES = ("POST", "PUT")


def routes() -> list[tuple[str, Any]]:
    """(address, view class) of every REST route; ids are 1."""
    found = []
    waiting: list[Any] = list(get_resolver().url_patterns)
    while waiting:
        pattern = waiting.pop()
        if isinstance(pattern, URLResolver):
            waiting.extend(pattern.url_patterns)
        elif isinstance(pattern, URLPattern):
            view = getattr(pattern.callback, "cls", None)
            if view is not None and issubclass(view, ApiView):
                address = re.sub(r"\(\?P<\w+>[^)]*\)", "1", str(pattern.pattern))
                found.append(("/" + address.strip("^$").removesuffix("/?"), view))
    return sorted(found, key=lambda route: route[0])


ROUTES = routes()
CALLS = [
    pytest.param(address, method, view, id=f"{method} {address}")
    for address, view in ROUTES
    for method in view().methods()
]


def call(address: str, method: str, body: Any = "", key: Any = None, **headers: str) -> Any:
    if key is not None:
        headers["HTTP_AUTHORIZATION"] = key.header
    kind = headers.pop("content_type", "application/json")
    return Client(enforce_csrf_checks=True).generic(method, address, body, content_type=kind, **headers)


def test_it_works():
    addresses = [address for address, _ in ROUTES]
    assert {"/api/v1/contact/1", "/api/v2/version", "/api/v3/event", "/api/v2/events/batch"} <= set(addresses)


@pytest.mark.parametrize(("address", "method", "view"), CALLS)
@pytest.mark.parametrize("end", ["", "/"])
def test_who_is_unknown_is_told_so(address, method, view, end):
    for header in ("", "Basic OldST05H", "Bearer x"):
        reply = call(address + end, method, "{}", HTTP_AUTHORIZATION=header)
        assert (reply.status_code, reply.json()["status"], reply.json()["path"]) == (401, 401, address + end)
        assert reply["WWW-Authenticate"] == 'Basic realm="Yespo"'


@pytest.mark.parametrize(("address", "method", "view"), CALLS)
def test_a_key_that_is_switched_off(address, method, view, api):
    ApiKey.objects.update(is_enabled=False)
    cache.clear()
    assert call(address, method, "{}", api).status_code == 401


@pytest.mark.parametrize(("address", "method", "view"), CALLS)
def test_only_the_rights_of_its_groups_open_a_route(address, method, view, api_with):
    allowed = {right for group in view.groups.get(method, ()) for right in OPENS[group]} or set(OPENS[1])
    for right in ("full", "events", "events_contacts", "events_contacts_write", "messages"):
        status = call(address, method, "{", api_with(right)).status_code
        assert (status == 403) is (right not in allowed), (right, status)
        assert status < 500


@pytest.mark.parametrize(("address", "view"), ROUTES, ids=[address for address, _ in ROUTES])
def test_a_wrong_method_and_a_browser_s_question(address, view, api):
    served = view().methods()
    for method in {"GET", "POST", "PUT", "DELETE", "PATCH"} - set(served):
        reply = call(address, method, "{}", api)
        assert (reply.status_code, reply["Allow"]) == (405, ", ".join(served)), method
    assert (call(address, "HEAD", "", api).status_code == 405) is ("GET" not in served)
    asked = call(address, "OPTIONS")
    assert (asked.status_code, asked.content) == (200, b"")
    assert asked["Access-Control-Allow-Methods"] == "POST, GET, PUT, OPTIONS, DELETE"


@pytest.mark.parametrize(("address", "method", "view"), [one for one in CALLS if one.values[1] in BODIES])
def test_bodies_nobody_can_read(address, method, view, api):
    for body in (b"{", b"\xff", b'{"a": "\\ud800"}', b"[" * 5_000):
        reply = call(address, method, body, api)
        expected = 404 if "/1" in address and reply.status_code == 404 else 400
        assert (reply.status_code, reply["Content-Type"]) == (expected, "text/plain;charset=UTF-8"), body[:20]
    for headers in ({"content_type": "text/plain"}, {"HTTP_CONTENT_ENCODING": "br"}):
        assert call(address, method, b"{}", api, **headers).status_code in (
            415,
            404 if "/1" in address else 415,
        )
