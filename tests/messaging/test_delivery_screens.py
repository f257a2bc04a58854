"""Deliveries and the people of a report: every reason in words, filters by how far they came and by what caused them."""

import re

import pytest

from messaging.models import Campaign, Delivery
from messaging.services.activity import ActivityRow, record_activity
from tests.contacts.people import NOW
from tests.messaging.mail import MONTH, message, people, plan

pytestmark = pytest.mark.django_db

LIST = "/admin/messaging/delivery/?period=all"


@pytest.fixture
def campaign():
    return Campaign.objects.create(
        name="Spring", message=message(), created_at=NOW, updated_at=NOW, started_at=NOW
    )


@pytest.fixture
def rows(campaign):
    """Three deliveries of the campaign: clicked, bounced, skipped."""
    plan(campaign.message, people(3), kind="campaign", cause_id=campaign.pk)
    clicked, bounced, skipped = Delivery.objects.order_by("pk")
    Delivery.objects.filter(pk__in=[clicked.pk, bounced.pk]).update(state="sent", sent_at=NOW, handed_at=NOW)
    Delivery.objects.filter(pk=clicked.pk).update(delivered_at=NOW, opened_at=NOW, clicked_at=NOW)
    Delivery.objects.filter(pk=skipped.pk).update(state="skipped", reason="not_confirmed")
    kinds = (
        (bounced, "error", "mailbox_full"),
        (clicked, "unsubscribed", "too_often"),
        (clicked, "delivered", "assumed"),
    )
    record_activity([
        ActivityRow(row.pk, MONTH, "campaign", campaign.pk, row.contact_id, row.message_id, kind, NOW, reason=reason)
        for row, kind, reason in kinds
    ], now=NOW)  # fmt: skip
    return clicked, bounced, skipped


def shown(client, query):
    """Ids of contacts in the list."""
    return set(map(int, re.findall(r"contacts/contact/(\d+)/change", client.get(f"{LIST}&{query}").text)))


def test_reasons_of_what_happened_are_words(admin_client, rows):
    clicked, bounced, skipped = (
        admin_client.get(f"/admin/messaging/delivery/{row.pk}/change/").text for row in rows
    )
    assert "Mailbox full" in bounced
    assert "Too many messages" in clicked
    assert "Assumed: no refusal came back" in clicked
    assert "Address not confirmed" in skipped
    for page in (clicked, bounced, skipped):
        assert not re.search(r"mailbox_full|too_often|assumed\b|not_confirmed", page)


def test_they_are_filtered_by_how_far_they_came(admin_client, rows):
    clicked, bounced, _skipped = rows
    assert shown(admin_client, "stage=unsubscribed") == {clicked.contact_id}
    assert shown(admin_client, "stage=undelivered") == {bounced.contact_id}
    assert shown(admin_client, "stage=spam") == set()
    assert "Unsubscribed" in admin_client.get(LIST).text


def test_they_are_filtered_by_campaign_and_by_kind_of_cause(admin_client, rows, campaign):
    [other] = plan(message(name="Other"), people(1, domain="example.org"), kind="workflow")
    page = admin_client.get(LIST).text
    assert "Spring" in page
    assert shown(admin_client, f"cause=campaign:{campaign.pk}") == {row.contact_id for row in rows}
    assert shown(admin_client, "cause=workflow:") == {Delivery.objects.get(pk=other.delivery_id).contact_id}


def test_people_of_a_report_have_their_reasons_in_words(admin_client, rows, campaign):
    page = admin_client.get(
        f"/admin/messaging/messagereport/campaign/{campaign.pk}/people/?figure=skipped"
    ).text
    assert "Address not confirmed" in page
    assert "not_confirmed" not in page


@pytest.mark.parametrize(("query", "chosen"), [("", "24 hours"), ("?q=7", "All"), ("?period=30", "30 days")])
def test_the_period_that_is_read_is_the_one_marked(admin_client, query, chosen):
    shown = admin_client.get(f"/admin/messaging/delivery/{query}").context["cl"]
    [period] = [spec for spec in shown.filter_specs if spec.parameter_name == "period"]
    choices = [(str(choice["display"]), choice["selected"]) for choice in period.choices(shown)]
    assert [name for name, _selected in choices] == ["24 hours", "7 days", "30 days", "All"]
    assert [name for name, is_selected in choices if is_selected] == [chosen]
