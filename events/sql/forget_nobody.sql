-- Deletes, of the next events of nobody, those that carry an identifier of erased people; tells how far it looked.
-- Called by events.services.nobody. Index: events_event primary key (person, time, id). E-mails and phones are looked for
-- at any depth and in the event key, other identifiers in the parameters that name them. Phones count by their last nine
-- digits, however they are written. What is looked for is known by salted digests only.
WITH page AS MATERIALIZED (
    SELECT e.event_at, e.id, e.params, e.params || jsonb_build_object('', e.key_value) AS said FROM events_event e
    WHERE e.person_id = 0 AND (e.event_at, e.id) > (%(after_at)s::timestamptz, %(after_id)s::uuid)
    ORDER BY e.event_at, e.id LIMIT %(rows)s
), texts AS (
    SELECT p.event_at, p.id, v #>> '{}' AS text FROM page p, jsonb_path_query(p.said, 'strict $.**') v
    WHERE jsonb_typeof(v) IN ('string', 'number') AND length(v #>> '{}') BETWEEN 5 AND 400
), words AS (
    SELECT event_at, id, 'email:' || lower(btrim(text, E' \t\r\n<>')) AS word FROM texts WHERE strpos(text, '@') > 0
    UNION ALL
    SELECT event_at, id, 'phone:' || right(regexp_replace(text, '[^0-9]', '', 'g'), 9) FROM texts
    WHERE length(regexp_replace(text, '[^0-9]', '', 'g')) BETWEEN 9 AND 18
    UNION ALL
    SELECT p.event_at, p.id, n.kind || ':' || btrim(v.value) FROM page p, jsonb_each_text(p.params) v
    JOIN unnest(%(names)s::text[], %(kinds)s::text[]) AS n (name, kind) ON n.name = lower(v.key)
), gone AS (
    DELETE FROM events_event e USING (
        SELECT DISTINCT w.event_at, w.id FROM words w
        WHERE sha256(%(salt)s::bytea || convert_to(w.word, 'UTF8')) = ANY(%(digests)s::bytea[])
    ) h
    WHERE e.person_id = 0 AND e.event_at = h.event_at AND e.id = h.id
      AND e.event_at BETWEEN (SELECT min(event_at) FROM page) AND (SELECT max(event_at) FROM page)
    RETURNING 1
)
SELECT (SELECT count(*) FROM page), (SELECT count(*) FROM gone), l.event_at, l.id
FROM (SELECT 1) one LEFT JOIN (SELECT event_at, id FROM page ORDER BY event_at DESC, id DESC LIMIT 1) l ON true
