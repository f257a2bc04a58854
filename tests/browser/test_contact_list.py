"""What a marketer does with many contacts: narrow the list, keep it, act on all that match, watch the job."""

import re
import uuid

import pytest
from playwright.sync_api import expect

from tests.browser.watch import judge

pytestmark = pytest.mark.browser

LIST = "/admin/contacts/contact/"
ROWS = "#result_list tr.data-row"


def open_panel(page, name):
    page.locator("details.ui-panel > summary", has_text=name).click()
    page.wait_for_selector("details.ui-panel[open] form")
    return page.locator("details.ui-panel[open]")


def test_a_filter_is_chosen_shown_as_a_chip_and_taken_away(page):
    page.goto(f"{LIST}?view=all")
    panel = open_panel(page, "Filters")
    panel.locator("[name=phone]").select_option("none")
    panel.get_by_role("button", name="Apply").click()
    expect(page).to_have_url(re.compile(r"\?phone=none"))
    expect(page.locator(".ui-chip")).to_have_text(re.compile("has no phone"))
    page.get_by_role("link", name="Remove: has no phone").click()
    expect(page.locator(".ui-chip")).to_have_count(0)


def test_a_bad_value_in_the_address_is_told(open_as):
    page = open_as(expected=(400,))
    page.goto(f"{LIST}?language=ukrainian")
    expect(page.get_by_role("alert")).to_contain_text("ukrainian")
    expect(page.locator(ROWS)).to_have_count(0)


def test_columns_are_chosen_and_the_usual_ones_come_back(page):
    page.goto(f"{LIST}?view=all")
    panel = open_panel(page, "Columns")
    panel.get_by_label("Town").check()
    panel.get_by_role("button", name="Show these columns").click()
    expect(page.locator("thead")).to_contain_text("Town")
    open_panel(page, "Columns").get_by_role("button", name="The usual ones").click()
    expect(page.locator("thead")).not_to_contain_text("Town")


def test_a_view_is_saved_and_deleted(page):
    name = f"View {uuid.uuid4().hex[:6]}"
    page.goto(f"{LIST}?email=any")
    panel = open_panel(page, "Saved views")
    panel.get_by_label("Name of the view").fill(name)
    panel.get_by_role("button", name="Save what is shown as a view").click()
    expect(page.get_by_role("link", name=name)).to_have_attribute("aria-current", "page")
    open_panel(page, "Saved views").get_by_role("button", name="Delete the view").click()
    expect(page.get_by_role("link", name=name)).to_have_count(0)


def test_all_that_match_are_put_on_a_list_in_the_background(page):
    name = f"List {uuid.uuid4().hex[:6]}"
    page.goto(f"{LIST}?email=any")
    page.locator("#action-toggle").check()
    page.get_by_role("button", name=re.compile("Select all that match")).click()
    assert judge(page) == []
    page.select_option("[name=action]", "add_to_list")
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_text("has an e-mail")).to_be_visible()
    assert judge(page) == []
    page.get_by_label("Or a new list").fill(name)
    page.get_by_role("button", name=re.compile(r"Add to the list: \d+ contacts")).click()
    expect(page.locator("#job-progress")).to_contain_text("Finished", timeout=20_000)
    page.locator("#jobs > summary").click()
    expect(page.locator("#jobs-tray")).to_contain_text(name)
    assert judge(page) == []


def test_an_export_is_made_and_fetched(page):
    page.goto(f"{LIST}?view=all")
    page.locator("input.action-select").first.check()
    page.select_option("[name=action]", "export")
    page.get_by_role("button", name="Run").click()
    page.get_by_role("button", name="Export: 1 contact").click()
    with page.expect_download(timeout=20_000) as fetched:
        page.get_by_role("link", name="Download the file").click(timeout=20_000)
    text = fetched.value.path().read_text("utf-8-sig")
    assert text.startswith("contactId,externalCustomerId,email")
    assert len(text.splitlines()) == 2


@pytest.mark.parametrize("panel", ["Filters", "Columns", "Saved views"])
def test_panels_are_readable_by_everybody(page, panel):
    page.goto(f"{LIST}?view=all")
    open_panel(page, panel)
    assert judge(page) == []


def test_who_may_only_look_is_offered_nothing(open_as):
    page = open_as("viewer")
    page.goto(f"{LIST}?view=all")
    expect(page.locator(ROWS).first).to_be_visible()
    expect(page.locator("input.action-select")).to_have_count(0)
    expect(page.locator("#jobs")).to_have_count(0)
