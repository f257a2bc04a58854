"""Indexes of additional fields on `contacts_contact`, built and dropped while the product runs.

`expression` is what a query must compare for the index to serve it; segments use it for every condition on a field.
"""

from django.db import DatabaseError, connection

from contacts.models import ContactField, FieldType, IndexState

NUMBERS = frozenset({FieldType.INTEGER, FieldType.DECIMAL})


def expression(field_id: int, kind: str) -> str:
    """The SQL expression of a field's value: `numeric` for numbers, text for all else (dates sort as text)."""
    value = f"(data ->> '{int(field_id)}')"
    return f"({value}::numeric)" if kind in NUMBERS else value


def index_name(field_id: int) -> str:
    return f"contacts_field_{int(field_id)}"


def build_index(field_id: int) -> str:
    """Build the index of a field outside any transaction; returns why it failed, or an empty text.

    A broken index of an earlier attempt is dropped first. Building over a million contacts takes seconds and blocks no
    write.
    """
    field = ContactField.objects.filter(pk=field_id).first()
    if field is None:
        return "the field is gone"
    if field.type in (FieldType.MULTISELECT, FieldType.JSON):
        ContactField.objects.filter(pk=field_id).update(index_state=IndexState.FAILED)
        return "a field of several options or of JSON cannot be indexed"
    value = expression(field_id, field.type)
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {index_name(field_id)}")
            cursor.execute(
                f"CREATE INDEX CONCURRENTLY {index_name(field_id)} ON contacts_contact ({value}, id) "
                f"WHERE (data ->> '{int(field_id)}') IS NOT NULL"
            )
            cursor.execute(
                "ANALYZE contacts_contact"
            )  # how many values an expression has is only known from here on
    except DatabaseError as error:
        ContactField.objects.filter(pk=field_id).update(index_state=IndexState.FAILED)
        return f"{type(error).__name__}: the values do not fit the type"
    ContactField.objects.filter(pk=field_id).update(index_state=IndexState.READY)
    return ""


def drop_index(field_id: int) -> None:
    """Drop the index; waits for statements that use it, so it is for small hours or small tables when in a transaction."""
    with connection.cursor() as cursor:
        cursor.execute(f"DROP INDEX IF EXISTS {index_name(field_id)}")
