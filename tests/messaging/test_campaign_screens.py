"""The page of a campaign: what it asks before what cannot be taken back, what it refuses, where its numbers lead."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from contacts.models import Address
from contacts.services.lists import add_to_list, ensure_lists
from messaging.engines import Campaigns
from messaging.models import Campaign
from messaging.services.campaigns import launch_campaign, pause_campaign, save_campaign
from messaging.services.connections import ensure_defaults
from tests.messaging.mail import message, people

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _mailbox(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    settings.EMAIL_URL = ""
    ensure_defaults(now=timezone.now())


@pytest.fixture
def audience():
    now = timezone.now()
    number = ensure_lists(["all"], now=now)["all"]
    add_to_list(number, people(5), now=now)
    return {"kind": "list", "id": number}


def campaign(audience, **rest):
    return save_campaign(
        campaign=Campaign(name="Sale", message=message(), include=[audience], **rest), now=timezone.now()
    )


def page_of(client, made):
    """The words of the page, without tags."""
    text = client.get(f"/admin/messaging/campaign/{made.pk}/change/").text
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", "", text))


def test_a_start_that_has_passed_is_refused_in_the_form_and_not_offered(admin_client, audience):
    made = campaign(audience)
    values = {
        "name": "Sale", "message": made.message_id, "included": f"list:{audience['id']}", "zone_late": "now",
        "rate_seconds": 3600, "starts_at": "2020-01-01T10:00",
    }  # fmt: skip
    answer = admin_client.post("/admin/messaging/campaign/add/", values)
    assert answer.status_code == 400
    assert "This time has passed." in answer.text
    Campaign.objects.update(starts_at=timezone.now() - timedelta(hours=1))
    text = page_of(admin_client, made)
    assert "The time it was to start at has passed: choose another." in text
    assert "Schedule ·" not in text


def test_the_question_names_the_zone_of_the_start(admin_client, audience):
    start = timezone.now() + timedelta(days=2)
    assert f"({timezone.get_current_timezone_name()})." in page_of(
        admin_client, campaign(audience, starts_at=start)
    )
    own = campaign(audience, starts_at=start, in_contact_zone=True)
    assert "Each contact gets it when the clock of their own zone shows" in page_of(admin_client, own)


def test_stopping_for_good_asks_with_the_number(admin_client, audience):
    made = campaign(audience, rate=1, rate_seconds=3600)
    launch_campaign(campaign_id=made.pk, now=timezone.now())
    assert "The campaign never starts. This cannot be undone." in page_of(admin_client, made)
    Campaigns().work(timezone.now())
    text = page_of(admin_client, made)
    assert (
        "5 contacts who wait get nothing any more. What was sent stays sent. This cannot be undone." in text
    )


def test_who_paused_it_is_said_in_words(admin_client, audience):
    made = campaign(audience)
    launch_campaign(campaign_id=made.pk, now=timezone.now())
    pause_campaign(campaign_id=made.pk, reason="olha", now=timezone.now())
    assert "Paused: by olha" in page_of(admin_client, made)
    Campaign.objects.update(reason="complaints")
    assert "Paused: Too many recipients complained." in page_of(admin_client, made)


def test_reasons_open_the_deliveries_they_count(admin_client, audience):
    Address.objects.filter(value="p1@example.com").update(status="unsubscribed")
    made = campaign(audience)
    launch_campaign(campaign_id=made.pk, now=timezone.now())
    Campaigns().work(timezone.now())
    text = admin_client.get(f"/admin/messaging/campaign/{made.pk}/change/").text
    [link] = re.findall(r'href="([^"]*reason=unsubscribed)"', text)
    rows = admin_client.get(link.replace("&amp;", "&")).text
    assert "p1@example.com" not in rows, "who is skipped leaves the address free"
    assert rows.count('class="data-row') == 1 or rows.count("ui-pill is-grey") >= 1
