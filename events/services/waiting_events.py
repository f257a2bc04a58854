"""A person's events that are not in the store: for the file with a person's data."""

import json
from typing import Any

from django.db import connection

from contacts.models import Contact, ContactState, Key

MOST = 10_000
# One sequential pass each: the tables are short, and such a file is rare.
FITS = """
({row} ->> 'contact_id')::bigint = %(id)s OR {row} ->> 'external_id' = ANY(%(ext)s) OR {row} ->> 'email_norm' = %(email)s
OR {row} ->> 'phone' = %(phone)s OR {row} ->> 'contact_key' = %(key)s OR {row} ->> 'push_token' = ANY(%(token)s)
OR {row} ->> 'cookie' = ANY(%(cookie)s)
OR ({row} ->> 'own_kind', {row} ->> 'own_value') IN (('email', %(email)s), ('phone', %(phone)s), ('external_id', %(external)s))
"""
WAITING = f"""
SELECT t.row FROM (SELECT to_jsonb(i) AS row FROM events_inboxevent i) t WHERE {FITS.format(row="t.row")}
ORDER BY (t.row ->> 'id')::bigint LIMIT %(most)s
"""
SET_ASIDE = f"""
SELECT q.envelope || jsonb_build_object('set_aside_for', q.reason) FROM events_quarantinedevent q
WHERE q.replayed_at IS NULL AND ({FITS.format(row="q.envelope")}) ORDER BY q.id LIMIT %(most)s
"""


def events_on_their_way(contact_id: int) -> list[Any]:
    """Events that wait or were set aside and name this contact, oldest first; at most 10 000 of each.

    An e-mail, phone or contact key that another active contact has too names nobody alone: such events are left out.
    """
    contact = Contact.objects.get(pk=contact_id)
    keys = list(Key.objects.filter(person_id=contact_id).values_list("kind", "value"))
    values: dict[str, Any] = {
        "id": contact_id, "external": contact.external_id, "most": MOST,
        "ext": [value for kind, value in keys if kind == "ext"],
        "token": [value for kind, value in keys if kind in ("mobile", "web", "device")],
        "cookie": [value for kind, value in keys if kind == "cookie"],
    }  # fmt: skip
    for name, column in (("email", "email_norm"), ("phone", "phone"), ("key", "contact_key")):
        value = getattr(contact, column)
        alone = value is not None and not _others(contact_id).filter(**{column: value}).exists()
        values[name] = value if alone else None
    with connection.cursor() as cursor:
        cursor.execute(WAITING, values)
        found = cursor.fetchall()
        cursor.execute(SET_ASIDE, values)
        return [json.loads(row[0]) for row in (*found, *cursor.fetchall())]


def _others(contact_id: int) -> Any:
    return Contact.objects.filter(state=ContactState.ACTIVE).exclude(pk=contact_id)
