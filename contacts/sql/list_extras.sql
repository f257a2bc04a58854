-- What a page of the contact list shows beside the rows: (part, contact id or address, word). Called by contacts/admin/columns.py.
-- Index: contacts_address_value, contacts_key_tokens, contacts_listmember_once.
SELECT kind::text AS part, 0 AS contact_id, value, status::text AS word
FROM contacts_address WHERE kind = 'email' AND value = ANY(%(emails)s)
UNION ALL
SELECT kind::text, 0, value, status::text
FROM contacts_address WHERE kind = 'phone' AND value = ANY(%(phones)s)
UNION ALL
SELECT 'token', person_id, '', kind::text
FROM contacts_key WHERE person_id = ANY(%(ids)s) AND kind IN ('mobile', 'web', 'telegram') AND is_active
UNION ALL
SELECT 'list', member.contact_id, '', list.name::text
FROM contacts_listmember AS member JOIN contacts_contactlist AS list ON list.id = member.list_id
WHERE member.contact_id = ANY(%(ids)s)
