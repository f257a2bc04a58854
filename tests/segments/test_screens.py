"""Segments in the admin: found, made, edited, explained and refused, each by its right."""

import html
import json
import re
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from contacts.models import ContactList
from segments.builder.sheet import sheet_of
from segments.models import Segment, SegmentState
from segments.rules import read_definition
from segments.services.clock import sweep
from segments.services.definitions import archive_segment, update_segment
from segments.services.uses import Use, register_use_finder
from tests.contacts.people import NOW, someone, upsert
from tests.events.inbox import event_type
from tests.segments.making import all_of, condition, did, make_segment, named, settle
from tests.segments.vector_world import NOW as VECTOR_NOW
from tests.segments.vector_world import VECTORS, make_world

pytestmark = pytest.mark.django_db

ADD = "/admin/segments/segment/add/"


def record(segment, tab="change/"):
    return f"/admin/segments/segment/{segment.pk}/{tab}"


FORM = {
    "name": "Anns", "is_live": "on", "include.count": "1", "include.0.count": "1", "include.0.op": "and",
    "include.0.0.kind": "field", "include.0.0.field": "first_name", "include.0.0.cmp": "eq", "include.0.0.value": "Ann",
    "exclude.count": "0", "do": "save",
}  # fmt: skip


def test_it_works(admin_client):
    page = admin_client.post(ADD, FORM)
    segment = Segment.objects.get()
    assert page.status_code == 302
    assert page.url == record(segment)
    assert segment.definition == all_of(named("Ann"))
    shown = admin_client.get(page.url).text
    assert "First name is Ann" in shown
    assert "Waiting to be counted" in shown
    assert "Anns" in admin_client.get("/admin/segments/segment/").text


def test_cards_make_the_formula(admin_client):
    event_type("Bought")
    card = {"op": "and", "count": "1", "0.kind": "field", "0.field": "email", "0.cmp": "not_empty"}
    bought = {
        "op": "or", "not": "on", "join": "or", "count": "1", "0.kind": "event", "0.event": "Bought", "0.fn": "sum",
        "0.param": "total", "0.cmp": "gte", "0.value": "500", "0.wtype": "last", "0.wamount": "30", "0.wunit": "day",
        "0.param0": "brand", "0.cmp0": "in", "0.value0": "Acme, Zed",
    }  # fmt: skip
    out = {
        "op": "or",
        "count": "1",
        "0.kind": "random",
        "0.salt": "s",
        "0.from": "0",
        "0.to": "10",
        "0.not": "on",
    }
    form = {"name": "Mixed", "include.count": "2", "exclude.count": "1", "do": "save"}
    for name, values in (("include.0", card), ("include.1", bought), ("exclude.0", out)):
        form |= {f"{name}.{key}": text for key, text in values.items()}
    assert admin_client.post(ADD, form).status_code == 302
    assert Segment.objects.get().definition == {
        "version": 1,
        "include": {"op": "or", "items": [
            {"op": "and", "items": [{"kind": "field", "field": "email", "cmp": "not_empty"}]},
            {"op": "or", "not": True, "items": [{
                "kind": "event", "event": "Bought", "window": {"type": "last", "amount": 30, "unit": "day"},
                "where": [{"param": "brand", "cmp": "in", "value": ["Acme", "Zed"]}],
                "measure": {"fn": "sum", "param": "total"}, "cmp": "gte", "value": 500,
            }]},
        ]},
        "exclude": {"op": "or", "items": [{"op": "or", "items": [
            {"kind": "random", "salt": "s", "from": 0, "to": 10, "not": True}
        ]}]},
    }  # fmt: skip


COVERED = [f"V{number}" for number in (*range(1, 23), 35, 38)]


@pytest.mark.parametrize("name", COVERED)
def test_a_saved_definition_reopens_in_the_form_as_it_was(name):
    definition = VECTORS[name]["definition"]
    again = sheet_of(definition).definition()
    assert read_definition(again).fingerprint == read_definition(definition).fingerprint


def test_what_is_deeper_than_cards_reopens_as_json():
    deep = all_of({"op": "or", "items": [named("A"), {"op": "and", "items": [named("B")]}]})
    assert sheet_of(deep).is_text
    assert sheet_of(deep).definition() == deep
    nested = all_of(
        did("E", where=[{"param": "i", "cmp": "any", "where": [{"param": "b", "cmp": "eq", "value": "x"}]}])
    )
    sheet = sheet_of(nested)
    assert [one.kind for one in sheet.include[0].conditions] == ["json"]
    assert sheet.definition() == nested


