"""Other apps' actions on the card: launching a workflow, sending a test."""

import pytest

from messaging.models import Delivery
from tests.contacts.card import ADDRESS, CARD, act, acts, card, launch, send_test
from tests.messaging.mail import message
from workflows.models import Run

pytestmark = pytest.mark.django_db


def test_a_workflow_is_chosen_and_launched(admin_client, person, flow):
    assert f"/admin/workflows/workflow/contact/{person}/launch/" in card(admin_client, person)
    asked = admin_client.get(f"/admin/workflows/workflow/contact/{person}/launch/")
    assert f'<option value="{flow.pk}">Flow' in asked.text
    assert launch(admin_client, person, workflow=flow.pk, params='{"total": 5}').status_code == 302
    run = Run.objects.get()
    assert (run.person_id, run.context["params"]) == (person, {"total": 5})
    assert acts(person) == [("launched", "admin")]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "Choose one of the workflows."),
        ({"workflow": "x"}, "Choose one of the workflows."),
        ({"workflow": "9" * 30}, "Choose one of the workflows."),
        ({"params": "[1]"}, "no JSON object"),
        ({"params": "{"}, "no JSON object"),
        ({"params": '{"a": NaN}'}, "no JSON object"),
        ({"params": '{"a": "\\u0000"}'}, "no JSON object"),
        ({"params": "[" * 20_000}, "no JSON object"),
    ],
)
def test_a_launch_that_cannot_be_is_refused_in_words(admin_client, person, flow, values, words):
    values = ({"workflow": flow.pk} if "params" in values else {}) | values
    page = launch(admin_client, person, **values)
    assert page.status_code == 400
    assert words in page.text
    assert not Run.objects.exists()
    assert acts(person) == []


def test_a_deleted_contact_and_a_paused_workflow_are_not_launched(admin_client, person, flow):
    act(admin_client, person, "delete")
    assert "Restore it first" in launch(admin_client, person, workflow=flow.pk).text
    act(admin_client, person, "restore")
    flow.status = "paused"
    flow.save()
    assert launch(admin_client, person, workflow=flow.pk).status_code == 400
    assert not Run.objects.exists()


def test_a_test_goes_to_the_contact_marked_as_one(admin_client, person):
    made = message()
    page = admin_client.get(f"/admin/messaging/message/contact/{person}/test/").text
    assert f'<option value="{made.pk}">Welcome' in page
    assert send_test(admin_client, person, message=made.pk).status_code == 302
    row = Delivery.objects.get()
    assert (row.contact_id, row.endpoint, row.is_test, row.state) == (person, ADDRESS, True, "planned")
    assert acts(person) == [("tested", "admin")]
    assert "Welcome" in admin_client.get(f"{CARD.format(person)}activity/?kind=messages").text


def test_who_unsubscribed_gets_no_test(admin_client, person):
    made = message()
    act(admin_client, person, "unsubscribe", address="email", sure="yes")
    page = send_test(admin_client, person, message=made.pk)
    assert page.status_code == 400
    assert "Not sent: Unsubscribed" in page.text
    assert "Choose one of the messages." in send_test(admin_client, person, message="x").text
    assert not Delivery.objects.exists()
