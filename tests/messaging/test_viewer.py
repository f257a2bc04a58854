"""The role Viewer on the screens from segment to report: it reads them all, and nothing on them lets it do anything."""

import re

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import connection
from django.utils import timezone

from cdp.roles import ensure_roles
from contacts.services.lists import add_to_list, ensure_lists
from messaging.engines import Campaigns
from messaging.models import Campaign
from messaging.services.campaigns import launch_campaign, save_campaign
from messaging.services.connections import ensure_defaults
from segments.models import Segment
from tests.messaging.mail import message, people
from tests.segments.making import make_segment, named
from tests.workflows.flows import NOW, contact, happened, node, row_of, step, workflow
from workflows import partitions
from workflows.models import Run, Workflow

pytestmark = pytest.mark.django_db


@pytest.fixture
def viewer(client, settings, tmp_path):
    settings.DATA_DIR = tmp_path
    settings.EMAIL_URL = ""
    ensure_roles()
    user = get_user_model().objects.create_user("vera", is_staff=True)
    user.groups.add(Group.objects.get(name="Viewer"))
    client.force_login(user)
    return client


@pytest.fixture
def places():
    """Ids of one of each: what an address holds in capitals."""
    partitions.ensure_partitions(connection=connection, now=NOW, retention_days=31)
    now = timezone.now()
    ensure_defaults(now=now)
    number = ensure_lists(["all"], now=now)["all"]
    add_to_list(number, people(3), now=now)
    made = [
        save_campaign(
            campaign=Campaign(name="Sale", message=message(), include=[{"kind": "list", "id": number}]),
            now=now,
        )
        for _ in range(2)
    ]
    launch_campaign(campaign_id=made[0].pk, now=now)
    Campaigns().work(now)
    workflow(row_of(node("timer", wait={"n": 1, "unit": "hour"})))
    happened(contact())
    step()
    return {
        "CAMPAIGN": made[0].pk, "DRAFT": made[1].pk, "MESSAGE": made[0].message_id, "SEGMENT": make_segment(named("Name 1")).pk,
        "WORKFLOW": Workflow.objects.get().pk, "RUN": Run.objects.get().pk, "PERSON": Run.objects.get().person_id,
    }  # fmt: skip


def filled(address, places):
    return re.sub("[A-Z]{3,}", lambda found: str(places[found[0]]), f"/admin/{address}")


READ = [
    "segments/segment/", "segments/segment/SEGMENT/change/", "segments/segment/SEGMENT/contacts/", "messaging/message/",
    "messaging/message/MESSAGE/change/", "messaging/campaign/", "messaging/campaign/CAMPAIGN/change/",
    "messaging/campaign/DRAFT/change/", "messaging/delivery/?period=all", "messaging/messagereport/",
    "messaging/messagereport/campaign/CAMPAIGN/", "messaging/messagereport/campaign/CAMPAIGN/people/?figure=all",
    "workflows/workflow/", "workflows/workflow/WORKFLOW/change/", "workflows/workflow/WORKFLOW/launches/?run=RUN",
    "workflows/workflow/WORKFLOW/why/", "workflows/workflow/WORKFLOW/versions/", "workflows/workflow/contact/PERSON/",
]  # fmt: skip
CLOSED = {
    "segments/segment/add/": "Can add dynamic segment", "segments/segment/SEGMENT/edit/": "Can change dynamic segment",
    "segments/segment/SEGMENT/why/": "Can see personal data", "messaging/message/add/": "Can add message",
    "messaging/campaign/add/": "Can add campaign", "messaging/campaign/DRAFT/edit/": "Can change campaign",
    "messaging/connection/": "Can view connection", "messaging/connection/mailbox/": "Can see personal data",
    "messaging/sender/": "Can view sender", "workflows/workflow/add/": "Can add workflow",
    "workflows/workflow/WORKFLOW/launch/": "Can launch workflows",
    "workflows/workflow/contact/PERSON/launch/": "Can launch workflows",
}  # fmt: skip
DOING = [
    "segments/segment/SEGMENT/do/rebuild/", "segments/segment/SEGMENT/do/archive/", "segments/segment/SEGMENT/do/delete/",
    "messaging/message/MESSAGE/change/", "messaging/message/MESSAGE/test/", "messaging/message/MESSAGE/archive/", "messaging/message/MESSAGE/unarchive/",
    "messaging/message/MESSAGE/restore/1/", "messaging/message/contact/PERSON/test/", "messaging/campaign/DRAFT/edit/",
    "messaging/campaign/DRAFT/do/launch/", "messaging/campaign/CAMPAIGN/do/pause/", "messaging/campaign/CAMPAIGN/do/cancel/",
    "workflows/workflow/WORKFLOW/save/", "workflows/workflow/WORKFLOW/do/publish/", "workflows/workflow/WORKFLOW/do/stop/",
    "workflows/workflow/WORKFLOW/do/pause/", "workflows/workflow/WORKFLOW/do/archive/",
    "workflows/workflow/WORKFLOW/do/restore/", "workflows/workflow/WORKFLOW/do/launch/",
    "workflows/workflow/WORKFLOW/do/launch-many/", "workflows/workflow/WORKFLOW/do/stop-one/",
]  # fmt: skip


def test_it_reads_every_page_and_none_has_a_button_that_does_anything(viewer, places):
    for address in READ:
        answer = viewer.get(filled(address, places))
        assert answer.status_code == 200, address
        content = answer.text.partition('id="content"')[2]
        assert 'method="post" action=' not in content, address
        assert "/add/" not in content, address
        assert "@example.com" not in content, address


def test_a_page_it_may_not_open_names_the_right_it_lacks(viewer, places):
    for address, right in CLOSED.items():
        answer = viewer.get(filled(address, places))
        assert answer.status_code == 403, address
        assert f"“{right}" in answer.text, address


def test_the_server_refuses_what_it_may_not_do(viewer, places):
    for address in DOING:
        assert viewer.post(filled(address, places)).status_code == 403, address
    assert Campaign.objects.get(pk=places["DRAFT"]).state == "draft"
    assert Run.objects.get().state == "running"
    assert Segment.objects.get().state == "active"


def test_the_home_page_asks_it_for_no_step_that_it_cannot_take(viewer):
    assert "Connect a mail server" not in viewer.get("/admin/").text


def test_a_right_it_has_is_never_called_the_missing_one(viewer, places):
    text = viewer.get(filled("workflows/workflow/WORKFLOW/launch/", places)).text
    assert "Can view workflow" not in text
