"""Forgets the events of erased people that never reached the store: waiting, set aside, or refused at the door."""

from django.db import connection

from cdp.hooks import PersonsErased

# One sequential pass each: the tables are short, and erasing is rare.
FORGET_WAITING = """
DELETE FROM events_inboxevent
WHERE contact_id = ANY(%(ids)s) OR external_id = ANY(%(ext)s) OR email_norm = ANY(%(email)s) OR phone = ANY(%(phone)s)
   OR contact_key = ANY(%(key)s) OR push_token = ANY(%(token)s) OR cookie = ANY(%(cookie)s)
   OR own_kind = 'external_id' AND own_value = ANY(%(ext)s) OR own_kind = 'email' AND own_value = ANY(%(email)s)
   OR own_kind = 'phone' AND own_value = ANY(%(phone)s)
"""
FORGET_SET_ASIDE = """
DELETE FROM events_quarantinedevent
WHERE (envelope ->> 'contact_id')::bigint = ANY(%(ids)s) OR envelope ->> 'external_id' = ANY(%(ext)s)
   OR envelope ->> 'email_norm' = ANY(%(email)s) OR envelope ->> 'phone' = ANY(%(phone)s)
   OR envelope ->> 'contact_key' = ANY(%(key)s) OR envelope ->> 'push_token' = ANY(%(token)s)
   OR envelope ->> 'cookie' = ANY(%(cookie)s)
   OR envelope ->> 'own_kind' = 'external_id' AND envelope ->> 'own_value' = ANY(%(ext)s)
   OR envelope ->> 'own_kind' = 'email' AND envelope ->> 'own_value' = ANY(%(email)s)
   OR envelope ->> 'own_kind' = 'phone' AND envelope ->> 'own_value' = ANY(%(phone)s)
"""
FORGET_REFUSED = """
DELETE FROM events_rejectedevent r USING unnest(%(words)s::text[]) AS word WHERE strpos(lower(r.body), word) > 0
"""
SHORTEST_WORD = 5  # a shorter external id would be found in anybody's body


def forget_waiting(batch: PersonsErased) -> None:
    """Handler of `persons_erased`: delete by contact id and by the identifiers that only these people had."""
    values: dict[str, list[object]] = {"ids": list(batch.ids), "token": []}
    for name in ("ext", "email", "phone", "key", "cookie"):
        values[name] = [value for kind, value in batch.identifiers if kind == name]
    values["token"] = [value for kind, value in batch.identifiers if kind in ("mobile", "web", "device")]
    values["words"] = [value.lower() for _kind, value in batch.identifiers if len(value) >= SHORTEST_WORD]
    with connection.cursor() as cursor:
        cursor.execute(FORGET_WAITING, values)
        cursor.execute(FORGET_SET_ASIDE, values)
        cursor.execute(FORGET_REFUSED, values)
