"""A server that only accepts mail never says it arrived: after three days without a bounce it is assumed."""

from datetime import timedelta

import pytest

from messaging.models import Activity, Connection, Delivery
from messaging.services.activity import ActivityRow, record_activity
from messaging.services.assuming import assume_delivered
from tests.messaging.sent import NOW, sent

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(hours=72)


def handed_over(name: str, *kinds: str, by: str = "smtp", **rest) -> Delivery:
    connection, _made = Connection.objects.get_or_create(name=by, kind=by)
    row, _links = sent(name, connection_id=connection.pk, **rest)
    happened = [
        ActivityRow(
            row.pk,
            row.cause_month,
            "campaign",
            1,
            row.contact_id,
            row.message_id,
            kind,
            NOW,
            reason="mailbox_full" * (kind == "error"),
        )
        for kind in ("sent", *kinds)
    ]
    record_activity(happened, now=NOW)
    return row


def test_it_works() -> None:
    row = handed_over("ann")
    assert assume_delivered(now=LATER - timedelta(seconds=1)) == 0
    assert assume_delivered(now=LATER) == 1
    row.refresh_from_db()
    assert row.delivered_at == LATER
    assert Activity.objects.get(kind="delivered").reason == "assumed"
    assert assume_delivered(now=LATER) == 0


def test_what_was_returned_or_heard_of_is_not_assumed() -> None:
    handed_over("ann", "error")
    handed_over("bob", "delivered")
    handed_over("cyd", "opened")
    assert assume_delivered(now=LATER) == 0


def test_providers_that_report_are_not_second_guessed() -> None:
    handed_over("ann", by="anymail")
    assert assume_delivered(now=LATER) == 0


def test_a_bounce_takes_the_assumption_back() -> None:
    row = handed_over("ann")
    assume_delivered(now=LATER)
    late = ActivityRow(
        row.pk,
        row.cause_month,
        "campaign",
        1,
        row.contact_id,
        row.message_id,
        "error",
        LATER,
        reason="invalid_address",
    )
    record_activity([late], now=LATER)
    row.refresh_from_db()
    assert (row.delivered_at, row.failed_at) == (None, LATER)
