"""The editor of messages: what it warns of, what a preview shows of the inbox, what can be taken back."""

import pytest

from messaging.admin.explained import explained
from messaging.models import Delivery, Message
from messaging.rendering.values import read_field_names
from messaging.services.content import archive_message
from messaging.services.previews import preview_message
from messaging.services.viewing import render_sent
from tests.contacts.people import NOW
from tests.messaging.mail import message, person, plan
from tests.messaging.test_screens import TEXT

pytestmark = pytest.mark.django_db

BASE = "/admin/messaging/message/"


@pytest.fixture(autouse=True)
def _mailbox(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    settings.EMAIL_URL = ""


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("<p>{% for i in (1..100000000) %}x{% endfor %}</p>", "source (en), line 1, column 4: loops run more than"),
        ("<p>{{ contact.nickname }}</p>", "source (en), line 1, column 4: contact.nickname is undefined"),
    ],
)  # fmt: skip
def test_a_text_that_fails_for_everybody_is_told_when_it_is_saved(admin_client, source, fault):
    page = admin_client.post(f"{BASE}add/", TEXT | {"source": source, "subject": "Hi"}, follow=True).text
    assert "it cannot be rendered, and is not sent:" in page
    assert fault in page.replace("&lt;", "<")
    page = admin_client.post(
        f"{BASE}add/", TEXT | {"source": "<p>Hello</p>", "subject": "Hi"}, follow=True
    ).text
    assert "it cannot be rendered" not in page


def test_the_preview_shows_the_line_of_the_inbox(admin_client):
    ann = person("ann@example.com", first_name="Ann <b>")
    texts = TEXT | {"preheader": "Only for {{ contact.first_name }}", "contact": str(ann)}
    page = admin_client.post(f"{BASE}preview/", texts).text
    line = page.partition("<p>Dear")[0]
    assert "Hi Ann &lt;b&gt;" in line
    assert "Only for Ann &lt;b&gt;</span>" in line


@pytest.mark.parametrize("words", ["nobody@example.com", "99999999", "ann"])
def test_a_contact_that_nobody_is_is_not_taken_for_an_empty_one(admin_client, words):
    page = admin_client.post(f"{BASE}preview/", TEXT | {"contact": words}).text
    assert f"No contact has the id or address “{words}”." in page
    made = message()
    values = {"addresses": "me@example.com", "contact": words}
    page = admin_client.post(f"{BASE}{made.pk}/test/", values, follow=True).text
    assert "Not sent: no contact has this id or address." in page
    assert not Delivery.objects.exists()


def test_an_archived_message_comes_back(admin_client):
    made = message()
    archive_message(message=made, now=NOW)
    page = admin_client.get(f"{BASE}{made.pk}/change/").text
    assert f"{BASE}{made.pk}/archive/" not in page
    assert admin_client.get(f"{BASE}{made.pk}/unarchive/").status_code == 405
    admin_client.post(f"{BASE}{made.pk}/unarchive/")
    assert Message.objects.get().state == "ready"


def test_a_letter_says_its_language_and_its_page_has_a_title(admin_client):
    source = "<mjml><mj-body><mj-section><mj-column><mj-text>Вітаємо</mj-text></mj-column></mj-section></mj-body></mjml>"
    made = message(source, form="mjml", subject="A & B")
    [delivery] = plan(made, [person("ann@example.com")])
    Delivery.objects.update(state="sent", handed_at=NOW)
    html = render_sent(Delivery.objects.get(pk=delivery.delivery_id), now=NOW)
    assert 'lang="en"' in html
    assert "und" not in html.partition("<body")[0]
    assert "<title>A &amp; B</title>" in html


def test_what_can_be_filled_in_is_explained_with_the_account_s_fields(admin_client):
    page = admin_client.get(f"{BASE}add/").text
    assert "{{ contact.first_name | default: &quot;you&quot; }}" in page
    assert "{{ contact.fields.BIRTHDAY }}" in page


def test_what_the_explanation_shows_works_as_it_stands():
    codes = [code for code, _words in explained(read_field_names()) if "abort" not in code]
    content = {
        "subject": "Hi",
        "preheader": "",
        "format": "html",
        "source": "<p>" + "<br>".join(codes) + "</p>",
        "text": "",
    }
    ann = person("ann@example.com", first_name="Ann")
    context = {"event": {"total": 12, "items": [{"name": "Tea"}]}}
    found = preview_message(
        message=message(), content={"en": content}, language="en", contact_id=ann, context=context, now=NOW
    )
    assert not found.faults
    assert found.rendered is not None
    for words in ("Ann", "€12.00", "Tea"):
        assert words in found.rendered.html
