"""Every page the navigation and its pages lead to: read aloud for the administrator, looked at for the others.

Faults are printed as they are found: `make test-browser ARGS="-k every_page"` shows them long before its end.
"""

import time
from collections.abc import Callable, Iterable

import pytest
from django.contrib import admin
from django.urls import reverse

from tests.browser.sitemap import crawl, path_of
from tests.browser.watch import Watch, judge, look

pytestmark = pytest.mark.browser

UNLINKED = {"/admin/django_celery_beat/intervalschedule/"}  # a schedule's form only adds to it
RECORDS = """
auth/: group/N/change/ group/add/ user/N/change/ user/N/password/ user/add/
cdp/: account/N/change/
contacts/contact/: add/ N/change/ N/activity/ N/edit/ N/identity/ N/merge/ N/block/identifiers/ N/block/personal/ N/block/regional/
contacts/: contactfield/add/ contactfield/N/change/ contactfield/N/delete/ contactjob/N/change/ contactlist/add/
contacts/: contactlist/N/change/ contactlist/N/delete/ duplicatepair/N/change/ fieldgroup/N/change/ importsession/N/change/
contacts/: subscriptioncategory/add/ subscriptioncategory/N/change/
django_celery_beat/: periodictask/add/ periodictask/N/change/ crontabschedule/N/change/ intervalschedule/add/
events/: event/live/ eventtype/add/ eventtype/N/change/ quarantinedevent/N/change/ rejectedevent/N/change/
messaging/: message/add/ message/N/change/ campaign/add/ campaign/N/change/ campaign/N/edit/ delivery/N/change/
messaging/: connection/add/ connection/N/change/ connection/mailbox/ connection/mailbox/N/ sender/add/ sender/N/change/
messaging/: bouncemailbox/add/ bouncemailbox/N/change/ inboundnotice/N/change/
messaging/messagereport/: campaign/N/ campaign/N/people/ message/N/
partners/: apikey/add/ apikey/N/change/
segments/segment/: add/ N/change/ N/edit/ N/contacts/ N/why/ N/history/
workflows/: deadsignal/N/change/ workflow/add/ workflow/contact/N/
workflows/workflow/: N/change/ N/launches/ N/launch/ N/why/ N/versions/
"""
FOR_MARKETERS = """
contacts/: contact/ contact/add/ contact/N/change/ contact/N/edit/ contactlist/ duplicatepair/ importsession/
segments/segment/: / add/ N/edit/ N/why/
messaging/: message/ message/add/ message/N/change/ campaign/ campaign/add/ delivery/ delivery/N/change/ messagereport/campaign/N/
workflows/workflow/: / add/ N/change/ N/launch/
"""
FOR_VIEWERS = """
contacts/: contact/ contact/N/change/ contact/N/activity/ contactlist/
events/: event/ event/live/ eventtype/
segments/segment/: / N/change/
messaging/: message/ message/N/change/ campaign/ campaign/N/change/ delivery/ delivery/N/change/ messagereport/campaign/N/
workflows/workflow/: / N/change/ N/launches/
"""


def paths_in(text: str) -> set[str]:
    lines = [line.split() for line in text.strip().splitlines()]
    return {f"/admin/{head.rstrip(':')}{tail.lstrip('/')}" for head, *tails in lines for tail in tails}


def lists_of_models() -> set[str]:
    """The list of each registered model, so that a new one cannot be missed."""
    metas = [model._meta for model in admin.site._registry]
    lists = {reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist") for meta in metas}
    return lists - UNLINKED


@pytest.fixture(scope="module", autouse=True)
def _rarities(product):
    product.shell("from tests.browser.rarities import make; make()")


@pytest.fixture
def tell(capfd: pytest.CaptureFixture[str]) -> Callable[[Iterable[str]], None]:
    """Prints lines at once, past pytest's capturing."""

    def now(lines: Iterable[str]) -> None:
        with capfd.disabled():
            for line in lines:
                print(line, flush=True)

    return now


def walk(page, tell, *, thorough):
    watch = Watch(page)
    faults: list[str] = []
    reached: set[str] = set()  # pages that an address leads on to, such as the only account's

    def visit(address: str, is_first: bool) -> None:
        page.goto(address)
        reached.add(path_of(page.url))
        found = judge(page) if thorough and is_first else look(page)
        new = [f"{address}: {fault}" for fault in [*found, *watch.take()]]
        tell(new)
        faults.extend(new)

    began = time.monotonic()
    tell([""])
    visited = crawl(page, visit)
    tell([f"{len(visited)} pages in {time.monotonic() - began:.0f} s, {len(faults)} faults"])
    return reached | {path_of(address) for address in visited}, faults


def test_every_page_is_whole_for_the_administrator(page, tell):
    paths, faults = walk(page, tell, thorough=True)
    assert not faults, "\n".join(faults)
    wanted = {"/admin/"} | lists_of_models() | paths_in(RECORDS)
    assert paths >= wanted, wanted - paths


@pytest.mark.parametrize(("name", "wanted"), [("marketer", FOR_MARKETERS), ("viewer", FOR_VIEWERS)])
def test_no_link_leads_a_colleague_to_a_page_they_may_not_open(open_as, tell, name, wanted):
    paths, faults = walk(open_as(name), tell, thorough=False)
    assert not faults, "\n".join(faults)
    assert paths >= paths_in(wanted), paths_in(wanted) - paths
