"""Pages of a narrowed list within bounds: they hold the rows that an unbounded read holds, or say that they were given up."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from cdp.ui import bounded
from cdp.ui.bounded import Ask, read_bounded
from cdp.ui.keyset import read_page
from contacts.filters import read_filter
from contacts.models import Address, Contact, Key

pytestmark = pytest.mark.django_db
LIST = "/admin/contacts/contact/"
NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
PEOPLE = 240
ORDERS = (("-updated_at", "-id"), ("updated_at", "id"), ("-created_at", "-id"))
CONDITIONS = (
    {"language": "uk"}, {"language": "pl"}, {"language": "pl", "source": "import"}, {"language": "de"}, {"email": "unsubscribed"},
    {"email": "unsubscribed", "language": "en"}, {"filled": "town"}, {"q": "Koval2"}, {"q": "zq"}, {"q": "zq", "language": "uk"},
    {"view": "email-unsubscribed", "q": "ann"}, {"view": "deleted", "language": "uk"}, {"updated_from": "2026-03-10"},
    {"email": "active", "push": "web"}, {"email": "unsubscribed,spam", "push": "none"}, {"empty": "town", "source": "import"},
    {"view": "email-active"}, {"push": "any", "created_to": "2026-03-10"},
)  # fmt: skip


@pytest.fixture
def people():
    """Languages and sources that never meet (pl is even, import is odd), rare towns, moments that many share."""
    Contact.objects.bulk_create(
        Contact(
            pk=n, state="deleted" if n % 11 == 0 else "active", email=f"p{n}@example.com", email_norm=f"p{n}@example.com",
            first_name="Ann", last_name=f"Koval{n}", town="Lviv" if n in (17, 200) else None,
            language=("uk", "en", "pl", "en")[n % 4] if n > 40 else "uk", source="import" if n % 2 else "api",
            created_at=NOW - timedelta(minutes=n // 3), updated_at=NOW - timedelta(minutes=(n * 7 % PEOPLE) // 4),
        )
        for n in range(1, PEOPLE + 1)
    )  # fmt: skip
    Address.objects.bulk_create(
        Address(kind="email", value=f"p{n}@example.com", status="unsubscribed" if n % 9 == 0 else "active", status_at=NOW)
        for n in range(1, PEOPLE + 1)
    )  # fmt: skip
    Key.objects.bulk_create(
        Key(kind="web" if n % 3 else "ext", value=f"t{n}", person_id=n, is_active=n % 5 > 0, created_at=NOW)
        for n in range(1, PEOPLE + 1, 2)
    )


@pytest.fixture(params=["found", "walked", "given up"])
def bounds(request, monkeypatch):
    """Bounds so narrow that the few rows of a test meet each of the ways."""
    values = {"FIRST": 10, "FEW": 3, "GIVE_UP": 25, "MOST_WALKED": 60, "MOST_FOUND": 1_000, "MOST_COST": 1e9}
    values |= {} if request.param == "found" else {"MOST_FOUND": 3, "FEW": 1}
    values |= {"GIVE_UP": 10, "MOST_WALKED": 10} if request.param == "given up" else {}
    for name, value in values.items():
        monkeypatch.setattr(bounded, name, value)
    return request.param


def ask_for(params, order, **rest):
    found = read_filter(params)
    assert found.errors == {}
    column = order[0].removeprefix("-")
    rows = Contact.objects.all()
    return Ask(
        found.base(rows, ordered_by=column),
        found.narrow(rows),
        order,
        7,
        walked=found.walk(rows, ordered_by=column),
        weight=found.weight(ordered_by=column),
        finds_cheaply=found.is_of_traits,
        is_guessed=found.is_text,
        look_rare=found.looks_rare,
        **rest,
    )


def odd(ids):
    return [one for one in ids if one % 3 == 1]


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: order[0])
def test_pages_hold_everybody_who_fits_once_there_and_back(people, bounds, order):
    for params, sieve in product(CONDITIONS, (None, odd)):
        check_pages(params, order, sieve)


def check_pages(params, order, sieve):
    ask = ask_for(params, order, sieve=sieve)
    wanted = list(ask.narrowed.order_by(*order).values_list("pk", flat=True))
    wanted = wanted if sieve is None else sieve(wanted)
    seen, page = [], read_bounded(ask)
    last = ""
    while True:
        seen += [row.pk for row in page.rows]
        assert len(page.rows) == ask.size or page.looked or not page.older, (params, sieve)
        if not page.older:
            break
        last = page.older
        page = read_bounded(ask, after=page.older)
    assert seen == wanted, (params, sieve)
    back, page = [row.pk for row in page.rows], page
    while last and page.newer:
        page = read_bounded(ask, before=page.newer)
        if not page.newer:
            break  # the first page is full whatever stands after it
        back = [row.pk for row in page.rows] + back
    assert back == wanted[len(wanted) - len(back) :], (params, sieve)


@pytest.mark.parametrize("params", CONDITIONS)
def test_the_whole_list_is_the_unbounded_one(people, monkeypatch, params):
    for name in ("FIRST", "GIVE_UP", "MOST_WALKED", "MOST_FOUND"):
        monkeypatch.setattr(bounded, name, 2)
    for sieve in (None, odd):
        ask = ask_for(params, ORDERS[0], sieve=sieve, is_whole=True)
        told = read_page(ask.narrowed, order=ORDERS[0], size=7, sieve=sieve)
        page = read_bounded(ask)
        assert [row.pk for row in page.rows] == [row.pk for row in told.rows]
        assert (bool(page.older), page.looked) == (bool(told.older), 0)


def test_a_search_that_is_given_up_says_so_and_offers_the_whole_list(admin_client, people, monkeypatch):
    for name in ("FIRST", "GIVE_UP", "MOST_WALKED"):
        monkeypatch.setattr(bounded, name, 10)
    monkeypatch.setattr(bounded, "MOST_COST", 0)
    page = admin_client.get(LIST, {"filled": "town", "sort": "created-first"})
    assert page.context_data["cl"].looked == 10
    text = page.content.decode()
    assert "Search all contacts" in text
    assert "Koval200" not in text or "Koval17" not in text
    whole = admin_client.get(LIST, {"filled": "town", "sort": "created-first", "whole": "1"}).content.decode()
    assert "Koval17<" in whole.replace(" ", "").replace("</span>", "<")
    assert "Koval200<" in whole.replace(" ", "").replace("</span>", "<")
    assert "Search all contacts" not in whole
    empty = admin_client.get(LIST, {"q": "zq"}).content.decode()
    assert "None found so far" in empty
    assert "No contacts match" not in empty


def test_conditions_that_never_meet_are_found_out_by_their_index(people, bounds):
    page = read_bounded(ask_for({"language": "pl", "source": "import"}, ORDERS[0]))
    assert (page.rows, page.looked, page.older) == ([], 0, "")


@pytest.mark.parametrize("params", CONDITIONS)
def test_a_page_asks_a_bounded_number_of_statements(people, bounds, params):
    ask = ask_for(params, ORDERS[0])
    with CaptureQueriesContext(connection) as asked:
        read_bounded(ask)
    assert len(asked) <= 7
    assert all("LIMIT" in one["sql"] or one["sql"].startswith("EXPLAIN") for one in asked)


def test_what_looks_rare_is_found_without_a_walk_before(people):
    ask = ask_for({"email": "unsubscribed"}, ORDERS[0])
    with CaptureQueriesContext(connection) as asked:
        page = read_bounded(ask)
    wanted = ask.narrowed.order_by(*ORDERS[0]).values_list("pk", flat=True)
    assert ([row.pk for row in page.rows], page.count) == (list(wanted[:7]), len(wanted))
    assert [one["sql"].split()[0] for one in asked] == ["EXPLAIN", "WITH", "SELECT"]


def test_the_count_of_what_was_found_at_once_is_exact(people, bounds):
    page = read_bounded(ask_for({"q": "id:7"}, ORDERS[0], are_few=True))
    assert ([row.pk for row in page.rows], page.count) == ([7], 1)


def test_a_text_that_fitted_some_of_the_first_is_walked_for_and_not_found(people, monkeypatch):
    for name, value in (("FIRST", 30), ("FEW", 30), ("GIVE_UP", 10), ("MOST_WALKED", 300)):
        monkeypatch.setattr(bounded, name, value)
    ask = ask_for({"q": "Koval2"}, ORDERS[0])
    with CaptureQueriesContext(connection) as asked:
        page = read_bounded(ask)
    assert not any(one["sql"].startswith("EXPLAIN") for one in asked)
    assert (len(page.rows), page.looked) == (ask.size, 0)
