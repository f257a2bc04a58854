-- Writes what became of the rows of one month that this worker had in hand. A row the reaper called unknown meanwhile
-- is corrected: its outcome is known after all. Called by services/claims.py. Index: messaging_delivery_pkey.
UPDATE messaging_delivery d
SET state = u.state, reason = u.reason, last_error = CASE WHEN u.error = '' AND u.state <> 'sent' THEN d.last_error ELSE u.error END,
    provider_id = u.provider_id,
    attempts = d.attempts + u.tried, not_before = coalesce(u.not_before, d.not_before),
    sent_at = CASE WHEN u.state = 'sent' THEN %(now)s ELSE d.sent_at END,
    failed_at = CASE WHEN u.state IN ('failed', 'unknown') THEN %(now)s WHEN u.state = 'sent' THEN NULL ELSE d.failed_at END,
    claim_token = CASE WHEN u.state = 'planned' THEN NULL ELSE d.claim_token END, lease_until = NULL
FROM unnest(%(ids)s::bigint[], %(states)s::text[], %(reasons)s::text[], %(errors)s::text[], %(providers)s::text[],
            %(tried)s::smallint[], %(moments)s::timestamptz[])
     AS u (id, state, reason, error, provider_id, tried, not_before)
WHERE d.id = u.id AND d.cause_month = %(month)s AND d.claim_token = %(token)s
  AND d.state IN ('claimed', 'sending', 'unknown')
RETURNING d.id
