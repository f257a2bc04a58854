"""Dynamic segments as groups of the API, on the contact card, and from the command line."""

import json

import pytest
from django.core.management import CommandError, call_command

from contacts.groups import all_groups, find_members
from contacts.models import ContactList
from contacts.services.lists import ensure_lists
from partners.services import create_api_key
from segments.models import Segment
from segments.services.definitions import archive_segment, create_segment
from tests.api.conftest import Api
from tests.contacts.people import NOW, someone, upsert
from tests.segments.making import all_of, make_segment, named, settle

pytestmark = pytest.mark.django_db


@pytest.fixture
def api(settings):
    settings.API_RATE_LIMITS = False
    return Api(create_api_key(name="shop", rights=["full"], now=NOW)[1])


def anns(count: int) -> list[int]:
    made = upsert(*(someone(f"X{number}", fields={"first_name": "Ann"}) for number in range(1, count + 1)))
    return [outcome.contact_id for outcome in made if outcome.contact_id is not None]


def test_it_works(api):
    [number] = ensure_lists(["VIP"], now=NOW).values()
    segment = make_segment(named("Ann"), name="Anns")
    assert segment.pk != number
    found = api.get("groups")
    assert found.json() == [
        {"id": number, "name": "VIP", "type": "Static"},
        {"id": segment.pk, "name": "Anns", "type": "Dynamic"},
    ]
    assert found.headers["TotalCount"] == "2"
    assert [row["name"] for row in api.get("groups?name=ann").json()] == ["Anns"]


def test_the_contacts_of_a_dynamic_group_are_paged(api):
    ids = anns(5)
    segment = make_segment(named("Ann"))
    page = api.get(f"group/{segment.pk}/contacts?startindex=2&maxrows=2")
    assert [row["id"] for row in page.json()] == ids[1:3]
    assert page.headers["TotalCount"] == "5"
    back = api.get(f"group/{segment.pk}/contacts?asc=false&maxrows=2")
    assert [row["id"] for row in back.json()] == [ids[4], ids[3]]
    assert api.get("group/999999/contacts").status_code == 404


def test_nobody_is_put_into_a_dynamic_group_by_hand(api):
    [ann] = anns(1)
    segment = make_segment(named("Bob"))
    assert api.post(f"group/{segment.pk}/contacts/attach", {"contactIds": [ann]}).status_code == 404


def test_archived_ones_are_no_groups():
    segment = make_segment(named("Ann"))
    archive_segment(segment.pk, now=NOW)
    assert list(all_groups(ContactList.objects.all(), name="")) == []
    assert find_members(segment.pk, start=0, stop=10, ascending=True) is None


def test_the_card_names_the_segments_a_contact_is_in(admin_client):
    make_segment(named("Ann"), name="All Anns")
    make_segment(named("Bob"), name="All Bobs")
    [ann] = anns(1)
    settle()
    page = admin_client.get(f"/admin/contacts/contact/{ann}/change/").text
    assert "All Anns" in page
    assert f"/why/?contact={ann}" in page
    assert "All Bobs" not in page


def test_the_command_builds_what_is_asked(capsys):
    anns(2)
    made = create_segment(name="Anns", definition=all_of(named("Ann")), actor="t", now=NOW)
    create_segment(name="Bobs", definition=all_of(named("Bob")), actor="t", now=NOW)
    call_command("build_segments", "--segment", str(made.pk), "--json")
    [report] = json.loads(capsys.readouterr().out)
    assert (report["id"], report["size"], report["state"]) == (made.pk, 2, "active")
    assert Segment.objects.get(name="Bobs").built_at is None
    call_command("build_segments")
    assert "Bobs: 0 contacts" in capsys.readouterr().out
    with pytest.raises(CommandError, match="no dynamic segment"):
        call_command("build_segments", "--segment", "999")
