"""A bulk request survives `kill -9` of the worker: every contact once, nothing lost, the session finishes."""

import random
import signal
import time
from datetime import UTC, datetime

import pytest

from cdp.api.wire import JsonObject
from contacts.models import Contact, ImportSession, ImportState
from contacts.services.bulk import open_session, read_bulk
from contacts.wire import Catalogue
from tests.processes import MANAGE, Worker, start

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SESSIONS, SIZE = 4, 2_500


def work(crash_at: str = "") -> Worker:
    return start(MANAGE, "work", "contact_imports", "--until-idle", crash_at=crash_at)


@pytest.mark.parametrize("point", ["import_before_commit", "upsert_before_commit", "random"])
def test_killed_imports_go_on(point):
    for session in range(SESSIONS):
        contacts = [
            {
                "externalCustomerId": f"{session}-{n}",
                "channels": [{"type": "email", "value": f"p{session}x{n}@example.com"}],
            }
            for n in range(SIZE)
        ]
        body = JsonObject({"contacts": contacts, "groupNames": ["Import"]})
        request, failed = read_bulk(body, Catalogue.load())
        assert not failed
        open_session(request, actor="test", now=NOW)
    dice = random.Random(7)
    for _ in range(3):
        if point == "random":
            worker = work()
            time.sleep(dice.uniform(0.1, 0.6))
            worker.kill()
            worker.wait()
        else:
            assert work(point).wait(120) == -signal.SIGKILL
    assert work().wait(300) == 0
    assert set(ImportSession.objects.values_list("state", flat=True)) == {ImportState.FINISHED}
    assert Contact.objects.count() == SESSIONS * SIZE
    for session in ImportSession.objects.all():
        assert session.counts == {"created": SIZE}
        assert len({contact_id for _, contact_id in session.mapping}) == SIZE
