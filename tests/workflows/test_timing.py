"""When a timer wakes: the examples of the product document, and changes of the clock."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contacts.models import ContactField, FieldGroup
from tests.workflows.flows import NOW, contact, happened, later, node, row_of, step, steps, the_run, workflow
from workflows.definition.durations import add_wait, read_duration
from workflows.definition.structure import WEEKDAYS, Wait
from workflows.definition.timing import is_within, local_moment, next_allowed, next_clock

KYIV = ZoneInfo("Europe/Kyiv")
MOMENTS = st.integers(0, 3 * 365 * 86_400).map(
    lambda n: datetime(2024, 1, 1, tzinfo=UTC) + timedelta(seconds=n)
)


def at(text: str, zone=UTC) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


EXAMPLES = [
    # number, arrived, wait, until, goes on
    ("1", "2025-03-01 07:00", {"n": 2, "unit": "day"}, None, "2025-03-03 07:00"),
    ("2", "2025-03-01 15:00", None, {"time": "08:45"}, "2025-03-02 08:45"),
    ("2, on the minute", "2025-03-01 08:45", None, {"time": "08:45"}, "2025-03-01 08:45"),
    ("3, Tuesday", "2025-03-04 10:00", None, {"weekdays": ["mon"]}, "2025-03-10 10:00"),
    ("3, Monday", "2025-03-03 08:00", None, {"weekdays": ["mon"], "time": "09:00"}, "2025-03-03 09:00"),
    ("3, Monday, too late", "2025-03-03 10:00", None, {"weekdays": ["mon"], "time": "09:00"}, "2025-03-10 09:00"),
    ("4", "2025-03-03 12:00", {"n": 1, "unit": "day"}, {"time": "10:00"}, "2025-03-05 10:00"),
    ("22", "2025-03-02 15:00", {"n": 1, "unit": "day"}, {"weekdays": ["mon"], "time": "08:45"}, "2025-03-10 08:45"),
    ("a month's end", "2025-01-31 12:00", {"n": 1, "unit": "month"}, None, "2025-02-28 12:00"),
]  # fmt: skip


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("arrived", "wait", "until", "wakes"), [e[1:] for e in EXAMPLES], ids=[e[0] for e in EXAMPLES]
)
def test_it_works(arrived, wait, until, wakes):
    from django.db import connection

    from workflows import partitions

    moment, due = at(arrived), at(wakes)
    partitions.ensure_partitions(connection=connection, now=moment, retention_days=31)
    params = {name: value for name, value in (("wait", wait), ("until", until)) if value}
    workflow(row_of(node("timer", **params)), now=moment)
    happened(contact(), at=moment)
    step(moment)
    if due == moment:
        assert the_run().state == "completed"
        return
    assert the_run().wake_at == due
    step(due - timedelta(seconds=1))
    assert the_run().node == "n_timer"
    step(due)
    assert the_run().state == "completed"


@pytest.mark.django_db
def test_the_zone_of_the_contact_decides():
    workflow(row_of(node("timer", until={"time": "09:00"})))
    happened(contact("a", time_zone="Asia/Tokyo"))
    step()
    assert the_run().wake_at == at("2026-03-11 09:00", ZoneInfo("Asia/Tokyo"))


@pytest.mark.django_db
@pytest.mark.parametrize(("text", "due"), [("09:30", "2026-03-11 09:30"), ("9.30", None), ("", None)])
def test_a_time_in_a_field_of_the_contact(text, due):
    """Example 23: what is no time fails the launch."""
    field = ContactField.objects.create(
        group=FieldGroup.objects.first(), name="When", key="WHEN", type="text"
    )
    workflow(row_of(node("timer", until={"field": {"ref": "field", "id": field.pk}})))
    happened(contact(data={str(field.pk): text or None}))
    step()
    run = the_run()
    if due is None:
        assert (run.state, run.reason) == ("failed", "invalid_time")
        assert ("n_timer", "failed:invalid_time", "") in steps(run)
    else:
        assert run.wake_at == at(due)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("value", "due"),
    [
        ("2026-03-12T10:00:00+02:00", "2026-03-12 08:00"),
        ("2026-03-12T10:00", "2026-03-12 08:00"),
        ("2020-01-01T00:00", "past"),
    ],
)
def test_a_time_in_the_event(value, due):
    workflow(row_of(node("timer", until={"param": "startDate"})))
    happened(contact(time_zone="Europe/Kyiv"), startDate=value)
    step()
    assert the_run().state == "completed" if due == "past" else the_run().wake_at == at(due)


@pytest.mark.parametrize(
    ("local", "utc"),
    [
        ("2025-03-30 02:59", "2025-03-30 00:59"),
        ("2025-03-30 03:30", "2025-03-30 01:00"),  # does not exist: 03:00 becomes 04:00
        ("2025-10-26 03:30", "2025-10-26 00:30"),  # twice: the first is meant
        ("2025-10-26 04:00", "2025-10-26 02:00"),
    ],
)
def test_clock_changes(local, utc):
    wanted = datetime.fromisoformat(local)  # local, so without a zone
    assert local_moment(wanted.date(), wanted.time(), KYIV) == at(utc)


def test_calendar_days_keep_the_local_time():
    from workflows.blocks.time import _after

    start = at("2025-03-29 07:00", KYIV)
    assert _after(start, Wait(n=1, unit="day"), KYIV, calendar_days=True) == at("2025-03-30 07:00", KYIV)
    assert _after(start, Wait(n=1, unit="day"), KYIV, calendar_days=False) == at("2025-03-30 08:00", KYIV)


@given(
    moment=MOMENTS,
    clock=st.times().map(lambda t: t.replace(second=0, microsecond=0)),
    days=st.sets(st.sampled_from(WEEKDAYS)),
    zone=st.sampled_from(["UTC", "Europe/Kyiv", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"]),
)
def test_the_next_clock_time_is_soon_and_never_before(moment, clock, days, zone):
    found = next_clock(moment, clock, sorted(days), ZoneInfo(zone))
    assert moment <= found <= moment + timedelta(days=8, hours=2)
    if days:
        assert WEEKDAYS[found.astimezone(ZoneInfo(zone)).weekday()] in days


@given(
    moment=MOMENTS,
    windows=st.dictionaries(
        st.sampled_from(WEEKDAYS),
        st.lists(
            st.tuples(
                st.sampled_from(["00:00", "08:00", "22:30"]), st.sampled_from(["06:00", "12:00", "24:00"])
            ),
            min_size=1,
            max_size=2,
        ),
        min_size=1,
    ),
    zone=st.sampled_from(["UTC", "Europe/Kyiv", "America/New_York"]),
)
def test_the_allowed_moment_lies_in_a_window(moment, windows, zone):
    """R09."""
    found = next_allowed(moment, windows, ZoneInfo(zone))
    assert found >= moment
    assert next_allowed(found, windows, ZoneInfo(zone)) == found


@pytest.mark.parametrize(
    ("now", "start", "end", "days", "fits"),
    [
        ("2025-03-03 12:00", "08:00", "12:00", (), True),  # example 21: both ends count
        ("2025-03-03 12:01", "08:00", "12:00", (), False),
        ("2025-03-04 01:00", "22:00", "06:00", ("mon",), True),  # past midnight: the day it starts on
        ("2025-03-03 01:00", "22:00", "06:00", ("mon",), False),
    ],
)
def test_the_current_day_and_time(now, start, end, days, fits):
    assert is_within(at(now), start, end, days, UTC) is fits


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("PT1H", timedelta(hours=1)),
        ("P1DT30M", timedelta(days=1, minutes=30)),
        ("P", None),
        ("1h", None),
        ("P1M", None),
    ],
)
def test_durations(text, length):
    assert read_duration(text) == length


def test_hours_are_absolute():
    assert add_wait(at("2025-03-30 00:30"), Wait(n=2, unit="hour"), KYIV) == at("2025-03-30 02:30")
    assert next_clock(at("2025-03-30 00:30"), time(3, 30), (), KYIV) == at("2025-03-30 01:00")
    assert later(hours=1) == NOW + timedelta(hours=1)
