"""The account, API keys, users and roles."""

import re

import httpx
import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


def test_account_settings_are_saved(page):
    page.goto("/admin/")
    page.get_by_role("link", name="General").click()
    for name, value in (
        ("organisation_name", "Bean & Leaf"),
        ("time_zone", "Europe/Kyiv"),
        ("language", "uk"),
        ("currency", "UAH"),
    ):
        page.fill(f"#id_{name}", value)
    page.get_by_role("button", name="Save").click()
    page.goto("/admin/cdp/account/1/change/")
    expect(page.locator("[name=organisation_name]")).to_have_value("Bean & Leaf")
    expect(page.locator("[name=time_zone]")).to_have_value("Europe/Kyiv")
    expect(page.locator("#id_language")).to_have_value("uk")
    expect(page.locator("[name=currency]")).to_have_value("UAH")


def test_a_wrong_zone_is_refused_at_its_field(page):
    page.goto("/admin/cdp/account/1/change/")
    page.locator("[name=time_zone]").fill("Mars/Base")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("is not a name of the TZ database")).to_be_visible()


def test_an_api_key_is_shown_once_works_and_is_switched_off(page, product):
    page.goto("/admin/partners/apikey/add/")
    page.fill("[name=name]", "Till")
    page.get_by_role("checkbox").first.check()
    page.get_by_role("button", name="Create key").click()
    secret = page.locator(".ui-secret").inner_text()
    ask = lambda: httpx.get(f"{product.address}/api/v1/account/info", auth=("any", secret)).status_code  # noqa: E731
    assert ask() == 200
    page.get_by_role("link", name="I have saved it").click()
    page.locator("tr.data-row", has_text="Till").get_by_role("link").click()
    assert secret not in page.content()
    assert secret[-4:] in page.content()
    page.get_by_role("button", name="Switch off").click()
    expect(page.get_by_text("The key is off")).to_be_visible()
    page.wait_for_timeout(1_000)  # for so long a process may know a key from memory
    assert ask() == 401


def test_a_key_needs_a_right(open_as):
    page = open_as(expected=(400,))
    page.goto("/admin/partners/apikey/add/")
    page.fill("[name=name]", "Nothing")
    page.get_by_role("button", name="Create key").click()
    expect(page.get_by_text("Choose at least one right.")).to_be_visible()


def test_a_colleague_gets_a_role(page):
    page.goto("/admin/auth/user/add/")
    page.fill("[name=username]", "taster")
    page.fill("[name=password1]", "made-for-tests-1")
    page.fill("[name=password2]", "made-for-tests-1")
    page.get_by_role("button", name="Create user").click()
    expect(page).to_have_url(re.compile(r"/auth/user/\d+/change/"))
    page.get_by_label("Viewer").check()
    page.get_by_role("button", name="Save").click()
    expect(page.locator("tr.data-row", has_text="taster")).to_contain_text("Viewer")


def test_a_role_is_a_grid_of_rights(page):
    page.goto("/admin/auth/group/add/")
    page.fill("[name=name]", "Reader of events")
    page.get_by_role("checkbox", name="Events: see", exact=True).check()
    page.get_by_role("button", name="Create role").click()
    row = page.locator("tr.data-row", has_text="Reader of events")
    row.get_by_role("link").click()
    expect(page.get_by_role("checkbox", name="Events: see", exact=True)).to_be_checked()
    assert page.locator("input[name=permissions]:checked").count() == 1


def test_a_schedule_is_switched_off(page):
    page.goto("/admin/django_celery_beat/periodictask/")
    row = page.locator("tr.data-row", has_text="Switch off idle API keys")
    expect(row).to_contain_text("At 03:05")
    row.get_by_role("link").click()
    page.uncheck("[name=enabled]", force=True)
    page.get_by_role("button", name="Save").click()
    expect(row).to_contain_text("Off")