def test_buttons_add_and_remove_without_saving(admin_client):
    page = admin_client.post(ADD, FORM | {"do": "add:include.0", "include.0.new": "event"}).text
    assert 'name="include.0.1.kind" value="event"' in page
    page = admin_client.post(ADD, FORM | {"do": "add-card:exclude"}).text
    assert 'name="exclude.count" value="1"' in page
    page = admin_client.post(ADD, FORM | {"do": "drop:include.0.0"}).text
    assert 'name="include.0.0.kind"' not in page
    page = admin_client.post(ADD, FORM | {"do": "as-json"}).text
    assert 'name="is_text"' in page
    for nonsense in ("drop:include.9.9", "add:elsewhere.0", "drop-card:include.x", "dance", "drop:"):
        assert admin_client.post(ADD, FORM | {"do": nonsense}).status_code == 200
    assert not Segment.objects.exists()


def test_the_preview_counts_before_saving(admin_client):
    [ann] = upsert(someone("X1", "E1", fields={"first_name": "Ann"}))
    shown = admin_client.post("/admin/segments/segment/preview/", FORM).text
    assert ">1</strong>" in shown
    assert f"/admin/contacts/contact/{ann.contact_id}/change/" in shown
    assert ">1</strong>" in admin_client.post(ADD, FORM | {"do": "preview"}).text
    assert not Segment.objects.exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": " "}, "The name must have"),
        ({"include.0.0.cmp": "gt"}, "is compared by one of"),
        ({"include.0.0.value": ""}, "must not be empty"),
        ({"include.0.0.field": "NO.SUCH"}, "there is no field NO.SUCH"),
        ({"include.0.count": "0"}, "must hold at least one condition"),
        ({"include.count": "0"}, "must hold at least one condition"),
        ({"is_text": "1", "text": "{"}, "is not JSON"),
        (
            {"is_text": "1", "text": json.dumps(all_of(condition("mood")))},
            "/include/items/0/kind: must be one of",
        ),
    ],
)
def test_a_fault_is_told_where_it_is(admin_client, change, words):
    page = admin_client.post(ADD, FORM | change)
    assert page.status_code == 400
    assert words in page.text
    assert not Segment.objects.exists()


def test_two_segments_cannot_have_one_name(admin_client):
    admin_client.post(ADD, FORM)
    page = admin_client.post(ADD, FORM)
    assert "Another segment has this name" in page.text
    assert Segment.objects.count() == 1


def test_editing_makes_a_version_that_can_be_restored(admin_client):
    segment = make_segment(named("Ann"), name="Anns")
    page = admin_client.get(record(segment, "edit/")).text
    assert 'value="Ann"' in page
    admin_client.post(record(segment, "edit/"), FORM | {"include.0.0.value": "Bob"})
    assert Segment.objects.get().definition == all_of(named("Bob"))
    assert "First name is Ann" in admin_client.get(record(segment, "history/")).text
    admin_client.post(record(segment, "do/restore/"), {"version": "1"})
    restored = Segment.objects.get()
    assert (restored.definition, restored.version) == (all_of(named("Ann")), 3)


def test_the_record_shows_members_and_what_happened(admin_client):
    segment = make_segment(named("Ann"))
    [ann] = upsert(someone("X1", "E1", fields={"first_name": "Ann", "last_name": "Lee"}))
    settle(now=timezone.now())
    assert "Ann Lee" in admin_client.get(record(segment, "contacts/")).text
    assert 'is-number">1</td>' in admin_client.get(record(segment, "reach/")).text
    assert "+1 −0" in admin_client.get("/admin/segments/segment/").text
    assert "entered" in admin_client.get(record(segment, "history/")).text
    why = admin_client.get(record(segment, f"why/?contact={ann.contact_id}")).text
    assert "is in" in why
    assert "seen:" in why
    assert "No contact is meant" in admin_client.get(record(segment, "why/?contact=nobody")).text


def test_members_whose_entering_was_forgotten(admin_client, settings):
    upsert(someone("X1", "E1", fields={"first_name": "Ann", "last_name": "Lee"}))
    segment = make_segment(named("Ann"), now=timezone.now())
    assert "when it was first counted" in admin_client.get(record(segment, "contacts/")).text
    Segment.objects.update(created_at=timezone.now() - timedelta(days=settings.MEMBERSHIP_DAYS + 1))
    page = admin_client.get(record(segment, "contacts/")).text
    assert "when it was first counted" not in page
    assert "before <time" in page


def test_a_broken_segment_says_what_is_gone(admin_client):
    number = ContactList.objects.create(name="VIP", created_at=NOW, updated_at=NOW).pk
    segment = make_segment(condition("list", cmp="in_any", value=[number]))
    ContactList.objects.get(pk=number).delete()
    sweep(now=NOW.replace(minute=30))
    assert Segment.objects.get().state == SegmentState.BROKEN
    for page in (record(segment), "/admin/segments/segment/?view=broken", record(segment, "history/")):
        assert "there is no list with the id" in admin_client.get(page).text


def test_a_segment_in_use_is_neither_deleted_nor_archived(admin_client):
    inner = make_segment(named("Ann"), name="Inner")
    outer = make_segment(condition("segment", cmp="in_any", value=[inner.pk]), name="Outer")
    for action in ("delete", "archive"):
        page = admin_client.post(record(inner, f"do/{action}/"), follow=True).text
        assert "is used by segment “Outer”" in page
    assert Segment.objects.count() == 2
    admin_client.post(record(outer, "do/delete/"))
    admin_client.post(record(inner, "do/delete/"))
    assert not Segment.objects.exists()


