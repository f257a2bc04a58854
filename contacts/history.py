"""What happened to the contact itself, for the card's activity: made, identifiers replaced, choices, deleted."""

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from contacts.models import (
    AddressChange,
    AddressKind,
    Contact,
    IdentifierChange,
    IdentifierKind,
    SubscriptionChoice,
)
from contacts.timeline import Entry, Query

KINDS = {**dict(AddressKind.choices), **dict(IdentifierKind.choices)}


class ContactSource:
    """A contact has few of these: all of a person are read and cut to the page."""

    name = "contact"
    label = gettext_lazy("Contact")
    ignores_period = False
    most = 500

    def rows(self, query: Query) -> list[Entry]:
        if "contact_history" not in query.kept:
            query.kept["contact_history"] = self._all(query)
        found = [entry for entry in query.kept["contact_history"] if self._fits(entry, query)]
        found.sort(key=lambda entry: (entry.at, entry.key), reverse=True)
        return found[: query.limit]

    def count(self, query: Query) -> int:
        return len(self.rows(query))

    def _fits(self, entry: Entry, query: Query) -> bool:
        if query.since is not None and entry.at < query.since:
            return False
        if query.before is not None and (entry.at, entry.key) >= query.before:
            return False
        return query.words.lower() in f"{entry.title} {entry.summary}".lower()

    def _all(self, query: Query) -> list[Entry]:
        person_id = query.person_id
        contact = query.kept.get("contact") or Contact.objects.filter(pk=person_id).first()
        entries = [self._identifier(row) for row in self._changes(person_id)]
        entries += [self._choice(row) for row in self._choices(person_id)]
        entries += [self._address(row) for row in self._addresses(person_id)]
        if contact is not None:
            source = contact.get_source_display()
            detail = f"{source}: {contact.source_detail}" if contact.source_detail else source
            entries.append(
                Entry(contact.created_at, "created", "system", _("Contact created"), summary=detail)
            )
            if contact.deleted_at is not None:
                reason = contact.delete_reason
                entries.append(
                    Entry(contact.deleted_at, "deleted", "system", _("Contact deleted"), summary=reason)
                )
        return entries

    def _changes(self, person_id: int) -> Any:
        return IdentifierChange.objects.filter(person_id=person_id).order_by("-held_until")[: self.most]

    def _identifier(self, row: IdentifierChange) -> Entry:
        titles = {"replaced": _("Identifier replaced"), "moved": _("Identifier moved to another contact")}
        kind = KINDS.get(row.kind, row.kind)
        address = reverse("admin:contacts_contact_change", args=[row.moved_to]) if row.moved_to else ""
        links = [(f"id {row.moved_to}", address)] if address else []
        title = titles.get(row.reason, _("Identifier removed"))
        return Entry(
            row.held_until,
            f"identifier-{row.pk}",
            "system",
            title,
            summary=f"{kind} {row.value}",
            links=links,
        )

    def _choices(self, person_id: int) -> Any:
        rows = SubscriptionChoice.objects.filter(contact_id=person_id).select_related("category")
        return rows.order_by("-chosen_at")[: self.most]

    def _choice(self, row: SubscriptionChoice) -> Entry:
        title = _("Subscribed to a category") if row.is_subscribed else _("Unsubscribed from a category")
        summary = f"{row.category.name} ({row.actor})" if row.actor else row.category.name
        return Entry(row.chosen_at, f"choice-{row.pk}", "system", title, summary=summary)

    def _addresses(self, person_id: int) -> Any:
        return AddressChange.objects.filter(person_id=person_id).order_by("-at")[: self.most]

    def _address(self, row: AddressChange) -> Entry:
        titles = {
            "unsubscribed": _("Unsubscribed from everything"), "resubscribed": _("Subscribed again"),
            "complained": _("Complained of spam"), "confirmed": _("Address confirmed"),
            "blacklisted": _("Address blacklisted"), "excluded": _("Address taken off the blacklist"),
            "no_such_address": _("Mail returned: no such address"), "no_such_domain": _("Mail returned: no such domain"),
            "mailbox_full": _("Mail returned: mailbox full or inactive"), "temporary": _("Mail returned for now"),
            "block_ended": _("Block of the address ended"), "alive": _("Address reachable again"),
        }  # fmt: skip
        words = [row.value, row.reason, row.comment]
        return Entry(
            row.at,
            f"address-{row.pk}",
            "system",
            titles.get(row.signal, row.signal),
            summary=" · ".join(w for w in words if w),
        )
