"""The rules that hold on every route: addresses, credentials, bodies, errors, CORS (API document, 2, 3, 5, 6)."""

import gzip
import json

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from partners.models import ApiKey
from partners.services import cache
from tests.api.conftest import Api

pytestmark = pytest.mark.django_db


def test_it_works(api):
    reply = api.get("version")
    assert reply.status_code == 200
    assert reply["Content-Type"] == "application/json;charset=UTF-8"
    assert set(reply.json()) == {"version", "protocolVersion"}
    assert all(isinstance(value, str) for value in reply.json().values())


@pytest.mark.parametrize(
    "path", ["version", "version/", "v2/version", "v2/version/", "version?", "account/info/"]
)
def test_a_trailing_slash_and_an_empty_query_change_nothing(api, path):
    assert api.get(path).status_code == 200


def test_post_with_a_slash_is_answered_directly(api):
    assert api.post("contact/", {"channels": [{"type": "email", "value": "a@b.com"}]}).json()["id"] > 0


def test_account_info(api):
    found = api.get("account/info").json()
    assert found["orgId"] == 1
    assert "@" in found["userEmail"]
    assert found["organisationName"]


@pytest.mark.parametrize("user", ["", "user", "any@example.com"])
def test_any_user_name_goes_with_a_key(api, user):
    other = Api("", user)
    other.header = api.header if not user else other.header
    assert other.get("version").status_code == (200 if not user else 401)


@pytest.mark.parametrize("header", ["", "Basic", "Basic !!!", "Bearer x", "Basic " + "QQ=="])
def test_wrong_credentials(db, header):
    reply = Client().get("/api/v1/contacts", HTTP_AUTHORIZATION=header)
    assert reply.status_code == 401
    assert reply["WWW-Authenticate"] == 'Basic realm="Yespo"'
    body = reply.json()
    assert (body["status"], body["error"], body["path"]) == (401, "Unauthorized", "/api/v1/contacts")


def test_a_disabled_key_is_refused(api):
    ApiKey.objects.update(is_enabled=False)
    cache.clear()
    assert api.get("version").status_code == 401


def test_login_and_password_of_a_colleague(db):
    get_user_model().objects.create_user("olha@example.com", password="Long-enough-1", is_staff=True)
    assert Api("Long-enough-1", "olha@example.com").get("account/info").status_code == 200
    assert Api("wrong", "olha@example.com").get("account/info").status_code == 401


RIGHTS = {
    "full": (200, 200, 200),
    "events": (200, 403, 403),
    "events_contacts_write": (200, 403, 200),
    "events_contacts": (200, 200, 200),
    "messages": (200, 403, 403),
}


@pytest.mark.parametrize(("right", "expected"), RIGHTS.items())
def test_each_right_opens_its_groups(api_with, right, expected):
    key = api_with(right)
    body = {"channels": [{"type": "email", "value": "a@b.com"}]}
    found = (key.get("account/info"), key.get("contacts"), key.post("contact", body))
    assert tuple(reply.status_code for reply in found) == expected
    refused = [reply for reply in found if reply.status_code == 403]
    assert all(reply.json()["status"] == 403 for reply in refused)


def test_an_unknown_route(api):
    reply = api.get("nothing/here")
    assert reply.status_code == 404
    assert reply.json()["status"] == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_an_unknown_route_asks_no_form_token(db, method):
    reply = Client(enforce_csrf_checks=True).generic(method, "/api/v1/nothing", "{}", "application/json")
    assert (reply.status_code, reply.json()["path"]) == (404, "/api/v1/nothing")


def test_programs_come_by_any_host_name_and_people_by_a_known_one(api):
    host = {"HTTP_HOST": "api.shop.example"}
    assert api.get("version", **host).status_code == 200
    assert api.post("contact", {"externalCustomerId": "7"}, **host).status_code == 200
    assert api.get("nothing", **host).status_code == 404
    assert Client().get("/healthz", **host).status_code == 200
    assert Client().get("/admin/login/", **host).status_code == 400


@pytest.mark.parametrize("number", ["٣", "3.0", "-1", "9" * 20])
def test_ids_are_plain_digits(api, number):
    reply = api.get(f"contact/{number}")
    assert (reply.status_code, reply.json()["error"]) == (404, "Not Found")


