"""The calendar is seeded once; what an operator changes stays."""

import pytest
from django_celery_beat.models import CrontabSchedule, PeriodicTask

from cdp.calendar import CALENDAR, ensure_calendar
from cdp.celery import app

pytestmark = pytest.mark.django_db


def test_it_works():
    assert ensure_calendar() == list(CALENDAR)
    assert ensure_calendar() == []
    app.loader.import_default_modules()
    assert {task.task for task in PeriodicTask.objects.all()} <= set(app.tasks)


def test_a_changed_schedule_stays():
    ensure_calendar()
    name = next(iter(CALENDAR))
    other = CrontabSchedule.objects.create(minute="59")
    PeriodicTask.objects.filter(name=name).update(crontab=other, enabled=False)
    ensure_calendar()
    task = PeriodicTask.objects.get(name=name)
    assert (task.crontab_id, task.enabled) == (other.pk, False)
