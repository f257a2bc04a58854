"""Operators, values, parameters and zones in their edge cases (segments document, 4.3 to 5)."""

from datetime import datetime, timedelta

import pytest

from cdp.models import Account
from contacts.models import Address, Contact, ContactField, FieldGroup, Key, SubscriptionChoice
from contacts.services.lists import add_to_list, ensure_lists
from segments.leaves.folding import fold
from segments.leaves.patterns import PatternError, translate
from segments.leaves.windows import Window
from segments.rules import DefinitionError, RuleError
from segments.rules.members import Members
from segments.services.definitions import SegmentRefused, create_segment, update_segment
from segments.services.evaluation import evaluate
from tests.events.inbox import event_type
from tests.segments.making import all_of, condition, did, make_segment, named
from tests.segments.vector_world import NOW, add_event, make_world

pytestmark = pytest.mark.django_db


def person(number: int, **values: object) -> int:
    defaults = {"source": "api", "created_at": NOW, "updated_at": NOW}
    return Contact.objects.create(pk=number, **(defaults | values)).pk


def found(*nodes: dict) -> set[int]:
    return set(evaluate(all_of(*nodes), now=NOW))


def field(name: str, cmp: str, value: object = None, **more: object) -> dict:
    return condition("field", field=name, cmp=cmp, **({} if value is None else {"value": value}), **more)


TOWNS = ["Kyiv", "  kyiv ", "Львів", "ЛЬВІВ", "Straße", "STRASSE", "ﬁnder", "", None, "Ab", "İzmir"]


@pytest.mark.parametrize(
    ("cmp", "value", "more", "expected"),
    [
        ("eq", "KYIV", {}, {1, 2}),
        ("eq", "Kyiv", {"case": True}, {1}),
        ("eq", "львів", {}, {3, 4}),
        ("eq", "strasse", {}, {5, 6}),
        ("ne", "strasse", {}, {1, 2, 3, 4, 7, 8, 9, 10, 11}),
        ("in", ["ab", "straße"], {}, {5, 6, 10}),
        ("not_in", ["ab", "straße"], {}, {1, 2, 3, 4, 7, 8, 9, 11}),
        ("contains", "IV", {}, {1, 2}),
        ("contains", "%", {}, set()),
        ("not_contains", "IV", {}, {3, 4, 5, 6, 7, 8, 9, 10, 11}),
        ("starts_with", "st", {}, {5, 6}),
        ("ends_with", "В", {}, {3, 4}),
        ("not_ends_with", "v", {}, set(range(3, 12))),
        ("starts_with", "fi", {}, {7}),
        ("eq", "i̇zmir", {}, {11}),
        ("matches", "^k.*v$", {}, {1}),
        ("matches", "stra(ss|ß)e", {}, {5, 6}),
        ("matches", "Ab", {"case": True}, {10}),
        ("is_empty", None, {}, {8, 9}),
        ("not_empty", None, {}, {1, 2, 3, 4, 5, 6, 7, 10, 11}),
    ],
)
def test_texts_are_compared_trimmed_and_without_case(cmp, value, more, expected):
    for number, town in enumerate(TOWNS, 1):
        person(number, town=town)
    assert found(field("address.town", cmp, value, **more)) == expected


def test_folding_is_pythons_own():
    samples = ["ǅ", "ΣΑΣ", "ꭰ", "K", "ſ", "é", "É", "ﬃ", "ΐ", "Ⅷ", "Ѐ", "ß\u00a0"]
    for number, text in enumerate(samples, 1):
        person(number, town=text)
    for number, text in enumerate(samples, 1):
        same = {other for other, sample in enumerate(samples, 1) if fold(sample) == fold(text)}
        assert found(field("address.town", "eq", text)) == same, (number, text)


def test_identifiers_are_read_as_they_are_kept():
    person(1, email="Ann@Example.com", email_norm="ann@example.com", phone="380501112233", external_id="A-1")
    assert found(field("email", "eq", " ANN@example.com ")) == {1}
    assert found(field("email", "in", ["ANN@EXAMPLE.COM", "b@c.de"])) == {1}
    assert found(field("phone", "eq", "+380 50 111-22-33")) == {1}
    assert found(field("external_id", "eq", "a-1")) == set()
    assert found(field("external_id", "eq", "A-1")) == {1}
    assert found(field("contact_id", "gt", 0)) == {1}
    assert found(field("contact_id", "in", ["1", 2])) == {1}


