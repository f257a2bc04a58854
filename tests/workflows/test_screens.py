"""The admin of workflows: every page opens with its right, changes are POST with theirs, and no list grows with its rows."""

import json
import re

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from contacts.models import ContactList
from contacts.services.lifecycle import erase_contacts
from contacts.services.lists import add_to_list
from tests.workflows.flows import (
    EVENT,
    HOUR,
    NOW,
    contact,
    edge,
    event_type,
    happened,
    jobs,
    later,
    node,
    row_of,
    step,
    workflow,
)
from workflows.definition import reading
from workflows.drawing import draw
from workflows.models import DeadSignal, Run, Workflow, WorkflowJob
from workflows.services.editing import create_workflow
from workflows.services.history import count_blocks

pytestmark = pytest.mark.django_db

BASE = "/admin/workflows/workflow/"


@pytest.fixture
def flow():
    return workflow(row_of(node("timer", wait=HOUR), node("checkpoint", name="<b>here</b>")))


def user_with(client, *rights: str):
    user = get_user_model().objects.create_user("ann", is_staff=True)
    user.user_permissions.add(*Permission.objects.filter(codename__in=rights))
    client.force_login(user)
    return user


def test_it_works(admin_client, flow):
    happened(contact("ann"), city="Lviv")
    step()
    listed = admin_client.get(BASE).text
    assert "Flow" in listed
    assert "CartUpdated" in listed
    record = admin_client.get(f"{BASE}{flow.pk}/change/").text
    assert "<svg" in record
    assert "Add to list" not in record
    history = admin_client.get(f"{BASE}{flow.pk}/launches/?run={Run.objects.get().pk}").text
    assert "ann@example.com" in history
    assert "n_timer" in history
    assert "Lviv" in history


TABS = ["change", "launches", "why", "launch", "versions"]


@pytest.mark.parametrize("page", ["", "add/", *(f"ID/{tab}/" for tab in TABS)])
def test_a_page_opens_only_with_its_right(client, flow, page):
    user_with(client)
    address = BASE + page.replace("ID", str(flow.pk))
    assert client.get(address).status_code == 403
    client.logout()
    get_user_model().objects.all().delete()
    user_with(client, "view_workflow", "add_workflow", "launch_workflow")
    assert client.get(address).status_code == 200


def test_a_workflow_that_was_never_published_has_no_versions_yet(admin_client):
    flow = create_workflow(name="New", document=None, actor="ann", now=NOW).workflow
    assert "No versions yet" in admin_client.get(f"{BASE}{flow.pk}/versions/").text


ACTIONS = {
    "publish": "publish_workflow", "activate": "activate_workflow", "pause": "activate_workflow", "stop": "activate_workflow",
    "finish": "activate_workflow", "archive": "change_workflow", "launch": "launch_workflow", "launch-many": "launch_workflow",
    "stop-one": "launch_workflow", "restore": "change_workflow",
}  # fmt: skip


@pytest.mark.parametrize(("action", "right"), ACTIONS.items())
def test_an_action_is_a_post_with_its_right(client, flow, action, right):
    user_with(client, "view_workflow")
    address = f"{BASE}{flow.pk}/do/{action}/"
    assert client.get(address).status_code == 405
    assert client.post(address).status_code == 403
    client.logout()
    get_user_model().objects.all().delete()
    user_with(client, "view_workflow", right)
    assert client.post(address).status_code in (200, 302)


def test_without_the_token_nothing_is_changed(flow):
    from django.test import Client

    client = Client(enforce_csrf_checks=True)
    user_with(client, "view_workflow", "activate_workflow")
    assert client.post(f"{BASE}{flow.pk}/do/pause/").status_code == 403
    assert Workflow.objects.get().status == "active"


def test_a_draft_is_saved_and_its_problems_are_shown(admin_client, flow):
    body = flow.draft | {"description": "new"}
    answer = admin_client.post(
        f"{BASE}{flow.pk}/save/", {"definition": json.dumps(body), "revision": 1}, follow=True
    )
    assert "Draft saved. Publish it to change new launches." in answer.text
    assert "Not published yet" in answer.text
    body["nodes"][1]["data"]["params"] = {}
    answer = admin_client.post(
        f"{BASE}{flow.pk}/save/", {"definition": json.dumps(body), "revision": 2}, follow=True
    )
    assert "E08" in answer.text
    assert "nodes[1].data.params" in answer.text
    line = re.search(r'href="#line-(\d+)">line \d+</a> nodes\[1\]', answer.text)[1]
    assert f'id="line-{line}" class="is-error"' in answer.text
    assert 'class="wf-box is-error"' in answer.text
    assert answer.text.index('class="wf-graph"') < answer.text.index('name="definition"'), (
        "the graph comes first"
    )


