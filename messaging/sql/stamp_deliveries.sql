-- Fills times of deliveries from activity, by rank; the order in which signals come does not matter.
-- Called by messaging.services.activity._stamp, rows locked before. Index: primary key (id, cause_month).
-- A failure counts unless a human opened or clicked; it takes a delivery that was reported back. A delivery of unknown
-- outcome of which anything is heard was sent.
UPDATE messaging_delivery d SET
    opened_at = least(d.opened_at, u.opened_at),
    clicked_at = least(d.clicked_at, u.clicked_at),
    unsubscribed_at = least(d.unsubscribed_at, u.unsubscribed_at),
    complained_at = least(d.complained_at, u.complained_at),
    failed_at = CASE WHEN coalesce(d.opened_at, u.opened_at, d.clicked_at, u.clicked_at) IS NULL
                     THEN least(nullif(d.failed_at, CASE WHEN d.state = 'unknown' THEN d.failed_at END), u.failed_at) END,
    delivered_at = CASE WHEN coalesce(d.opened_at, u.opened_at, d.clicked_at, u.clicked_at) IS NULL
                             AND (u.failed_at IS NOT NULL OR (d.failed_at IS NOT NULL AND d.state <> 'unknown'))
                        THEN NULL ELSE least(d.delivered_at, u.delivered_at) END,
    reason = CASE WHEN d.state = 'unknown' THEN '' ELSE d.reason END,
    state = CASE WHEN d.state = 'unknown' THEN 'sent' ELSE d.state END,
    sent_at = CASE WHEN d.state = 'unknown' THEN coalesce(d.sent_at, d.handed_at) ELSE d.sent_at END
FROM unnest(%s::bigint[], %s::date[], %s::timestamptz[], %s::timestamptz[], %s::timestamptz[], %s::timestamptz[],
            %s::timestamptz[], %s::timestamptz[])
    AS u (id, month, delivered_at, opened_at, clicked_at, unsubscribed_at, complained_at, failed_at)
WHERE d.id = u.id AND d.cause_month = u.month
