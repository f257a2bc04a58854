-- Flags events of a resolved batch that also carry an identifier of another contact, and of nobody else's: the person
-- found keeps the event, nothing moves (events document 4.1). Called by events.services.processing, after persons are made.
-- Indexes: primary keys, contacts_key_value, contact_email, contact_phone, contact_key. What the person holds itself ends
-- the test at its own row; other holders are probed only when it holds another value or none.
UPDATE events_inboxevent i SET flags = i.flags | %(flag)s
FROM events_batch b JOIN contacts_contact c ON c.id = b.person_id
WHERE i.id = b.id AND b.is_contact
  AND num_nonnulls(i.contact_id, i.external_id, i.email_norm, i.phone, i.push_token, i.contact_key, b.own_kind) > 1
  AND (
    (i.external_id IS NOT NULL AND c.external_id IS DISTINCT FROM i.external_id AND EXISTS (
        SELECT 1 FROM contacts_key k JOIN contacts_contact o ON o.id = k.person_id AND o.state = 'active'
        WHERE k.kind = 'ext' AND k.value = i.external_id AND k.person_id <> c.id))
    OR (i.email_norm IS NOT NULL AND c.email_norm IS DISTINCT FROM i.email_norm AND EXISTS (
        SELECT 1 FROM contacts_contact o WHERE o.email_norm = i.email_norm AND o.state = 'active'))
    OR (i.phone IS NOT NULL AND c.phone IS DISTINCT FROM i.phone AND EXISTS (
        SELECT 1 FROM contacts_contact o WHERE o.phone = i.phone AND o.state = 'active'))
    OR (i.contact_key IS NOT NULL AND c.contact_key IS DISTINCT FROM i.contact_key AND EXISTS (
        SELECT 1 FROM contacts_contact o WHERE o.contact_key = i.contact_key AND o.state = 'active'))
    OR (i.push_token IS NOT NULL AND EXISTS (
        SELECT 1 FROM contacts_key k JOIN contacts_contact o ON o.id = k.person_id AND o.state = 'active'
        WHERE k.kind IN ('mobile', 'web') AND k.value = i.push_token AND k.person_id <> c.id))
  )
