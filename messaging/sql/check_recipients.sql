-- What speaks against sending, for many recipients at once: '' or a reason code (messaging document 6, checks 1 to 4).
-- Called by services/eligibility.py, when planning and again at hand-over.
-- Index: contacts_contact_pkey, contacts_address_value, contacts_listmember_once.
SELECT u.place,
       CASE
           WHEN u.contact_id <> 0 AND (c.id IS NULL OR c.state <> 'active') THEN 'no_channel'
           WHEN coalesce(u.endpoint, c.email_norm) IS NULL THEN 'no_channel'
           WHEN a.is_blacklisted THEN 'suppressed'
           WHEN a.status = 'blocked' AND (a.blocked_until IS NULL OR a.blocked_until > %(now)s) THEN 'suppressed'
           WHEN u.is_obligatory THEN ''
           WHEN c.is_restricted OR a.status = 'spam' THEN 'suppressed'
           WHEN a.status = 'unsubscribed' THEN 'unsubscribed'
           WHEN a.status = 'unconfirmed' THEN 'not_confirmed'
           WHEN m.has_categories AND NOT EXISTS (
               SELECT 1
               FROM messaging_message_categories mc
               JOIN contacts_subscriptioncategory sc ON sc.id = mc.subscriptioncategory_id
               JOIN contacts_listmember lm ON lm.list_id = sc.list_id AND lm.contact_id = u.contact_id
               WHERE mc.message_id = u.message_id
           ) THEN 'category'
           ELSE ''
       END,
       coalesce(u.endpoint, c.email_norm),
       c.language,
       c.time_zone
FROM unnest(%(contact_ids)s::bigint[], %(endpoints)s::text[], %(message_ids)s::bigint[], %(obligatory)s::bool[])
     WITH ORDINALITY AS u (contact_id, endpoint, message_id, is_obligatory, place)
LEFT JOIN contacts_contact c ON c.id = u.contact_id
LEFT JOIN contacts_address a ON a.kind = 'email' AND a.value = coalesce(u.endpoint, c.email_norm)
LEFT JOIN LATERAL (
    SELECT EXISTS (SELECT 1 FROM messaging_message_categories mc WHERE mc.message_id = u.message_id) AS has_categories
) m ON true
ORDER BY u.place