def test_numbers_of_additional_fields():
    group = FieldGroup.objects.create(name="G", key="G")
    pk = ContactField.objects.create(group=group, key="SUM", name="Sum", type="decimal").pk
    for number, value in enumerate(["10.50", "9", "-3", None, "0"], 1):
        person(number, data={} if value is None else {str(pk): value})
    assert found(field("G.SUM", "eq", "10.5")) == {1}
    assert found(field("G.SUM", "ne", 10.5)) == {2, 3, 4, 5}
    assert found(field("G.SUM", "gt", 9)) == {1}
    assert found(field("G.SUM", "lte", 0)) == {3, 5}
    assert found(field("G.SUM", "between", [-3, 9])) == {2, 3, 5}
    assert found(field("G.SUM", "not_between", [-3, 9])) == {1, 4}
    assert found(field("G.SUM", "is_empty")) == {4}


def test_truths_options_and_json():
    group = FieldGroup.objects.create(name="G", key="G")
    truth = ContactField.objects.create(group=group, key="YES", name="Yes", type="boolean").pk
    several = ContactField.objects.create(
        group=group, key="MANY", name="M", type="multiselect", options=["a", "b", "c"]
    ).pk
    raw = ContactField.objects.create(group=group, key="RAW", name="R", type="json").pk
    person(1, data={str(truth): True, str(several): ["a", "b"], str(raw): {}})
    person(2, data={str(truth): False, str(several): ["c"], str(raw): [1]})
    person(3)
    assert found(field("G.YES", "is_true")) == {1}
    assert found(field("G.YES", "is_false")) == {2}
    assert found(field("G.YES", "is_false", **{"not": True})) == {1, 3}
    assert found(field("G.MANY", "has_any", ["b", "c"])) == {1, 2}
    assert found(field("G.MANY", "has_none", ["b"])) == {2, 3}
    assert found(field("G.MANY", "has_all", ["a", "b"])) == {1}
    assert found(field("G.MANY", "has_only", ["a", "b", "c"])) == {1, 2}
    assert found(field("G.MANY", "has_only", ["c"])) == {2}
    assert found(field("G.RAW", "not_empty")) == {2}


def test_dates_and_moments():
    Account.objects.filter(pk=1).update(time_zone="Europe/Kyiv")
    group = FieldGroup.objects.create(name="G", key="G")
    day = ContactField.objects.create(group=group, key="DAY", name="D", type="date").pk
    at = ContactField.objects.create(group=group, key="AT", name="A", type="datetime").pk
    person(1, data={str(day): "2026-06-15", str(at): "2026-06-15T12:00:00Z"})
    person(2, data={str(day): "2026-06-08", str(at): "2026-06-14T21:00:00Z"})
    person(3, data={str(day): "2026-06-20", str(at): "2026-06-16T12:00:00Z"})
    person(4)

    def window(kind: str, **more: object) -> dict:
        return {"type": kind} | more

    assert found(field("G.DAY", "within", window("last", amount=7, unit="day"))) == {1, 2}
    assert found(field("G.DAY", "within", window("next", amount=5, unit="day"))) == {1, 3}
    assert found(field("G.DAY", "within", window("older", amount=6, unit="day"))) == {2}
    assert found(field("G.DAY", "not_within", window("period", name="today"))) == {2, 3, 4}
    assert found(field("G.DAY", "on", "2026-06-08")) == {2}
    assert found(field("G.DAY", "before", "2026-06-15")) == {2}
    assert found(field("G.DAY", "after", "2026-06-08T23:30:00Z")) == {1, 3}  # the 9th in Kyiv
    assert found(field("G.AT", "within", window("period", name="today"))) == {1, 2}
    assert found(field("G.AT", "within", window("next", amount=1, unit="day"))) == {3}
    assert found(field("G.AT", "on", "2026-06-15")) == {1, 2}
    assert found(field("G.AT", "before", "2026-06-15T12:00:00Z")) == {2}
    assert found(field("G.AT", "after", "2026-06-15T12:00:00Z")) == {3}
    assert found(field("created_at", "within", window("period", name="today"))) == {1, 2, 3, 4}


