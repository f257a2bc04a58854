"""Additional fields: which changes their values allow, who needs them, what a deletion wipes."""

import pytest

from contacts import field_types, field_uses
from contacts.field_uses import Use
from contacts.models import Contact, ContactAudit, ContactField, ContactJob, FieldGroup, JobState
from contacts.services.fields import FieldInUse, allowed_types, delete_field, save_field
from contacts.services.jobs import work_job
from contacts.wire import Catalogue
from tests.contacts.people import NOW
from tests.contacts.test_merge import make

pytestmark = pytest.mark.django_db

PAGE = "/admin/contacts/contactfield"


def field(kind="text", **values):
    group = FieldGroup.objects.get(key="PERSONAL")
    row = ContactField(group=group, name="Size", key=values.pop("key", "SIZE"), type=kind, **values)
    save_field(row, actor="ann", now=NOW)
    return row


def work():
    while work_job(now=NOW):
        pass


def form(row, **values):
    return {
        "group": row.group_id, "name": row.name, "key": row.key, "type": row.type, "options": ",".join(row.options),
        "merge_strategy": row.merge_strategy, "least": "", "most": "",
    } | values  # fmt: skip


@pytest.fixture
def used():
    """A field that a segment uses."""
    rows = []

    def source(ids):
        return {number: [Use("Segment", "Big feet", "/x/")] for number in ids if number in rows}

    field_uses.register("test", source)
    yield rows
    del field_uses.registry["test"]


@pytest.mark.parametrize(
    ("old", "new", "before", "after"),
    [
        ("integer", "decimal", 5, "5"),
        ("date", "datetime", "2000-06-02", "2000-06-01T21:00:00Z"),
        ("select", "multiselect", "b", ["b"]),
        ("text", "textarea", "x", "x"),
    ],
)
def test_a_wider_type_converts_the_values(old, new, before, after):
    from cdp.models import Account

    Account.objects.update(time_zone="Europe/Kyiv")
    row = field(old, options=["a", "b"] if old == "select" else [])
    filled, empty = make("X1", data={str(row.pk): before}), make("X2")
    row.type = new
    save_field(row, actor="ann", now=NOW)
    zone = Catalogue.load().rules.zone
    shown = field_types.write_value(row, before, zone)
    work()
    kept = Contact.objects.get(pk=filled).data
    assert kept == {str(row.pk): after}
    assert field_types.write_value(row, after, zone) == shown
    assert Contact.objects.get(pk=empty).data == {}
    work()
    assert set(ContactJob.objects.values_list("state", flat=True)) <= {JobState.FINISHED}


def test_which_types_may_follow_which():
    assert allowed_types("text") == ["text", "textarea"]
    assert allowed_types("textarea") == ["textarea"]
    assert allowed_types("select") == ["select", "multiselect"]
    assert allowed_types("boolean") == ["boolean"]


def test_a_deleted_field_takes_its_values_with_it():
    row = field()
    contact = make("X1", data={str(row.pk): "42", "1": "x"})
    Contact.objects.update(provenance={f"data.{row.pk}": [1, "api", "x"]})
    number = row.pk
    delete_field(number, actor="ann", now=NOW)
    work()
    kept = Contact.objects.get(pk=contact)
    assert (kept.data, kept.provenance) == ({"1": "x"}, {})
    assert ContactAudit.objects.filter(action="field", details__deleted=True, details__field=number).exists()


def test_a_field_in_use_is_not_deleted(used):
    row = field()
    used.append(row.pk)
    with pytest.raises(FieldInUse, match="Segment Big feet"):
        delete_field(row.pk, actor="ann", now=NOW)
    assert ContactField.objects.filter(pk=row.pk).exists()


def test_the_delete_page_names_who_needs_it(admin_client, used):
    row = field()
    make("X1", data={str(row.pk): "42"})
    page = admin_client.get(f"{PAGE}/{row.pk}/delete/")
    assert "1 contact has a value in it." in page.text
    used.append(row.pk)
    page = admin_client.get(f"{PAGE}/{row.pk}/delete/")
    assert (page.status_code, "Big feet" in page.text) == (409, True)
    assert admin_client.post(f"{PAGE}/{row.pk}/delete/").status_code == 409
    assert "Big feet" in admin_client.get(f"{PAGE}/").text
    used.clear()
    assert admin_client.post(f"{PAGE}/{row.pk}/delete/").status_code == 302
    assert not ContactField.objects.filter(pk=row.pk).exists()


def test_a_former_key_stays_and_cannot_be_taken(admin_client):
    row = field()
    saved = admin_client.post(f"{PAGE}/{row.pk}/change/", form(row, key="FOOT"))
    assert saved.status_code == 302, saved.context["adminform"].form.errors
    row.refresh_from_db()
    assert (row.key, row.former_keys) == ("FOOT", ["SIZE"])
    other = form(row, key="SIZE", name="Other")
    page = admin_client.post(f"{PAGE}/add/", other)
    assert "had this key" in page.text
    admin_client.post(f"{PAGE}/{row.pk}/change/", form(row, key="SIZE"))
    row.refresh_from_db()
    assert (row.key, row.former_keys) == ("SIZE", ["FOOT"])


@pytest.mark.parametrize(
    ("kind", "values", "words"),
    [
        ("text", {"type": "integer"}, "Select a valid choice"),
        ("text", {"least": "1"}, "Only numbers"),
        ("text", {"is_regular": "on"}, "Only dates"),
        ("text", {"merge_strategy": "sum"}, "does not fit the type"),
        ("integer", {"least": "5", "most": "1"}, "below the least"),
        ("select", {"options": ""}, "at least one option"),
        ("select", {"options": "a,A"}, "Two options are the same"),
        ("text", {"key": "a.b"}, "capital Latin letters"),
    ],
)
def test_what_makes_no_sense_is_refused_at_its_field(admin_client, kind, values, words):
    row = field(kind, options=["a"] if kind == "select" else [])
    page = admin_client.post(f"{PAGE}/{row.pk}/change/", form(row, **values))
    assert page.status_code == 200
    assert words in page.text


def test_a_regular_date_and_a_wider_type_are_saved_from_the_form(admin_client):
    row = field("date")
    admin_client.post(
        f"{PAGE}/{row.pk}/change/", form(row, is_regular="on", type="datetime", merge_strategy="max")
    )
    row.refresh_from_db()
    assert (row.is_regular, row.type, row.merge_strategy) == (True, "datetime", "max")
    assert ContactJob.objects.get().kind == "convert"


def test_the_index_is_asked_for_from_the_page(admin_client):
    row = field("integer")
    assert "Build the index" in admin_client.get(f"{PAGE}/{row.pk}/change/").text
    assert admin_client.get(f"{PAGE}/{row.pk}/index/").status_code == 405
    admin_client.post(f"{PAGE}/{row.pk}/index/")
    row.refresh_from_db()
    assert row.index_state == "building"
    assert ContactJob.objects.get().request == {"field": row.pk}


def test_a_group_with_fields_cannot_go(admin_client):
    group = FieldGroup.objects.get(key="PERSONAL")
    assert (
        admin_client.post(f"/admin/contacts/fieldgroup/{group.pk}/delete/", {"post": "yes"}).status_code
        == 403
    )
