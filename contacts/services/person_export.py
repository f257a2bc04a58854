"""Everything held about one person in one JSON file (contacts spec 13: access, portability).

The contact with its additional fields and addresses, what other apps add by `register_export`, and the rows of every table
of the registry of person tables, those of contacts merged into this one and those still on their way to it included.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import datetime
from tempfile import TemporaryFile
from typing import IO, Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, transaction

from contacts import persons
from contacts.models import AuditAction, Contact, ContactField, ContactList, SubscriptionCategory
from contacts.services import audit

PART = 2_000
FORMAT = 1

ADDRESSES = """
SELECT to_jsonb(a)::text FROM contacts_address a
WHERE (a.kind = 'email' AND a.value = %s) OR (a.kind = 'phone' AND a.value = %s) OR (a.kind = 'key' AND a.value = %s)
"""

registry: dict[str, Callable[[int], Any]] = {}


def register_export(name: str, read: Callable[[int], Any]) -> None:
    """Add a part to the file: what an app holds of a person outside its person tables, or names of what its rows refer to.

    `read` takes the contact's id and gives what JSON can hold. Called by `AppConfig.ready()`.
    """
    registry[name] = read


def export_person(contact_id: int, *, actor: str, now: datetime) -> IO[bytes]:
    """The file, from its beginning; the caller closes it. The act is kept in the audit.

    Rows are read through a cursor and written to the disk: memory does not grow with the history.

    Raises:
        Contact.DoesNotExist: nobody has the id.
    """
    file = TemporaryFile()  # noqa: SIM115 - handed to the caller
    try:
        with transaction.atomic():
            audit.keep([(contact_id, {})], action=AuditAction.EXPORTED, actor=actor, now=now)
            for text in _parts(Contact.objects.get(pk=contact_id), actor, now):
                file.write(text.encode())
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return file


def _parts(contact: Contact, actor: str, now: datetime) -> Iterator[str]:
    merged = list(Contact.objects.filter(merged_into=contact.pk).values_list("pk", flat=True))
    ids = [contact.pk, *merged, *persons.pending_sources([contact.pk]).get(contact.pk, ())]
    yield f'{{\n"format": {FORMAT},\n"exported_at": {_json(now)},\n"exported_by": {_json(actor)},\n'
    yield '"contact": '
    yield from _rows("SELECT to_jsonb(c)::text FROM contacts_contact c WHERE c.id = %s", [contact.pk])
    yield f',\n"additional_fields": {_json(_fields(contact))},\n"addresses": [\n'
    yield from _rows(ADDRESSES, [contact.email_norm, contact.phone, contact.contact_key])
    yield "\n]"
    for name, read in {"lists": _lists, "subscription_categories": _categories, **registry}.items():
        yield f",\n{_json(name)}: {_json(read(contact.pk))}"
    yield ',\n"tables": {'
    columns: dict[str, list[str]] = defaultdict(list)
    for table in persons.registry.values():
        columns[table.table].append(table.column)
    for place, (table_name, names) in enumerate(columns.items()):
        yield f"{',' if place else ''}\n{_json(table_name)}: [\n"
        where = " OR ".join(f"t.{name} = ANY(%s)" for name in names)
        yield from _rows(f"SELECT to_jsonb(t)::text FROM {table_name} t WHERE {where}", [ids] * len(names))
        yield "\n]"
    yield "\n}\n}\n"


def _rows(statement: str, values: list[Any]) -> Iterator[str]:
    """Rows as JSON, one a line."""
    with connection.chunked_cursor() as cursor:
        cursor.execute(statement, values)
        is_first = True
        while rows := cursor.fetchmany(PART):
            yield ("" if is_first else ",\n") + ",\n".join(row[0] for row in rows)
            is_first = False


def _json(value: Any) -> str:
    return json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False)


def _fields(contact: Contact) -> list[dict[str, Any]]:
    """Additional fields with their names: the contact's row has them by number."""
    rows = ContactField.objects.filter(pk__in=[int(key) for key in contact.data]).select_related("group")
    return [
        {"id": row.pk, "group": row.group.name, "key": row.key, "name": row.name, "value": contact.data[str(row.pk)]}
        for row in rows
    ]  # fmt: skip


def _lists(contact_id: int) -> dict[int, str]:
    return dict(ContactList.objects.filter(members__contact_id=contact_id).values_list("pk", "name"))


def _categories(contact_id: int) -> dict[int, str]:
    rows = SubscriptionCategory.objects.filter(subscriptionchoice__contact_id=contact_id)
    return dict(rows.values_list("pk", "name"))
