"""Removes duplicates by age: of the contacts that share an address the oldest or the newest stays (contacts document 4.1).

A slice takes the next addresses in alphabetical order. Removing is deleting, which can be taken back one by one or, from
the page of the job, all together. Pairs that a colleague said are two people stay.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import connection, models
from django.utils.translation import gettext_lazy as _

from contacts.models import Contact, ContactJob, ContactState, DuplicatePair, DuplicateState
from contacts.services.lifecycle import delete_contacts, restore_contacts

GROUPS, MEMBERS = 500, 5_000  # of a slice, at most

COLUMNS = {"email": "email_norm", "phone": "phone"}
ORDERS = {"oldest": "created_at, id", "newest": "created_at DESC, id DESC"}
# Index: contact_email or contact_phone, read from `after` on and no further than the groups of a slice.
PICK = """
WITH alike AS MATERIALIZED (
    SELECT {column} AS value FROM contacts_contact WHERE state = 'active' AND {column} IS NOT NULL AND {column} > %(after)s
    GROUP BY {column} HAVING count(*) > 1 ORDER BY {column} LIMIT %(groups)s
), ranked AS (
    SELECT c.id, c.{column} AS value, first_value(c.id) OVER (PARTITION BY c.{column} ORDER BY {order}) AS kept
    FROM contacts_contact c JOIN alike ON alike.value = c.{column} WHERE c.state = 'active'
)
SELECT r.value, r.kept, r.id FROM ranked r
WHERE r.id <> r.kept AND r.id <= %(last)s AND NOT EXISTS (
    SELECT 1 FROM contacts_duplicatepair p
    WHERE p.state = 'dismissed' AND p.first_id = least(r.id, r.kept) AND p.second_id = greatest(r.id, r.kept))
ORDER BY r.value, r.id LIMIT %(members)s
"""
LAST_GROUP = """
SELECT max(value), count(*) FROM (
    SELECT {column} AS value FROM contacts_contact WHERE state = 'active' AND {column} IS NOT NULL AND {column} > %(after)s
    GROUP BY {column} HAVING count(*) > 1 ORDER BY {column} LIMIT %(groups)s
) g
"""
LOCK = "SELECT id FROM contacts_contact WHERE id = ANY(%s) ORDER BY id FOR UPDATE"

Row = tuple[str, int, int]  # the address, who is kept, who is removed


class Keep(models.TextChoices):
    OLDEST = "oldest", _("Remove those created later")
    NEWEST = "newest", _("Remove those created earlier")


def reason_of(job: ContactJob) -> str:
    """What the removed contacts have as their reason, and are found by when it is taken back."""
    return f"duplicate {job.request['by']}, {job.request['keep']} kept, job {job.pk}"


def work_removal(job: ContactJob, now: datetime) -> tuple[int, bool]:
    """Remove the duplicates of the next addresses, in the caller's transaction; (how many contacts, whether it was the last).

    Who is kept is locked with those who go, and looked at again: a contact that another request removes or merges
    meanwhile is never the one that was to stay.
    """
    asked = job.request
    with connection.cursor() as cursor:
        cursor.execute(LAST_GROUP.format(column=COLUMNS[asked["by"]]), _values(asked))
        end, groups = cursor.fetchone()
        if not groups:
            job.total = job.done
            return 0, True
        picked = _pick(cursor, asked)
        cursor.execute(LOCK, [sorted({one for _, kept, gone in picked for one in (kept, gone)})])
        held = set(_pick(cursor, asked))
    sure = [row for row in picked if row in held]
    ids = sorted({gone for *_, gone in sure})
    removed = delete_contacts(ids, now=now, actor=job.actor, reason=reason_of(job)) if ids else 0
    _forget_pairs(ids)
    job.counts = job.counts | {"removed": job.counts.get("removed", 0) + removed}
    job.done += removed
    job.total = max(job.total, job.done)
    job.request = asked | {"after": _reached(picked, asked["after"], end)}
    return max(removed, 1), groups < GROUPS and len(picked) < MEMBERS


def _values(asked: dict[str, Any]) -> dict[str, Any]:
    return {"after": asked["after"], "last": asked["last"], "groups": GROUPS, "members": MEMBERS}


def _pick(cursor: Any, asked: dict[str, Any]) -> list[Row]:
    cursor.execute(PICK.format(column=COLUMNS[asked["by"]], order=ORDERS[asked["keep"]]), _values(asked))
    return [tuple(row) for row in cursor.fetchall()]


def _reached(picked: Sequence[Row], after: str, end: str) -> str:
    """The last address that is done. One with more contacts than a slice takes is begun again: those are gone by then."""
    if len(picked) < MEMBERS:
        return end
    cut = picked[-1][0]
    return max((value for value, *_ in picked if value < cut), default=after)


def _forget_pairs(ids: Sequence[int]) -> None:
    """Proposals about who is gone."""
    pairs = DuplicatePair.objects.filter(state=DuplicateState.OPEN)
    pairs.filter(models.Q(first_id__in=ids) | models.Q(second_id__in=ids)).delete()


def removed_by(job: ContactJob) -> Any:
    """The contacts that a job removed and nobody restored, changed by hand or erased since. Index: contact_deleted."""
    rows = Contact.objects.filter(state=ContactState.DELETED, deleted_at__gte=job.created_at)
    return rows.filter(delete_reason=reason_of(job))


def work_return(job: ContactJob, now: datetime) -> tuple[int, bool]:
    """Restore the next contacts that the job named by the request removed, in the caller's transaction."""
    source = ContactJob.objects.get(pk=job.request["job"])
    ids = list(removed_by(source).order_by("pk").values_list("pk", flat=True)[:MEMBERS])
    restored = restore_contacts(ids, now=now, actor=job.actor) if ids else 0
    job.counts = job.counts | {"restored": job.counts.get("restored", 0) + restored}
    job.done += restored
    job.total = max(job.total, job.done)
    return max(restored, 1), len(ids) < MEMBERS
