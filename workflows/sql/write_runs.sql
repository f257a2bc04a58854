-- Writes where launches of a batch have come to. Called by workflows.services.stepping. Index: primary key.
UPDATE workflows_run r
SET node = u.node, number = u.number, state = u.state, entered_at = u.entered_at, wake_at = u.wake_at, wait = u.wait,
    delivery_id = u.delivery_id, reason = u.reason, has_errors = r.has_errors OR u.has_errors,
    ended_at = CASE WHEN u.state IN ('running', 'paused') THEN NULL ELSE %(now)s END,
    solo_id = CASE WHEN u.state IN ('running', 'paused') THEN r.solo_id END
FROM unnest(%(ids)s::bigint[], %(nodes)s::text[], %(numbers)s::int[], %(states)s::text[], %(entered)s::timestamptz[],
            %(wakes)s::timestamptz[], %(waits)s::jsonb[], %(deliveries)s::bigint[], %(reasons)s::text[], %(errors)s::bool[])
    AS u (id, node, number, state, entered_at, wake_at, wait, delivery_id, reason, has_errors)
WHERE r.id = u.id
