"""Processes that serve no page start without the admin's screens; who checks the product checks the screens."""

import pytest

from tests.processes import start

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]

LOADED = "\nimport sys; print('screens:', 'contacts.admin' in sys.modules)"
WORK = "import sys; sys.argv = ['manage.py', 'work', 'events', '--until-idle']; import manage; manage.main()"
CELERY = "import django; django.setup(); import cdp.celery"
CHECK = """
import django; django.setup()
from django.core.checks import run_checks
from django.contrib import admin
assert not admin.site._registry
run_checks(tags=["admin"])
assert len(admin.site._registry) > 20
"""


@pytest.mark.parametrize(("program", "loaded"), [(WORK, False), (CELERY, False), (CHECK, True)])
def test_screens_are_loaded_where_they_are_needed(program, loaded):
    worker = start(program + LOADED)
    assert worker.wait(60) == 0, worker.errors()
    assert f"screens: {loaded}" in worker.errors()
