-- Claims launches that are due, oldest first, with what moving them on needs. Called by workflows.services.stepping.
-- Indexes: workflows_run_due, primary keys. Rows that another engine works on are passed over.
SELECT r.id, r.uid::text, r.workflow_id, r.version_id, r.person_id, r.node, r.number, r.entered_at, r.started_at,
       r.event_key, r.event_id::text, r.is_test, r.skips_waits, r.wait::text, r.context::text, r.sent::text,
       c.state, c.time_zone, w.status
FROM (
    SELECT * FROM workflows_run WHERE state = 'running' AND wake_at <= %(now)s
    ORDER BY wake_at, id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
) r
JOIN workflows_workflow w ON w.id = r.workflow_id
LEFT JOIN contacts_contact c ON c.id = r.person_id
