"""What may be done to many contacts at once: checked when asked, done a chunk at a time by the engine `contact_jobs`.

A job holds the condition it was asked with, not the people: each chunk asks it anew, in the order of ids, so nobody is met
twice, who came after the question is left out, and who fits no more when the turn comes is passed over. A chunk and the
job's progress are one transaction. Everything goes through the batch services, so segments and workflows hear of it.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from contacts import field_types
from contacts.filters import Filter, FilterError, restore_filter
from contacts.models import (
    BulkAction,
    Contact,
    ContactField,
    ContactJob,
    ContactList,
    ContactState,
    Source,
    SubscriptionCategory,
)
from contacts.normalise import InvalidValue, normalise_language, normalise_time_zone
from contacts.services import lifecycle
from contacts.services.address_rules import Signal
from contacts.services.addresses import AddressSignal, apply_signals
from contacts.services.inputs import ContactInput, Policy
from contacts.services.lists import add_to_list, ensure_lists, remove_from_list
from contacts.services.subscriptions import opt_out_many, subscribe_many, without_opt_outs
from contacts.services.tokens import switch_off_tokens
from contacts.services.upsert import upsert_contacts
from contacts.wire import Catalogue

CHUNK = 5_000
MOST_IDS = 1_000
LONGEST_NAME = 255
LONGEST_TEXT = 300
LONGEST_REASON = 500
CHANNELS = ("email", "phone", "push")
TOKEN_KINDS = ("mobile", "web", "telegram")
# Columns that may be set alike for many; identifiers and names belong to one person.
COLUMNS = ("language", "time_zone", "address", "town", "region", "postcode")

Counts = Counter[str]


class BulkRefused(ValueError):
    """What was asked cannot be done: `errors` maps an input of the form to the sentence that says why."""

    def __init__(self, errors: dict[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {text}" for name, text in errors.items()))
        self.errors = errors


@dataclass(frozen=True, slots=True)
class Selection:
    """Whom an action is about: these ids, or everybody who fits a filter."""

    ids: tuple[int, ...] = ()
    filter: Filter | None = None

    def rows(self, action: str) -> Any:
        """Their rows, as far as the action is for them; segments of a filter are sieved by the reader."""
        state = ContactState.DELETED if action == BulkAction.RESTORE else ContactState.ACTIVE
        rows = Contact.objects.filter(state=state)
        return rows.filter(pk__in=self.ids) if self.filter is None else self.filter.narrow(rows)

    def kept(self) -> dict[str, Any]:
        if self.filter is None:
            return {"ids": list(self.ids), "filter": None}
        return {"ids": None, "filter": self.filter.kept()}


def restore_selection(request: Mapping[str, Any]) -> Selection:
    if request["filter"] is None:
        return Selection(ids=tuple(request["ids"]))
    return Selection(filter=restore_filter(request["filter"]))


def check_action(action: str, given: Mapping[str, str], *, now: datetime) -> tuple[dict[str, Any], str]:
    """What the action needs, checked; and what it is about in words. A list by a new name is made.

    Raises:
        BulkRefused: a missing or bad value, at its input.
    """
    given = {name: value.strip().replace("\0", "") for name, value in given.items()}
    return CHECKS[action](given, now)


def _check_list(given: Mapping[str, str], now: datetime) -> tuple[dict[str, Any], str]:
    name = given.get("name", "")
    if name:
        if len(name) > LONGEST_NAME:
            raise BulkRefused({"name": _("Name the list, with at most 255 characters.")})
        return {"list": ensure_lists([name], now=now)[name]}, name
    return _check_known_list(given, now)


def _check_known_list(given: Mapping[str, str], now: datetime) -> tuple[dict[str, Any], str]:  # noqa: ARG001
    found = ContactList.objects.filter(pk=_number(given.get("list", ""))).first()
    if found is None:
        raise BulkRefused({"list": _("Choose a list.")})
    return {"list": found.pk}, found.name


def _check_value(given: Mapping[str, str], now: datetime) -> tuple[dict[str, Any], str]:
    """The field and its value; the value as the service keeps it."""
    needs, label = _check_field(given, now)
    text = given.get("value", "")
    if not text:
        raise BulkRefused({"value": _("Give a value; to empty the field there is an action of its own.")})
    try:
        value = _read_value(needs["field"], text)
    except InvalidValue as error:
        raise BulkRefused({"value": error.explanation}) from error
    return {**needs, "value": value}, f"{label} = {text[:60]}"


def _check_field(given: Mapping[str, str], now: datetime) -> tuple[dict[str, Any], str]:  # noqa: ARG001
    name = given.get("field", "")
    if name in COLUMNS:
        return {"field": name}, str(Contact._meta.get_field(name).verbose_name)  # type: ignore[union-attr]
    field = ContactField.objects.filter(pk=_number(name)).first()
    if field is None:
        raise BulkRefused({"field": _("Choose a field.")})
    if field.is_readonly:
        raise BulkRefused({"field": _("This field is read only.")})
    return {"field": str(field.pk)}, str(field)


def _read_value(name: str, text: str) -> Any:
    if name == "language":
        return normalise_language(text)
    if name == "time_zone":
        return normalise_time_zone(text)
    if name in COLUMNS:
        if len(text) > LONGEST_TEXT:
            raise InvalidValue(
                "too_long", gettext_noop("must be at most %(most)s characters"), most=LONGEST_TEXT
            )
        return text
    catalogue = Catalogue.load()
    return field_types.read_value(catalogue.fields[int(name)], text, catalogue.rules)


def _check_category(given: Mapping[str, str], now: datetime) -> tuple[dict[str, Any], str]:  # noqa: ARG001
    found = SubscriptionCategory.objects.filter(pk=_number(given.get("category", ""))).first()
    if found is None:
        raise BulkRefused({"category": _("Choose a category.")})
    return {"category": found.pk}, found.name


def _check_channel(given: Mapping[str, str], now: datetime) -> tuple[dict[str, Any], str]:
    channel = given.get("channel", "")
    if channel not in CHANNELS:
        raise BulkRefused({"channel": _("Choose a channel.")})
    return {"channel": channel, **_check_reason(given, now)[0]}, channel


def _check_reason(given: Mapping[str, str], now: datetime) -> tuple[dict[str, Any], str]:  # noqa: ARG001
    reason = given.get("reason", "")
    if len(reason) > LONGEST_REASON:
        raise BulkRefused(
            {"reason": _("The reason must be at most %(most)s characters.") % {"most": LONGEST_REASON}}
        )
    return {"reason": reason}, ""


def _check_nothing(given: Mapping[str, str], now: datetime) -> tuple[dict[str, Any], str]:  # noqa: ARG001
    return {}, ""


CHECKS: dict[str, Callable[[Mapping[str, str], datetime], tuple[dict[str, Any], str]]] = {
    BulkAction.ADD_TO_LIST: _check_list, BulkAction.LEAVE_LIST: _check_known_list, BulkAction.SET_FIELD: _check_value,
    BulkAction.CLEAR_FIELD: _check_field, BulkAction.SUBSCRIBE: _check_category, BulkAction.OPT_OUT: _check_category,
    BulkAction.UNSUBSCRIBE: _check_channel, BulkAction.DELETE: _check_reason, BulkAction.RESTORE: _check_nothing,
}  # fmt: skip


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def pick_chunk(job: ContactJob, action: str) -> tuple[list[int], int, bool]:
    """The next ids of a job, the last id looked at, and whether nothing is left after them.

    Raises:
        FilterError: the job's filter names a list, segment or field that is gone.
    """
    asked = job.request
    chosen = restore_selection(asked)
    if chosen.filter is not None and chosen.filter.errors:
        raise FilterError("; ".join(chosen.filter.errors.values()))
    rows = chosen.rows(action).filter(pk__gt=asked["after"], pk__lte=asked["last"])
    looked = list(rows.order_by("pk").values_list("pk", flat=True)[:CHUNK])
    ids = chosen.filter.sieve(looked) if chosen.filter and chosen.filter.sieves else looked
    return ids, looked[-1] if looked else asked["last"], len(looked) < CHUNK


def work_bulk(job: ContactJob, now: datetime) -> tuple[int, bool]:
    """Do the next chunk of a job that the caller holds locked; returns how many it had, and whether it was the last."""
    action = job.request["action"]
    ids, last, is_done = pick_chunk(job, action)
    if ids:
        counts = Counter(job.counts)
        counts.update(ACTIONS[action](ids, job.request["needs"], job.actor, now))
        job.counts = dict(counts)
    job.done += len(ids)
    job.total = job.done if is_done else max(job.total, job.done)
    job.request = job.request | {"after": last}
    return len(ids), is_done


def _counted(ids: Sequence[int], changed: int, rest: str = "unchanged") -> Counts:
    return Counter({"changed": changed, rest: len(ids) - changed}) + Counter()


def _add_to_list(ids: Sequence[int], needs: dict[str, Any], actor: str, now: datetime) -> Counts:
    """Who opted out of the list's category stays out: only the person takes that back."""
    if not ContactList.objects.filter(pk=needs["list"]).exists():
        return Counter({"list_gone": len(ids)})
    willing = without_opt_outs(ids, list_id=needs["list"])
    added = add_to_list(needs["list"], willing, now=now, actor=actor)
    return _counted(willing, added) + Counter({"opted_out": len(ids) - len(willing)})


