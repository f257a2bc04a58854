"""The preview counts a definition card by card; the explanation tells each condition with the value seen."""

from datetime import timedelta

import pytest
from django.db import connection

from contacts.models import Address, Contact
from segments.rules import DefinitionError
from segments.services import preview as module
from segments.services.preview import explain, preview
from tests.segments.making import all_of, condition, did, named
from tests.segments.vector_world import NOW, VECTORS, make_world

pytestmark = pytest.mark.django_db


def test_it_works():
    make_world()
    found = preview(VECTORS["V12"]["definition"], now=NOW)
    assert (found.count, found.is_estimate, found.formula) == (2, False, "A - B")
    assert found.sample == [3, 4]
    assert [(card.letter, card.is_excluding, card.count, card.running) for card in found.cards] == [
        ("A", False, 4, 4),
        ("B", True, 2, 2),
    ]
    assert {one.channel: (one.present, one.reachable) for one in found.channels} == {
        "email": (1, 1), "sms": (2, 0), "web_push": (0, 0), "mobile_push": (1, 1),
    }  # fmt: skip


def test_the_running_total_shows_what_each_card_does():
    make_world()
    in_ukraine = {"op": "and", "items": [condition("field", field="location.country", cmp="eq", value="UA")]}
    rich = {"op": "and", "items": [condition("field", field="LOYALTY.BONUSES", cmp="gte", value=100)]}
    viewed = {"op": "and", "items": [did("product_viewed", days=7)]}
    body = {
        "version": 1,
        "include": {"op": "or", "items": [{"op": "and", "items": [in_ukraine, rich]}, viewed]},
    }
    found = preview(body, now=NOW)
    assert found.formula == "(A and B) or C"
    assert [(card.letter, card.count, card.running) for card in found.cards] == [
        ("A", 3, 3), ("B", 3, 2), ("C", 5, 5),
    ]  # fmt: skip


def test_a_definition_that_cannot_be_evaluated_is_refused_with_its_pointer():
    make_world()
    body = all_of(named("Ann"), condition("list", cmp="in_none", value=[99]))
    with pytest.raises(DefinitionError) as error:
        preview(body, now=NOW)
    assert [(fault.path, fault.code) for fault in error.value.faults] == [
        ("/include/items/1", "unknown_list")
    ]


@pytest.mark.django_db(transaction=True)
def test_a_slow_one_is_estimated_by_a_sample(monkeypatch):
    Contact.objects.bulk_create(
        Contact(
            pk=10_000 + n, first_name="Ann" if n % 2 else "Bob", source="api", created_at=NOW, updated_at=NOW
        )
        for n in range(20_000)
    )

    def slow(tree, evaluation, *rest, **more):
        if evaluation.scope.among is None:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_sleep(30)")
        return look(tree, evaluation, *rest, **more)

    look = module._look
    monkeypatch.setattr(module, "_look", slow)
    found = preview(all_of(named("Ann")), now=NOW, seconds=0.05)
    assert found.is_estimate
    assert found.margin
    assert abs(found.count - 10_000) <= 2 * found.margin
    assert 0 < found.margin < 4_000


def test_a_member_is_explained():
    make_world()
    body = {"version": 1, "include": {"op": "and", "items": [
        did("product_viewed", days=7, measure={"fn": "count"}, cmp="gte", value=2),
        {"op": "or", "items": [condition("field", field="location.city", cmp="eq", value="Lviv"),
                               condition("channel", channel="email", cmp="reachable")]},
        condition("field", field="LOYALTY.BONUSES", cmp="lt", value=50, **{"not": True}),
    ]}}  # fmt: skip
    found = explain(body, 10, now=NOW)
    assert (found.is_member, found.is_eligible) == (True, True)
    count, either, bonuses = found.include.parts
    assert (count.holds, count.seen) == (True, "3")
    assert [(part.holds, part.seen) for part in either.parts] == [(False, "Kyiv"), (True, "active")]
    assert (bonuses.holds, bonuses.is_negated, bonuses.seen) == (True, True, "1000")
    other = explain(body, 7, now=NOW)
    assert not other.is_member
    assert [part.holds for part in other.include.parts] == [False, True, True]
    assert other.include.parts[0].seen == "1"


def test_somebody_deleted_is_told_to_be_out_whatever_holds():
    make_world()
    found = explain(all_of(condition("field", field="location.city", cmp="eq", value="Kyiv")), 9, now=NOW)
    assert (found.is_member, found.is_eligible) == (False, False)


def test_values_of_every_kind_are_shown():
    make_world()
    Address.objects.filter(value="anna@example.com").update(status="spam")
    body = all_of(
        condition("list", cmp="in_any", value=[1, 2]), condition("category", cmp="subscribed", value=["promo"]),
        condition("random", salt="exp1", **{"from": 0, "to": 9999}), condition("channel", channel="web_push", cmp="present"),
        condition("channel", channel="email", cmp="reachable"), did("product_viewed", measure={"fn": "first_at"}, cmp="not_empty"),
        did("product_viewed", measure={"fn": "last", "param": "brand"}, cmp="eq", value="x"),
        did("product_viewed", measure={"fn": "avg", "param": "price"}, cmp="gt", value=1),
    )  # fmt: skip
    seen = [part.seen for part in explain(body, 1, now=NOW + timedelta(0)).include.parts]
    assert seen == ["List 1", "subscribed", "7311", "1", "spam", "2026-06-14 13:00", "Acme", "120"]
