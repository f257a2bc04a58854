"""The vectors of the segments document, 11, that are about messages, in the full and the single evaluation."""

from datetime import datetime, timedelta

import pytest

from messaging.models import Channel
from messaging.services.activity import ActivityRow, record_activity
from segments.rules import read_definition
from segments.services.evaluation import evaluate
from tests.messaging.sent import delivery, message
from tests.segments.vector_world import DATA, NOW, VECTORS, make_world

pytestmark = pytest.mark.django_db

COVERED = ["V23", "V24", "V25", "V31"]
IDS = [row["id"] for row in DATA["contacts"]]


@pytest.fixture
def world():
    """People and events of the vectors, and their e-mails; other channels are not sent yet."""
    make_world()
    sent_message, [link, *_] = message()
    for row in DATA["messages"]:
        if row["channel"] not in Channel.values:
            continue
        at = datetime.fromisoformat(row["sent"])
        made = delivery(
            row["contact"],
            sent_message,
            cause_id=row["campaign"],
            endpoint=f"{row['instance']}@example.com",
            sent_at=at,
        )
        told = [("sent", at, {})]
        if row["delivered"] is None:
            told.append(("error", at + timedelta(minutes=1), {"reason": "mailbox_full"}))
        told += [("opened", datetime.fromisoformat(opened), {}) for opened in row["opens"]]
        told += [
            ("clicked", datetime.fromisoformat(click["at"]), {"link_id": link.pk, "url": click["url"]})
            for click in row["clicks"]
        ]
        rows = [
            ActivityRow(
                made.pk,
                made.cause_month,
                "campaign",
                made.cause_id,
                made.contact_id,
                made.message_id,
                kind,
                when,
                **rest,
            )
            for kind, when, rest in told
        ]
        record_activity(rows, now=NOW)


@pytest.mark.parametrize("name", COVERED)
def test_a_vector_holds_for_everybody_and_one_by_one(world, name):
    definition = VECTORS[name]["definition"]
    assert sorted(evaluate(definition, now=NOW)) == VECTORS[name]["expect"]
    alone = [number for number in IDS if evaluate(definition, now=NOW, among=[number])]
    assert alone == VECTORS[name]["expect"]
    assert sorted(evaluate(definition, now=NOW, among=IDS)) == VECTORS[name]["expect"]


@pytest.mark.parametrize("name", COVERED)
def test_a_vector_reads_back_as_it_was(name):
    tree = read_definition(VECTORS[name]["definition"])
    again = read_definition(tree.as_json())
    assert again == tree
    assert again.fingerprint == tree.fingerprint
