"""The filters of the contact list: who fits each, what a bad value is told, and how the list shows them."""

from datetime import UTC, datetime, timedelta
from html import unescape

import pytest

from cdp.ui.keyset import read_page
from contacts import groups
from contacts.filters import ASKED_BY_ID, KINDS, read_filter, restore_filter
from contacts.models import Contact, ContactField, FieldGroup
from contacts.services.addresses import unsubscribe_address
from contacts.services.lists import add_to_list, ensure_lists
from tests.contacts.people import NOW, someone, upsert

pytestmark = pytest.mark.django_db
LIST = "/admin/contacts/contact/"


class Club:
    """A kind of group whose members a test names."""

    type = "Club"

    def __init__(self, ids):
        self.ids = ids

    def rows(self):
        from contacts.models import ContactList

        return ContactList.objects.filter(name="Club")

    def members(self, group_id, *, start, stop, ascending):
        return None

    def all_members(self, group_id):
        return self.ids


@pytest.fixture
def field():
    group = FieldGroup.objects.create(name="Shop", key="SHOP")
    return ContactField.objects.create(group=group, name="Size", key="SIZE", type="text")


@pytest.fixture
def people(field):
    """Four people: Ann has all, Bob a phone and an opt-out, Cat a token, Dan little and long ago."""
    rows = [
        someone("X1", "E1", "P1", fields={"first_name": "Ann", "language": "uk", "time_zone": "Europe/Kyiv", "town": "Lviv"},
                data={str(field.pk): "XL"}),
        someone("E2", "P2", fields={"first_name": "Bob", "language": "en"}),
        someone("T3", "X3", fields={"first_name": "Cat", "language": "uk-UA"}),
    ]  # fmt: skip
    ids = [outcome.contact_id for outcome in upsert(*rows)]
    [old] = upsert(someone("E4", fields={"first_name": "Dan"}), now=NOW - timedelta(days=400))
    Contact.objects.filter(pk=old.contact_id).update(source="import")
    names = dict(zip(("Ann", "Bob", "Cat", "Dan"), [*ids, old.contact_id], strict=True))
    unsubscribe_address(kind="email", value="e2@example.com", reason="", actor="test", now=NOW)
    for name, members in (("VIP", ("Ann", "Cat")), ("Club", ())):
        number = ensure_lists([name], now=NOW)[name]
        add_to_list(number, [names[one] for one in members], now=NOW)
        names[name] = number
    return names


def fitting(**params):
    found = read_filter(params)
    assert found.errors == {}
    ids = list(found.narrow(Contact.objects.all()).order_by("pk").values_list("pk", flat=True))
    return "".join(Contact.objects.get(pk=one).first_name[0] for one in found.sieve(ids))


@pytest.mark.parametrize(
    ("params", "who"),
    [
        ({}, "ABCD"),
        ({"email": "none"}, "C"),
        ({"email": "any"}, "ABD"),
        ({"email": "active"}, "AD"),
        ({"email": "unsubscribed,blacklisted"}, "B"),
        ({"phone": "none"}, "CD"),
        ({"phone": "active"}, "AB"),
        ({"push": "any"}, "C"),
        ({"push": "mobile"}, "C"),
        ({"push": "web,telegram"}, ""),
        ({"push": "none"}, "ABD"),
        ({"source": "import"}, "D"),
        ({"source": "api,import"}, "ABCD"),
        ({"language": "uk"}, "A"),
        ({"language": "UK_ua,en"}, "BC"),
        ({"language": "none"}, "D"),
        ({"zone": "Europe/Kiev"}, "A"),
        ({"zone": "none"}, "BCD"),
        ({"created_from": "2026-03-10"}, "ABC"),
        ({"created_to": "2026-03-09"}, "D"),
        ({"created_from": "2026-03-10", "created_to": "2026-03-10"}, "ABC"),
        ({"updated_to": "2025-12-31"}, "D"),
        ({"filled": "town"}, "A"),
        ({"empty": "town,phone"}, "CD"),
        ({"empty": "external_id"}, "BD"),
        ({"email": "any", "phone": "none"}, "D"),
        ({"q": "ann"}, "A"),
        ({"q": "e2@example.com", "phone": "any"}, "B"),
        ({"view": "email-unsubscribed"}, "B"),
        ({"view": "deleted"}, ""),
    ],
)  # fmt: skip
def test_who_fits(people, params, who):
    assert fitting(**params) == who


