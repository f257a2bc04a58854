"""What a colleague without a right sees."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.watch import judge

pytestmark = pytest.mark.browser


def test_a_page_without_its_right_says_which_is_missing_and_who_has_it(open_as):
    page = open_as("newcomer", expected=(403,))
    page.goto("/admin/contacts/contact/")
    expect(page.get_by_role("heading", name="You may not open this page")).to_be_visible()
    expect(page.get_by_text("Can view contact")).to_be_visible()
    expect(page.get_by_text("Marketer, Viewer")).to_be_visible()
    assert not judge(page)
    page.get_by_role("link", name="To the home page").click()
    expect(page.get_by_role("heading", name="Welcome")).to_be_visible()


def test_the_navigation_holds_only_what_opens(open_as):
    page = open_as("viewer")
    page.goto("/admin/")
    links = page.locator("#nav-sidebar").get_by_role("link")
    names = " ".join(links.all_inner_texts())
    assert "Contacts" in names
    assert "API keys" not in names
    assert "Users" not in names


def test_personal_data_are_masked_for_who_may_not_see_them(open_as):
    page = open_as("viewer")
    page.goto("/admin/contacts/contact/?view=email-active")
    assert "@example" not in page.content()
    assert "•••" in page.inner_text("#result_list")
    page.locator("#result_list tr.data-row").first.get_by_role("link").click()
    expect(page).to_have_url(re.compile("/change/"))
    assert "@example" not in page.content()
    assert "•••" in page.inner_text("#content")
    expect(page.get_by_role("link", name="Edit contact")).to_have_count(0)
    page.get_by_role("link", name="Activity", exact=True).click()
    assert "@example" not in page.content()
    page.goto("/admin/events/event/?period=30d")
    assert "@example" not in page.content()
    page.goto("/admin/events/event/live/")
    assert "@example" not in page.content()


def test_the_same_people_are_plain_for_the_administrator(page):
    page.goto("/admin/contacts/contact/?view=email-active")
    page.locator("#result_list tr.data-row").first.get_by_role("link").click()
    assert "@example" in page.content()


def test_an_address_of_nothing_says_so_in_the_frame(open_as):
    page = open_as(expected=(404,))
    for address in ("/admin/contacts/contact/999999999/change/", "/admin/no/such/page/"):
        page.goto(address)
        expect(page.get_by_role("heading", name="There is nothing here")).to_be_visible()
        expect(page.locator("#nav-sidebar").get_by_role("link", name="Contacts", exact=True)).to_be_visible()
    assert not judge(page)
