"""The account's own event parameter: any field of the contact it may hold, and what is tried when it names nobody."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from cdp.models import Account
from cdp.services import save_account
from contacts.models import Contact, ContactField, ContactJob, FieldGroup, IndexState, JobState
from contacts.services.fields import FieldInUse, delete_field
from contacts.services.jobs import work_job
from contacts.services.lifecycle import delete_contacts
from events.intake import accept
from events.models import EventFlag, InboxEvent
from events.services import processing
from tests.events.test_vectors import _fresh, contact, event, flags, key, stored  # noqa: F401 - fixtures
from tests.events.wire import post

pytestmark = pytest.mark.django_db(transaction=True)


def field(kind="text", **values):
    group = FieldGroup.objects.order_by("pk").first()
    values = {"name": "Client number", "key": "CLIENT_NO"} | values
    return ContactField.objects.create(group=group, type=kind, **values)


def mapped(one, param="client_no"):
    """The settings as the admin saves them."""
    account = Account.objects.get(pk=1)
    account.event_mapping_param = param
    account.event_mapping_field = one if isinstance(one, str) else f"field:{one.pk}"
    save_account(account, now=timezone.now())


def with_value(one, value, **values):
    return contact(data={str(one.pk): value}, **values)


KINDS = [
    ("text", "C-17", "C-17"),
    ("text", "17", 17),
    ("integer", 17, "17"),
    ("integer", 17, 17),
    ("decimal", "17.5", "17.50"),
    ("phone", "380501112233", "+38 (050) 111-22-33"),
    ("email", "a@x.io", "a@X.io"),
    ("date", "2020-01-31", "31.01.2020"),
]


@pytest.mark.parametrize("is_indexed", [False, True])
def test_an_event_finds_the_holder_of_an_additional_field(key, is_indexed):  # noqa: F811
    contact(external_id="B")
    for place, (kind, kept, sent) in enumerate(KINDS):
        one = field(kind, key=f"OWN{place}")
        found = with_value(one, kept, external_id=f"A{place}")
        mapped(one)
        if is_indexed:
            assert work_job(now=timezone.now())
            assert ContactField.objects.get(pk=one.pk).index_state == IndexState.READY
        accept._rules.read_at = float("-inf")
        post(event(params=[("client_no", sent)]), key)
        row = stored()[-1]
        assert (kind, row.person_id, row.key_value) == (kind, found, str(sent))
    assert Contact.objects.count() == len(KINDS) + 1


def test_it_is_tried_before_the_contact_id_and_every_other_identifier(key):  # noqa: F811
    one = field()
    found = with_value(one, "C-17", email="c@x.io")
    others = [contact(email="a@x.io"), contact(phone="380501112233")]
    mapped(one)
    post(event(params=[("contactId", others[0]), ("phone", "380501112233"), ("client_no", "C-17")]), key)
    [row] = stored()
    assert (row.person_id, flags(row)) == (found, EventFlag.IDENTITY_CONFLICT)


def test_where_it_names_nobody_the_standard_parameters_do(key):  # noqa: F811
    one = field()
    with_value(one, "C-17", external_id="A")
    second = contact(email="b@x.io")
    mapped(one)
    for sent in ("C-99", "c-17", "", "null", None, True, [1], "x" * 300):
        post(event(params=[("client_no", sent), ("email", "b@x.io")]), key)
    assert [row.person_id for row in stored()] == [second] * 8


def test_of_several_holders_the_one_changed_last_is_meant_and_no_deleted_one(key):  # noqa: F811
    one = field()
    first, second, third = (with_value(one, "C-17", email=f"{n}@x.io") for n in range(3))
    Contact.objects.filter(pk=second).update(updated_at=timezone.now())
    Contact.objects.filter(pk__in=(first, third)).update(updated_at="2026-01-01T00:00Z")
    mapped(one)
    post(event(params=[("client_no", "C-17")]), key)
    delete_contacts([second], reason="", actor="test", now=timezone.now())
    post(event(params=[("client_no", "C-17")]), key)
    assert {row.person_id for row in stored()} == {first}


def test_a_holder_with_another_external_id_is_passed_over(key):  # noqa: F811
    one = field()
    with_value(one, "C-17", external_id="B")
    free = with_value(one, "C-17", email="free@x.io")
    own = with_value(one, "C-17", external_id="A")
    mapped(one)
    for external_id in ("A", "B2"):
        post(event(params=[("client_no", "C-17"), ("externalCustomerId", external_id)]), key)
    assert [row.person_id for row in stored()] == [free, free]
    delete_contacts([free], reason="", actor="test", now=timezone.now())
    post(event(params=[("client_no", "C-17"), ("externalCustomerId", "A")]), key)
    assert [row.person_id for row in stored()][-1] == own


def test_a_contact_made_from_such_an_event_has_the_value(key):  # noqa: F811
    one = field("integer")
    mapped(one)
    post(event(params=[("client_no", "17"), ("email", "new@x.io")]), key)
    post(event(params=[("client_no", 17)]), key)
    rows = stored()
    made = Contact.objects.get()
    assert (made.data, made.email) == ({str(one.pk): 17}, "new@x.io")
    assert [row.person_id for row in rows] == [made.pk, made.pk]


def test_a_value_that_nobody_has_makes_nobody_by_itself(key):  # noqa: F811
    mapped(field())
    post(event(params=[("client_no", "C-17")]), key)
    [row] = stored()
    assert (row.person_id, flags(row), Contact.objects.count()) == (0, EventFlag.UNMATCHED, 0)


@pytest.mark.parametrize(
    ("name", "own", "standard"),
    [
        ("email", ("client_no", "a@x.io"), ("email", "b@x.io")),
        ("phone", ("client_no", "380501112201"), ("phone", "380501112202")),
        ("external_id", ("client_no", "A"), ("externalCustomerId", "B")),
    ],
)
def test_an_identifier_of_ones_own_comes_first_and_the_standard_one_second(key, name, own, standard):  # noqa: F811
    first, second = contact(**{name: own[1]}), contact(**{name: standard[1]})
    mapped(name)
    post(event(params=[standard, own]), key)
    post(event(params=[standard, ("contactId", second), own]), key)
    post(event(params=[standard, ("client_no", "380501112209" if name == "phone" else "z@x.io")]), key)
    assert [row.person_id for row in stored()] == [first, first, second]


def test_a_new_contact_has_the_identifier_of_ones_own(key):  # noqa: F811
    mapped("email")
    post(event(params=[("email", "b@x.io"), ("client_no", "A@x.io")]), key)
    stored()
    assert Contact.objects.get().email_norm == "a@x.io"


def test_the_external_id_of_a_deleted_contact_stays_its_own(key):  # noqa: F811
    gone = contact(external_id="A")
    contact(email="b@x.io")
    mapped("external_id")
    delete_contacts([gone], reason="", actor="test", now=timezone.now())
    post(event(params=[("email", "b@x.io"), ("client_no", "A")]), key)
    [row] = stored()
    assert (row.person_id, flags(row)) == (0, EventFlag.UNMATCHED)


def test_the_look_up_costs_the_same_for_one_event_and_for_many(key):  # noqa: F811
    one = field()
    for n in range(30):
        with_value(one, f"C-{n}", external_id=f"X{n}")
    mapped(one)
    counts = []
    for size in (1, 2, 30):
        for n in range(size):
            post(event(params=[("client_no", f"C-{n}")]), key)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert processing.process_lane(0, limit=100, now=timezone.now()) == size
        counts.append(len(queries))
    assert counts[1] == counts[2]  # the first of a kind also writes down its structure


def test_choosing_a_field_builds_its_index_once_and_keeps_it_from_deletion():
    one = field()
    mapped(one)
    mapped(one)
    assert ContactJob.objects.count() == 1
    assert work_job(now=timezone.now())
    assert ContactJob.objects.get().state == JobState.FINISHED
    with pytest.raises(FieldInUse, match="own event parameter"):
        delete_field(one.pk, actor="test", now=timezone.now())
    mapped("email")
    delete_field(one.pk, actor="test", now=timezone.now())


def test_a_field_that_went_or_widened_meanwhile_stops_nothing(key):  # noqa: F811
    one, other = field(), contact(email="b@x.io")
    mapped(one)
    post(event(params=[("client_no", "C-17"), ("email", "b@x.io")]), key)
    assert InboxEvent.objects.get().own_kind == f"field:{one.pk}"
    ContactField.objects.filter(pk=one.pk).delete()
    assert [row.person_id for row in stored()] == [other]


def test_the_settings_form_offers_fields_and_wants_both_or_neither(admin_client):
    one, flag = field(), field("boolean", key="IS_CLIENT")
    page = "/admin/cdp/account/1/change/"
    form = admin_client.get(page).context["adminform"].form
    offered = dict(form.fields["event_mapping_field"].choices)
    assert offered[f"field:{one.pk}"] == "Personal: Client number"
    assert f"field:{flag.pk}" not in offered
    sent = {name: form[name].value() or "" for name in form.fields} | {"blocked_identifiers": "[]"}
    answer = admin_client.post(page, sent | {"event_mapping_param": "client_no"})
    assert "Name both the parameter and the field" in answer.content.decode()
    answer = admin_client.post(
        page, sent | {"event_mapping_param": "client_no", "event_mapping_field": "field:0"}
    )
    assert answer.status_code == 200
    chosen = {"event_mapping_param": "client_no", "event_mapping_field": f"field:{one.pk}"}
    assert admin_client.post(page, sent | chosen).status_code == 302
    assert Account.objects.get().event_mapping_field == f"field:{one.pk}"
    answer = admin_client.post(f"/admin/contacts/contactfield/{one.pk}/index/", {"drop": "yes"}, follow=True)
    assert "The index stays" in answer.content.decode()
