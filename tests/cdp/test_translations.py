"""Every text of the interface has its Ukrainian, and the screens show it."""

import base64
import re
import zoneinfo
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urljoin, urlsplit

import pytest
from django.test import Client
from django.urls import resolve
from django.utils import translation

from cdp.calendar import ensure_calendar
from cdp.models import EngineState
from cdp.roles import ensure_roles
from cdp.ui.formatting import moment, number, spoken
from contacts.models import ImportSession, SubscriptionCategory
from contacts.normalise import InvalidValue, normalise_email
from contacts.services.lifecycle import delete_contacts
from contacts.services.lists import add_to_list, ensure_lists
from events.models import EventParameter, QuarantinedEvent, RejectedEvent
from events.services.processing import process_lane
from partners.services import create_api_key
from tests.cdp.catalogues import (
    SOURCES,
    english_texts,
    fault_texts,
    language_of,
    marked_texts,
    read_catalogue,
)
from tests.cdp.texts import read_page
from tests.contacts.people import someone, upsert
from tests.events.inbox import NOW, accepted, event_type

PERCENT = re.compile(r"%(?:\(\w+\))?[sdif]")
BRACES = re.compile(r"\{\w*\}")
TAGS = re.compile(r"</?[a-z][^>]*>")
CYRILLIC = re.compile(r"[А-Яа-яІіЇїЄєҐґ]")
LATIN_WORD = re.compile(r"[A-Za-z]{2}")

# Shown as they are in every language: names, abbreviations, keys and codes, what the test itself made.
AS_THEY_ARE = {
    "English", "E-mail", "e-mail", "uk, en", "SMS", "Telegram", "Web push", "JSON", "URL", "RFM", "API", "Cookie",
    "en", "uk", "esc", "id", "admin", "Admin", "events", "news", "crm", "params", "bad_json", "Bad_json params", "bad_json params", "ann",
    "My organisation", "FormSubmitted", "PERSONAL", "ACCESSORIAL", "CartUpdated",
    # rows shown by the library under the name they have in the database
    "Marketer", "Viewer", "Integrator", "Form filled in",
    # protocols, formats and providers
    "MJML", "HTML", "TLS", "IMAP", "POP3", "STARTTLS", "Brevo", "MailerSend", "Mailgun", "Mailjet", "Mailtrap",
    "Mandrill", "Postal", "Postmark", "Resend", "Scaleway", "SendGrid", "SparkPost", "Unisender Go",
}  # fmt: skip
CODES = re.compile(
    r"[\w.+-]+@[\w.-]+|id \d+|: pbkdf2_sha256|: [\w/+.]+\*+|…\w{4}|\w+\.\w+_\w+|.*\(m/h/dM/MY/d\) UTC|forget request fingerprints"
    r"|<mjml>.*</mjml>|(· )?[0-9a-f-]{36}|https?://\S+"
)


def parts_of(message):
    meant = message.id if isinstance(message.id, tuple) else (message.id,)
    said = message.string if isinstance(message.string, tuple) else (message.string,)
    return meant, said


@pytest.mark.parametrize("source", SOURCES, ids=language_of)
def test_it_works(source):
    """Every entry is translated, in all plural forms, by a person and not by likeness."""
    catalogue = read_catalogue(source)
    assert len(catalogue) > 600
    for message in filter(lambda message: message.id, catalogue):
        meant, said = parts_of(message)
        wanted = catalogue.num_plurals if len(meant) > 1 else 1
        assert len(said) == wanted, meant
        assert all(text.strip() for text in said), meant
        assert not message.fuzzy, meant


@pytest.mark.parametrize("source", SOURCES, ids=language_of)
@pytest.mark.parametrize("pattern", [PERCENT, BRACES, TAGS], ids=["percent", "braces", "tags"])
def test_a_translation_keeps_placeholders_and_tags(source, pattern):
    for message in read_catalogue(source):
        meant, said = parts_of(message)
        for text in said if message.id else ():
            assert sorted(pattern.findall(text)) == sorted(pattern.findall(meant[-1])), (meant, text)


@pytest.mark.parametrize("source", SOURCES, ids=language_of)
def test_a_translation_begins_and_ends_as_its_text(source):
    """Line breaks and blanks at the ends, which the theme's templates count on."""
    for message in read_catalogue(source):
        meant, said = parts_of(message)
        for text in said if message.id else ():
            same_ends = [text[:1].isspace(), text[-1:].isspace()]
            assert same_ends == [meant[0][:1].isspace(), meant[0][-1:].isspace()], meant


@pytest.mark.parametrize("source", SOURCES, ids=language_of)
def test_the_catalogue_holds_what_the_sources_mark(source):
    """`make messages` was run: nothing is missing, nothing is left over."""
    held = {(message.context, message.id) for message in read_catalogue(source) if message.id}
    marked = {(context, text): place for place, context, text in marked_texts()}
    assert {marked[key]: key for key in marked.keys() - held} == {}
    assert held - marked.keys() == set()