def test_head_is_get_without_a_body(api, api_with):
    api.post("contact", {"externalCustomerId": "7"})
    assert api.call("HEAD", "contacts")["TotalCount"] == "1"
    assert api.call("HEAD", "contact").status_code == 405
    assert api_with("messages").call("HEAD", "contacts").status_code == 403


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_a_wrong_method_names_the_right_ones(api, method):
    reply = api.call(method, "contacts")
    assert reply.status_code == 405
    assert reply["Allow"] == "GET, POST"
    assert reply.json()["status"] == 405


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/xml"])
def test_another_media_type(api, kind):
    reply = api.post("contact", "a=b", content_type=kind)
    assert reply.status_code == 415
    assert reply.json()["status"] == 415


@pytest.mark.parametrize(
    "kind", ["", "application/json", "application/json; charset=UTF-8", "APPLICATION/JSON"]
)
def test_media_types_that_are_taken(api, kind):
    body = json.dumps({"channels": [{"type": "email", "value": "a@b.com"}]})
    assert api.post("contact", body, content_type=kind).status_code == 200


def test_another_charset(api):
    body = json.dumps({"firstName": "Олена", "externalCustomerId": "7"}, ensure_ascii=False).encode("cp1251")
    made = api.post("contact", body, content_type="application/json; charset=windows-1251").json()["id"]
    assert api.get(f"contact/{made}").json()["firstName"] == "Олена"


@pytest.mark.parametrize(
    "body", ["{", "{]", '{"a":', b"\xff\xfe", '{"firstName": "\\ud800"}', "[" * 5000, '{"a": 1e999999999999999999999}']
)  # fmt: skip
def test_malformed_json(api, body):
    reply = api.post("contact", body)
    assert reply.status_code == 400
    assert reply["Content-Type"] == "text/plain;charset=UTF-8"
    assert "JSON" in reply.text


@pytest.mark.parametrize("body", ["[]", '"x"', "5"])
def test_a_body_that_is_no_object(api, body):
    reply = api.post("contact", body)
    assert reply.status_code == 400
    assert "must be a JSON object" in reply.text


def test_get_ignores_its_body(api):
    assert api.call("GET", "contacts", "[]").status_code == 200


@pytest.mark.parametrize("accept", ["application/json", "text/plain", "application/xml", "*/*", "nonsense"])
def test_accept_never_matters(api, accept):
    assert api.get("version", HTTP_ACCEPT=accept).status_code == 200


def test_browsers_may_ask_first_and_every_reply_has_the_headers(api):
    asked = Client().options("/api/v1/contact")
    assert (asked.status_code, asked.content, "Content-Type" in asked) == (200, b"", False)
    for reply in (asked, api.get("version"), api.get("nothing"), api.post("contact", "{")):
        assert reply["Access-Control-Allow-Methods"] == "POST, GET, PUT, OPTIONS, DELETE"
        assert "Authorization" in reply["Access-Control-Allow-Headers"]


def test_a_packed_body(api):
    body = gzip.compress(b'{"externalCustomerId": "7"}')
    assert api.post("contact", body, HTTP_CONTENT_ENCODING="gzip").json()["id"]
    assert api.post("contact", body, HTTP_CONTENT_ENCODING="br").status_code == 415
    event = gzip.compress(b'{"eventTypeKey": "Seen", "keyValue": "7"}')
    assert api.post("v2/event", event, HTTP_CONTENT_ENCODING="gzip").status_code == 200


def test_gzip_when_asked_for(api):
    for place in range(20):
        api.post(
            "contact", {"externalCustomerId": f"c{place}", "firstName": "Olena", "lastName": "Kovalenko"}
        )
    assert api.get("contacts", HTTP_ACCEPT_ENCODING="gzip")["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in api.get("contacts")


def test_a_rate_limit_answers_429(api, settings, monkeypatch):
    from cdp.api import limits

    settings.API_RATE_LIMITS = True
    monkeypatch.setattr(limits.RateLimit, "clock", staticmethod(lambda: 5.0))
    replies = [api.get("version") for _ in range(101)]
    assert [reply.status_code for reply in replies[:100]] == [200] * 100
    assert replies[100].status_code == 429
    assert replies[100]["Retry-After"] == "1"
    assert replies[100]["X-RateLimit-Limit"] == "100"
    settings.API_RATES = settings.API_RATES | {"other": 101}
    assert api.get("version").status_code == 429
    monkeypatch.setattr(limits.RateLimit, "clock", staticmethod(lambda: 6.0))
    assert [api.get("version").status_code for _ in range(102)] == [200] * 101 + [429]


def test_a_fault_of_ours_says_so_and_tells_nothing(api, monkeypatch):
    from contacts.api import single

    monkeypatch.setattr(single, "add_contact", lambda *_, **__: 1 / 0)
    reply = api.post("contact", {"externalCustomerId": "1"})
    assert reply.status_code == 500
    assert reply.json()["status"] == 500
    assert "division" not in reply.text
