"""Every page the navigation and its pages lead to: for the administrator in both widths and themes, for others once."""

import pytest

from tests.browser.sitemap import crawl
from tests.browser.watch import Watch, judge, look

pytestmark = pytest.mark.browser

MUST_BE_SEEN = (
    "/admin/", "/admin/contacts/contact/", "/admin/contacts/contact/add/", "/admin/contacts/contactlist/", "/admin/contacts/contactlist/add/",
    "/admin/contacts/contactfield/", "/admin/contacts/subscriptioncategory/", "/admin/contacts/importsession/", "/admin/events/event/",
    "/admin/events/event/live/", "/admin/events/eventtype/", "/admin/events/eventtype/add/", "/admin/events/quarantinedevent/",
    "/admin/events/rejectedevent/", "/admin/cdp/account/", "/admin/partners/apikey/", "/admin/partners/apikey/add/",
    "/admin/auth/user/", "/admin/auth/group/", "/admin/django_celery_beat/periodictask/", "/admin/cdp/enginestate/",
)  # fmt: skip
RECORDS = (
    "/activity/", "/edit/", "eventtype/", "contactlist/", "contactfield/", "auth/user/", "auth/group/", "periodictask/",
)  # fmt: skip


def walk(page, *, thorough, expected=()):
    watch = Watch(page, expected=expected)
    faults = []

    def visit(address, is_first):
        page.goto(address)
        found = judge(page, thorough=is_first) if thorough else look(page)
        faults.extend(f"{address}: {fault}" for fault in [*found, *watch.take()])

    return crawl(page, visit), faults


def test_every_page_is_whole_for_the_administrator(page):
    visited, faults = walk(page, thorough=True)
    paths = {address.partition("?")[0] for address in visited}
    assert not faults, "\n".join(faults)
    assert paths >= set(MUST_BE_SEEN), set(MUST_BE_SEEN) - paths
    for part in RECORDS:
        assert any(part in path and any(letter.isdigit() for letter in path) for path in paths), part


@pytest.mark.parametrize("name", ["marketer", "viewer"])
def test_no_link_leads_a_colleague_to_a_page_they_may_not_open(open_as, name):
    visited, faults = walk(open_as(name), thorough=False)
    assert "/admin/contacts/contact/" in visited
    assert not faults, "\n".join(faults)
