"""The form of a segment: what it offers by field, what is ticked, what it says in words, what it never changes silently."""

import re

import pytest

from contacts.models import ContactField, ContactList, SubscriptionCategory
from segments.models import Segment
from tests.contacts.people import NOW, someone, upsert
from tests.segments.making import condition, make_segment, named
from tests.segments.test_screens import ADD, FORM, filled, record

pytestmark = pytest.mark.django_db


def operators_of(page):
    [select] = re.findall(r'<select name="include.0.0.cmp".*?</select>', page, re.DOTALL)
    return re.findall(r'<option value="([^"]*)"', select)


@pytest.mark.parametrize(
    ("field", "has", "lacks"),
    [
        ("first_name", {"contains", "eq"}, {"gt", "anniversary", "has_any"}),
        ("contact_id", {"gt", "between"}, {"contains", "anniversary"}),
        ("PERSONAL.BIRTHDAY", {"anniversary", "within"}, {"contains", "gt"}),
        ("created_at", {"before", "within"}, {"anniversary", "is_true"}),
    ],
)
def test_a_field_is_compared_by_what_fits_it(admin_client, field, has, lacks):
    page = admin_client.post(ADD, FORM | {"do": "refresh", "include.0.0.field": field}).text
    offered = set(operators_of(page))
    assert has <= offered
    assert not lacks & offered


def lists(*names):
    return [ContactList.objects.create(name=name, created_at=NOW, updated_at=NOW).pk for name in names]


def test_lists_are_ticked_by_name(admin_client):
    ids = lists("VIP", "News", "Staff")
    sent = FORM | {
        "include.0.0.kind": "list",
        "include.0.0.cmp": "in_all",
        "include.0.0.value": [str(pk) for pk in ids[:2]],
    }
    assert admin_client.post(ADD, sent).status_code == 302
    segment = Segment.objects.get()
    assert segment.definition["include"]["items"] == [{"kind": "list", "cmp": "in_all", "value": ids[:2]}]
    page = admin_client.get(record(segment, "edit/")).text
    assert re.findall(r'value="\d+" checked> (\w+)', page) == ["VIP", "News"]


def test_a_list_that_is_gone_stays_ticked_until_it_is_taken_out(admin_client):
    [vip, news] = lists("VIP", "News")
    segment = make_segment(condition("list", cmp="in_any", value=[vip, news]))
    ContactList.objects.get(pk=vip).delete()
    sent = filled(admin_client.get(record(segment, "edit/")).text)
    assert sorted(sent["include.0.0.value"]) == sorted([str(vip), str(news)])
    answer = admin_client.post(record(segment, "edit/"), sent | {"do": "save"})
    assert f"there is no list with the id {vip}" in answer.text


@pytest.mark.parametrize("kind", ["list", "segment"])
def test_one_beyond_those_offered_keeps_its_name(admin_client, monkeypatch, kind):
    monkeypatch.setattr("segments.admin.choices.MOST", 0)
    known = lists("VIP")[0] if kind == "list" else make_segment(named("Ann")).pk
    name = "VIP" if kind == "list" else Segment.objects.get(pk=known).name
    segment = make_segment(condition(kind, cmp="in_any", value=[known]))
    page = admin_client.get(record(segment, "edit/")).text
    assert re.findall(r'value="\d+" checked> ([^<]+)<', page) == [name]


def test_a_field_that_is_gone_is_not_exchanged_for_another(admin_client):
    field = ContactField.objects.get(key="BIRTHDAY")
    segment = make_segment(condition("field", field="PERSONAL.BIRTHDAY", cmp="not_empty"))
    ContactField.objects.filter(pk=field.pk).delete()
    page = admin_client.get(record(segment, "edit/")).text
    assert '<option value="PERSONAL.BIRTHDAY" selected>PERSONAL.BIRTHDAY ?</option>' in page
    answer = admin_client.post(record(segment, "edit/"), filled(page) | {"do": "save"})
    assert "there is no field PERSONAL.BIRTHDAY" in answer.text
    assert Segment.objects.get().definition == segment.definition


@pytest.mark.parametrize("kind", ["list", "segment", "category"])
def test_nothing_ticked_is_told_in_words(admin_client, kind):
    SubscriptionCategory.objects.all().delete()
    page = admin_client.post(
        ADD, FORM | {"include.0.0.kind": kind, "include.0.0.cmp": "", "include.0.0.value": ""}
    )
    assert page.status_code == 400
    assert "Choose at least one." in page.text
    assert "must be a list" not in page.text


def test_a_condition_that_is_no_json_says_where(admin_client):
    sent = FORM | {"include.0.0.kind": "json", "include.0.0.text": '{"kind": '}
    page = admin_client.post(ADD, sent).text
    assert "This is not JSON: Expecting value: line 1 column 10" in page
    assert "Not saved:" in page
    assert "Not counted:" in admin_client.post(ADD, sent | {"do": "preview"}).text
    assert (
        "A condition is written as { … }." in admin_client.post(ADD, sent | {"include.0.0.text": "[]"}).text
    )


def test_the_sample_is_named_for_who_may_see_it(admin_client):
    upsert(someone("X1", "E1", fields={"first_name": "Ann", "last_name": "Lee"}))
    assert ">Ann Lee</a>" in admin_client.post("/admin/segments/segment/preview/", FORM).text
    assert make_segment(named("Ann")).size == 1


def test_the_count_is_asked_again_after_a_choice_that_draws_the_form_anew(admin_client):
    assert ", load" not in admin_client.get(ADD).text
    assert "delay:400ms, load" in admin_client.post(ADD, FORM | {"do": "refresh"}).text
