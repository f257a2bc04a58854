"""The event routes as Django serves them, where no ASGI server is in front; rules in tests/events/test_intake.py."""

import pytest

from events.models import InboxEvent

pytestmark = pytest.mark.django_db

BODIES = {
    "v1/event": {"eventTypeKey": "seen", "params": [{"name": "email", "value": "a@b.com"}]},
    "v2/event": {"eventTypeKey": "seen", "keyValue": "a", "params": [{"name": "email", "value": "a@b.com"}]},
    "v3/event": {"eventTypeKey": "seen", "params": {"email": "a@b.com"}},
}


@pytest.mark.parametrize(("path", "body"), BODIES.items())
def test_it_works(api, path, body):
    reply = api.post(path, body)
    assert (reply.status_code, reply.content) == (200, b"")
    assert "Content-Type" not in reply
    assert InboxEvent.objects.get().email == "a@b.com"


def test_a_batch_answers_item_by_item(api):
    events = [BODIES["v2/event"], {"eventTypeKey": "a/b"}]
    found = api.post("v2/events/batch", {"events": events}).json()
    assert (found["accepted"], found["rejected"]) == (1, 1)
    assert found["items"][1]["path"] == "eventTypeKey"


def test_refusals(api, api_with):
    assert api.post("v2/event", {"params": []}).status_code == 400
    assert (
        api.post(
            "v2/event", {"eventTypeKey": "x", "params": [{"name": "a", "value": "x" * 21_000}]}
        ).status_code
        == 413
    )
    assert api_with("messages").post("v2/event", BODIES["v2/event"]).status_code == 403
    assert api.get("v2/event").status_code == 405
    assert not InboxEvent.objects.exists()
