"""Phones of chosen countries only (FLD-05): one setting, the same answer at every door."""

import pytest
from django.core.exceptions import ValidationError

from cdp.models import Account
from contacts.field_types import read_value
from contacts.models import Contact, ContactField
from contacts.normalise import InvalidValue, normalise_phone
from contacts.services.manual import ManualRefused, Values, create_contact, edit_contact
from contacts.wire import Catalogue
from events.intake import accept
from events.intake.identity import identity_columns
from events.intake.reading import CheckedEvent
from tests.contacts.people import NOW, someone, upsert

pytestmark = pytest.mark.django_db

UKRAINE, POLAND, LONDON = "380501112233", "48512345678", "447911123456"
REFUSED = "is not a phone of the countries this account takes: PL, UA"


@pytest.fixture(autouse=True)
def _limit():
    Account.objects.update(phone_countries="ua, PL", default_region="UA")
    accept._rules.read_at = float("-inf")
    yield
    accept._rules.read_at = float("-inf")


@pytest.mark.parametrize(
    ("text", "is_taken"),
    [
        (UKRAINE, True), ("+48 512 345 678", True), ("0501112233", True), (f"00{LONDON}", False), ("+12125550123", False),
        ("+77011234567", False),  # shares its code with another country
        ("123456789012", False),  # no numbering plan knows it
    ],
)  # fmt: skip
def test_a_number_is_taken_by_its_country(text, is_taken):
    countries = frozenset({"UA", "PL"})
    if is_taken:
        assert normalise_phone(text, "UA", countries) == normalise_phone(text, "UA")
    else:
        normalise_phone(text, "UA")
        with pytest.raises(InvalidValue) as caught:
            normalise_phone(text, "UA", countries)
        assert caught.value.code == "bad_phone"


def sms(value):
    return {"externalCustomerId": f"X{value}", "channels": [{"type": "sms", "value": value}]}


def test_the_api_refuses_one_and_takes_the_rest_of_many(api):
    reply = api.post("contact", sms(LONDON))
    assert (reply.status_code, REFUSED in reply.text) == (400, True)
    assert "channels[0].value" in reply.text
    reply = api.post("contact/subscribe", {"contact": sms(LONDON)})
    assert (reply.status_code, REFUSED in reply.text) == (400, True)
    failed = api.post("contacts", {"contacts": [sms(LONDON), sms(UKRAINE), sms(LONDON)]}).json()[
        "failedContacts"
    ]
    assert [REFUSED in one["error"] for one in failed] == [True, True]
    assert not Contact.objects.exists()
    assert api.post("contact", sms(POLAND)).status_code == 200
    assert Contact.objects.get().phone == POLAND


def test_a_colleague_is_told_and_a_phone_of_before_may_stay():
    with pytest.raises(ManualRefused, match=REFUSED):
        create_contact(Values({"phone": LONDON}), list_ids=[], actor="ann", now=NOW)
    made = upsert(someone("E1", phone=LONDON))[0].contact_id
    for written in (LONDON, f"+{LONDON}"):
        edit_contact(made, Values({"phone": written, "first_name": "Ann"}), actor="ann", now=NOW)
    assert Contact.objects.get().first_name == "Ann"
    with pytest.raises(ManualRefused, match=REFUSED):
        edit_contact(made, Values({"phone": "+12125550123"}), actor="ann", now=NOW)
    edit_contact(made, Values({"phone": ""}), actor="ann", now=NOW)
    assert Contact.objects.get().phone is None


def test_in_an_event_such_a_number_identifies_nobody():
    rules = accept.account_rules()
    for phone, found in ((LONDON, False), (UKRAINE, True)):
        event = CheckedEvent("Visited", "k", {"phone": phone}, None, None, None)
        assert ("phone" in identity_columns(event, rules)[0]) is found


def test_an_additional_field_may_hold_any():
    field = ContactField(type="phone")
    assert read_value(field, f"+{LONDON}", Catalogue.load().rules) == LONDON


@pytest.mark.parametrize("text", ["UK", "Ukraine", "UA;PL", "U", "380"])
def test_the_setting_takes_codes_of_countries(text):
    account = Account.objects.get()
    account.phone_countries = text
    with pytest.raises(ValidationError, match="two-letter code"):
        account.full_clean()


def test_without_the_setting_phones_of_all_countries_are_taken(api):
    Account.objects.update(phone_countries="")
    assert api.post("contact", sms(LONDON)).status_code == 200
