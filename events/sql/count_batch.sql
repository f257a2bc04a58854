-- Adds a stored batch to the hourly counters. Called by events.services.processing. Index: events_hour_once.
INSERT INTO events_typehour (event_type_id, hour, accepted, unmatched, rejected, quarantined)
SELECT event_type_id, date_trunc('hour', %(now)s::timestamptz, 'UTC'), count(*), count(*) FILTER (WHERE NOT is_contact), 0, 0
FROM events_batch GROUP BY event_type_id ORDER BY event_type_id
ON CONFLICT (event_type_id, hour) DO UPDATE
SET accepted = events_typehour.accepted + excluded.accepted, unmatched = events_typehour.unmatched + excluded.unmatched
