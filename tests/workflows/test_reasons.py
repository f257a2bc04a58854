"""Why a launch ended and a block was passed is said in words wherever it is shown, never by its code."""

import pytest

from contacts.models import ContactList
from contacts.services.lifecycle import delete_contacts
from events.models import EventType
from tests.workflows.flows import (
    HOUR,
    NOW,
    contact,
    event_type,
    happened,
    jobs,
    later,
    node,
    row_of,
    step,
    workflow,
)
from workflows.models import Run
from workflows.services import reasons
from workflows.services.ending import stop_runs
from workflows.services.history import count_blocks
from workflows.services.launching import launch_test
from workflows.services.operating import deactivate

pytestmark = pytest.mark.django_db

BASE = "/admin/workflows/workflow/"


@pytest.fixture
def flow():
    event_type("Ordered")
    EventType.objects.filter(key="Ordered").update(name="Order placed")
    bought = ContactList.objects.create(name="Regulars", created_at=NOW, updated_at=NOW)
    rules = [
        {"id": "x1", "on": "event", "types": ["Ordered"]},
        {"id": "x2", "on": "segment", "segment": {"ref": "list", "id": bought.pk}},
    ]
    body = row_of(node("timer", wait=HOUR)) | {"stop": {"exit_rules": rules}}
    body["nodes"][0] = node("start", early_stop=[{"by": "event", "type": "Ordered"}])
    body["nodes"][-1] = node("end", "n_end", outcome="all well")
    return workflow(body)


def launched(name="ann"):
    ann = contact(name)
    happened(ann)
    step()
    return ann, Run.objects.get(person_id=ann)


def seen(admin_client, flow, person, run):
    """What the history, the launch itself, the contact's tab and the contact's activity say."""
    addresses = (
        f"{BASE}{flow.pk}/launches/?tab=stopped", f"{BASE}{flow.pk}/launches/?run={run.pk}", f"{BASE}contact/{person}/",
        f"/admin/contacts/contact/{person}/activity/?kind=workflows&period=all",
    )  # fmt: skip
    return [admin_client.get(address).text for address in addresses]


def test_it_works(admin_client, flow):
    ann, run = launched()
    happened(ann, "Ordered", at=later(minutes=5))
    for page in seen(admin_client, flow, ann, run):
        assert "“Order placed” happened" in page
        assert "exit:x1</" not in page


def ended_by_hand():
    stop_runs([Run.objects.get().pk], actor="boss", now=NOW)


def ended_with_its_workflow():
    deactivate(Run.objects.get().workflow_id, running="stop", actor="boss", now=NOW)
    jobs()


def ended_with_its_contact():
    delete_contacts([Run.objects.get().person_id], actor="boss", now=NOW)
    step(later(hours=1))


ENDS = {
    "by hand: boss": ended_by_hand, "the workflow was stopped": ended_with_its_workflow,
    "the contact is deleted or restricted": ended_with_its_contact,
}  # fmt: skip


@pytest.mark.parametrize(("words", "end"), ENDS.items())
def test_each_end_has_its_words(admin_client, flow, words, end):
    _ann, run = launched()
    end()
    assert Run.objects.get().state == "stopped"
    for address in (f"{BASE}{flow.pk}/launches/?tab=stopped", f"{BASE}{flow.pk}/launches/?run={run.pk}"):
        assert words in admin_client.get(address).text


def test_what_the_author_wrote_at_an_end_stays_as_it_is(admin_client, flow):
    launched()
    step(later(hours=1))
    assert "all well" in admin_client.get(f"{BASE}{flow.pk}/launches/?tab=completed").text


def test_the_history_is_filtered_by_reasons_in_words(admin_client, flow):
    ann, _run = launched()
    happened(ann, "Ordered", at=later(minutes=5))
    _bob, stopped = launched("bob")
    stop_runs([stopped.pk], actor="boss", now=NOW)
    page = admin_client.get(f"{BASE}{flow.pk}/launches/?tab=stopped").text
    for option in (
        '<option value="exit:x1">“Order placed” happened</option>',
        '<option value="exit:x2">the contact is in “Regulars”</option>', '<option value="by hand:">by hand</option>',
    ):  # fmt: skip
        assert option in page
    by_hand = admin_client.get(f"{BASE}{flow.pk}/launches/?tab=stopped&reason=by+hand:").text
    assert ("bob@example.com" in by_hand, "ann@example.com" in by_hand) == (True, False)


def test_a_contact_s_launches_name_the_block_they_stand_on(admin_client, flow):
    ann, _run = launched()
    for page in (
        f"{BASE}contact/{ann}/",
        f"/admin/contacts/contact/{ann}/activity/?kind=workflows&period=all",
    ):
        text = admin_client.get(page).text
        assert "n_timer" not in text
        assert "Timer" in text


def test_a_check_of_start_and_a_rule_that_is_gone_are_told():
    event_type("Ordered")
    pairs = [
        (1, "early_stop:Ordered"),
        (1, "early_stop:list 7"),
        (1, "exit:gone"),
        (1, "mailbox_full"),
        (1, "?"),
    ]
    told = reasons.tell_reasons(pairs)
    assert told[pairs[0]].endswith("” happened")
    assert [told[pair] for pair in pairs[1:]] == [
        "the contact is in “7”", "a condition that stops it held", "Mailbox full", "?",
    ]  # fmt: skip


def test_the_outline_tells_how_launches_fared_in_words(admin_client, flow):
    ann, _run = launched()
    happened(ann, "Ordered", at=later(minutes=5))
    page = admin_client.get(f"{BASE}{flow.pk}/change/").text
    assert "stopped: “Order placed” happened 1" in page
    assert "exit:x1" not in page.partition("Definition as JSON")[0]


def test_a_test_launch_is_not_among_the_counts_of_the_graph(admin_client, flow):
    ann = contact("ann")
    launch_test(flow.pk, ann, params={}, skips_waits=True, actor="boss", now=NOW)
    step()
    assert Run.objects.get().state == "completed"
    assert not any(counts.get("entered") for counts in count_blocks(flow.version_id).values())
    launch_test(flow.pk, ann, params={}, skips_waits=False, actor="boss", now=NOW)
    step()
    launched("bob")
    assert count_blocks(flow.version_id)["n_timer"] == {"entered": 1, "here": 1}


def test_what_a_block_remembers_has_names_and_times(admin_client, flow):
    _ann, run = launched()
    page = admin_client.get(f"{BASE}{flow.pk}/launches/?run={run.pk}").text
    assert "<dt>Goes on</dt>" in page
    assert "T13:00:00+00:00</dd>" not in page
