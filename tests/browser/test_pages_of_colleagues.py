"""Every page that links lead those to who have fewer rights than the administrator."""

import pytest

from tests.browser.walking import paths_in, walk

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("rarities")]

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


@pytest.mark.parametrize(("name", "wanted"), [("marketer", FOR_MARKETERS), ("viewer", FOR_VIEWERS)])
def test_no_link_leads_a_colleague_to_a_page_they_may_not_open(open_as, tell, name, wanted):
    paths, faults = walk(open_as(name), tell, aloud=False)
    assert not faults, "\n".join(faults)
    assert paths >= paths_in(wanted), paths_in(wanted) - paths
