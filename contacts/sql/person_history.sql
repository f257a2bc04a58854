-- What happened to a contact itself, newest first, at most %(most)s of each kind. Called by contacts/history.py.
-- Index: contacts_change_person, contacts_subscription_once, contacts_addresschange_person, contacts_addresschange_value,
-- contacts_merge_winner, contacts_audit_contact.
(SELECT held_until AS at, 'identifier' AS part, id, reason AS word, kind, value AS text, '' AS actor, coalesce(moved_to, 0) AS other
 FROM contacts_identifierchange WHERE person_id = %(person)s ORDER BY held_until DESC LIMIT %(most)s)
UNION ALL
(SELECT s.chosen_at, 'choice', s.id, CASE WHEN s.is_subscribed THEN 'in' ELSE 'out' END, '', c.name, s.actor, 0
 FROM contacts_subscriptionchoice s JOIN contacts_subscriptioncategory c ON c.id = s.category_id
 WHERE s.contact_id = %(person)s ORDER BY s.chosen_at DESC LIMIT %(most)s)
UNION ALL
(SELECT at, 'address', id, signal, kind, concat_ws(' · ', value, nullif(reason, ''), nullif(comment, '')), actor, 0
 FROM contacts_addresschange
 WHERE person_id = %(person)s OR (kind = 'email' AND value = %(email)s) OR (kind = 'phone' AND value = %(phone)s)
 ORDER BY at DESC LIMIT %(most)s)
UNION ALL
(SELECT merged_at, 'merge', id, 'merged', '', reason, actor, loser_id
 FROM contacts_mergerecord WHERE winner_id = %(person)s ORDER BY merged_at DESC LIMIT %(most)s)
UNION ALL
(SELECT at, 'act', id, action, '', concat_ws(' · ', nullif(reason, ''), details ->> 'name'), actor,
        coalesce((details ->> 'loser')::bigint, 0)
 FROM contacts_contactaudit
 WHERE contact_id = %(person)s AND action IN ('deleted', 'restored', 'unmerged', 'exported', 'listed', 'unlisted', 'launched', 'tested')
 ORDER BY at DESC LIMIT %(most)s)