def test_channels():
    person(1, email_norm="a@x.com", email="a@x.com", phone="1")
    person(2, email_norm="b@y.com", email="b@y.com", phone="2")
    Address.objects.create(kind="email", value="a@x.com", status="active", status_at=NOW)
    Address.objects.create(kind="email", value="b@y.com", status="spam", status_at=NOW)
    Address.objects.create(kind="phone", value="1", status="active", status_at=NOW)
    Address.objects.create(kind="phone", value="2", status="active", status_at=NOW, is_sms_capable=False)
    Key.objects.create(kind="web", value="w", person_id=1, scope="shop.com", is_active=False, created_at=NOW)

    def channel(name: str, cmp: str, **more: object) -> set[int]:
        return found(condition("channel", channel=name, cmp=cmp, **more))

    assert channel("email", "present") == {1, 2}
    assert channel("email", "present", domain="Y.com") == {2}
    assert channel("email", "reachable") == {1}
    assert channel("email", "status_in", value=["spam", "unsubscribed"]) == {2}
    assert channel("sms", "reachable") == {1}
    assert channel("viber", "reachable") == {1, 2}
    assert channel("web_push", "present", site="shop.com") == {1}
    assert channel("web_push", "present", site="other.com") == set()
    assert channel("web_push", "reachable") == set()


def test_lists_with_the_time_of_joining():
    numbers = ensure_lists(["a", "b"], now=NOW)
    for number in (1, 2, 3):
        person(number)
    add_to_list(numbers["a"], [1, 2], now=NOW - timedelta(days=10))
    add_to_list(numbers["b"], [2], now=NOW - timedelta(days=1))
    both = list(numbers.values())

    def lists(cmp: str, value: list, **more: object) -> set[int]:
        return found(condition("list", cmp=cmp, value=value, **more))

    week = {"type": "last", "amount": 7, "unit": "day"}
    assert lists("in_any", both) == {1, 2}
    assert lists("in_all", both) == {2}
    assert lists("in_none", both) == {3}
    assert lists("in_any", both, added=week) == {2}
    assert lists("in_none", both, added=week) == {1, 3}


def test_categories_fall_back_to_all_channels():
    make_world()
    SubscriptionChoice.objects.create(
        contact_id=1, category_id=SubscriptionChoice.objects.first().category_id, channel="sms", is_subscribed=False,
        chosen_at=NOW,
    )  # fmt: skip

    def category(cmp: str, **more: object) -> set[int]:
        return found(condition("category", cmp=cmp, value=["promo"], **more))

    assert category("subscribed") == {1, 2, 5, 7}
    assert category("subscribed", channel="email") == {1, 2, 5, 7}
    assert category("subscribed", channel="sms") == {2, 5, 7}
    assert category("opted_out", channel="sms") == {1, 10}
    assert category("no_choice") == {3, 4, 6, 8}


