"""What an event's `ip` adds, and what is noted when its identifiers point at different people (events document 3, 4.1)."""

import pytest

from cdp.models import Account
from contacts.models import Contact
from events.models import EventFlag
from tests.contacts.mmdb import BOXFORD, KYIV, NETWORKS, SOMEWHERE, write_mmdb
from tests.events.test_vectors import _fresh, contact, event, flags, key, stored  # noqa: F401 - fixtures
from tests.events.wire import post

pytestmark = pytest.mark.django_db(transaction=True)
CONFLICT, PASSED = EventFlag.IDENTITY_CONFLICT, EventFlag.EXTERNAL_ID_PASSED_OVER


@pytest.fixture
def geo(settings, tmp_path):
    settings.CDP_GEO_FILE = str(write_mmdb(tmp_path / "places.mmdb", NETWORKS))


def test_ip_adds_the_place_and_locates_known_and_new_contacts(geo, key):  # noqa: F811
    contact(email="a@x.io")
    post(event(params=[("email", "a@x.io"), ("ip", KYIV)]), key)
    post(event(params=[("email", "new@x.io"), ("ip", BOXFORD), ("price", "7")]), key)
    post(event(params=[("email", "far@x.io"), ("ip", SOMEWHERE)]), key)
    first, second, third = stored()
    assert first.params == {
        "email": "a@x.io", "ip": KYIV, "countryCode": "UA", "countryId": 100, "regionName": "Kyiv City", "regionId": 200,
        "cityName": "Kyiv", "cityId": 300,
    }  # fmt: skip
    assert (second.params["cityName"], second.params["price"]) == ("Boxford", "7")
    assert third.params == {"email": "far@x.io", "ip": SOMEWHERE, "countryCode": "UA", "countryId": 100}
    places = dict(Contact.objects.values_list("email", "location"))
    assert places["a@x.io"] == {"country": "UA", "region": "Kyiv City", "city": "Kyiv"}
    assert places["new@x.io"]["city"] == "Boxford"
    assert not Contact.objects.exclude(time_zone=None).exists()  # a zone comes of a click


def test_e23_an_event_that_says_a_place_itself(geo, key):  # noqa: F811
    contact(email="a@x.io")
    post(event(params=[("email", "a@x.io"), ("ip", KYIV), ("countryCode", "UA")]), key)
    [row] = stored()
    assert row.params == {"email": "a@x.io", "ip": KYIV, "countryCode": "UA"}
    assert Contact.objects.get().location == {}


@pytest.mark.parametrize("address", ["", "10.0.0.1", "no address", 7, None, "\u202e31.43.0.7", "1" * 5000])
def test_an_ip_that_is_none_changes_nothing(geo, key, address):  # noqa: F811
    post(event(params=[("email", "a@x.io"), ("ip", address)]), key)
    [row] = stored()
    assert set(row.params) == {"email", "ip"}


def test_without_a_file_ip_is_a_parameter_like_any_other(settings, key):  # noqa: F811
    settings.CDP_GEO_FILE = ""
    post(event(params=[("email", "a@x.io"), ("ip", KYIV)]), key)
    [row] = stored()
    assert (row.params, Contact.objects.get().location) == ({"email": "a@x.io", "ip": KYIV}, {})


def test_the_same_event_id_is_the_same_event_whatever_the_file_says(geo, settings, key):  # noqa: F811
    body = event(params=[("email", "a@x.io"), ("ip", KYIV)], eventId="e-1")
    post(body, key)
    settings.CDP_GEO_FILE = ""
    assert post(body, key).headers["x-event-status"] == "duplicate"


@pytest.mark.parametrize(
    ("ann", "bob", "sent", "noted"),
    [
        ({"external_id": "A"}, {"email": "b@x.io"}, [("externalCustomerId", "A"), ("email", "b@x.io")], CONFLICT),
        ({"email": "a@x.io"}, {"phone": "380501112233"}, [("email", "a@x.io"), ("phone", "380501112233")], CONFLICT),
        (
            {"external_id": "A"}, {"external_id": "B", "email": "b@x.io"},
            [("externalCustomerId", "A"), ("email", "b@x.io")], CONFLICT,
        ),
        ({"email": "a@x.io"}, {"contact_key": "k-1"}, [("email", "a@x.io"), ("ContactKey", "k-1")], CONFLICT),
        ({"email": "a@x.io"}, {"email": "b@x.io"}, [("email", "a@x.io")], 0),
        ({"email": "a@x.io", "phone": "380501112233"}, {"phone": "380501112233", "external_id": "B"},
         [("email", "a@x.io"), ("phone", "380501112233")], 0),
        ({"email": "a@x.io"}, {"email": "b@x.io"}, [("email", "a@x.io"), ("phone", "380501112233")], 0),
    ],
)  # fmt: skip
def test_a_weaker_identifier_of_somebody_else_is_noted_and_not_moved(key, ann, bob, sent, noted):  # noqa: F811
    first, _second = contact(**ann), contact(**bob)
    before = list(Contact.objects.order_by("pk").values_list("external_id", "email", "phone", "contact_key"))
    post(event(params=sent), key)
    [row] = stored()
    assert (row.person_id, flags(row)) == (first, noted)
    assert (
        list(Contact.objects.order_by("pk").values_list("external_id", "email", "phone", "contact_key"))
        == before
    )


def test_an_address_whose_holder_has_another_external_id_is_passed_over_and_noted(key):  # noqa: F811
    holder = contact(external_id="B", email="b@x.io")
    post(event(params=[("externalCustomerId", "A"), ("email", "b@x.io")]), key)
    post(event(params=[("externalCustomerId", "A"), ("email", "b@x.io")]), key)
    rows = stored()
    assert {row.person_id for row in rows}.isdisjoint({holder})
    assert flags(rows[0]) == PASSED
    assert Contact.objects.count() == 2


def test_the_contact_id_beats_all_and_the_rest_is_noted(key):  # noqa: F811
    ann, _bob = contact(email="a@x.io"), contact(external_id="B")
    post(event(params=[("contactId", ann), ("externalCustomerId", "B")]), key)
    [row] = stored()
    assert (row.person_id, flags(row)) == (ann, CONFLICT)


@pytest.mark.parametrize(
    ("own", "found"),
    [("A@x.io", "a@x.io"), ("no address", "b@x.io"), ("null", "b@x.io"), (None, "b@x.io"), (7, "b@x.io")],
)
def test_the_accounts_own_parameter_is_tried_before_the_standard_one(key, own, found):  # noqa: F811
    Account.objects.update(event_mapping_param="client_mail", event_mapping_field="email")
    people = {mail: contact(email=mail) for mail in ("a@x.io", "b@x.io")}
    post(event(params=[("email", "b@x.io"), ("client_mail", own)]), key)
    [row] = stored()
    assert row.person_id == people[found]
