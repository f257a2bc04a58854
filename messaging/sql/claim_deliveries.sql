-- Takes the oldest due deliveries of one connection and priority for one worker.
-- Called by services/claims.py. Index: messaging_delivery_due (partial on planned).
UPDATE messaging_delivery d
SET state = 'claimed', claim_token = %(token)s, lease_until = %(lease)s, worker = %(worker)s
FROM (
    SELECT id, cause_month FROM messaging_delivery
    WHERE connection_id = %(connection)s AND state = 'planned' AND priority = %(priority)s AND not_before <= %(now)s
    ORDER BY not_before, id
    LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
) due
WHERE d.id = due.id AND d.cause_month = due.cause_month
RETURNING d.id, d.cause_month, d.cause_kind, d.cause_id, d.endpoint, d.contact_id, d.message_id, d.language,
          d.sender_id, d.is_transactional, d.is_test, d.context, d.attempts, d.expires_at, d.not_before