ORDERS = [
    (1, {"items": [{"brand": "Acme", "kind": "bag"}, {"brand": "Zed", "kind": "coat"}], "total": "258.0"}),
    (2, {"items": [{"brand": "Acme", "kind": "coat"}], "total": 120}),
    (3, {"tags": ["New", "Hot"], "total": "1,5", "deep": {"name": "X"}}),
    (4, {"total": 120.0, "flag": True, "blank": "  "}),
]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({"param": "items", "cmp": "any", "where": [{"param": "brand", "cmp": "eq", "value": "acme"}, {"param": "kind", "cmp": "eq", "value": "bag"}]}, {1}),
        ({"param": "items", "cmp": "any", "where": [{"param": "brand", "cmp": "eq", "value": "zed"}, {"param": "kind", "cmp": "eq", "value": "bag"}]}, set()),
        ({"param": "items.brand", "cmp": "eq", "value": "ACME"}, {1, 2}),
        ({"param": "items.brand", "cmp": "ne", "value": "Acme"}, {3, 4}),
        ({"param": "items.brand", "cmp": "not_contains", "value": "zed"}, {2, 3, 4}),
        ({"param": "tags", "cmp": "eq", "value": "hot"}, {3}),
        ({"param": "tags", "cmp": "in", "value": ["old", "new"]}, {3}),
        ({"param": "deep.name", "cmp": "eq", "value": "x"}, {3}),
        ({"param": "total", "cmp": "gt", "value": 200}, {1}),
        ({"param": "total", "cmp": "eq", "value": 120}, {2, 4}),
        ({"param": "total", "cmp": "eq", "value": "120"}, {2, 4}),
        ({"param": "total", "cmp": "eq", "value": "258"}, set()),
        ({"param": "total", "cmp": "between", "value": [100, 300]}, {1, 2, 4}),
        ({"param": "total", "cmp": "not_between", "value": [100, 300]}, {3}),
        ({"param": "total", "cmp": "lte", "value": 1000, "not": True}, {3}),
        ({"param": "flag", "cmp": "is_true"}, {4}),
        ({"param": "flag", "cmp": "is_false"}, set()),
        ({"param": "blank", "cmp": "is_empty"}, {1, 2, 3, 4}),
        ({"param": "tags", "cmp": "not_empty"}, {3}),
        ({"op": "or", "items": [{"param": "flag", "cmp": "is_true"}, {"param": "tags", "cmp": "eq", "value": "new"}]}, {3, 4}),
        ({"op": "and", "not": True, "items": [{"param": "total", "cmp": "eq", "value": 120}]}, {1, 3}),
        ({"param": "it's \\ 100%", "cmp": "eq", "value": "x"}, set()),
        ({"param": 'quo"te.deep', "cmp": "eq", "value": "x"}, set()),
    ],
)  # fmt: skip
def test_parameters_of_an_event(where, expected):
    for number, params in ORDERS:
        person(number)
        add_event(number, "Ordered", NOW - timedelta(hours=1), params)
    assert found(did("Ordered", where=[where])) == expected


def test_measures():
    for number in (1, 2, 3):
        person(number)
    for hours, who, value in ((50, 1, 5), (26, 1, "7"), (2, 1, "x"), (1, 1, 1), (3, 2, "9"), (2, 2, None)):
        add_event(
            who, "Paid", NOW - timedelta(hours=hours), {} if value is None else {"v": value}, seq=100 - hours
        )

    def measured(fn: str, cmp: str, value: object, param: str = "v") -> set[int]:
        measure = {"fn": fn} | ({"param": param} if param else {})
        return found(did("Paid", measure=measure, cmp=cmp, value=value))

    assert measured("sum", "eq", 13) == {1}
    assert measured("sum", "lt", 10) == {2, 3}
    assert measured("sum", "eq", 0) == {3}
    assert measured("avg", "lt", 5) == {1}
    assert measured("avg", "ne", 9) == {1, 3}
    assert measured("min", "eq", 1) == {1}
    assert measured("max", "gte", 7) == {1, 2}
    assert measured("first", "eq", 5) == {1}
    assert measured("last", "eq", 1) == {1}
    assert measured("last", "eq", "9") == set()
    assert measured("distinct", "eq", 4) == {1}
    assert measured("distinct_days", "eq", 3, "") == {1}
    assert measured("count", "between", [1, 2], "") == {2}
    assert measured("count", "not_between", [1, 2], "") == {1, 3}
    assert measured("count", "lte", 2, "") == {2, 3}
    assert found(did("Paid", measure={"fn": "first_at"}, cmp="before", value="2026-06-14")) == {1}
    assert found(did("Paid", measure={"fn": "last_at"}, cmp="is_empty")) == {3}


def test_a_window_may_follow_each_contacts_own_day():
    Account.objects.filter(pk=1).update(time_zone="Europe/Kyiv")
    person(1, time_zone="Asia/Tokyo")
    person(2, time_zone="America/New_York")
    person(3)
    moment = datetime.fromisoformat(
        "2026-06-15T03:30:00+00:00"
    )  # the 15th in Tokyo and Kyiv, the 14th in New York
    for number in (1, 2, 3):
        add_event(number, "Seen", moment)
    today = {"type": "period", "name": "today"}
    assert found(did("Seen", window=today)) == {1, 2, 3}
    assert found(did("Seen", window=today | {"zone": "contact"})) == {1, 3}
    evening = {"type": "all", "time_of_day": {"from": "22:00", "to": "00:30"}, "zone": "contact"}
    assert found(did("Seen", window=evening)) == {2}
    assert found(did("Seen", window={"type": "all", "weekdays": [7], "zone": "contact"})) == {2}


