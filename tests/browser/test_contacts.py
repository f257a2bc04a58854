"""What a marketer does with contacts: find, read, create, change, put on a list, delete and restore."""

import json
import re
import uuid

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

LIST = "/admin/contacts/contact/"
ROWS = "#result_list tr.data-row"


@pytest.fixture
def olena(page):
    """A contact made by hand, with values nobody else has: no test sees what another did."""
    number = uuid.uuid4().int
    mark = "".join(chr(ord("a") + int(digit)) for digit in str(number)[:12])
    values = {
        "first_name": "Olena", "last_name": f"Kov{mark}", "email": f"olena.{mark}@example.com",
        "phone": f"+38067{number % 10**7:07}", "external_id": f"Ext-{mark}",
    }  # fmt: skip
    page.goto(f"{LIST}add/")
    for name, value in values.items():
        page.fill(f"[name={name}]", value)
    page.check("[name=consent]")
    page.get_by_role("button", name="Create contact").click()
    expect(page.get_by_text("Contact created.")).to_be_visible()
    number = re.search(r"/contact/(\d+)/change/", page.url)
    assert number
    return values | {"id": number[1]}


def more(page):
    """Open the menu of the card's further actions."""
    page.locator("summary", has_text="More").click()


def search(page, words):
    page.goto(LIST)
    page.fill("#searchbar", words)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"\?q="))
    return page.locator(ROWS)


@pytest.mark.parametrize(
    "words", ["id:{id}", "extid:{external_id}", "{email}", "{phone}", "Olena {last_name}", "{last_name}"]
)
def test_search_finds_the_one_person(page, olena, words):
    rows = search(page, words.format(**olena))
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text(olena["last_name"])
    rows.get_by_role("link").first.click()
    expect(page).to_have_url(re.compile(rf"/contact/{olena['id']}/change/"))


def test_a_search_that_finds_nobody_says_so_and_leads_back(page):
    expect(search(page, "nobody-is-called-so")).to_have_count(0)
    expect(page.get_by_text("Nothing fits “nobody-is-called-so”.")).to_be_visible()
    page.get_by_role("link", name="Clear search and filters").click()
    expect(page.locator(ROWS).nth(1)).to_be_visible()


def test_the_list_goes_on_by_key_and_back_again(page):
    page.goto(LIST)
    first = page.locator(ROWS).first.inner_text()
    page.get_by_role("link", name="Next").click()
    expect(page).to_have_url(re.compile("after="))
    assert page.locator(ROWS).first.inner_text() != first
    page.get_by_role("link", name="Back").click()
    assert page.locator(ROWS).first.inner_text() == first


def test_a_saved_view_narrows_the_list(page):
    page.goto(LIST)
    page.get_by_role("link", name="unsubscribed").click()
    expect(page.get_by_role("link", name="unsubscribed")).to_have_attribute("aria-current", "page")
    for row in page.locator(ROWS).all():
        expect(row).to_contain_text("Unsubscribed")


def test_the_card_tells_who_it_is(page, olena):
    page.goto(f"{LIST}{olena['id']}/change/")
    expect(page).to_have_title(re.compile(f"Olena {olena['last_name']}"))
    for value in (olena["email"], olena["external_id"]):
        assert page.get_by_text(value).count()
    for heading in ("Identifiers", "Personal data", "Reachable now", "Lists", "Subscription categories"):
        expect(page.get_by_role("heading", name=heading, exact=True)).to_be_visible()


def test_the_second_tab_of_the_card_is_the_activity(page, olena):
    page.goto(f"{LIST}{olena['id']}/change/")
    page.get_by_role("link", name="Activity", exact=True).click()
    expect(page).to_have_url(re.compile("/activity/$"))
    expect(page.get_by_role("link", name="Activity", exact=True)).to_have_attribute("aria-current", "page")
    expect(page.locator(".ui-entry", has_text="Contact created")).to_have_count(1)


def test_the_activity_of_a_customer_shows_events_and_is_filtered(page):
    page.goto("/admin/events/event/?period=30d")
    with_contact = page.locator("details.ui-entry").filter(has_not=page.locator(".is-orange")).first
    with_contact.locator("summary").click()
    with_contact.get_by_role("link", name="Open the contact").click()
    page.get_by_role("link", name="Activity", exact=True).click()
    page.select_option("[name=period]", "all")
    page.get_by_role("button", name="Apply").click()
    page.get_by_role("link", name=re.compile("^Events [0-9]")).click()
    entries = page.locator("details.ui-entry")
    assert entries.count() > 0
    assert page.locator(".ui-entry.is-event, .ui-entry.is-order").count() == entries.count()
    entries.first.locator("summary").click()
    expect(entries.first.locator(".ui-body")).to_be_visible()


