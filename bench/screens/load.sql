-- A database large enough to judge the admin by: 300 000 contacts, 1 000 000 events of 180 days, 20 000 of them of contact 1.
-- For an empty, migrated database.
INSERT INTO contacts_contact (id, state, is_restricted, external_id, email, email_norm, phone, first_name, last_name, town,
    location, data, provenance, source, source_detail, created_at, updated_at, delete_reason)
SELECT n, CASE WHEN n % 500 = 0 THEN 'deleted' ELSE 'active' END, false,
    'A-' || n, 'person' || n || '@example.com', 'person' || n || '@example.com', CASE WHEN n % 2 = 0 THEN (380500000000 + n)::text END,
    (ARRAY['Olena', 'Ihor', 'Ann', 'Pablo', 'Maria', 'Jack'])[1 + n % 6],
    (ARRAY['Koval', 'Bauer', 'Reed', 'Ruiz', 'Nowak'])[1 + n % 5] || (n % 1000), 'Kyiv', '{}', '{}', '{}', 'api', '',
    now() - n * interval '1 minute', now() - ((n * 7919::bigint) % 300000) * interval '1 minute', ''
FROM generate_series(1, 300000) AS n;
UPDATE contacts_contact SET deleted_at = updated_at WHERE state = 'deleted';
UPDATE contacts_contact SET language = (ARRAY['uk', 'uk', 'uk', 'en', 'pl', NULL])[1 + id % 6],
    time_zone = CASE WHEN id % 50 = 0 THEN 'Europe/Warsaw' WHEN id % 3 <> 0 THEN 'Europe/Kyiv' END,
    source = CASE WHEN id % 997 = 0 THEN 'widget' WHEN id % 20 = 0 THEN 'import' ELSE 'api' END;
INSERT INTO contacts_key (kind, value, person_id, scope, is_active, created_at)
SELECT CASE WHEN n % 10 = 0 THEN 'web' WHEN n % 301 = 0 THEN 'telegram' ELSE 'mobile' END, 't' || n, n * 3, '', true, now()
FROM generate_series(1, 99000) AS n;

INSERT INTO contacts_key (kind, value, person_id, scope, is_active, created_at)
SELECT 'ext', 'A-' || n, n, '', true, now() FROM generate_series(1, 300000) AS n;

INSERT INTO contacts_address (kind, value, status, previous_status, status_at, reason, actor, soft_errors, is_sms_capable)
SELECT 'email', 'person' || n || '@example.com',
    CASE WHEN n % 50 = 0 THEN 'unsubscribed' WHEN n % 997 = 0 THEN 'spam' WHEN n % 301 = 0 THEN 'unconfirmed' ELSE 'active' END, '', now(), '', '', 0, false
FROM generate_series(1, 300000) AS n
UNION ALL
SELECT 'phone', (380500000000 + n)::text, CASE WHEN n % 4000 = 0 THEN 'blacklisted' ELSE 'active' END, '', now(), '', '', 0, true
FROM generate_series(2, 300000, 2) AS n;

INSERT INTO contacts_contactlist (name, created_at, updated_at) SELECT 'List ' || n, now(), now() FROM generate_series(1, 200) AS n;
INSERT INTO contacts_listmember (list_id, contact_id, added_at)
SELECT (SELECT min(id) FROM contacts_contactlist) + (n % 3), n, now() FROM generate_series(1, 300000) AS n;

INSERT INTO events_eventtype (key, name, description, category, origin, use_for_segmentation, validation_mode, allow_additional, structure, created_at)
SELECT 'sizeType' || n, 'Size type ' || n, '', 'other', 'api', false, 'off', true, '{}', now() FROM generate_series(1, 200) AS n;
INSERT INTO events_typehour (event_type_id, hour, accepted, unmatched, rejected, quarantined)
SELECT t.id, date_trunc('hour', now()) - h * interval '1 hour', 25, 1, 0, 0
FROM events_eventtype AS t, generate_series(0, 719) AS h;

INSERT INTO events_event (person_id, event_at, id, event_type_id, seq, received_at, processed_at, flags, source, key_value, params)
SELECT CASE WHEN n % 50 = 0 THEN 1 ELSE n % 300000 END, at, id, type_id, n, at, at, 0, 'api', 'A-' || n, '{"total": 12.5, "currency": "UAH"}'
FROM (
    SELECT n, at, (SELECT min(id) FROM events_eventtype WHERE key = 'sizeType1') + n % 200 AS type_id,
        (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7000b' || lpad(to_hex(n), 15, '0'))::uuid AS id
    FROM (SELECT n, now() - n * (interval '180 days' / 1000000) AS at FROM generate_series(1, 1000000) AS n) AS moments
) AS made;
ANALYZE;
