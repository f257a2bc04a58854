"""At most 50 changeable identifiers of a kind by one identification (contacts document 2.1)."""

import pytest
from structlog.testing import capture_logs

from contacts.models import Contact, IdentifierChange, Key
from contacts.services.inputs import MOST_TOKENS, Policy, Token
from tests.contacts.people import someone, upsert

pytestmark = pytest.mark.django_db


def tokens(count, kind="mobile", start=0):
    return tuple(Token(kind=kind, value=f"{kind}-{n}") for n in range(start, start + count))


def test_it_works(admin_client):
    with capture_logs() as logs:
        [outcome] = upsert(
            someone("X1", tokens=tokens(MOST_TOKENS + 2) + tokens(3, "device")), policy=Policy.SDK
        )
    assert outcome.result == "created"
    assert Key.objects.filter(kind="mobile", person_id=outcome.contact_id).count() == MOST_TOKENS
    assert Key.objects.filter(kind="device").count() == 3
    noted = IdentifierChange.objects.values_list("person_id", "value", "reason", "moved_to")
    assert list(noted.order_by("pk")) == [
        (outcome.contact_id, "mobile-50", "over_limit", None), (outcome.contact_id, "mobile-51", "over_limit", None),
    ]  # fmt: skip
    [warning] = [entry for entry in logs if entry["event"] == "identifiers_over_limit"]
    assert (warning["log_level"], warning["person"], warning["count"]) == ("warning", outcome.contact_id, 2)
    page = admin_client.get(f"/admin/contacts/contact/{outcome.contact_id}/identity/").text
    assert "more than 50 of its kind" in page


def test_what_is_beyond_neither_moves_nor_matches():
    [owner] = upsert(someone("X1", tokens=tokens(1, start=50)), policy=Policy.SDK)
    [other] = upsert(someone("X2", tokens=tokens(MOST_TOKENS + 1)), policy=Policy.SDK)
    assert Key.objects.get(value="mobile-50").person_id == owner.contact_id
    assert (other.contact_id, other.merged) != (owner.contact_id, ())
    [stray] = upsert(someone(tokens=tokens(1, "web", start=50)), policy=Policy.SDK)
    [third] = upsert(someone("X3", tokens=tokens(MOST_TOKENS + 1, "web")), policy=Policy.SDK)
    assert third.merged == ()
    assert Contact.objects.get(pk=stray.contact_id).state == "active"


def test_fifty_are_all_taken():
    upsert(someone("X1", tokens=tokens(MOST_TOKENS) + tokens(MOST_TOKENS, "device")), policy=Policy.SDK)
    assert Key.objects.exclude(kind="ext").count() == 2 * MOST_TOKENS
    assert not IdentifierChange.objects.exists()
