"""What a page of the contact list needs beyond the rows: states of addresses, tokens, lists, in one query."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import connection
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from cdp.sql import load
from cdp.ui.formatting import mask_email, mask_phone, mask_text
from cdp.ui.status import registry as states
from contacts.models import Contact

ICONS = {"email": "mail", "phone": "sms", "mobile": "smartphone", "web": "notifications", "telegram": "send"}
SHOWN_LISTS = 2


@dataclass(slots=True)
class RowExtras:
    name: str
    identifiers: str
    email_status: str = ""
    phone_status: str = ""
    token_kinds: list[str] = field(default_factory=list)
    lists: list[str] = field(default_factory=list)


def read_extras(rows: Sequence[Contact], *, may_see: bool) -> dict[int, RowExtras]:
    """Extras by contact id. Without `may_see` names and addresses are masked."""
    ids = [row.pk for row in rows]
    found = {row.pk: _texts(row, may_see) for row in rows}
    holders: dict[tuple[str, str], list[RowExtras]] = {}
    for row in rows:
        for kind, value in (("email", row.email_norm), ("phone", row.phone)):
            if value:
                holders.setdefault((kind, value), []).append(found[row.pk])
    for part, contact_id, value, word in _read_beside(ids, list(holders)):
        if part in ("token", "list"):
            extras = found[contact_id]
            (extras.lists if part == "list" else extras.token_kinds).append(word)
        for extras in holders.get((part, value), ()):
            setattr(extras, f"{part}_status", word)
    return found


def _read_beside(ids: list[int], addresses: list[tuple[str, str]]) -> list[tuple[str, int, str, str]]:
    """(part, contact id, address, word) in the order shown: a token's kind once, lists by name."""
    emails, phones = ([value for one, value in addresses if one == kind] for kind in ("email", "phone"))
    with connection.cursor() as cursor:
        cursor.execute(load("contacts", "list_extras"), {"ids": ids, "emails": emails, "phones": phones})
        return sorted(set(cursor.fetchall()))


def name_of(row: Contact, *, may_see: bool) -> str:
    """What a contact is called, masked without `may_see`."""
    name = row.full_name
    if not name:
        return str(row) if may_see or not (row.email or row.phone) else masked(row)
    return name if may_see else mask_text(name)


def _texts(row: Contact, may_see: bool) -> RowExtras:
    name = name_of(row, may_see=may_see)
    identifiers = f"id {row.pk}"
    if row.external_id:
        shown = row.external_id if may_see else mask_text(row.external_id)
        identifiers += " · " + _("ext %(id)s") % {"id": shown}
    return RowExtras(name, identifiers)


def masked(row: Contact) -> str:
    if row.email:
        return mask_email(row.email)
    return mask_phone(row.phone) if row.phone else f"id {row.pk}"


def initials_of(row: Contact) -> str:
    """Up to two letters for the round mark beside a name."""
    letters = "".join(part[:1] for part in (row.first_name, row.last_name) if part)
    return (letters or (row.email or "")[:1] or "#").upper()


def name_cell(row: Contact, extras: RowExtras) -> SafeString:
    return format_html(
        '<span style="display:flex;gap:10px;align-items:center"><span class="ui-avatar is-small" aria-hidden="true">{}</span>'
        '<span style="min-width:0"><span class="ui-strong ui-wrap">{}</span><br>'
        '<span class="ui-meta ui-wrap">{}</span></span></span>',
        initials_of(row), extras.name, extras.identifiers,
    )  # fmt: skip


def channels_cell(extras: RowExtras) -> SafeString:
    shown: list[tuple[str, str]] = []
    if extras.email_status:
        shown.append(("email", extras.email_status))
    if extras.phone_status:
        shown.append(("phone", extras.phone_status))
    shown += [(kind, "active") for kind in extras.token_kinds]
    if not shown:
        return format_html("{}", "—")
    return format_html_join(
        " ", '<span class="ui-channel is-{}" title="{}"><span class="material-symbols-outlined" aria-hidden="true">{}</span>'
        '<span class="ui-hidden">{}</span></span>',
        ((status_tone(status), tip, ICONS[kind], tip) for kind, status in shown for tip in [_tip(kind, status)]),
    )  # fmt: skip


def status_tone(status: str) -> str:
    known = states["address"].get(status)
    return known.tone if known else "grey"


def _tip(kind: str, status: str) -> str:
    labels: dict[str, Any] = {
        "email": _("E-mail"), "phone": _("Phone"), "mobile": _("Mobile push"), "web": _("Web push"), "telegram": _("Telegram"),
    }  # fmt: skip
    known = states["address"].get(status)
    return f"{labels[kind]}: {known.word if known else status}"


def lists_cell(extras: RowExtras) -> SafeString:
    if not extras.lists:
        return format_html("{}", "—")
    more = len(extras.lists) - SHOWN_LISTS
    rest = f" +{more}" if more > 0 else ""
    return format_html(
        '<span title="{}">{}{}</span>', ", ".join(extras.lists), ", ".join(extras.lists[:SHOWN_LISTS]), rest
    )