def test_what_cannot_be_read_is_kept_as_it_was_typed(admin_client, flow):
    answer = admin_client.post(
        f"{BASE}{flow.pk}/save/", {"definition": '{"name": "x", "colour": 1}', "revision": 1}
    )
    assert answer.status_code == 400
    assert "unknown field `colour`" in answer.text
    assert "&quot;colour&quot;: 1" in answer.text
    assert Workflow.objects.get().draft_revision == 1


def test_a_save_over_somebody_elses_is_refused(admin_client, flow):
    answer = admin_client.post(
        f"{BASE}{flow.pk}/save/", {"definition": json.dumps(flow.draft), "revision": 7}
    )
    assert answer.status_code == 409
    assert "Not saved: the draft was saved meanwhile" in answer.text


def test_stopping_all_asks_with_the_number_and_then_does(admin_client, flow):
    for name in "abc":
        happened(contact(name))
    step()
    address = f"{BASE}{flow.pk}/do/stop/"
    asked = admin_client.post(address)
    assert "3 launches in progress are ended. This cannot be undone." in asked.text
    assert Workflow.objects.get().status == "active"
    admin_client.post(address, {"sure": "yes"})
    jobs()
    assert set(Run.objects.values_list("state", flat=True)) == {"stopped"}


def test_a_test_launch_from_the_page(admin_client, flow):
    ann = contact("ann")
    answer = admin_client.post(
        f"{BASE}{flow.pk}/do/launch/", {"contact": "ann@example.com", "as": "test", "skip_waits": "on", "params": '{"x": 1}'},
        follow=True,
    )  # fmt: skip
    assert "Test launch started." in answer.text
    run = Run.objects.get()
    assert (run.person_id, run.is_test, run.skips_waits) == (ann, True, True)
    answer = admin_client.post(f"{BASE}{flow.pk}/do/launch/", {"contact": "nobody@example.com"}, follow=True)
    assert "Name exactly one active contact" in answer.text


def test_why_answers_for_a_contact(admin_client, flow):
    contact("ann")
    page = admin_client.get(f"{BASE}{flow.pk}/why/?contact=ann@example.com").text
    assert "This contact had no event “CartUpdated” in the last 90 days." in page


def test_personal_data_needs_its_right(client, flow):
    happened(contact("ann"), secret="green tea", key="key of ann")
    step()
    user_with(client, "view_workflow")
    run = Run.objects.get()
    page = client.get(f"{BASE}{flow.pk}/launches/?run={run.pk}").text
    for words in ("ann@example.com", "green tea", "key of ann"):
        assert words not in page
    assert f"id {run.person_id}" in page


def test_captions_are_escaped(admin_client, flow):
    page = admin_client.get(f"{BASE}{flow.pk}/change/").text
    assert "<b>here</b>" not in page


def test_the_card_shows_launches_of_the_contact(admin_client, flow):
    ann = contact("ann")
    happened(ann)
    step()
    card = admin_client.get(f"/admin/contacts/contact/{ann}/change/").text
    assert f"{BASE}contact/{ann}/" in card
    assert "Flow" in admin_client.get(f"{BASE}contact/{ann}/").text
    activity = admin_client.get(f"/admin/contacts/contact/{ann}/activity/?kind=workflows&period=all").text
    assert "Flow" in activity


@pytest.mark.parametrize("page", ["ID/launches/?run=RUN", "ID/change/", "ID/versions/", "contact/WHO/"])
def test_a_page_asks_as_often_whatever_there_is(admin_client, flow, page):
    who = contact("p0")

    def queries() -> int:
        run = Run.objects.order_by("pk").first()
        address = BASE + page.replace("ID", str(flow.pk)).replace("RUN", str(run.pk)).replace("WHO", str(who))
        admin_client.get(address)
        with CaptureQueriesContext(
            connection,
        ) as caught:
            assert admin_client.get(address).status_code == 200
        return len(caught)

    happened(who)
    step()
    few = queries()
    for number in range(1, 15):
        happened(contact(f"p{number}"))
    happened(who)
    step()
    assert queries() == few
    assert few <= 30


def test_a_list_of_many_workflows_asks_a_bounded_number_of_questions(admin_client, flow):
    for _ in range(10):
        create_workflow(name="More", document=row_of(node("timer", wait=HOUR)), actor="t", now=NOW)
    with CaptureQueriesContext(connection) as caught:
        assert admin_client.get(BASE).status_code == 200
    assert len(caught) <= 20


