"""Values of one additional field across all contacts, changed in chunks: converted to a wider type, or wiped."""

import zoneinfo
from typing import Any

from django.db import connection

from cdp.models import Account
from contacts.models import ContactField, FieldType

CHUNK = 2_000

PICK = """
SELECT id FROM contacts_contact WHERE id > %(after)s AND {wanted} ORDER BY id LIMIT %(limit)s FOR UPDATE
"""
WIPE = """
UPDATE contacts_contact SET data = data - %(key)s, provenance = provenance - ('data.' || %(key)s) WHERE id = ANY(%(ids)s)
"""
CONVERT = (
    "UPDATE contacts_contact SET data = jsonb_set(data, ARRAY[%(key)s], {value}) WHERE id = ANY(%(ids)s)"
)
# New shape of a value by the type it is to have, and which values have the old shape still.
SHAPES: dict[str, tuple[str, str]] = {
    FieldType.DECIMAL: ("to_jsonb(data ->> %(key)s)", "jsonb_typeof(data -> %(key)s) = 'number'"),
    FieldType.DATETIME: (
        "to_jsonb(to_char(((data ->> %(key)s)::timestamp AT TIME ZONE %(zone)s) AT TIME ZONE 'UTC',"
        ' \'YYYY-MM-DD"T"HH24:MI:SS"Z"\'))',
        "data ->> %(key)s ~ '^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}$'",
    ),
    FieldType.MULTISELECT: (
        "jsonb_build_array(data -> %(key)s)",
        "jsonb_typeof(data -> %(key)s) = 'string'",
    ),
}


def wipe_chunk(field_id: int, *, after: int) -> tuple[int, int]:
    """Remove the field's value from the next contacts; returns how many, and the last id."""
    return _chunk(field_id, after, wanted="data ? %(key)s", statement=WIPE)


def convert_chunk(field_id: int, *, after: int) -> tuple[int, int]:
    """Give the next values the shape of the field's type; returns how many, and the last contact's id."""
    kind = ContactField.objects.filter(pk=field_id).values_list("type", flat=True).first()
    if kind not in SHAPES:
        return 0, after
    value, wanted = SHAPES[kind]
    return _chunk(field_id, after, wanted=wanted.format(), statement=CONVERT.format(value=value))


def _chunk(field_id: int, after: int, *, wanted: str, statement: str) -> tuple[int, int]:
    zone = Account.objects.values_list("time_zone", flat=True).get(pk=1)
    values: dict[str, Any] = {
        "key": str(field_id), "after": after, "limit": CHUNK, "zone": zoneinfo.ZoneInfo(zone).key,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(PICK.format(wanted=wanted), values)
        ids = [row[0] for row in cursor.fetchall()]
        if ids:
            cursor.execute(statement, values | {"ids": ids})
    return len(ids), ids[-1] if ids else after
