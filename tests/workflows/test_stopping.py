"""What ends launches early: exit rules at once, checks of Start after waits."""

from datetime import timedelta

import pytest

from contacts.models import ContactList
from contacts.services.lists import add_to_list
from tests.workflows.flows import (
    EVENT,
    HOUR,
    NOW,
    contact,
    event_type,
    happened,
    later,
    node,
    row_of,
    step,
    the_run,
    workflow,
)
from workflows.models import Run
from workflows.services.ending import stop_runs

pytestmark = pytest.mark.django_db


def with_rule(**rule):
    event_type("Ordered")
    return row_of(node("timer", wait=HOUR)) | {
        "stop": {"exit_rules": [{"id": "x1", "on": "event", "types": ["Ordered"]} | rule]}
    }


def test_it_works():
    """Example 7, stop configuration: at once, in the middle of a wait."""
    workflow(with_rule())
    ann, bob = contact("a"), contact("b")
    happened(ann)
    happened(bob)
    step()
    happened(ann, "Ordered", at=later(minutes=5), key="another key")
    assert dict(Run.objects.values_list("person_id", "state")) == {ann: "stopped", bob: "running"}
    assert Run.objects.get(person_id=ann).reason == "exit:x1"


def test_an_event_in_the_period_before_the_start_counts():
    workflow(with_rule(period="PT1H"))
    early, late = contact("a"), contact("b")
    happened(early, "Ordered", at=NOW - timedelta(minutes=61))
    happened(late, "Ordered", at=NOW - timedelta(minutes=59))
    happened(early)
    happened(late)
    step()
    assert dict(Run.objects.values_list("person_id", "state")) == {early: "running", late: "stopped"}


def test_parameters_of_the_stopping_event_must_fit():
    workflow(with_rule(filters={"left": "event.cart", "op": "eq", "right": "7"}))
    ann = contact()
    happened(ann)
    step()
    happened(ann, "Ordered", cart=8)
    assert the_run().state == "running"
    happened(ann, "Ordered", cart=7)
    assert the_run().state == "stopped"


def test_without_a_contact_the_key_decides():
    workflow(with_rule())
    ann = contact()
    happened(ann, key="cart 1")
    step()
    happened(None, "Ordered", key="cart 2")
    assert the_run().state == "running"
    happened(None, "Ordered", key="cart 1")
    assert the_run().state == "stopped"


def test_a_start_after_a_stop_in_one_batch_is_not_stopped():
    from events.services.processing import process_lane
    from tests.events.inbox import accepted
    from tests.workflows.flows import signal

    event_type("Ordered")
    workflow(
        with_rule() | {"start": {"kind": "event", "event": {"type": EVENT}, "skip_if_in_progress": True}}
    )
    ann = contact()
    for kind in (EVENT, "Ordered", EVENT, EVENT):
        accepted(event_type(kind), contact_id=ann, key_value="k")
    process_lane(0, limit=10, now=NOW)
    signal()
    assert list(Run.objects.order_by("pk").values_list("state", flat=True)) == ["stopped", "running"]


@pytest.mark.parametrize(("minutes", "state"), [(-5, "completed"), (5, "stopped")])
def test_the_check_of_start_is_made_after_waits_by_key(minutes, state):
    """Example 7, early stop with an empty period: an event before the start does not count, one in the wait does."""
    event_type("Ordered")
    body = row_of(node("timer", wait=HOUR))
    body["nodes"][0] = node("start", early_stop=[{"by": "event", "type": "Ordered"}])
    workflow(body)
    ann = contact()
    if minutes < 0:
        happened(ann, "Ordered", at=later(minutes=minutes), key="k")
    happened(ann, key="k")
    step()
    if minutes > 0:
        happened(ann, "Ordered", at=later(minutes=minutes), key="k")
        step(later(minutes=minutes))
        assert the_run().state == "running"
    step(later(hours=1))
    assert the_run().state == state


def test_joining_a_list_stops():
    bought = ContactList.objects.create(name="Bought", created_at=NOW, updated_at=NOW)
    rule = {"id": "x", "on": "segment", "segment": {"ref": "list", "id": bought.pk}}
    workflow(row_of(node("timer", wait=HOUR)) | {"stop": {"exit_rules": [rule]}})
    ann, member = contact("a"), contact("b")
    add_to_list(bought.pk, [member], now=NOW)
    happened(ann)
    happened(member)
    step()
    assert dict(Run.objects.values_list("person_id", "state")) == {ann: "running", member: "stopped"}
    add_to_list(bought.pk, [ann], now=NOW)
    step()
    assert Run.objects.get(person_id=ann).state == "stopped"


def test_by_hand():
    workflow(row_of(node("timer", wait=HOUR)))
    happened(contact())
    step()
    assert stop_runs([the_run().pk], actor="ann", now=NOW) == 1
    assert (the_run().state, the_run().reason) == ("stopped", "by hand: ann")
    assert stop_runs([the_run().pk], actor="ann", now=NOW) == 0
    step(later(hours=2))
    assert the_run().state == "stopped"