def test_lists_fields_and_groups(people, field):
    assert fitting(list=str(people["VIP"])) == "AC"
    assert fitting(nolist=str(people["VIP"])) == "BD"
    assert fitting(filled=f"field.{field.pk}") == "A"
    assert fitting(empty=f"field.{field.pk}") == "BCD"


@pytest.mark.parametrize("size", [2, ASKED_BY_ID + 1])
def test_segments_few_members_or_many(people, monkeypatch, size):
    few = {people["Bob"], people["Dan"]}
    many = few | set(range(10**9, 10**9 + size - 2))
    monkeypatch.setitem(groups.registry, "Club", Club(frozenset(many)))
    assert fitting(segment=str(people["Club"])) == "BD"
    assert fitting(nosegment=str(people["Club"])) == "AC"


BAD = {
    "email": "gone", "phone": "any,active", "push": "pigeon", "source": "", "list": "x", "nolist": "999999", "segment": "-1",
    "nosegment": "5", "created_from": "yesterday", "created_to": "2026-02-30", "updated_from": "1850-01-01",
    "updated_to": "31.01.2026", "language": "ukrainian", "zone": "GMT+2", "filled": "email_norm", "empty": "field.0",
}  # fmt: skip


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, v in BAD.items() if v])
def test_a_bad_value_is_told_at_its_filter_and_shows_nobody(admin_client, people, name, value):
    found = read_filter({name: value})
    assert list(found.errors) == [name]
    assert not found.narrow(Contact.objects.all()).exists()
    page = admin_client.get(LIST, {name: value})
    assert page.status_code == 400
    assert found.errors[name] in unescape(page.content.decode())


def test_every_filter_has_a_bad_value_above():
    assert set(BAD) == set(KINDS)


@pytest.mark.parametrize("value", ["\0", "a" * 501, "'; DROP TABLE x; --", "😀", "%", ","])
def test_naughty_values_are_refused_not_raised(admin_client, people, value):
    for name in KINDS:
        assert admin_client.get(LIST, {name: value}).status_code in (200, 400)


def test_a_kept_filter_means_the_same_search_when_nobody_has_the_address_any_more(people):
    kept = read_filter({"q": "e1@example.com", "email": "active"}).kept()
    assert kept == {"email": "active", "term": ["email", "e1@example.com"]}
    Contact.objects.filter(pk=people["Ann"]).update(email_norm="x")
    [_other] = upsert(someone("X9", fields={"first_name": "e1@example.com fan"}))
    assert not restore_filter(kept).narrow(Contact.objects.all()).exists()


def test_the_list_shows_chips_that_take_a_filter_away(admin_client, people):
    page = admin_client.get(LIST, {"email": "any", "phone": "none", "view": "all"}).content.decode()
    assert "has an e-mail" in page
    assert "has no phone" in page
    assert 'href="?email=any&amp;view=all"' in page
    assert "Dan" in page
    assert "Ann" not in page


def test_creation_asked_for_is_creation_ordered_by(admin_client, people):
    page = admin_client.get(LIST, {"created_from": "2020-01-01"})
    assert page.context_data["cl"].order.key == "created"
    assert page.context_data["cl"].order.fields == ("-created_at", "-id")


@pytest.mark.parametrize("order", [("-updated_at", "-id"), ("updated_at", "id"), ("-id",)])
def test_pages_of_a_sieved_list_hold_everybody_once_there_and_back(order):
    now = datetime.now(UTC)
    rows = [someone(f"X{n}") for n in range(137)]
    ids = [outcome.contact_id for outcome in upsert(*rows, now=now)]
    wanted = set(ids[::3])

    def sieve(some):
        return [one for one in some if one in wanted]

    seen, page = [], read_page(Contact.objects.all(), order=order, size=10, sieve=sieve)
    pages = [page]
    while True:
        seen += [row.pk for row in page.rows]
        if not page.older:
            break
        page = read_page(Contact.objects.all(), order=order, size=10, after=page.older, sieve=sieve)
        pages.append(page)
    assert len(seen) == len(set(seen)) == len(wanted)
    assert set(seen) == wanted
    back = read_page(Contact.objects.all(), order=order, size=10, before=pages[2].newer, sieve=sieve)
    assert [row.pk for row in back.rows] == [row.pk for row in pages[1].rows]