@pytest.fixture
def everything(db):
    """A row of every kind, named in Cyrillic, so that Latin letters on a page are the interface's."""
    ensure_calendar()
    ensure_roles()
    outcomes = upsert(
        someone("X7", "E1", "P1", "T1", fields={"first_name": "Олена", "last_name": "Коваленко"}),
        someone("X8", "E2", fields={"first_name": "Іван"}),
    )
    olena, ivan = (outcome.contact_id for outcome in outcomes)
    delete_contacts([ivan], now=NOW, actor="admin")
    lists = ensure_lists(["Постійні", "Новини"], now=NOW)
    add_to_list(lists["Постійні"], [olena], now=NOW)
    moments = {"created_at": NOW, "updated_at": NOW}
    SubscriptionCategory.objects.create(name="Новини", key="news", list_id=lists["Новини"], **moments)
    kind = event_type("Купівля")
    EventParameter.objects.create(event_type=kind, name="ціна")
    accepted(kind, contact_id=olena, params={"ціна": 5}, key_value="ключ", flags=3)
    process_lane(0, limit=10, now=NOW)
    accepted(kind, email="a@x.io", email_norm="a@x.io", key_value="ключ")
    ids = ("018f0000-0000-7000-8000-000000000001", "018f0000-0000-7000-8000-000000000002")
    QuarantinedEvent.objects.create(
        event_id=ids[0], event_type=kind, envelope={}, reason="збій", quarantined_at=NOW
    )
    RejectedEvent.objects.create(
        received_at=NOW, code="bad_json", path="params", message="збій", body="{", actor="crm"
    )
    create_api_key(name="сайт", rights=["full"], now=NOW)
    counts = {"created": 3, "failed": 1}
    ImportSession.objects.create(id=ids[1], actor="сайт", counts=counts, created_at=NOW, state_at=NOW)
    EngineState.objects.create(name="events")
    return olena


def crawl(client, start="/admin/"):
    """Yield (address, page) of everything that links lead to; of a kind of address one, and each saved view."""
    seen, queue = set(), [start]
    while queue:
        address = queue.pop(0)
        parts = urlsplit(address)
        if not parts.path.startswith("/admin/") or "logout" in parts.path or "jsi18n" in parts.path:
            continue
        views = tuple(value for name, value in parse_qsl(parts.query) if name == "view")
        kind = (resolve(parts.path).view_name, views)
        if kind in seen:
            continue
        seen.add(kind)
        reply = client.get(address)
        if reply.status_code == 302:
            queue.append(urljoin(address, reply["Location"]))
            continue
        assert reply.status_code == 200, address
        page = read_page(reply.text)
        yield address, page
        queue += [urljoin(address, link) for link in page.links]


def left_in_english(page, english):
    """Texts that are English by the catalogue, and texts without a Cyrillic letter that are no known names or codes."""
    zones = {zone.replace("_", " ") for zone in zoneinfo.available_timezones()} | {"localtime"}
    known = AS_THEY_ARE | zones
    latin = {text for text in page.texts if LATIN_WORD.search(text) and not CYRILLIC.search(text)}
    strange = {text for text in latin - known if not CODES.fullmatch(text)}
    return strange | {text for text in page.texts if text.rstrip(":") in english} - AS_THEY_ARE


LETTERS = "/admin/messaging/connection/mailbox/"


def test_no_page_shows_english(ukrainian, everything):
    english = english_texts("uk")
    left = {}
    visited = 0
    for address, page in crawl(ukrainian):
        visited += 1
        if address.startswith(LETTERS):  # what was sent is data: headers, names and texts of others
            continue
        if found := left_in_english(page, english):
            left[address] = found
    assert not left, "\n".join(f"{address}: {found}" for address, found in left.items())
    assert visited > 60


NO_PARAMETERS = {"parameters-TOTAL_FORMS": "0", "parameters-INITIAL_FORMS": "0"}
REFUSED = [
    ("contacts/contact/add/", {"email": "x", "phone": "abc", "language": "zz", "time_zone": "Mars", "first_name": "1" * 50}),
    ("contacts/contact/add/", {"consent": "on"}),
    ("events/eventtype/add/", {"key": "a,b", "name": "Назва", "retention_days": "0", **NO_PARAMETERS}),
    ("partners/apikey/add/", {}),
    ("cdp/account/1/change/", {"time_zone": "Mars/Base", "currency": "uah", "blocked_identifiers": "5"}),
    ("contacts/subscriptioncategory/add/", {}),
    ("contacts/contactfield/add/", {"name": "Розмір", "key": "a", "type": "select", "least": "5", "most": "1"}),
]  # fmt: skip


