-- Claims launches that are due, oldest first, with what moving them on needs. Called by workflows.services.stepping.
-- Indexes: workflows_run_due, workflows_run_person, primary keys. Rows that another engine works on are passed over. Where
-- one launch a contact is allowed, those of a contact just merged wait until the signal of it has said which one goes on.
SELECT r.id, r.uid::text, r.workflow_id, r.version_id, r.person_id, r.node, r.number, r.entered_at, r.started_at,
       r.event_key, r.event_id::text, r.is_test, r.skips_waits, r.wait::text, r.context::text, r.sent::text,
       c.state, c.time_zone, w.status
FROM (
    SELECT * FROM workflows_run d WHERE state = 'running' AND wake_at <= %(now)s
      AND (solo_id IS NULL OR NOT EXISTS (
          SELECT 1 FROM workflows_run o WHERE o.person_id = d.person_id AND o.workflow_id = d.workflow_id
            AND o.state IN ('running', 'paused') AND o.solo_id <> o.person_id))
    ORDER BY wake_at, id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
) r
JOIN workflows_workflow w ON w.id = r.workflow_id
LEFT JOIN contacts_contact c ON c.id = r.person_id