def test_higher_apps_say_where_a_segment_is_used(admin_client):
    segment = make_segment(named("Ann"))
    register_use_finder("test", lambda pk: [Use("workflow", "Welcome")] if pk == segment.pk else [])
    try:
        assert "Welcome" in admin_client.get(record(segment)).text
        assert "Welcome" in admin_client.post(record(segment, "do/delete/"), follow=True).text
    finally:
        register_use_finder("test", lambda pk: [])  # noqa: ARG005


def test_an_archived_segment_comes_back(admin_client):
    segment = make_segment(named("Ann"))
    archive_segment(segment.pk, now=NOW)
    assert "Archived" in admin_client.get(record(segment)).text
    admin_client.post(record(segment, "do/unarchive/"))
    assert Segment.objects.get().state == SegmentState.ACTIVE


def test_every_screen_asks_for_its_right(client):
    segment = make_segment(named("Ann"))
    user = get_user_model().objects.create_user("ann", is_staff=True)
    client.force_login(user)
    pages = [record(segment, tab) for tab in ("change/", "contacts/", "history/", "why/", "edit/", "reach/")]
    for page in ["/admin/segments/segment/", ADD, *pages]:
        assert client.get(page).status_code == 403, page
    assert client.post("/admin/segments/segment/preview/", FORM).status_code == 403
    for action in ("delete", "archive", "rebuild"):
        assert client.post(record(segment, f"do/{action}/")).status_code == 403
    user.user_permissions.add(Permission.objects.get(codename="view_segment"))
    for page, status in zip(pages, (200, 403, 200, 403, 403, 200), strict=True):
        assert client.get(page).status_code == status, page
    assert client.get(record(segment, "do/delete/")).status_code == 405


def test_the_list_costs_the_same_however_many_there_are(admin_client):
    make_segment(named("Ann"))
    admin_client.get("/admin/segments/segment/")
    with CaptureQueriesContext(connection) as few:
        admin_client.get("/admin/segments/segment/")
    for number in range(5):
        make_segment(named(f"Ann{number}"))
    with CaptureQueriesContext(connection) as many:
        admin_client.get("/admin/segments/segment/")
    assert len(many) == len(few) <= 10


def test_a_cycle_is_refused(admin_client):
    inner = make_segment(named("Ann"), name="Inner")
    outer = make_segment(condition("segment", cmp="in_any", value=[inner.pk]), name="Outer")
    body = all_of(condition("segment", cmp="in_any", value=[outer.pk]))
    page = admin_client.post(
        record(inner, "edit/"), {"name": "Inner", "is_text": "1", "text": json.dumps(body)}
    )
    assert page.status_code == 400
    assert "refers back to this one" in page.text
    assert update_segment(inner.pk, name="In", actor="t", now=NOW).definition == all_of(named("Ann"))


SELECT = re.compile(r'<select name="([^"]+)".*?</select>', re.DOTALL)
CHOSEN = re.compile(r'<option value="([^"]*)" selected')
TEXTAREA = re.compile(r'<textarea name="([^"]+)"[^>]*>(.*?)</textarea>', re.DOTALL)


def filled(page: str) -> dict[str, str | list[str]]:
    """What a browser would send for the form as it stands."""
    form = page[page.index('<form class="ui-page ui-form ui-segment"') :]
    found: dict[str, str | list[str]] = {}
    ticked: dict[str, list[str]] = {}
    for tag in re.findall(r"<input[^>]*>", form):
        name, value = re.search(r'name="([^"]+)"', tag), re.search(r'value="([^"]*)"', tag)
        if name and 'type="checkbox"' in tag and value:
            ticked.setdefault(name[1], []).extend([html.unescape(value[1])] if " checked" in tag else [])
        elif name and not ('type="checkbox"' in tag and " checked" not in tag):
            found[name[1]] = html.unescape(value[1]) if value else "on"
    found |= ticked
    for match in SELECT.finditer(form):
        chosen = CHOSEN.search(match[0]) or re.search(r'<option value="([^"]*)"', match[0])
        found[match[1]] = html.unescape(chosen[1]) if chosen else ""
    for match in TEXTAREA.finditer(form):
        found[match[1]] = html.unescape(match[2])
    return found


@pytest.mark.parametrize("name", COVERED)
def test_saving_what_the_form_shows_changes_nothing(admin_client, name):
    make_world()
    definition = VECTORS[name]["definition"]
    segment = make_segment(definition=definition, now=VECTOR_NOW)
    sent = filled(admin_client.get(record(segment, "edit/")).text) | {"do": "save"}
    answer = admin_client.post(record(segment, "edit/"), sent)
    assert answer.status_code == 302, answer.text
    assert Segment.objects.get().fingerprint == read_definition(definition).fingerprint
