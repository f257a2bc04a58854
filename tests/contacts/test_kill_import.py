"""A bulk request survives `kill -9` of the worker: every contact once, nothing lost, the session finishes."""

import os
import random
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.db import connection

from cdp.api.wire import JsonObject
from contacts.models import Contact, ImportSession, ImportState
from contacts.services.bulk import open_session, read_bulk
from contacts.wire import Catalogue

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 3, 1, tzinfo=UTC)
SESSIONS, SIZE = 4, 2_500


def environment(**more):
    database = connection.settings_dict
    login = f"{database['USER']}:{database['PASSWORD'] or ''}"
    url = f"postgres://{login}@{database['HOST']}:{database['PORT'] or 5432}/{database['NAME']}"
    return os.environ | {"DATABASE_URL": url, "CDP_SECRET_KEY": "only-for-tests"} | more


def work(**more):
    command = [sys.executable, str(ROOT / "manage.py"), "work", "contact_imports", "--until-idle"]
    return subprocess.Popen(command, env=environment(**more), cwd=ROOT, stderr=subprocess.DEVNULL)


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
            time.sleep(dice.uniform(0.7, 1.6))
            worker.send_signal(signal.SIGKILL)
            worker.wait()
        else:
            assert work(CDP_CRASH_AT=point).wait(120) != 0
    assert work().wait(300) == 0
    assert set(ImportSession.objects.values_list("state", flat=True)) == {ImportState.FINISHED}
    assert Contact.objects.count() == SESSIONS * SIZE
    for session in ImportSession.objects.all():
        assert session.counts == {"created": SIZE}
        assert len({contact_id for _, contact_id in session.mapping}) == SIZE
