"""Screens of messages, campaigns, deliveries, connections and the mailbox: they open, ask for rights, and do by POST only."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from contacts.services.lists import add_to_list, ensure_lists
from messaging.engines import Campaigns, Sending
from messaging.models import Campaign, Connection, Delivery, Message, Sender
from messaging.secrets import decrypt, encrypt
from messaging.services.connections import ensure_defaults
from tests.contacts.people import NOW
from tests.messaging.mail import message, people, person, plan

pytestmark = pytest.mark.django_db

LISTS = {
    "messaging/message/": "view_message",
    "messaging/campaign/": "view_campaign",
    "messaging/delivery/": "view_delivery",
    "messaging/connection/": "view_connection",
    "messaging/sender/": "view_sender",
}
TEXT = {"name": "News", "language": "en", "default_language": "en", "subject": "Hi {{ contact.first_name }}", "format": "html",
        "source": "<p>Dear {{ contact.first_name }}</p>", "tracks_opens": "on"}  # fmt: skip


@pytest.fixture(autouse=True)
def _mailbox(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    settings.EMAIL_URL = ""


def colleague(client, *rights: str):
    user = get_user_model().objects.create_user("ann", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=rights))
    client.force_login(user)
    return user


@pytest.mark.parametrize(("page", "right"), LISTS.items())
def test_lists_open_with_their_right_only(client, page, right):
    colleague(client)
    assert client.get(f"/admin/{page}").status_code == 403
    get_user_model().objects.get().user_permissions.add(Permission.objects.get(codename=right))
    assert client.get(f"/admin/{page}").status_code == 200


def test_a_message_is_written_and_mended(admin_client):
    assert admin_client.get("/admin/messaging/message/add/").status_code == 200
    page = admin_client.post("/admin/messaging/message/add/", TEXT | {"source": "<p>\n{{ x | zzz }}</p>"})
    assert "line 2, column 8: There is no filter called" in page.text
    made = Message.objects.get()
    assert made.state == "draft"
    address = f"/admin/messaging/message/{made.pk}/change/"
    assert admin_client.post(address, TEXT).status_code == 302
    assert (
        admin_client.post(
            f"{address}?language=uk", TEXT | {"language": "uk", "subject": "Привіт"}
        ).status_code
        == 302
    )
    made.refresh_from_db()
    assert (made.state, sorted(made.revision.content), made.revision.number) == ("ready", ["en", "uk"], 3)
    page = admin_client.get(f"{address}?language=uk").text
    assert "Привіт" in page
    assert admin_client.get(f"/admin/messaging/message/{made.pk}/restore/2/").status_code == 405
    admin_client.post(f"/admin/messaging/message/{made.pk}/restore/2/")
    made.refresh_from_db()
    assert (made.revision.number, sorted(made.revision.content)) == (4, ["en"])


def test_the_preview_is_the_sending_code_in_a_sandbox(admin_client):
    contact = person("ann@example.com", first_name="Ann & Co")
    page = admin_client.post("/admin/messaging/message/preview/", TEXT | {"contact": str(contact)})
    assert "Dear Ann &amp; Co" in page.text
    assert page["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    faulty = admin_client.post("/admin/messaging/message/preview/", TEXT | {"source": "<p>{{ event.x }}</p>"})
    assert "line 1, column 4: event.x is undefined" in faulty.text
    assert admin_client.get("/admin/messaging/message/preview/").status_code == 405


def test_the_page_shows_what_is_saved_before_anything_is_tried(admin_client, client):
    made = message("<p>Hello {{ contact.first_name | default: 'you' }}</p>")
    address = f"/admin/messaging/message/{made.pk}/preview/"
    page = admin_client.get(f"/admin/messaging/message/{made.pk}/change/").text
    assert f'src="{address}?language=' in page
    assert 'name="addresses"' in page
    shown = admin_client.get(f"{address}?language=xx")
    assert "Hello you" in shown.text
    assert shown["Content-Security-Policy"].startswith("sandbox")
    assert client.get(address).status_code in (302, 403)
    colleague(client, "view_message")
    assert "Hello you" in client.get(address).text
    read_only = client.get(f"/admin/messaging/message/{made.pk}/change/").text
    assert "You can view this message, not change it." in read_only
    assert "<textarea" not in read_only
    assert 'name="addresses"' not in read_only
    assert "{{" not in re.sub(r"<code.*?</code>", "", read_only, flags=re.DOTALL), (
        "variables are named, not shown as code"
    )
    assert "/admin/messaging/connection/mailbox/" not in client.get("/admin/").text, "it shows addresses"


def test_personal_data_of_others_stays_hidden_in_previews(client):
    contact = person("ann@example.com", first_name="Ann")
    colleague(client, "view_message")
    page = client.post("/admin/messaging/message/preview/", TEXT | {"contact": str(contact)})
    assert "Ann" not in page.text


def test_marking_transactional_needs_a_right(client):
    colleague(client, "view_message", "add_message", "change_message")
    page = client.post("/admin/messaging/message/add/", TEXT | {"is_transactional": "on"})
    assert page.status_code == 400
    assert "may not mark messages transactional" in page.text


def test_a_test_arrives_in_the_mailbox(admin_client):
    contact = person("ann@example.com", first_name="Ann")
    made = message()
    address = f"/admin/messaging/message/{made.pk}/test/"
    assert admin_client.get(address).status_code == 405
    page = admin_client.post(
        address, {"addresses": "me@example.com, you@example.com", "contact": str(contact)}, follow=True
    )
    assert "2 tests are on their way" in page.text
    Sending("sending_fast", "fast", (0, 1), 100).work(timezone.now() + timedelta(seconds=1))
    page = admin_client.get("/admin/messaging/connection/mailbox/").text
    assert "[TEST] Hi Ann" in page
    assert "me@example.com" in page
    name = f"{Delivery.objects.first().pk:012d}.eml"
    assert admin_client.get(f"/admin/messaging/connection/mailbox/{name}/").status_code == 200
    letter = admin_client.get(f"/admin/messaging/connection/mailbox/{name}/html/")
    assert "Hello Ann" in letter.text
    assert letter["Content-Security-Policy"].startswith("sandbox")
    outside = admin_client.get("/admin/messaging/connection/mailbox/..%2f..%2fetc%2fpasswd/", follow=True)
    assert "root:" not in outside.text
    page = admin_client.post(
        address, {"addresses": " ".join(f"a{n}@example.com" for n in range(11))}, follow=True
    )
    assert "1 to 10 addresses" in page.text


def test_who_keeps_another_connection_is_named_when_a_default_is_chosen(admin_client):
    ensure_defaults(now=NOW)
    old = Connection.objects.get()
    Sender.objects.update(connection=old)
    new = Connection.objects.create(name="relay", kind="smtp", options={"host": "mail.example"})
    page = admin_client.post(f"/admin/messaging/connection/{new.pk}/default/", follow=True).text
    assert f"({old.name})" in page
    page = admin_client.post(f"/admin/messaging/connection/{old.pk}/default/", follow=True).text
    assert "keep a connection of their own" not in page


def test_deliveries_are_found_by_contact_and_address(admin_client, client):
    with database.cursor() as cursor:  # a number is looked for among the deliveries too
        cursor.execute("SELECT setval('contacts_person_id_seq', 1000000)")
    ids = people(3)
    plan(message(), ids)
    base = "/admin/messaging/delivery/?period=all"
    assert "p0@example.com" in admin_client.get(base).text
    for words in (str(ids[1]), "p1@example.com", "Name 1"):
        found = admin_client.get(f"{base}&q={words}").text
        assert "p1@example.com" in found
        assert "p0@example.com" not in found
    row = Delivery.objects.first()
    assert "p0@example.com" in admin_client.get(f"/admin/messaging/delivery/{row.pk}/change/").text
    colleague(client, "view_delivery")
    page = client.get(f"{base}&view=waiting").text
    assert "p0@example.com" not in page
    assert "@e•••.com" in page


def test_deliveries_name_their_cause_and_lead_to_it(admin_client, client):
    made = Campaign.objects.create(name="Autumn <news>", message=message(), created_at=NOW, updated_at=NOW)
    plan(message(), people(2), cause_id=made.pk)
    plan(message(), people(1, "test.example"), kind="test", cause_id=7)
    base = "/admin/messaging/delivery/"
    link = f'<a class="ui-link" href="/admin/messaging/campaign/{made.pk}/change/">Autumn &lt;news&gt;</a>'
    assert admin_client.get(f"{base}?period=all").text.count(link) == 2
    assert link in admin_client.get(f"{base}{Delivery.objects.order_by('pk').first().pk}/change/").text
    colleague(client, "view_delivery")
    plain = client.get(f"{base}?period=all").text
    assert "Autumn &lt;news&gt;" in plain
    assert link not in plain


def test_an_empty_day_of_deliveries_says_so_and_leads_to_the_others(admin_client):
    plan(message(), people(1))
    Delivery.objects.update(planned_at=timezone.now() - timedelta(days=3))
    for view in ("", "?view=failed"):
        page = admin_client.get(f"/admin/messaging/delivery/{view}").text
        assert "Nothing in the last 24 hours" in page
        more = re.search(
            r'href="(/admin/messaging/delivery/\?[^"]*period=all[^"]*)">Show all deliveries', page
        )[1]
        assert ("view=failed" in more) == bool(view)
    assert "p0@example.com" in admin_client.get("/admin/messaging/delivery/?period=all").text
    assert "No deliveries match" in admin_client.get("/admin/messaging/delivery/?period=1").text


def test_each_empty_list_says_what_to_do_next(admin_client):
    for name, words in (
        ("message", "Create message"), ("campaign", "Create campaign"), ("bouncemailbox", "Add bounce mailbox"),
        ("inboundnotice", "Open bounce mailboxes"), ("messagereport", "Open campaigns"), ("delivery", "Send a test"),
    ):  # fmt: skip
        page = admin_client.get(f"/admin/messaging/{name}/").text
        assert re.search(rf'class="ui-button[^"]*" href="/[^"]+">{words}', page), name


def test_naming_causes_costs_the_same_for_any_number(admin_client):
    base, costs = "/admin/messaging/delivery/?period=all", []
    for number in (1, 9):
        for place in range(number):
            made = Campaign.objects.create(
                name=f"c{place}", message=message(), created_at=NOW, updated_at=NOW
            )
            plan(message(), people(1, f"{number}{place}.example"), cause_id=made.pk)
        admin_client.get(base)
        with CaptureQueriesContext(database) as done:
            admin_client.get(base)
        costs.append(len(done))
    assert costs[0] == costs[1]


def test_secrets_are_written_and_never_shown(admin_client):
    made = Connection.objects.create(
        name="relay", kind="smtp", options={"host": "old"}, secret=encrypt("correct-horse-battery")
    )
    address = f"/admin/messaging/connection/{made.pk}/change/"
    page = admin_client.get(address).text
    assert "correct-horse" not in page
    assert "••••tery" in page
    form = {
        "name": "relay",
        "kind": "smtp",
        "host": "127.0.0.1",
        "port": "1",
        "tls": "none",
        "verify_certificate": "on",
        "pool_size": "1",
        "is_enabled": "on",
    }
    assert admin_client.post(address, form).status_code == 302
    made.refresh_from_db()
    assert made.options == {"host": "127.0.0.1", "port": 1, "tls": "none"}
    assert decrypt(made.secret) == "correct-horse-battery"
    admin_client.post(address, form | {"new_secret": "another"})
    made.refresh_from_db()
    assert decrypt(made.secret) == "another"
    assert admin_client.post(address, form | {"host": ""}).status_code == 200, "a host is required"
    page = admin_client.post(f"/admin/messaging/connection/{made.pk}/test/", follow=True).text
    assert "refused" in page


def test_a_certificate_is_checked_unless_the_form_says_otherwise(admin_client):
    form = {"name": "relay", "kind": "smtp", "host": "mail.example.com", "tls": "implicit", "messages_per_line": "50",
            "pool_size": "1", "is_enabled": "on"}  # fmt: skip
    assert 'name="verify_certificate"' in admin_client.get("/admin/messaging/connection/add/").text
    admin_client.post("/admin/messaging/connection/add/", form)
    made = Connection.objects.get(name="relay")
    assert (made.options["verify_certificate"], made.options["messages_per_line"]) == (False, 50)
    address = f"/admin/messaging/connection/{made.pk}/change/"
    assert 'name="verify_certificate" checked' not in admin_client.get(address).text
    admin_client.post(address, form | {"verify_certificate": "on"})
    made.refresh_from_db()
    assert "verify_certificate" not in made.options


def test_a_campaign_from_draft_to_finish(admin_client):
    ensure_defaults(now=NOW)
    number = ensure_lists(["all"], now=NOW)["all"]
    add_to_list(number, people(3), now=NOW)
    chosen = message()
    form = {
        "name": "Sale",
        "message": str(chosen.pk),
        "included": [f"list:{number}"],
        "zone_late": "now",
        "rate_seconds": "3600",
    }
    assert admin_client.get("/admin/messaging/campaign/add/").status_code == 200
    assert admin_client.post("/admin/messaging/campaign/add/", form).status_code == 302
    made = Campaign.objects.get()
    page = admin_client.get(f"/admin/messaging/campaign/{made.pk}/change/").text
    assert "Send now" in page
    assert "Will get it" in page
    act = f"/admin/messaging/campaign/{made.pk}/do"
    assert admin_client.get(f"{act}/launch/").status_code == 405
    admin_client.post(f"{act}/launch/")
    made.refresh_from_db()
    later = made.updated_at
    for _ in range(2):
        Campaigns().work(later)
        Sending("sending", "bulk", (2,), 100).work(later)
    made.refresh_from_db()
    Campaign.objects.update(checked_at=None)
    Campaigns().work(later)
    made.refresh_from_db()
    assert made.state == "finished"
    assert "Finished" in admin_client.get(f"/admin/messaging/campaign/{made.pk}/change/").text
    assert admin_client.get("/admin/messaging/campaign/").status_code == 200


def test_launching_needs_its_right(client):
    colleague(client, "view_campaign", "change_campaign")
    made = Campaign.objects.create(name="c", message=message(), created_at=NOW, updated_at=NOW)
    assert client.post(f"/admin/messaging/campaign/{made.pk}/do/launch/").status_code == 403


def test_the_card_shows_messages(admin_client):
    [contact] = people(1)
    plan(message(), [contact])
    page = admin_client.get(f"/admin/contacts/contact/{contact}/activity/?period=all").text
    assert "Welcome" in page
