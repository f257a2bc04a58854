"""Merges contacts by a confirmed e-mail, where the account asks for it (contacts document 3.3, step 4).

After a request its transaction is over, so the people are locked anew, in the order of merging, and looked at again.
"""

from collections.abc import Sequence
from datetime import datetime

import structlog
from django.db import connection, transaction

from cdp.deadlock import retry_deadlock
from cdp.models import Account
from contacts.services.holding import hold_people
from contacts.services.inputs import ContactInput, Person, Policy
from contacts.services.matching import Known
from contacts.services.merging import MergeOutcome, merge_held, related

log = structlog.get_logger(__name__)

MOST_OF_ONE = 20  # a shop's own info@ address is no person
# An event merges nobody, and whoever fills in a form has not shown that the address is theirs.
PROVES_NOTHING = (Policy.EVENT, Policy.SUBSCRIBE)
STILL_ALIKE = """
SELECT w.winner, w.loser FROM unnest(%s::bigint[], %s::bigint[]) WITH ORDINALITY AS w (winner, loser, place)
JOIN contacts_contact a ON a.id = w.winner AND a.state = 'active'
JOIN contacts_contact b ON b.id = w.loser AND b.state = 'active' AND b.external_id IS NULL AND b.email_norm = a.email_norm
JOIN contacts_address m ON m.kind = 'email' AND m.value = a.email_norm AND m.status = 'active'
ORDER BY w.place
"""


def same_email(
    item: ContactInput, person: Person, known: Known, policy: Policy, status: str
) -> list[tuple[int, int]]:
    """(the person, another contact) pairs that a request may make one; `status`: of the e-mail before the request."""
    email = item.email_norm
    if policy in PROVES_NOTHING or email is None or person.email_norm != email or status != "active":
        return []
    others = [known.people[one] for one in known.holders.get(("email", email), ()) if one != person.id]
    alike = [one.id for one in others if one.state == "active" and one.external_id is None]
    return [(person.id, one) for one in sorted(alike)[:MOST_OF_ONE]]


def merge_after_commit(pairs: Sequence[tuple[int, int]], *, actor: str, now: datetime) -> None:
    """Merge pairs once the caller's transaction has committed, if the account wants it. One query while it does not."""
    if pairs and Account.objects.filter(pk=1, merges_by_email=True).exists():
        transaction.on_commit(lambda: _merge(pairs, actor=actor, now=now), robust=True)


@retry_deadlock
def _merge(pairs: Sequence[tuple[int, int]], *, actor: str, now: datetime) -> list[MergeOutcome]:
    ids = sorted({one for pair in pairs for one in pair})
    with transaction.atomic(), connection.cursor() as cursor:
        held = hold_people(cursor, ids, expand=related)
        cursor.execute(STILL_ALIKE, [[winner for winner, _ in pairs], [loser for _, loser in pairs]])
        alike = cursor.fetchall()
        if not alike:
            return []
        outcomes = merge_held(
            cursor,
            alike,
            held=held.ids,
            reason="",
            actor=actor,
            now=now,
            matched_by="email",
            is_automatic=True,
        )
    log.info("merged_by_email", pairs=len(outcomes))
    return outcomes
