"""Bulk requests that wait, and the people in them who are erased meanwhile."""

import contextlib
import re
from collections.abc import Iterator, Sequence
from typing import Any

from cdp.models import Account
from contacts.models import ImportSession, ImportState
from contacts.normalise import InvalidValue, normalise_email, normalise_phone

HOLD = """
SELECT id FROM contacts_importsession WHERE state IN ('STARTED', 'IMPORTING') ORDER BY created_at, id FOR UPDATE
"""
# What the letters and digits of a request hold somewhere; the contacts of these few are then read one by one.
SUSPECTS = r"""
SELECT id FROM contacts_importsession s, unnest(%s::text[]) AS word
WHERE state IN ('STARTED', 'IMPORTING') AND strpos(regexp_replace(lower(s.request::text), '[^a-z0-9]', '', 'g'), word) > 0
GROUP BY id
"""
TOKENS = frozenset({"mobile", "web", "device", "telegram", "pseudo", "cookie"})
LEAST_DIGITS = 7  # of a phone: however its country code is written


def hold_waiting(cursor: Any) -> None:
    """Lock the requests that wait, before any people are locked: the engine locks in this order too."""
    cursor.execute(HOLD)


def forget_in_waiting(cursor: Any, ids: Sequence[int], identifiers: Sequence[tuple[str, str]]) -> int:
    """Empty the contacts of waiting requests that mean these people; returns how many.

    An emptied contact keeps its place, and counts as failed when the request is worked. `identifiers`: what only these
    people had.
    """
    cursor.execute(
        SUSPECTS, [sorted({_word(kind, value) for kind, value in identifiers} | set(map(str, ids)))]
    )
    sessions = [row[0] for row in cursor.fetchall()]
    wanted = {("token" if kind in TOKENS else kind, value) for kind, value in identifiers}
    wanted |= {("id", str(one)) for one in ids}
    region = Account.objects.values_list("default_region", flat=True).get(pk=1) if sessions else ""
    emptied = 0
    for session in ImportSession.objects.filter(
        pk__in=sessions, state__in=[ImportState.STARTED, ImportState.IMPORTING]
    ):
        contacts = session.request["contacts"]
        mine = [place for place, sent in enumerate(contacts) if not wanted.isdisjoint(_meant(sent, region))]
        for place in mine:
            contacts[place] = {}
        if mine:
            session.save(update_fields=["request"])
            emptied += len(mine)
    return emptied


def _word(kind: str, value: str) -> str:
    """Plain letters and digits that a request with this identifier holds, however it is written; empty fits any."""
    if kind == "phone":
        return value[-LEAST_DIGITS:]
    text = value.partition("@")[0] if kind == "email" else value
    return re.sub(r"[^a-z0-9]", "", text.lower()) if text.isascii() else ""


def _meant(sent: Any, region: str) -> Iterator[tuple[str, str]]:
    """Identifiers of a contact as sent."""
    for name, kind in (("id", "id"), ("externalCustomerId", "ext"), ("contactKey", "key")):
        if isinstance(sent.get(name), (str, int)):
            yield kind, str(sent[name]).strip()
    channels = sent.get("channels")
    for channel in [channels] if isinstance(channels, dict) else channels or ():
        text = str(channel.get("value") or "")
        yield "token", text.strip()
        with contextlib.suppress(InvalidValue):
            yield "email", normalise_email(text)[1]
        with contextlib.suppress(InvalidValue):
            yield "phone", normalise_phone(text, region).digits
