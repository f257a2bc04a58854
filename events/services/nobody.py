"""Forgets events of nobody that carry an identifier of erased people.

An event that found no contact keeps its parameters: of a deleted contact, of one unknown then, or with an address nobody
looks for. Erasing leaves salted digests of the identifiers; the engine `event_erasures` looks through the events of nobody
slice by slice, once whatever waited in the inbox at the time is processed.
"""

import uuid
from datetime import UTC, datetime
from typing import Any

from django.db import connection, transaction

from cdp.bell import ring
from cdp.hooks import PersonsErased
from cdp.sql import load
from contacts.services.suppression import read_salt
from events.intake.identity import NAMES
from events.models import NobodyWipe

ENGINE = "event_erasures"
SLICE_ROWS, SLICE_WIPES = 5_000, 200
BEGINNING = (datetime(1, 1, 1, tzinfo=UTC), uuid.UUID(int=0))
# The kind of an identifier → of the word looked for.
WORD_KINDS = {
    "ext": "external_id", "key": "contact_key", "mobile": "push_token", "web": "push_token", "email": "email",
    "phone": "phone", "id": "contact_id",
}  # fmt: skip
NAMED = {name: kind for name, kind in NAMES.items() if kind not in ("email", "phone")}

KEEP = """
INSERT INTO events_nobodywipe (digests, inbox_id, created_at, seen, deleted)
SELECT array_agg(sha256(%(salt)s::bytea || convert_to(kind || ':' || CASE kind
        WHEN 'email' THEN lower(value) WHEN 'phone' THEN right(value, 9) ELSE value END, 'UTF8'))),
    coalesce((SELECT max(id) FROM events_inboxevent), 0), %(now)s, 0, 0
FROM unnest(%(kinds)s::text[], %(values)s::text[]) AS w (kind, value)
"""
# Those whose events of the time have all left the inbox: only then is what they became to be seen.
READY = """
SELECT id FROM events_nobodywipe w WHERE w.inbox_id < coalesce((SELECT min(id) FROM events_inboxevent), 9223372036854775807)
ORDER BY (after_at IS NULL), id LIMIT %s FOR UPDATE SKIP LOCKED
"""
FORGET_SET_ASIDE = """
DELETE FROM events_quarantinedevent q USING (
    SELECT id, v #>> '{}' AS text FROM events_quarantinedevent, jsonb_path_query(envelope, 'strict $.**') v
    WHERE jsonb_typeof(v) = 'string' AND strpos(v #>> '{}', '@') > 0
) t
WHERE q.id = t.id AND sha256(%s::bytea || convert_to('email:' || lower(btrim(t.text)), 'UTF8')) = ANY(%s::bytea[])
"""


def keep_digests(batch: PersonsErased) -> None:
    """Handler of `persons_erased`: what the engine will look for."""
    words = [(WORD_KINDS[kind], value) for kind, value in batch.identifiers if kind in WORD_KINDS]
    words += [(WORD_KINDS["id"], str(one)) for one in batch.ids]
    with connection.cursor() as cursor:
        cursor.execute(
            KEEP,
            {
                "salt": read_salt(cursor), "now": batch.now, "kinds": [kind for kind, _ in words],
                "values": [value for _, value in words],
            },
        )  # fmt: skip
    transaction.on_commit(lambda: ring(ENGINE))


def forget_nobody(*, now: datetime) -> int:  # noqa: ARG001 - engines are called with it
    """Look through the next events of nobody, for all erasings that have not begun together; returns how many it saw."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(READY, [SLICE_WIPES])
        ids = [row[0] for row in cursor.fetchall()]
        if not ids:
            return 0
        wipes = list(NobodyWipe.objects.filter(pk__in=ids).order_by("pk"))
        begun = [wipe for wipe in wipes if wipe.after_at is not None]
        wipe = begun[0] if begun else _together(wipes)
        salt, digests = read_salt(cursor), [bytes(one) for one in wipe.digests]
        seen, deleted = _page(cursor, wipe, salt, digests)
        if seen < SLICE_ROWS:
            cursor.execute(FORGET_SET_ASIDE, [salt, digests])
            wipe.delete()
        else:
            wipe.seen += seen
            wipe.deleted += deleted
            wipe.save()
    return max(seen, 1)


def _together(wipes: list[NobodyWipe]) -> NobodyWipe:
    first, rest = wipes[0], wipes[1:]
    first.digests = sorted({bytes(one) for wipe in wipes for one in wipe.digests})
    NobodyWipe.objects.filter(pk__in=[wipe.pk for wipe in rest]).delete()
    return first


def _page(cursor: Any, wipe: NobodyWipe, salt: bytes, digests: list[bytes]) -> tuple[int, int]:
    after = (wipe.after_at, wipe.after_id) if wipe.after_at else BEGINNING
    cursor.execute(
        load("events", "forget_nobody"),
        {
            "after_at": after[0], "after_id": after[1], "rows": SLICE_ROWS, "names": list(NAMED),
            "kinds": list(NAMED.values()), "salt": salt, "digests": digests,
        },
    )  # fmt: skip
    seen, deleted, wipe.after_at, wipe.after_id = cursor.fetchone()
    return seen, deleted
