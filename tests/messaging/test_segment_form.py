"""What happened to messages, as a condition of the segment form: put together by choices, reopened, told by names."""

import pytest

from messaging.models import Campaign
from segments.builder.conditions import read_inputs, write_condition
from segments.models import Segment
from tests.contacts.people import NOW
from tests.messaging.mail import message
from tests.segments.making import all_of, condition
from tests.segments.test_screens import ADD, filled, record

pytestmark = pytest.mark.django_db

OPENED = {
    "name": "Readers", "include.count": "1", "include.0.count": "1", "include.0.op": "and", "exclude.count": "0", "do": "save",
    "include.0.0.kind": "message", "include.0.0.activity": "opened", "include.0.0.cmp": "gte", "include.0.0.value": "2",
    "include.0.0.wtype": "last", "include.0.0.wamount": "30", "include.0.0.wunit": "day",
}  # fmt: skip


@pytest.fixture
def sale():
    return Campaign.objects.create(
        name="Spring sale", message=message(name="Letter"), created_at=NOW, updated_at=NOW, started_at=NOW
    )


def test_it_works(admin_client, sale):
    page = admin_client.post(ADD, OPENED | {"do": "refresh"}).text
    for words in ("message opened", "link clicked", "> Letter</label>", "> Spring sale</label>"):
        assert words in page
    sent = OPENED | {"include.0.0.campaign": [str(sale.pk)], "include.0.0.message": [str(sale.message_id)]}
    answer = admin_client.post(ADD, sent)
    assert answer.status_code == 302, answer.text
    segment = Segment.objects.get()
    assert segment.definition == all_of(
        condition(
            "message", activity="opened", filter={"message": [sale.message_id], "campaign": [sale.pk]},
            window={"type": "last", "amount": 30, "unit": "day"}, measure={"fn": "count"}, cmp="gte", value=2,
        )
    )  # fmt: skip
    shown = admin_client.get(record(segment)).text
    assert "“Letter”" in shown
    assert "“Spring sale”" in shown
    again = filled(admin_client.get(record(segment, "edit/")).text) | {"do": "save"}
    assert admin_client.post(record(segment, "edit/"), again).status_code == 302
    assert Segment.objects.get().fingerprint == segment.fingerprint


@pytest.mark.parametrize(
    "members",
    [
        {
            "activity": "unopened",
            "window": {"type": "all"},
            "measure": {"fn": "count"},
            "cmp": "gte",
            "value": 1,
        },
        {
            "activity": "clicked",
            "cmp": "between",
            "value": [1, 3],
            "window": {"type": "period", "name": "this_month"},
        },
        {"activity": "sent", "cmp": "eq", "value": 0, "not": True},
    ],
)
def test_what_the_inputs_hold_reopens_in_them(members):
    kind, inputs = read_inputs(condition("message", **members))
    assert kind == "message"
    assert read_inputs(write_condition(kind, inputs)) == (kind, inputs)


@pytest.mark.parametrize(
    "members",
    [
        {"activity": "clicked", "filter": {"url": {"cmp": "contains", "value": "sale"}}},
        {"activity": "opened", "filter": {"tag": ["news"]}},
        {"activity": "opened", "measure": {"fn": "last_at"}, "cmp": "within", "value": {"type": "last", "amount": 1, "unit": "day"}},
    ],
)  # fmt: skip
def test_what_they_cannot_say_opens_as_json(members):
    assert read_inputs(condition("message", **members))[0] == "json"


def test_a_message_that_is_gone_keeps_its_number(admin_client, sale):
    sent = OPENED | {"include.0.0.message": ["99999"]}
    assert "there is no message with the id 99999" in admin_client.post(ADD, sent).text


def test_one_beyond_those_offered_keeps_its_name(admin_client, sale, monkeypatch):
    monkeypatch.setattr("messaging.segment_form.MOST", 0)
    sent = OPENED | {"include.0.0.campaign": [str(sale.pk)], "do": "refresh"}
    assert f'value="{sale.pk}" checked> Spring sale</label>' in admin_client.post(ADD, sent).text
