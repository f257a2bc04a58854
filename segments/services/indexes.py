"""Indexes on event parameters that conditions ask for often: a selective condition then reads only its rows."""

from django.db import connection

from segments.catalogue import Catalogue, parameter_index
from segments.leaves.activity import value_at

# The expression is the one `segments.leaves.activity.Where` compares with; the second index answers "is it a list?".
VALUES = """
CREATE INDEX IF NOT EXISTS {name} ON events_event (segments_text({value}), event_at) INCLUDE (person_id)
WHERE event_type_id = {type_id}
"""
LISTS = """
CREATE INDEX IF NOT EXISTS {name}_l ON events_event (event_at) INCLUDE (person_id)
WHERE event_type_id = {type_id} AND jsonb_typeof({value}) = 'array'
"""


def index_parameter(event: str, param: str) -> str:
    """Index a top-level parameter of an event type; returns the index's name. Takes as long as the store is big.

    Raises:
        BrokenReference: no event type in use has the key.
    """
    type_id = Catalogue().event_type(event).id
    name = parameter_index(type_id, param)
    value = value_at("params", param).replace("%%", "%")
    with connection.cursor() as cursor:
        for statement in (VALUES, LISTS):
            cursor.execute(statement.format(name=name, value=value, type_id=type_id))
    return name
