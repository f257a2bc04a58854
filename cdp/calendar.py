"""The calendar: which tasks run when, as rows that operators edit in the admin."""

from celery.schedules import crontab
from django_celery_beat.models import CrontabSchedule, PeriodicTask

# First values only: what a row says is never changed again.
CALENDAR = {
    "keep partitions": ("events.keep_partitions", crontab(hour="2", minute="10")),
    "drop expired events": ("events.drop_expired_events", crontab(hour="2", minute="25")),
    "forget old intake": ("events.forget_old_intake", crontab(minute="20")),
    "forget old bulk requests": ("contacts.forget_sessions", crontab(hour="2", minute="40")),
    "delete old exports": ("contacts.forget_exports", crontab(minute="45")),
    "count contacts": ("contacts.count_contacts", crontab(hour="4", minute="20")),
    "forget merges": ("contacts.forget_merges", crontab(hour="2", minute="50")),
    "keep partitions of launch steps": ("workflows.keep_steps", crontab(hour="2", minute="15")),
    "forget old launches": ("workflows.forget_old", crontab(minute="35")),
    "forget old changes of membership": ("segments.forget_changes", crontab(minute="50")),
    "end blocks of addresses": ("contacts.end_blocks", crontab(hour="0", minute="25")),
    "assume silent messages delivered": ("messaging.assume_delivered", crontab(minute="35")),
    "forget notices of bounces": ("messaging.forget_notices", crontab(minute="40")),
    "keep partitions of messages": ("messaging.keep_partitions", crontab(hour="2", minute="15")),
    "forget keys of provider events": ("messaging.forget_activity_keys", crontab(hour="3", minute="30")),
    "switch off idle API keys": ("partners.disable_idle_keys", crontab(hour="3", minute="5")),
    "forget request fingerprints": ("partners.forget_fingerprints", crontab(minute="*/10")),
}


def ensure_calendar() -> list[str]:
    """Add the tasks that have no row yet; returns their names."""
    present = set(PeriodicTask.objects.values_list("name", flat=True))
    missing = [name for name in CALENDAR if name not in present]
    for name in missing:
        task, schedule = CALENDAR[name]
        row = CrontabSchedule.from_schedule(schedule)
        if row.pk is None:
            row.save()
        PeriodicTask.objects.create(name=name, task=task, crontab=row)
    return missing