def test_an_edit_is_saved_and_a_bad_address_is_refused_at_its_field(open_as, olena):
    page = open_as(expected=(400,))
    page.goto(f"{LIST}{olena['id']}/change/")
    page.get_by_role("link", name="Edit contact").click()
    page.fill("[name=first_name]", "Olha")
    page.fill("[name=email]", "not-an-address")
    page.get_by_role("button", name="Save contact").click()
    expect(page.get_by_role("alert")).to_contain_text("Not saved: 1 field needs a look.")
    expect(page.locator("[name=first_name]")).to_have_value("Olha")
    page.fill("[name=email]", olena["email"])
    page.get_by_role("button", name="Save contact").click()
    expect(page.get_by_text("Contact saved.")).to_be_visible()
    expect(page.get_by_role("heading", name=f"Olha {olena['last_name']}").first).to_be_visible()


def test_nobody_is_created_without_consent(open_as):
    page = open_as(expected=(400,))
    page.goto(f"{LIST}add/")
    page.fill("[name=email]", "no.consent@example.com")
    page.get_by_role("button", name="Create contact").click()
    expect(page.get_by_text("Without the person's consent nobody may be added.")).to_be_visible()


def test_a_contact_is_put_on_a_new_list_and_taken_off_again(page, olena):
    name = f"Tasting {olena['last_name']}"
    page.goto(f"{LIST}{olena['id']}/change/")
    page.get_by_label("Add to list").fill(name)
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_text(f"Added to the list {name}.")).to_be_visible()
    page.goto("/admin/contacts/contactlist/")
    expect(page.locator(ROWS).filter(has_text=name)).to_contain_text("1")
    page.goto(f"{LIST}{olena['id']}/change/")
    page.get_by_role("button", name=f"Remove from {name}").click()
    expect(page.get_by_text(f"Removed from the list {name}.")).to_be_visible()


def test_an_address_is_unsubscribed_with_a_reason_for_good(page, olena):
    page.goto(f"{LIST}{olena['id']}/change/")
    row = page.locator("li", has_text=olena["email"])
    row.locator("summary", has_text="Change state").click()
    row.get_by_role("button", name="Unsubscribe…").click()
    page.get_by_label("Reason").fill("asked by phone")
    page.get_by_role("button", name="Unsubscribe the address").click()
    expect(row).to_contain_text("asked by phone · by boss")
    row.locator("summary", has_text="Change state").click()
    expect(row.get_by_role("button", name="Unsubscribe…")).to_have_count(0)
    expect(row.get_by_role("button", name="Blacklist…")).to_be_visible()


def test_the_data_of_a_person_come_as_a_file(page, olena):
    page.goto(f"{LIST}{olena['id']}/change/")
    more(page)
    with page.expect_download() as started:
        page.get_by_role("button", name="Export data").click()
    assert started.value.suggested_filename == f"contact-{olena['id']}.json"
    assert json.loads(started.value.path().read_text())["contact"]["email"] == olena["email"]


def test_a_filter_that_cannot_be_read_says_so(open_as, olena):
    page = open_as(expected=(400,))
    page.goto(f"{LIST}{olena['id']}/activity/?period=never")
    expect(page.get_by_role("alert")).to_contain_text("Period: “never” is none of the choices.")
    page.get_by_role("link", name="Clear filters").click()
    expect(page.locator(".ui-entry", has_text="Contact created")).to_have_count(1)


def test_a_deleted_contact_can_be_restored(page, olena):
    page.goto(f"{LIST}{olena['id']}/change/")
    more(page)
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_text("Contact deleted. It can be restored.")).to_be_visible()
    page.get_by_role("button", name="Restore").click()
    expect(page.get_by_text("Contact restored.")).to_be_visible()


def test_erasing_asks_first_and_leaves_only_the_number(open_as, olena):
    page = open_as(expected=(410,))
    page.goto(f"{LIST}{olena['id']}/change/")
    more(page)
    page.get_by_role("button", name="Erase…").click()
    page.get_by_role("link", name="Keep everything as it is").click()
    more(page)
    page.get_by_role("button", name="Erase…").click()
    page.get_by_role("button", name="Erase for good").click()
    expect(page.get_by_role("heading", name=f"Contact {olena['id']} was erased")).to_be_visible()


def test_a_list_is_created_renamed_and_deleted(page):
    page.goto("/admin/contacts/contactlist/")
    page.get_by_role("link", name="Create list").first.click()
    page.fill("[name=name]", "Autumn guests")
    page.get_by_role("button", name="Create list").click()
    row = page.locator(ROWS).filter(has_text="Autumn guests")
    row.get_by_role("link").click()
    page.fill("[name=name]", "Winter guests")
    page.get_by_role("button", name="Save").click()
    page.locator(ROWS).filter(has_text="Winter guests").get_by_role("link").click()
    page.get_by_role("link", name="Delete…").click()
    page.get_by_role("button", name=re.compile("Yes|Delete")).click()
    expect(page.locator(ROWS).filter(has_text="Winter guests")).to_have_count(0)
