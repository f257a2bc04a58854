-- Sets the first human open and click of deliveries anew after hits were found to be machines'.
-- Called by messaging.services.activity.restamp, rows locked before. Index: messaging_activity_delivery.
UPDATE messaging_delivery d SET opened_at = found.opened_at, clicked_at = found.clicked_at
FROM unnest(%s::bigint[], %s::date[]) AS u (id, month)
LEFT JOIN LATERAL (
    SELECT min(a.at) AS opened_at, min(a.at) FILTER (WHERE a.kind = 'clicked') AS clicked_at
    FROM messaging_activity a
    WHERE a.delivery_id = u.id AND a.kind IN ('opened', 'clicked') AND a.machine = ''
) found ON true
WHERE d.id = u.id AND d.cause_month = u.month
