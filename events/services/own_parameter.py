"""The account's own event parameter: looked up before every other identifier of an event (contacts document 3.5).

The events of a batch that carry it are looked up together, one statement a kind of field; there is one kind, or two while
the setting changes.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from contacts.models import ContactField, FieldType, IndexState
from contacts.services.event_mapping import OWN_FIELD
from contacts.services.field_index import expression

OWN = """
SELECT i.id, b.own_kind, i.own_value, i.external_id FROM events_batch b JOIN events_inboxevent i ON i.id = b.id
WHERE b.own_kind IS NOT NULL
"""
# Of the holders of a value these are enough: the best of those without an external id, with each external id the batch
# names, and with any other. Several holders: as for any identifier, the one without an external id when the event has
# one, then the one changed last, then the lowest id; a holder with another external id than the event's is passed over.
FIND = """
WITH held AS MATERIALIZED (
    SELECT DISTINCT ON (1, 2) {value} AS value,
        CASE WHEN c.external_id IS NULL THEN 0 WHEN c.external_id = ANY(%(external)s) THEN c.id ELSE -1 END AS place,
        c.id, c.external_id, c.updated_at, c.state = 'deleted' AS is_deleted
    FROM {source} WHERE {match} = ANY(%(values)s::{type}[]) AND c.state IN ('active', {also})
    ORDER BY 1, 2, c.updated_at DESC, c.id
), wanted AS (
    SELECT * FROM unnest(%(ids)s::bigint[], %(value_of)s::text[], %(external_of)s::text[]) AS w (id, value, external_id)
)
UPDATE events_batch b
SET person_id = CASE WHEN f.is_deleted THEN 0 ELSE f.person_id END, is_contact = NOT f.is_deleted, is_deleted = f.is_deleted
FROM (
    SELECT DISTINCT ON (w.id) w.id, h.id AS person_id, h.is_deleted
    FROM wanted w JOIN held h ON h.value = w.value
        AND (w.external_id IS NULL OR h.external_id IS NULL OR h.external_id = w.external_id OR {is_external})
    ORDER BY w.id, (w.external_id IS NOT NULL AND h.external_id IS NOT NULL), h.updated_at DESC, h.id
) f
WHERE b.id = f.id
"""
CONTACTS = {"source": "contacts_contact c", "type": "text", "also": "'active'", "is_external": "false"}
FIXED: dict[str, dict[str, str]] = {
    "external_id": {
        "source": "contacts_key k JOIN contacts_contact c ON k.kind = 'ext' AND c.id = k.person_id",
        "value": "k.value", "match": "k.value", "type": "text", "also": "'deleted'", "is_external": "true",
    },
    "email": CONTACTS | {"value": "c.email_norm", "match": "c.email_norm"},
    "phone": CONTACTS | {"value": "c.phone", "match": "c.phone"},
}  # fmt: skip


def fields_of(kinds: Iterable[str | None]) -> dict[int, ContactField]:
    """The additional fields that these values of `own_kind` name, by id; no query when they name none."""
    wanted = {int(kind.removeprefix(OWN_FIELD)) for kind in kinds if kind and kind.startswith(OWN_FIELD)}
    return ContactField.objects.in_bulk(wanted) if wanted else {}


def prefer_own(cursor: Any) -> bool:
    """Give the events of the batch to the contacts that their own parameter names; the others keep whom they had.

    Tells whether any event has one. A deleted contact is only found by its external ID, which stays its own: the event is
    then nobody's.
    """
    cursor.execute(OWN)
    by_kind: dict[str, list[tuple[int, str, str | None]]] = defaultdict(list)
    for event, kind, value, external_id in cursor.fetchall():
        by_kind[kind].append((event, value, external_id))
    fields = fields_of(by_kind)
    for kind, rows in by_kind.items():
        parts = _parts(kind, fields)
        if parts is None:  # the field was deleted meanwhile
            continue
        values = {
            "values": sorted({value for _, value, _ in rows}),
            "external": sorted({external for *_, external in rows if external is not None}),
            "ids": [event for event, *_ in rows], "value_of": [value for _, value, _ in rows],
            "external_of": [external for *_, external in rows],
        }  # fmt: skip
        cursor.execute(FIND.format(**parts), values)
    return bool(by_kind)


def _parts(kind: str, fields: dict[int, ContactField]) -> dict[str, str] | None:
    """What differs from kind to kind: SQL that never holds a value.

    An additional field is searched by the expression of its index when there is one. Without it the text is compared:
    values of the wrong type must not stop the batch.
    """
    if kind in FIXED:
        return FIXED[kind]
    field = fields.get(int(kind.removeprefix(OWN_FIELD)))
    if field is None:
        return None
    value = expression(field.pk, FieldType.TEXT)
    match = expression(field.pk, field.type) if field.index_state == IndexState.READY else value
    kept = "numeric" if match.endswith("::numeric)") else "text"
    return CONTACTS | {"value": value, "match": match, "type": kept}
