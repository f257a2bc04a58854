"""Every screen of the navigation opens."""

import pytest

PAGES = (
    "",
    "contacts/contact/",
    "contacts/contact/?q=id:12",
    "contacts/contact/?q=olena",
    "events/eventtype/",
    "cdp/account/",
    "cdp/account/1/change/",
    "partners/apikey/",
    "cdp/enginestate/",
)


@pytest.mark.django_db
@pytest.mark.parametrize("page", PAGES)
def test_page_opens(admin_client, page):
    assert admin_client.get(f"/admin/{page}").status_code == 200
