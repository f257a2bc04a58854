"""How many contacts the tabs above the list show, and how many have a value in each additional field.

Counting reads every contact, so it is done in the background, a tab a slice, nightly and when a colleague asks; pages show
what was counted, and when.
"""

from datetime import datetime

from django.db import connection

from contacts.filters.views import VIEWS
from contacts.models import Contact, ContactField, ContactJob, Figure

VIEW, FIELD, FIELDS = "view:", "field:", "fields"
ALL = f"{VIEW}all"
FILLED = """
SELECT key, count(*) FROM contacts_contact c, jsonb_object_keys(c.data) AS key WHERE c.state = 'active' GROUP BY key
"""
STEPS = (*(f"{VIEW}{key}" for key in VIEWS), FIELDS)


def work_counting(job: ContactJob, now: datetime) -> tuple[int, bool]:
    """Count one tab, or last the fields, in the caller's transaction; (1, whether it was the last)."""
    step = STEPS[job.done]
    if step == FIELDS:
        _count_fields(now)
    else:
        rows = VIEWS[step.removeprefix(VIEW)](Contact.objects.all())
        _keep({step: rows.count()}, now)
    job.done += 1
    return 1, job.done >= len(STEPS)


def _count_fields(now: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(FILLED)
        counted = dict(cursor.fetchall())
    ids = [str(pk) for pk in ContactField.objects.values_list("pk", flat=True)]
    _keep({f"{FIELD}{pk}": counted.get(pk, 0) for pk in ids}, now)
    Figure.objects.filter(name__startswith=FIELD, counted_at__lt=now).delete()  # of fields that are gone


def _keep(values: dict[str, int], now: datetime) -> None:
    rows = [Figure(name=name, value=value, counted_at=now) for name, value in sorted(values.items())]
    Figure.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["name"], update_fields=["value", "counted_at"]
    )


def read_figures(prefix: str) -> dict[str, Figure]:
    """Figures by what follows the prefix in their names."""
    rows = Figure.objects.filter(name__startswith=prefix)
    return {row.name.removeprefix(prefix): row for row in rows}
