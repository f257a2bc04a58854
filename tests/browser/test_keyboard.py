"""Without a mouse."""

import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

FOCUSED = "() => (document.activeElement.getAttribute('aria-label') || document.activeElement.innerText || document.activeElement.name || '').trim()"
RING = "() => { const s = getComputedStyle(document.activeElement); return s.outlineStyle !== 'none' || s.boxShadow !== 'none'; }"


def tab_to(page, words, *, most=60):
    """Press Tab until the words have the focus; the names passed on the way."""
    passed = []
    for _ in range(most):
        page.keyboard.press("Tab")
        passed.append(page.evaluate(FOCUSED))
        if re.search(words, passed[-1]):
            return passed
    raise AssertionError(f"{words!r} is not reached by Tab: {passed}")


def test_tab_reaches_navigation_user_menu_and_the_primary_button(page):
    page.goto("/admin/contacts/contact/")
    passed = tab_to(page, "Create contact")
    for words in ("Contacts", "Event history", "API keys", "boss", "Show or hide the navigation"):
        assert any(words in name for name in passed), (words, passed)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/contact/add/"))


def test_slash_puts_the_cursor_into_the_search(page):
    for address in ("/admin/contacts/contact/", "/admin/events/event/"):
        page.goto(address)
        page.keyboard.press("/")
        page.keyboard.type("id:1")
        expect(page.locator("[name=q]")).to_have_value("id:1")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("q=id"))


def test_a_row_opens_by_keyboard(page):
    page.goto("/admin/contacts/contact/")
    name = page.locator("#result_list tr.data-row .ui-strong").first.inner_text()
    tab_to(page, re.escape(name))
    assert page.evaluate(RING)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/change/"))
    tab_to(page, "^Activity$")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/activity/"))


def test_the_user_menu_opens_and_closes_by_keyboard(page):
    page.goto("/admin/")
    tab_to(page, r"\bboss\b")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Log out")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Log out")).to_be_hidden()


def test_g_and_a_letter_go_to_a_page(page):
    page.goto("/admin/")
    page.keyboard.press("g")
    page.keyboard.press("c")
    expect(page).to_have_url(re.compile("/admin/contacts/contact/"))
