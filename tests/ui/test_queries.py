"""How many queries a page makes: exactly so many, however much it shows; and no more than its kind may (list 10, record 15, home 12)."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from cdp.engine import drain
from contacts.models import Contact, ContactList
from contacts.services.lists import add_to_list, ensure_lists
from events.engines import EventProcessing
from tests.contacts.people import someone, upsert
from tests.events.inbox import accepted, event_type

pytestmark = pytest.mark.django_db

MOST = {"list": 10, "record": 15, "home": 12}
# address → (kind, queries); the number is exact: more is a regression, fewer is a number to lower here
PAGES = {
    "": ("home", 10),
    "contacts/contact/": ("list", 7),
    "contacts/contact/?q=person": ("list", 8),
    "contacts/contact/?view=email-active": ("list", 8),
    "contacts/contact/?email=active&source=api&empty=phone&language=none": ("list", 8),
    "contacts/contact/?list={list}&created_from=2020-01-01&created_to=2100-01-01": ("list", 10),
    "contacts/contact/panel/filters/": ("list", 6),
    "contacts/contact/panel/columns/": ("list", 4),
    "contacts/contact/panel/views/": ("list", 4),
    "contacts/contactjob/": ("list", 3),
    "jobs/tray/": ("list", 4),
    "contacts/contact/{contact}/change/": ("record", 11),
    "contacts/contact/{contact}/activity/?period=all": ("record", 10),
    "contacts/contactlist/": ("list", 4),
    "contacts/subscriptioncategory/": ("list", 3),
    "contacts/contactfield/": ("list", 8),
    "events/event/?period=30d": ("list", 6),
    "events/event/?period=30d&type={type}": ("list", 7),
    "events/event/live/": ("list", 6),
    "events/eventtype/": ("list", 5),
    "partners/apikey/": ("list", 3),
    "auth/user/": ("list", 4),
    "auth/group/": ("list", 3),
    "django_celery_beat/periodictask/": ("list", 3),
    "cdp/enginestate/": ("list", 3),
}
SIZES = (3, 30)


def fill(size: int) -> dict[str, int]:
    """`size` people on `size` lists, with tokens and an event of each of `size` types; one of them has them all."""
    now = datetime.now(UTC)
    outcomes = upsert(
        *(someone(f"X{n}", f"E{n}", f"T{n}", fields={"first_name": f"Person{n}"}) for n in range(size)),
        now=now - timedelta(hours=1),
    )
    ids = [outcome.contact_id for outcome in outcomes]
    for pk in ensure_lists([f"List {n}" for n in range(size)], now=now).values():
        add_to_list(pk, ids, now=now)
    kinds = [event_type(f"type{n}") for n in range(size)]
    for n, kind in enumerate(kinds):
        for person in (0, n):
            moment = now - timedelta(minutes=n + 1)
            accepted(kind, external_id=f"X{person}", event_at=moment, received_at=moment)
    drain(EventProcessing())
    return {"contact": ids[0], "type": kinds[0].pk, "list": ContactList.objects.earliest("pk").pk}


def count(client, address) -> int:
    client.get(address)  # fills what is kept for the process
    with CaptureQueriesContext(
        connection,
    ) as asked:
        assert client.get(address).status_code == 200
    return len(asked)


@pytest.mark.parametrize("size", SIZES)
def test_every_page_makes_as_many_queries_as_it_may(admin_client, size):
    made = fill(size)
    assert Contact.objects.count() == size
    assert ContactList.objects.count() == size
    found = {page: count(admin_client, f"/admin/{page.format(**made)}") for page in PAGES}
    assert found == {page: queries for page, (_kind, queries) in PAGES.items()}


def test_no_page_passes_the_budget_of_its_kind():
    assert all(queries <= MOST[kind] for kind, queries in PAGES.values())
