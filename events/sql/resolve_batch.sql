-- Reads a batch of one lane and finds the person of each event.
-- Called by events.services.processing. Indexes: events_inbox_lane, contacts_key_value, contact_email, contact_phone,
-- contact_key, visitor_email, visitor_phone, primary keys. Every look-up is LATERAL … LIMIT 1, gated by its identifier:
-- an index probe a row whatever the statistics say, and none where the identifier is absent. A weaker identifier never
-- wins over a stronger one; contacts win over visitors; an event with another external id than the address's holder
-- passes that holder over. The id of a contact merged into another means that other.
INSERT INTO events_batch (id, event_type_id, person_id, is_contact, is_deleted, own_kind)
SELECT i.id, i.event_type_id,
    CASE WHEN cx.is_deleted AND by_id.id IS NULL THEN 0
         ELSE coalesce(by_id.id, cx.id, by_email.id, by_phone.id, ct.id, by_key.id, cc.id,
                       kx.person_id, ve.id, vp.id, kt.person_id, kc.person_id) END,
    coalesce(by_id.id, cx.id, by_email.id, by_phone.id, ct.id, by_key.id, cc.id) IS NOT NULL
        AND NOT (coalesce(cx.is_deleted, false) AND by_id.id IS NULL),
    coalesce(cx.is_deleted, false) AND by_id.id IS NULL,
    i.own_kind
FROM (
    SELECT * FROM events_inboxevent
    WHERE lane = %(lane)s AND (%(ids)s::bigint[] IS NULL OR id = ANY(%(ids)s))
    ORDER BY id LIMIT %(limit)s
) i
LEFT JOIN LATERAL (
    SELECT coalesce(w.id, c.id) AS id FROM contacts_contact c
    LEFT JOIN contacts_contact w ON c.state = 'merged' AND w.id = c.merged_into AND w.state = 'active'
    WHERE i.contact_id IS NOT NULL AND c.id = i.contact_id AND (c.state = 'active' OR w.id IS NOT NULL) LIMIT 1
) by_id ON true
LEFT JOIN LATERAL (
    SELECT k.person_id FROM contacts_key k
    WHERE i.external_id IS NOT NULL AND k.kind = 'ext' AND k.value = i.external_id LIMIT 1
) kx ON true
LEFT JOIN LATERAL (
    SELECT c.id, c.state = 'deleted' AS is_deleted FROM contacts_contact c WHERE c.id = kx.person_id LIMIT 1
) cx ON true
LEFT JOIN LATERAL (
    SELECT c.id FROM contacts_contact c
    WHERE i.email_norm IS NOT NULL AND cx.id IS NULL AND c.email_norm = i.email_norm AND c.state = 'active'
      AND (i.external_id IS NULL OR c.external_id IS NULL OR c.external_id = i.external_id)
    ORDER BY (i.external_id IS NOT NULL AND c.external_id IS NOT NULL), c.updated_at DESC, c.id LIMIT 1
) by_email ON true
LEFT JOIN LATERAL (
    SELECT c.id FROM contacts_contact c
    WHERE i.phone IS NOT NULL AND cx.id IS NULL AND by_email.id IS NULL AND c.phone = i.phone AND c.state = 'active'
      AND (i.external_id IS NULL OR c.external_id IS NULL OR c.external_id = i.external_id)
    ORDER BY (i.external_id IS NOT NULL AND c.external_id IS NOT NULL), c.updated_at DESC, c.id LIMIT 1
) by_phone ON true
LEFT JOIN LATERAL (
    SELECT k.person_id FROM contacts_key k
    WHERE i.push_token IS NOT NULL AND k.kind IN ('mobile', 'web') AND k.value = i.push_token LIMIT 1
) kt ON true
LEFT JOIN LATERAL (
    SELECT c.id FROM contacts_contact c WHERE c.id = kt.person_id AND c.state = 'active' LIMIT 1
) ct ON true
LEFT JOIN LATERAL (
    SELECT c.id FROM contacts_contact c
    WHERE i.contact_key IS NOT NULL AND c.contact_key = i.contact_key AND c.state = 'active'
    ORDER BY c.updated_at DESC, c.id LIMIT 1
) by_key ON true
LEFT JOIN LATERAL (
    SELECT k.person_id FROM contacts_key k
    WHERE i.cookie IS NOT NULL AND k.kind = 'cookie' AND k.value = i.cookie LIMIT 1
) kc ON true
LEFT JOIN LATERAL (
    SELECT c.id FROM contacts_contact c WHERE c.id = kc.person_id AND c.state = 'active' LIMIT 1
) cc ON true
LEFT JOIN LATERAL (
    SELECT v.id FROM contacts_visitor v
    WHERE i.email_norm IS NOT NULL AND by_email.id IS NULL AND v.email_norm = i.email_norm ORDER BY v.id LIMIT 1
) ve ON true
LEFT JOIN LATERAL (
    SELECT v.id FROM contacts_visitor v
    WHERE i.phone IS NOT NULL AND by_phone.id IS NULL AND v.phone = i.phone ORDER BY v.id LIMIT 1
) vp ON true
