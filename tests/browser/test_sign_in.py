"""Signing in and out."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import sign_in
from tests.browser.watch import read_aloud

pytestmark = pytest.mark.browser


def test_it_works(open_as):
    page = open_as("")
    page.goto("/admin/contacts/contact/")
    assert "/admin/login/" in page.url
    assert not read_aloud(page)
    sign_in(page, "boss")
    expect(page).to_have_title(re.compile("Home"))
    page.get_by_role("button", name="boss").click()
    page.get_by_role("button", name="Log out").click()
    page.goto("/admin/")
    assert "/admin/login/" in page.url


def test_after_signing_in_the_page_asked_for_opens(open_as):
    page = open_as("")
    page.goto("/admin/events/eventtype/")
    page.fill("[name=username]", "boss")
    page.fill("[name=password]", "made-for-tests-1")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/admin/events/eventtype/$"))


def test_a_wrong_password_is_refused_and_says_so(open_as):
    page = open_as("")
    sign_in(page, "boss", "wrong")
    expect(page.get_by_text("Please enter the correct username and password")).to_be_visible()
    page.goto("/admin/")
    assert "/admin/login/" in page.url