def test_create_from_a_definition_and_its_faults(admin_client):
    event_type(EVENT)
    answer = admin_client.post(f"{BASE}add/", {"name": "", "definition": '{"name": "x", "nodes": 1}'})
    assert (answer.status_code, "Expected `array`" in answer.text) == (400, True)
    answer = admin_client.post(f"{BASE}add/", {"name": "Plain"})
    assert (answer.status_code, Workflow.objects.get().name) == (302, "Plain")


def test_counts_say_how_many_stand_where_also_after_an_erasure(admin_client, flow):
    people = [contact(name) for name in "abc"]
    for person in people:
        happened(person)
    step()
    assert count_blocks(flow.version_id)["n_timer"] == {"entered": 3, "here": 3}
    erase_contacts(people[:1], now=NOW, actor="t")
    assert count_blocks(flow.version_id)["n_timer"]["here"] == 2
    page = admin_client.get(f"{BASE}{flow.pk}/change/").text
    assert "3 entered · 2 here" in page
    assert "went on 3" in page


def test_failed_signals_are_listed(admin_client):
    DeadSignal.objects.create(kind=1, person_id=1, ref=1, at=NOW, reason="because", failed_at=NOW)
    assert "because" in admin_client.get("/admin/workflows/deadsignal/").text
    assert "1 workflow signal failed" in admin_client.get("/admin/").text


def test_the_graph_puts_every_block_below_what_leads_to_it():
    nodes = [node("start"), node("condition", "c"), node("timer", "t"), node("checkpoint", "k"), node("end")]
    edges = [
        edge("n_start", "c"),
        edge("c", "t", "yes"),
        edge("t", "k"),
        edge("c", "k", "no"),
        edge("k", "n_end"),
        edge("k", "c", "x"),
    ]
    drawing = draw(reading.read({"name": "x", "nodes": nodes, "edges": edges}))
    layer = {box.id: box.layer for box in drawing.boxes}
    assert layer == {"n_start": 0, "c": 1, "t": 2, "k": 3, "n_end": 4}
    places = {(box.x, box.y) for box in drawing.boxes}
    assert len(places) == len(nodes)
    assert all(0 <= box.x <= drawing.width - drawing.box_width for box in drawing.boxes)


def test_validate_workflow_prints_problems(tmp_path, capsys):
    event_type(EVENT)
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text(json.dumps(row_of(node("timer", wait=HOUR))))
    bad.write_text(json.dumps(row_of(node("timer"))))
    call_command("validate_workflow", str(good))
    assert "valid, 0 warnings" in capsys.readouterr().out
    with pytest.raises(CommandError, match="1 errors"):
        call_command("validate_workflow", str(bad))
    assert "E08 nodes[1].data.params: needs a wait time" in capsys.readouterr().out
    with pytest.raises(CommandError, match="No such file"):
        call_command("validate_workflow", str(tmp_path / "none.json"))
    assert later(hours=0) == NOW


def test_changes_are_told_by_captions(admin_client):
    body = row_of(
        node("timer", wait=HOUR), node("timer", "again", wait=HOUR), node("checkpoint", "k", name="here")
    )
    body["nodes"][1]["data"]["caption"] = body["nodes"][2]["data"]["caption"] = "Wait an hour"
    body["nodes"][3]["data"]["caption"] = "Half way"
    flow = workflow(body)
    versions = admin_client.get(f"{BASE}{flow.pk}/versions/").text
    assert "Wait an hour (again), Half way, End, Start, Wait an hour (n_timer)" in versions
    body["nodes"][3]["data"]["params"]["name"] = "there"
    values = {"definition": json.dumps(body), "revision": 1}
    page = admin_client.post(f"{BASE}{flow.pk}/save/", values, follow=True).text
    assert "changed Half way." in page


def test_launching_for_everybody_names_whom_and_how_many(admin_client, flow):
    vip = ContactList.objects.create(name="VIP", created_at=NOW, updated_at=NOW)
    add_to_list(vip.pk, [contact("a"), contact("b")], now=NOW)
    address = f"{BASE}{flow.pk}/do/launch-many/"
    asked = admin_client.post(address, {"source": f"list:{vip.pk}"}).text
    assert "2 contacts of “VIP” are launched, each once." in asked
    assert not WorkflowJob.objects.exists()
    assert "Choose a list or a segment." in admin_client.post(address, {"source": ""}, follow=True).text
    admin_client.post(address, {"source": f"list:{vip.pk}", "sure": "yes"})
    jobs()
    assert Run.objects.count() == 2
