-- Ends open launches by id, in id order; those that others have ended meanwhile stay as they are.
-- Called by workflows.services.ending. Index: primary key.
WITH locked AS (
    SELECT r.id, u.reason FROM workflows_run r
    JOIN unnest(%(ids)s::bigint[], %(reasons)s::text[]) AS u (id, reason) ON u.id = r.id
    WHERE r.state IN ('running', 'paused') ORDER BY r.id FOR UPDATE OF r
)
UPDATE workflows_run r
SET state = %(state)s, reason = l.reason, ended_at = %(now)s, solo_id = NULL, delivery_id = NULL, wait = NULL
FROM locked l WHERE r.id = l.id
RETURNING r.id, r.person_id, r.number, r.node, r.version_id, r.entered_at, r.reason, r.is_test