def _leave_list(ids: Sequence[int], needs: dict[str, Any], actor: str, now: datetime) -> Counts:
    return _counted(ids, remove_from_list(needs["list"], ids, now=now, actor=actor))


def _set_field(ids: Sequence[int], needs: dict[str, Any], actor: str, now: datetime) -> Counts:
    """Write one value, or clear it; by the service that every door uses."""
    name, value = needs["field"], needs.get("value")
    is_column = name in COLUMNS
    if not is_column and not ContactField.objects.filter(pk=int(name)).exists():
        return Counter({"field_gone": len(ids)})
    values: dict[str, Any] = {"fields" if is_column else "data": {name: value}}
    inputs = [ContactInput(contact_id=one, restore_deleted=False, **values) for one in ids]
    outcomes = upsert_contacts(
        inputs, policy=Policy.MANUAL, source=Source.MANUAL, actor=actor, now=now, source_detail=actor
    )
    words = {"updated": "changed", "unchanged": "unchanged"}
    return Counter(words.get(outcome.result, outcome.code or outcome.result) for outcome in outcomes)


def _subscribe(ids: Sequence[int], needs: dict[str, Any], actor: str, now: datetime) -> Counts:
    category = SubscriptionCategory.objects.filter(pk=needs["category"]).first()
    if category is None:
        return Counter({"category_gone": len(ids)})
    willing = without_opt_outs(ids, list_id=category.list_id)
    changed = subscribe_many(willing, category, actor=actor, now=now)
    return _counted(willing, changed) + Counter({"opted_out": len(ids) - len(willing)})