@pytest.mark.parametrize(("address", "sent"), REFUSED)
def test_refusals_speak_ukrainian(ukrainian, everything, address, sent):
    reply = ukrainian.post(f"/admin/{address}", sent)
    assert reply.status_code in (200, 400)
    assert left_in_english(read_page(reply.text), english_texts("uk")) == set()


def test_a_bad_value_is_explained_in_ukrainian_and_on_the_wire_in_english(ukrainian, everything):
    page = ukrainian.post("/admin/contacts/contact/add/", {"email": "x", "consent": "on"})
    assert "«x» не схоже на e-mail" in page.text
    with translation.override("uk"), pytest.raises(InvalidValue) as refusal:
        normalise_email("x")
    assert refusal.value.message == "'x' is not valid email"


def test_every_fault_of_a_definition_is_marked():
    """A fault in bare English would be shown to everybody in English."""
    bare = {f"{place}: {text}" for place, text in fault_texts() if text is not None}
    assert bare == set()
    assert sum(text is None for _place, text in fault_texts()) > 150


def test_the_api_speaks_english_to_everybody(compiled, client, db):
    key = create_api_key(name="сайт", rights=["full"], now=NOW)[1]
    token = base64.b64encode(f":{key}".encode()).decode()
    headers = {"accept-language": "uk", "authorization": f"Basic {token}"}
    reply = client.post("/api/v1/contact", "{", content_type="application/json", headers=headers)
    assert reply.status_code == 400
    assert not CYRILLIC.search(reply.text)
    assert reply["Content-Language"] == "en"


def test_the_button_names_what_is_made(ukrainian, everything):
    for page, words in (
        ("contactlist", "Створити список"),
        ("subscriptioncategory", "Створити категорію підписки"),
    ):
        assert words in read_page(ukrainian.get(f"/admin/contacts/{page}/").text).texts


@pytest.mark.parametrize(
    "address", ["contacts/contact/{id}/do/erase/", "contacts/contact/{id}/do/unsubscribe/"]
)
def test_questions_are_asked_in_ukrainian(ukrainian, everything, address):
    reply = ukrainian.post("/admin/" + address.format(id=everything), {"address": "email"})
    assert reply.status_code == 200
    assert left_in_english(read_page(reply.text), english_texts("uk")) == set()


def test_pages_of_no_entry_speak_ukrainian(compiled, client, django_user_model):
    client.cookies["django_language"] = "uk"
    signing_in = client.get("/admin/login/")
    client.force_login(django_user_model.objects.create_user("ann", is_staff=True))
    forbidden = client.get("/admin/contacts/contact/")
    assert forbidden.status_code == 403
    for reply in (signing_in, forbidden, client.get("/nowhere/")):
        assert left_in_english(read_page(reply.text), english_texts("uk")) == set()


def test_the_switch_changes_the_language_and_comes_back(compiled, admin_user):
    client = Client(enforce_csrf_checks=True)
    client.force_login(admin_user)
    before = client.get("/admin/contacts/contact/?view=deleted")
    assert '<html lang="en"' in before.text
    assert 'action="/i18n/setlang/"' in before.text
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', before.text)[1]
    form = {"language": "uk", "next": ""}  # as the theme has it: the way back is told by the browser
    came_from = {"referer": "http://testserver/admin/contacts/contact/?view=deleted"}
    assert client.post("/i18n/setlang/", form, headers=came_from).status_code == 403
    switched = client.post("/i18n/setlang/", form | {"csrfmiddlewaretoken": token}, headers=came_from)
    assert (switched.status_code, switched["Location"]) == (302, came_from["referer"])
    assert switched.cookies["django_language"]["max-age"] == 365 * 24 * 3600
    after = client.get(switched["Location"])
    assert '<html lang="uk"' in after.text
    assert "Контакти" in read_page(after.text).texts


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (1, "1 справа потребує"),
        (2, "2 справи потребують"),
        (5, "5 справ потребують"),
        (21, "21 справа потребує"),
    ],
)
def test_counts_take_the_plural_of_the_language(compiled, count, words):
    with translation.override("uk"):
        sentence = translation.ngettext(
            "%(count)s thing needs attention", "%(count)s things need attention", count
        )
        assert (sentence % {"count": count}).startswith(words)


def test_dates_and_numbers_are_written_as_in_ukraine(compiled):
    now = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
    with translation.override("uk"):
        assert spoken(now - timedelta(minutes=3), now=now) == "3 хв тому"
        assert spoken(now - timedelta(hours=2), now=now) == "сьогодні о 10:00"
        assert spoken(now - timedelta(days=20), now=now) == "18 лютого, 12:00"
        assert spoken(now - timedelta(days=400), now=now) == "3 лютого 2025"
        assert "18 лютого 2026, 12:00:00" in moment(now - timedelta(days=20), now=now)
        assert number(12_430) == "12\xa0430"
        assert number(1_234_567) == "1,2 млн"
