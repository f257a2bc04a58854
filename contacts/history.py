"""What happened to the contact itself, for the card's activity: made, addresses, choices, merges, acts."""

from collections.abc import Mapping
from typing import Any

from django.db import connection
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cdp.sql import load
from contacts.models import AddressKind, AuditAction, Contact, IdentifierKind
from contacts.timeline import Entry, Query

KINDS = {**dict(AddressKind.choices), **dict(IdentifierKind.choices)}
CHANNELS = {"email": "email", "phone": "sms", "mobile": "mobile", "web": "web", "telegram": "telegram"}
PARTS = {
    "created": gettext_lazy("Created, deleted, restored"), "identifier": gettext_lazy("Identifiers"),
    "choice": gettext_lazy("Subscriptions"), "address": gettext_lazy("States of addresses"),
    "merge": gettext_lazy("Merges"), "act": gettext_lazy("What colleagues did"),
}  # fmt: skip
SIGNALS = {
    "unsubscribed": gettext_lazy("Unsubscribed from everything"), "resubscribed": gettext_lazy("Subscribed again"),
    "complained": gettext_lazy("Complained of spam"), "confirmed": gettext_lazy("Address confirmed"),
    "blacklisted": gettext_lazy("Address blacklisted"), "excluded": gettext_lazy("Address taken off the blacklist"),
    "no_such_address": gettext_lazy("Mail returned: no such address"),
    "no_such_domain": gettext_lazy("Mail returned: no such domain"),
    "mailbox_full": gettext_lazy("Mail returned: mailbox full or inactive"),
    "temporary": gettext_lazy("Mail returned for now"), "block_ended": gettext_lazy("Block of the address ended"),
    "alive": gettext_lazy("Address reachable again"),
}  # fmt: skip


class ContactSource:
    """A contact has few of these: all of a person are read, by one statement, and cut to the page."""

    name = "contact"
    label = gettext_lazy("Changes")
    place = 90
    ignores_period = False
    is_slice = False
    channels: Mapping[str, Any] = {
        "email": gettext_lazy("E-mail"), "sms": gettext_lazy("SMS"), "mobile": gettext_lazy("Mobile push"),
        "web": gettext_lazy("Web push"), "telegram": gettext_lazy("Telegram"),
    }  # fmt: skip
    statuses: Mapping[str, Any] = PARTS
    most = 500

    def rows(self, query: Query) -> list[Entry]:
        if "contact_history" not in query.kept:
            query.kept["contact_history"] = self._all(query)
        found = [entry for part, entry in query.kept["contact_history"] if self._fits(part, entry, query)]
        found.sort(key=lambda entry: (entry.at, entry.key), reverse=True)
        return found[: query.limit]

    def count(self, query: Query) -> int:
        return len(self.rows(query))

    def _fits(self, part: str, entry: Entry, query: Query) -> bool:
        if query.since is not None and entry.at < query.since:
            return False
        if query.until is not None and entry.at >= query.until:
            return False
        if query.before is not None and (entry.at, entry.key) >= query.before:
            return False
        if query.channel and entry.channel != query.channel:
            return False
        if query.status and part != query.status:
            return False
        return query.words.lower() in f"{entry.title} {entry.summary}".lower()

    def _all(self, query: Query) -> list[tuple[str, Entry]]:
        contact = query.kept.get("contact") or Contact.objects.filter(pk=query.person_id).first()
        email, phone = (contact.email_norm, contact.phone) if contact is not None else (None, None)
        with connection.cursor() as cursor:
            cursor.execute(
                load("contacts", "person_history"),
                {"person": query.person_id, "email": email, "phone": phone, "most": self.most},
            )
            rows = cursor.fetchall()
        entries = [_entry(*row) for row in rows]
        if contact is None:
            return entries
        source = contact.get_source_display()
        detail = f"{source}: {contact.source_detail}" if contact.source_detail else source
        made = Entry(contact.created_at, "created", "system", _("Contact created"), summary=str(detail))
        entries.append(("created", made))
        is_told = any(row[1] == "act" and row[3] == AuditAction.DELETED for row in rows)
        if contact.deleted_at is not None and not is_told:
            gone = Entry(
                contact.deleted_at, "deleted", "system", _("Contact deleted"), summary=contact.delete_reason
            )
            entries.append(("created", gone))
        return entries


def _entry(
    at: Any, part: str, pk: int, word: str, kind: str, text: str, actor: str, other: int
) -> tuple[str, Entry]:
    """A row of the statement as (status it is found by, entry)."""
    title, summary = _words(part, word, kind, text)
    if actor:
        summary = f"{summary} · {actor}" if summary else actor
    links = [(f"id {other}", reverse("admin:contacts_contact_change", args=[other]))] if other else []
    group = "created" if part == "act" and word in ("deleted", "restored") else part
    group = "merge" if word == AuditAction.UNMERGED else group
    entry = Entry(
        at, f"{part}-{pk}", "system", title, summary=summary, links=links, channel=CHANNELS.get(kind, "")
    )
    return group, entry


def _words(part: str, word: str, kind: str, text: str) -> tuple[str, str]:
    if part == "identifier":
        titles = {
            "replaced": _("Identifier replaced"), "moved": _("Identifier moved to another contact"),
            "over_limit": _("More than 50 identifiers of a kind at once"),
        }  # fmt: skip
        return titles.get(word, _("Identifier removed")), f"{KINDS.get(kind, kind)} {text}"
    if part == "choice":
        return _("Subscribed to a category") if word == "in" else _("Unsubscribed from a category"), text
    if part == "address":
        return str(SIGNALS.get(word, word)), text
    if part == "merge":
        return _("Another contact was merged into this one"), text
    titles = {"deleted": _("Contact deleted"), "restored": _("Contact restored")}
    return titles.get(word) or str(dict(AuditAction.choices).get(word, word)), text
