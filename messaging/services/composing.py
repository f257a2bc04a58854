"""Makes parcels of claimed deliveries: contact and content loaded for all at once, rendered one by one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cdp.models import Account
from messaging.channels.interface import Parcel
from messaging.models import CauseKind, DeliveryState, Message, Reason, Sender
from messaging.rendering.faults import Aborted, RenderError
from messaging.rendering.revisions import Prepared, Rendered, prepare_revision, render
from messaging.rendering.values import Recipient, load_contacts, nobody, read_field_names
from messaging.services.causes import CauseState
from messaging.services.claims import Claimed, Opening, Outcome
from messaging.services.connections import ensure_defaults
from messaging.tracking import tokens


@dataclass(slots=True)
class Composed:
    """Parcels with what is written when they leave, and outcomes of those that cannot."""

    ready: list[tuple[Opening, Parcel]] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)


class Composer:
    """Renders claimed rows; what they need is loaded for all of them at once, in a fixed number of queries.

    Args:
        options: of the connection: `return_path`, `bounce_domain`.
    """

    def __init__(
        self, rows: Sequence[Claimed], *, options: Mapping[str, Any], causes: Mapping[tuple[str, int], CauseState],
        now: datetime,
    ) -> None:  # fmt: skip
        self.options = options
        self.causes = causes
        self.account = Account.objects.get(pk=1)
        self.names = read_field_names()
        self.contacts = load_contacts({_reader_of(row) for row in rows}, self.names)
        self.senders = _senders(rows, now)
        chosen = Message.objects.filter(pk__in={row.message_id for row in rows})
        self.prepared = {
            pk: _prepared(revision_id) for pk, revision_id in chosen.values_list("pk", "revision_id")
        }

    def compose(self, rows: Sequence[Claimed], *, now: datetime) -> Composed:
        """Parcels of some of the rows, and outcomes of those that have none."""
        composed = Composed()
        for row in rows:
            prepared = self.prepared.get(row.message_id)
            if prepared is None:
                gone = Outcome(
                    row, DeliveryState.FAILED, Reason.RENDERING, "the message is gone, or has faults"
                )
                composed.outcomes.append(gone)
                continue
            try:
                composed.ready.append(self._one(row, prepared, now))
            except Aborted as stop:
                skipped = Outcome(row, DeliveryState.SKIPPED, Reason.ABORTED_BY_TEMPLATE, stop.reason)
                composed.outcomes.append(skipped)
            except RenderError as error:
                details = {"fault": error.fault.as_dict()}
                failed = Outcome(
                    row, DeliveryState.FAILED, Reason.RENDERING, str(error)[:2000], details=details
                )
                composed.outcomes.append(failed)
        return composed

    def _one(self, row: Claimed, prepared: Prepared, now: datetime) -> tuple[Opening, Parcel]:
        contact = self.contacts.get(_reader_of(row)) or nobody(row.endpoint, self.names)
        recipient = Recipient(
            delivery_id=row.delivery_id, cause_month=row.cause_month, address=row.endpoint, contact=contact,
            context=row.context, language=prepared.choose_language(row.language, contact["language"]),
            time_zone=contact["time_zone"] or self.account.time_zone, is_transactional=row.is_transactional,
            is_test=row.is_test,
        )  # fmt: skip
        sender = self.senders[row.sender_id]
        extra = _extra(prepared, sender, self.causes.get((row.cause_kind, row.cause_id)))
        rendered = render(prepared, recipient, extra, now=now)
        parcel = _parcel(row, prepared, recipient, rendered, sender, self.account, self.options)
        opening = Opening(
            row, parcel.message_id, rendered.subject[:500], prepared.revision_id, recipient.language,
            rendered.destinations,
        )  # fmt: skip
        return opening, parcel


def _reader_of(row: Claimed) -> int:
    """Whose data the text shows: the recipient's, or in a test those of the contact it imitates."""
    imitated = row.context.get("imitates") if row.is_test else None
    return imitated if isinstance(imitated, int) else row.contact_id


def _prepared(revision_id: int | None) -> Prepared | None:
    """The revision, unless it is gone or its text has faults."""
    prepared = prepare_revision(revision_id) if revision_id else None
    return prepared if prepared and prepared.texts else None


def _senders(rows: Sequence[Claimed], now: datetime) -> dict[int | None, Sender]:
    found: dict[int | None, Sender] = {}
    found |= {s.pk: s for s in Sender.objects.filter(pk__in={row.sender_id for row in rows if row.sender_id})}
    if any(row.sender_id not in found for row in rows):
        default = ensure_defaults(now=now)[1]
        found |= {row.sender_id: default for row in rows if row.sender_id not in found}
    return found


def _extra(prepared: Prepared, sender: Sender, cause: CauseState | None) -> dict[str, Any]:
    return {
        "sender": {"name": sender.name, "address": sender.address},
        "message": {"id": prepared.message_id, "name": prepared.message_name},
        "campaign": {"name": cause.name if cause else ""},
    }


def _parcel(
    row: Claimed, prepared: Prepared, recipient: Recipient, rendered: Rendered, sender: Sender, account: Account,
    options: Mapping[str, Any],
) -> Parcel:  # fmt: skip
    domain = sender.address.rpartition("@")[2]
    own = {"X-Send-Id": tokens.make_token(tokens.TokenKind.BOUNCE, row.delivery_id, row.cause_month)}
    headers = {
        "Feedback-ID": f"{row.cause_id}:{prepared.message_id}:{row.cause_kind}:{account.pk}",
    }
    if row.is_transactional:
        headers["Auto-Submitted"] = "auto-generated"
    else:
        own["List-Unsubscribe"] = f"<{rendered.unsubscribe_url}>"
        headers |= {
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            "List-Id": f"<m{prepared.message_id}.{domain}>",
            "Precedence": "bulk",
        }
    subject = f"[TEST] {rendered.subject}" if row.cause_kind == CauseKind.TEST else rendered.subject
    return Parcel(
        delivery_id=row.delivery_id, cause_month=row.cause_month, sender_name=sender.name,
        sender_address=sender.address, reply_to=sender.reply_to, to_name=str(recipient.contact["full_name"]),
        to_address=row.endpoint, subject=subject, html=rendered.html, text=rendered.text,
        message_id=f"<d{row.delivery_id}.{row.cause_month:%Y%m}@{domain}>",
        return_path=_return_path(row, sender, options), headers=headers, own_headers=own,
    )  # fmt: skip


def _return_path(row: Claimed, sender: Sender, options: Mapping[str, Any]) -> str:
    if options.get("bounce_domain"):
        return tokens.bounce_address(row.delivery_id, row.cause_month, str(options["bounce_domain"]))
    return str(options.get("return_path") or sender.address)
