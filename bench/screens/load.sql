-- A database large enough to judge the admin by. Settings `bench.contacts` and `bench.events` say how large; of the events, of
-- 180 days, 100 000 are of contact 1 (a tenth, when there are fewer than a million), and so are 5 000 messages and 500 launches.
-- For an empty, migrated database.
CREATE TEMPORARY TABLE size AS SELECT current_setting('bench.contacts')::bigint AS contacts, current_setting('bench.events')::bigint AS events;
INSERT INTO contacts_contact (id, state, is_restricted, external_id, email, email_norm, phone, first_name, last_name, town,
    language, time_zone, location, data, provenance, source, source_detail, created_at, updated_at, deleted_at, delete_reason)
SELECT n, CASE WHEN n % 500 = 0 THEN 'deleted' ELSE 'active' END, false,
    'A-' || n, 'person' || n || '@example.com', 'person' || n || '@example.com', CASE WHEN n % 2 = 0 THEN (380500000000 + n)::text END,
    (ARRAY['Olena', 'Ihor', 'Ann', 'Pablo', 'Maria', 'Jack'])[1 + n % 6],
    (ARRAY['Koval', 'Bauer', 'Reed', 'Ruiz', 'Nowak'])[1 + n % 5] || (n % 1000), 'Kyiv',
    (ARRAY['uk', 'uk', 'uk', 'en', 'pl', NULL])[1 + n % 6],
    CASE WHEN n % 50 = 0 THEN 'Europe/Warsaw' WHEN n % 3 <> 0 THEN 'Europe/Kyiv' END,
    '{}', CASE WHEN n % 5000 = 7 THEN jsonb_build_object(comment, 'Calls back') WHEN n % 3 = 0 THEN jsonb_build_object(company, 'Acme') ELSE '{}' END,
    '{}', CASE WHEN n % 997 = 0 THEN 'widget' WHEN n % 20 = 0 THEN 'import' ELSE 'api' END, '',
    now() - n * interval '20 seconds', changed, CASE WHEN n % 500 = 0 THEN changed END, ''
FROM (SELECT n, now() - ((n * 7919) % contacts) * interval '20 seconds' AS changed FROM size, generate_series(1, contacts) AS n) AS people,
    (SELECT max(id::text) FILTER (WHERE key = 'COMPANY') AS company, max(id::text) FILTER (WHERE key = 'COMMENT') AS comment
     FROM contacts_contactfield) AS fields;

INSERT INTO contacts_key (kind, value, person_id, scope, is_active, created_at)
SELECT CASE WHEN n % 10 = 0 THEN 'web' WHEN n % 301 = 0 THEN 'telegram' ELSE 'mobile' END, 't' || n, n * 3, '', true, now()
FROM size, generate_series(1, contacts / 3) AS n
UNION ALL
SELECT 'ext', 'A-' || n, n, '', true, now() FROM size, generate_series(1, contacts) AS n;

INSERT INTO contacts_address (kind, value, status, previous_status, status_at, reason, actor, soft_errors, is_sms_capable)
SELECT 'email', 'person' || n || '@example.com',
    CASE WHEN n % 50 = 0 THEN 'unsubscribed' WHEN n % 997 = 0 THEN 'spam' WHEN n % 301 = 0 THEN 'unconfirmed' ELSE 'active' END, '', now(), '', '', 0, false
FROM size, generate_series(1, contacts) AS n
UNION ALL
SELECT 'phone', (380500000000 + n)::text, CASE WHEN (380500000000 + n) % 4002 = 0 THEN 'blacklisted' ELSE 'active' END, '', now(), '', '', 0, true
FROM size, generate_series(2, contacts, 2) AS n;

INSERT INTO contacts_contactlist (name, created_at, updated_at) SELECT 'List ' || n, now(), now() FROM generate_series(1, 200) AS n;
-- A third of the contacts on each of the first three lists, one in 2 000 on the fourth.
INSERT INTO contacts_listmember (list_id, contact_id, added_at)
SELECT (SELECT min(id) FROM contacts_contactlist) + (n % 3), n, now() FROM size, generate_series(1, contacts) AS n
UNION ALL
SELECT (SELECT min(id) FROM contacts_contactlist) + 3, n, now() FROM size, generate_series(1, contacts, 2000) AS n;

INSERT INTO events_eventtype (key, name, description, category, origin, use_for_segmentation, validation_mode, allow_additional, structure, created_at)
SELECT 'sizeType' || n, 'Size type ' || n, '', 'other', 'api', false, 'off', true, '{}'::jsonb, now() FROM generate_series(1, 200) AS n
UNION ALL
SELECT key, key, '', 'other', 'api', false, 'off', true, '{}', now() FROM unnest(ARRAY['orderCreated', 'orderDELIVERED']) AS key;
INSERT INTO events_typehour (event_type_id, hour, accepted, unmatched, rejected, quarantined)
SELECT t.id, date_trunc('hour', now()) - h * interval '1 hour', 25, 1, 0, 0
FROM events_eventtype AS t, generate_series(0, 719) AS h;

