"""What is wrong with a segment is told in the reader's language; what is kept of it stays English."""

import html
from datetime import timedelta

import pytest
from django.utils import translation

from contacts.models import ContactList
from contacts.services.lists import ensure_lists
from segments.models import Build, Segment, SegmentState
from segments.rules import DefinitionError
from segments.services.builds import work_build
from segments.services.clock import sweep
from segments.services.definitions import create_segment
from tests.contacts.people import NOW, someone, upsert
from tests.segments.making import all_of, condition, make_segment, named, settle
from tests.segments.test_screens import ADD, FORM, record

pytestmark = pytest.mark.django_db


@pytest.fixture
def vip() -> int:
    [number] = ensure_lists(["VIP"], now=NOW).values()
    return number


def text_of(reply) -> str:
    return html.unescape(reply.text)


@pytest.mark.parametrize(
    ("sent", "english", "other"),
    [
        ({"field": "contact_id", "value": "many"}, "must be a number", "має бути числом"),
        ({"field": "email", "value": "x"}, "'x' is not valid email", "«x» не схоже на e-mail"),
        ({"field": "first_name", "value": ""}, "must not be empty; use is_empty", "не може бути порожнім; для цього є is_empty"),
        ({"field": "first_name", "cmp": "matches", "value": "("}, "is not a pattern: ", "не є шаблоном: "),
        ({"kind": "event", "event": "Nothing", "cmp": "gte", "value": "1"}, "there is no event type Nothing", "немає типу подій Nothing"),
        (
            {"kind": "json", "text": '{"kind": "random", "salt": "s", "from": 5, "to": 5}'},
            "to: must be greater than from", "to: має бути більшим за from",
        ),
        (
            {"kind": "json", "text": '{"kind": "message", "activity": "sent", "filter": {"message": [99999]}}'},
            "there is no message with the id 99999", "немає повідомлення з id 99999",
        ),
    ],
)  # fmt: skip
def test_it_works(admin_client, ukrainian, sent, english, other):
    form = FORM | {f"include.0.0.{name}": text for name, text in sent.items()}
    page = text_of(ukrainian.post(ADD, form))
    assert other in page
    assert english not in page
    page = text_of(admin_client.post(ADD, form))
    assert english in page
    assert other not in page
    assert not Segment.objects.exists()


def test_a_refusal_is_told_in_the_readers_language(ukrainian):
    make_segment(named("Ann"), name="Anns")
    assert "Таку назву має інший сегмент." in text_of(ukrainian.post(ADD, FORM))
    inner = Segment.objects.get()
    make_segment(condition("segment", cmp="in_any", value=[inner.pk]), name="Outer")
    page = text_of(ukrainian.post(record(inner, "do/delete/"), follow=True))
    assert "«Anns» використовують: сегмент «Outer»." in page


def test_what_is_kept_of_a_broken_segment_is_english_and_its_pages_speak_ukrainian(ukrainian, vip):
    segment = make_segment(condition("list", cmp="in_any", value=[vip]))
    ContactList.objects.get(pk=vip).delete()
    with translation.override("uk"):
        sweep(now=NOW + timedelta(minutes=2))
    english = f"/include/items/0: there is no list with the id {vip}"
    assert Segment.objects.get().reason == english
    for page in (record(segment), record(segment, "history/"), "/admin/segments/segment/?view=broken"):
        told = text_of(ukrainian.get(page))
        assert f"немає списку з id {vip}" in told
        assert english not in told


def test_what_was_noted_is_shown_where_nothing_lacks_by_now(admin_client):
    segment = make_segment(named("Ann"))
    Segment.objects.update(state=SegmentState.BROKEN, reason="it was gone for a minute")
    assert "it was gone for a minute" in admin_client.get(record(segment)).text


def test_what_a_build_keeps_is_english(compiled, vip):
    definition = all_of(condition("list", cmp="in_none", value=[vip]))
    create_segment(name="Not VIP", definition=definition, actor="t", now=NOW)
    ContactList.objects.get(pk=vip).delete()
    with translation.override("uk"):
        assert work_build(now=NOW) == 1
    kept = f"/include/items/0: there is no list with the id {vip}"
    assert (Segment.objects.get().reason, Build.objects.get().last_error) == (kept, kept)


def test_what_the_live_path_keeps_is_english(compiled, vip):
    make_segment(condition("list", cmp="in_none", value=[vip]))
    ContactList.objects.get(pk=vip).delete()
    upsert(someone("X1"))
    with translation.override("uk"):
        settle()
    assert Segment.objects.get().reason == f"there is no list with the id {vip}"


def test_where_nobody_reads_faults_are_english(compiled):
    with (
        translation.override(None),
        pytest.raises(DefinitionError, match="include/items/0/op: must be one of"),
    ):
        create_segment(name="Bad", definition=all_of({"op": "xor", "items": []}), actor="t", now=NOW)