def _opt_out(ids: Sequence[int], needs: dict[str, Any], actor: str, now: datetime) -> Counts:
    category = SubscriptionCategory.objects.filter(pk=needs["category"]).first()
    if category is None:
        return Counter({"category_gone": len(ids)})
    return _counted(ids, opt_out_many(ids, category, actor=actor, now=now))


def _unsubscribe(ids: Sequence[int], needs: dict[str, Any], actor: str, now: datetime) -> Counts:
    if needs["channel"] == "push":
        return _counted(ids, switch_off_tokens(ids, TOKEN_KINDS, now=now))
    column = "email_norm" if needs["channel"] == "email" else "phone"
    held = dict(Contact.objects.filter(pk__in=ids, **{f"{column}__isnull": False}).values_list("pk", column))
    signals = [
        AddressSignal(
            needs["channel"],
            value,
            Signal.UNSUBSCRIBED,
            now,
            reason=needs["reason"],
            actor=actor,
            person_id=pk,
        )
        for pk, value in held.items()
    ]
    moved = apply_signals(signals, now=now)
    changed = sum((needs["channel"], value) in moved for value in held.values())
    return _counted(list(held), changed) + Counter({"no_address": len(ids) - len(held)})


def _delete(ids: Sequence[int], needs: dict[str, Any], actor: str, now: datetime) -> Counts:
    return _counted(ids, lifecycle.delete_contacts(ids, now=now, actor=actor, reason=needs["reason"]))


def _restore(ids: Sequence[int], needs: dict[str, Any], actor: str, now: datetime) -> Counts:  # noqa: ARG001
    return _counted(ids, lifecycle.restore_contacts(ids, now=now, actor=actor))


ACTIONS: dict[str, Callable[[Sequence[int], dict[str, Any], str, datetime], Counts]] = {
    BulkAction.ADD_TO_LIST: _add_to_list, BulkAction.LEAVE_LIST: _leave_list, BulkAction.SET_FIELD: _set_field,
    BulkAction.CLEAR_FIELD: _set_field, BulkAction.SUBSCRIBE: _subscribe, BulkAction.OPT_OUT: _opt_out,
    BulkAction.UNSUBSCRIBE: _unsubscribe, BulkAction.DELETE: _delete, BulkAction.RESTORE: _restore,
}  # fmt: skip