-- One event in 100 tells of an order, of contact 1 one in 1 000. Oldest first, as they come.
INSERT INTO events_event (person_id, event_at, id, event_type_id, seq, received_at, processed_at, flags, source, key_value, params)
SELECT person_id, at,
    (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7000b' || lpad(to_hex(n), 15, '0'))::uuid,
    CASE WHEN NOT is_order THEN plain + (n / 10 + n) % 200 WHEN n % 3 = 0 THEN delivered ELSE ordered END,
    n, at, at, CASE WHEN is_order THEN 256 ELSE 0 END, 'api', 'A-' || n,
    CASE WHEN is_order THEN jsonb_build_object('externalOrderId', 'N-' || n, 'totalCost', 12.5, 'currency', 'UAH', 'status',
        CASE WHEN n % 3 = 0 THEN 'DELIVERED' ELSE 'INITIALIZED' END) ELSE '{"total": 12.5, "currency": "UAH"}' END
FROM (
    SELECT n, now() - n * (interval '180 days' / events) AS at, CASE WHEN is_first THEN 1 ELSE 1 + n % contacts END AS person_id,
        CASE WHEN is_first THEN n / every % 1000 = 0 ELSE n % 100 = 1 END AS is_order
    FROM (SELECT contacts, events, n, every, n % every = 0 AS is_first
        FROM (SELECT contacts, events, greatest(events / 100000, 10) AS every FROM size) AS sized, generate_series(events, 1, -1) AS n) AS numbered
) AS moments, (SELECT min(id) FILTER (WHERE key = 'sizeType1') AS plain, min(id) FILTER (WHERE key = 'orderCreated') AS ordered,
    min(id) FILTER (WHERE key = 'orderDELIVERED') AS delivered FROM events_eventtype) AS types;

INSERT INTO messaging_message (name, channel, is_transactional, default_language, tags, utm, tracks_opens, tracks_clicks, state, created_at, updated_at)
SELECT 'Letter ' || n, CASE WHEN n % 4 = 0 THEN 'sms' ELSE 'email' END, false, 'en', '{}', '{}', true, true, 'active', now(), now()
FROM generate_series(1, 20) AS n;
INSERT INTO messaging_delivery (contact_id, message_id, revision_id, cause_id, not_before, planned_at, handed_at, sent_at, delivered_at,
    opened_at, clicked_at, complained_at, failed_at, cause_month, cause_kind, slot, endpoint, channel, state, subject)
SELECT CASE WHEN n % 200 = 0 THEN 1 ELSE 1 + n % contacts END, first + n % 20, 1, n, at, at, at, at, CASE WHEN n % 13 <> 0 THEN at END,
    CASE WHEN n % 3 = 0 THEN at END, CASE WHEN n % 31 = 0 THEN at END, CASE WHEN n % 50000 = 0 THEN at END, CASE WHEN n % 13 = 0 THEN at END,
    date_trunc('month', at), 'campaign', '', 'person' || n || '@example.com', CASE WHEN n / 200 % 4 = 0 THEN 'sms' ELSE 'email' END,
    CASE WHEN n % 400 = 200 THEN 'skipped' ELSE 'sent' END, 'News ' || n
FROM (SELECT contacts, n, now() - n * (interval '180 days' / contacts) AS at FROM size, generate_series(1, contacts) AS n) AS moments,
    (SELECT min(id) AS first FROM messaging_message) AS messages;

INSERT INTO workflows_run (uid, workflow_id, version_id, person_id, state, node, number, entered_at, wake_at, context, sent, start_kind,
    event_key, is_test, skips_waits, has_errors, started_at, ended_at, reason)
SELECT gen_random_uuid(), 1 + n % 20, 1, CASE WHEN n % 200 = 0 THEN 1 ELSE n END, CASE WHEN n % 7 = 0 THEN 'running' ELSE 'completed' END,
    'end', 3, at, at, '{}', '[]', 'event', '', false, false, false, at, CASE WHEN n % 7 <> 0 THEN at END, ''
FROM (SELECT n, now() - n * interval '2 minutes' AS at FROM generate_series(1, 100000) AS n) AS moments;

INSERT INTO contacts_contactaudit (contact_id, action, at, actor, reason, details)
SELECT 1, 'listed', now() - n * interval '1 hour', 'bench', '', '{}' FROM generate_series(1, 200) AS n;
