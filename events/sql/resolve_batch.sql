-- Reads a batch of one lane and finds the person of each event.
-- Called by events.services.processing. Indexes: events_inbox_lane, contacts_key_value, contact_email, contact_phone,
-- contact_key, primary keys. A person found by a weaker identifier never wins over a stronger one; contacts win over
-- visitors. An event with another external id than the address's holder passes that holder over.
INSERT INTO events_batch (id, event_type_id, person_id, is_contact, is_deleted)
SELECT i.id, i.event_type_id,
    CASE WHEN cx.state = 'deleted' AND by_id.id IS NULL THEN 0
         ELSE coalesce(by_id.id, cx.id, by_email.id, by_phone.id, ct.id, by_key.id, cc.id,
                       kx.person_id, ve.id, vp.id, kt.person_id, kc.person_id) END,
    coalesce(by_id.id, cx.id, by_email.id, by_phone.id, ct.id, by_key.id, cc.id) IS NOT NULL,
    cx.state = 'deleted' AND by_id.id IS NULL
FROM (
    SELECT * FROM events_inboxevent
    WHERE lane = %(lane)s AND (%(ids)s::bigint[] IS NULL OR id = ANY(%(ids)s))
    ORDER BY id LIMIT %(limit)s
) i
LEFT JOIN contacts_contact by_id ON by_id.id = i.contact_id AND by_id.state = 'active'
LEFT JOIN contacts_key kx ON i.external_id IS NOT NULL AND kx.kind = 'ext' AND kx.value = i.external_id
LEFT JOIN contacts_contact cx ON cx.id = kx.person_id
LEFT JOIN LATERAL (
    SELECT c.id FROM contacts_contact c
    WHERE c.email_norm = i.email_norm AND c.state = 'active'
      AND (i.external_id IS NULL OR c.external_id IS NULL OR c.external_id = i.external_id)
    ORDER BY (i.external_id IS NOT NULL AND c.external_id IS NOT NULL), c.updated_at DESC, c.id LIMIT 1
) by_email ON i.email_norm IS NOT NULL
LEFT JOIN LATERAL (
    SELECT c.id FROM contacts_contact c
    WHERE c.phone = i.phone AND c.state = 'active'
      AND (i.external_id IS NULL OR c.external_id IS NULL OR c.external_id = i.external_id)
    ORDER BY (i.external_id IS NOT NULL AND c.external_id IS NOT NULL), c.updated_at DESC, c.id LIMIT 1
) by_phone ON i.phone IS NOT NULL
LEFT JOIN LATERAL (
    SELECT k.person_id FROM contacts_key k WHERE k.kind IN ('mobile', 'web') AND k.value = i.push_token LIMIT 1
) kt ON i.push_token IS NOT NULL
LEFT JOIN contacts_contact ct ON ct.id = kt.person_id AND ct.state = 'active'
LEFT JOIN LATERAL (
    SELECT c.id FROM contacts_contact c WHERE c.contact_key = i.contact_key AND c.state = 'active'
    ORDER BY c.updated_at DESC, c.id LIMIT 1
) by_key ON i.contact_key IS NOT NULL
LEFT JOIN contacts_key kc ON i.cookie IS NOT NULL AND kc.kind = 'cookie' AND kc.value = i.cookie
LEFT JOIN contacts_contact cc ON cc.id = kc.person_id AND cc.state = 'active'
LEFT JOIN LATERAL (
    SELECT v.id FROM contacts_visitor v WHERE v.email_norm = i.email_norm ORDER BY v.id LIMIT 1
) ve ON i.email_norm IS NOT NULL AND by_email.id IS NULL
LEFT JOIN LATERAL (
    SELECT v.id FROM contacts_visitor v WHERE v.phone = i.phone ORDER BY v.id LIMIT 1
) vp ON i.phone IS NOT NULL AND by_phone.id IS NULL
