-- Moves a resolved batch from the inbox into the store. Called by events.services.processing, after resolve_batch.
-- Index: events_inboxevent primary key. Flag 16 is UNMATCHED, 256 ORDER (events.models.EventFlag).
WITH gone AS (
    DELETE FROM events_inboxevent i USING events_batch b WHERE i.id = b.id
    RETURNING i.*, b.person_id, b.is_contact
)
INSERT INTO events_event (person_id, event_at, id, event_type_id, seq, received_at, processed_at, occurred_at,
                          flags, source, key_value, params)
SELECT coalesce(person_id, 0), event_at, event_id, event_type_id, id, received_at, %(now)s, occurred_at,
       flags | CASE WHEN is_contact THEN 0 ELSE 16 END
             | CASE WHEN event_type_id IN (SELECT id FROM events_eventtype WHERE key ~ %(order_types)s) THEN 256 ELSE 0 END,
       source, key_value, params
FROM gone ORDER BY id
