-- claimed → sending for the rows of one window and month, if they are still this worker's and nothing changed about
-- the recipient since they were checked. Committed before any byte leaves. Called by services/claims.py.
-- Index: messaging_delivery_pkey, contacts_address_value, contacts_contact_pkey.
UPDATE messaging_delivery d
SET state = 'sending', handed_at = %(now)s, lease_until = %(lease)s, message_id_header = u.header, subject = u.subject,
    revision_id = u.revision_id, language = u.language,
    context = CASE WHEN u.links IS NULL THEN d.context ELSE d.context || jsonb_build_object('links', u.links) END
FROM unnest(%(ids)s::bigint[], %(headers)s::text[], %(subjects)s::text[], %(revisions)s::bigint[], %(languages)s::text[],
            %(links)s::jsonb[]) AS u (id, header, subject, revision_id, language, links)
WHERE d.id = u.id AND d.cause_month = %(month)s AND d.state = 'claimed' AND d.claim_token = %(token)s
  AND NOT EXISTS (
      SELECT 1 FROM contacts_address a
      WHERE a.kind = 'email' AND a.value = d.endpoint
        AND (a.is_blacklisted OR (a.status IN ('spam', 'unsubscribed', 'unconfirmed')
                                          AND NOT (d.is_transactional OR d.is_test)))
  )
  AND (d.contact_id = 0 OR EXISTS (SELECT 1 FROM contacts_contact c WHERE c.id = d.contact_id AND c.state = 'active'))
RETURNING d.id
