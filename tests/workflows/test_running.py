"""Launches walk their blocks: started by an event, through conditions and waits, to an end."""

import pytest

from tests.workflows.flows import (
    NOW, chain, contact, document, edge, event_type, happened, later, node, row_of, step, steps, the_run, workflow,
)  # fmt: skip
from workflows.models import NodeTally, Run

pytestmark = pytest.mark.django_db

WAIT_HOUR = {"n": 1, "unit": "hour"}


def test_it_works():
    workflow(row_of(node("timer", wait=WAIT_HOUR), node("contact.update", changes=[{"field": "town", "value": "${city}"}])))
    ann = contact()
    happened(ann, city="Lviv")
    step()
    run = the_run()
    assert (run.person_id, run.state, run.node, run.wake_at) == (ann, "running", "n_timer", later(hours=1))
    step(later(minutes=59))
    assert the_run().node == "n_timer"
    step(later(hours=1))
    run = the_run()
    assert (run.state, run.reason) == ("completed", "")
    assert [name for name, _, _ in steps(run)] == ["n_start", "n_timer", "n_contact_update", "n_end"]
    from contacts.models import Contact

    assert Contact.objects.get(pk=ann).town == "Lviv"
