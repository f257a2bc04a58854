"""Every page the navigation and its pages lead to, read aloud for the administrator.

Faults are printed as they are found: `make test-browser ARGS="-n 0 -k every_page"` shows them long before its end. The walks of the
others are a file of their own, so that both go at once.
"""

import pytest
from django.contrib import admin
from django.urls import get_resolver, reverse

from tests.browser.walking import paths_in, walk

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("rarities")]

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


def lists_of_models() -> set[str]:
    """The list of each registered model, so that a new one cannot be missed."""
    list(get_resolver().url_patterns)  # the addresses bring the screens with them
    metas = [model._meta for model in admin.site._registry]
    lists = {reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist") for meta in metas}
    return lists - UNLINKED


def test_every_page_is_whole_for_the_administrator(page, tell):
    paths, faults = walk(page, tell, aloud=True)
    assert not faults, "\n".join(faults)
    wanted = {"/admin/"} | lists_of_models() | paths_in(RECORDS)
    assert paths >= wanted, wanted - paths