def test_only_events_since_the_type_was_switched_on_count():
    person(1)
    person(2)
    add_event(1, "Old", NOW - timedelta(days=3))
    add_event(2, "Old", NOW - timedelta(days=1))
    kind = event_type("Old")
    kind.segmentation_since = NOW - timedelta(days=2)
    kind.save()
    assert found(did("Old")) == {2}
    assert found(did("Old", days=30)) == {2}
    assert found(did("Old", days=1)) == {2}


@pytest.mark.parametrize(
    "text", ["a(?=b)", r"(a)\1", "a{300}", "(a{200}){200}", "(?i)a", "a" * 201, "(", "*", ""]
)
def test_a_pattern_beyond_the_subset_is_refused(text):
    with pytest.raises(PatternError):
        translate(text)


@pytest.mark.parametrize(
    ("window", "path"),
    [
        ({"type": "last", "amount": 1, "unit": "day", "from": "x"}, "/from"),
        ({"type": "absolute", "from": "2026-02-30"}, "/from"),
        ({"type": "absolute"}, "/from"),
        ({"type": "all", "weekdays": [8]}, "/weekdays"),
        ({"type": "last", "amount": 1, "unit": "hour", "align": "calendar"}, "/align"),
    ],
)
def test_a_bad_window_is_refused(window, path):
    with pytest.raises(RuleError) as error:
        Members({"window": window}, "").part("window", Window.read)
    assert error.value.fault.path == f"/window{path}"


REFUSED = [
    (field("first_name", "gt", 5), "bad_value", "is compared by one of"),
    (field("NO.SUCH", "eq", "x"), "unknown_field", "there is no field"),
    (field("PERSONAL.BIRTHDAY", "on", "June"), "bad_value", "must be a date"),
    (field("PERSONAL.GENDER", "eq", "Female"), "bad_value", "is not an option of"),
    (
        field("PERSONAL.BIRTHDAY", "within", {"type": "last", "amount": 3, "unit": "hour"}),
        "bad_value",
        "by days",
    ),
    (field("contact_id", "gt", "many"), "bad_value", "must be a number"),
    (field("email", "eq", "no mail"), "bad_value", "is not valid email"),
    (condition("list", cmp="in_any", value=[999]), "unknown_list", "there is no list"),
    (
        condition("category", cmp="subscribed", value=["x"]),
        "unknown_category",
        "there is no subscription category",
    ),
    (condition("segment", cmp="in_any", value=[999]), "unknown_segment", "there is no segment"),
    (condition("event", event="Nothing"), "unknown_event", "there is no event type"),
]


@pytest.mark.parametrize(("node", "code", "words"), REFUSED)
def test_what_cannot_be_evaluated_is_not_saved(node, code, words):
    with pytest.raises(DefinitionError) as error:
        create_segment(name="Bad", definition=all_of(named("A"), node), actor="t", now=NOW)
    [fault] = error.value.faults
    assert (fault.path, fault.code) == ("/include/items/1", code)
    assert words in fault.message


def test_segments_refer_at_most_five_deep_and_never_in_a_circle():
    chain = [make_segment(named("A"))]
    for _ in range(5):
        chain.append(make_segment(condition("segment", cmp="in_any", value=[chain[-1].pk])))
    deeper = all_of(condition("segment", cmp="in_any", value=[chain[-1].pk]))
    with pytest.raises(DefinitionError, match="at most 5 deep"):
        create_segment(name="Deep", definition=deeper, actor="t", now=NOW)
    with pytest.raises(DefinitionError, match="refers back"):
        update_segment(chain[0].pk, definition=deeper, actor="t", now=NOW)
    with pytest.raises(SegmentRefused, match="1 to 255"):
        update_segment(chain[0].pk, name="", actor="t", now=NOW)


def test_restricted_and_deleted_people_are_never_in():
    person(1, is_restricted=True)
    person(2, state="deleted")
    person(3)
    assert found(field("contact_id", "gt", 0)) == {3}
    assert found(field("contact_id", "gt", 0, **{"not": True})) == set()
    assert found(field("first_name", "eq", "x", **{"not": True})) == {3}
