"""What a merge leaves: the pure part (contacts spec 4.2 and 4.3). No database here.

A `Side` is a contact as read under lock. `fold` writes the loser onto the winner in memory and returns what undo needs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from contacts.models.fields import ContactField, FieldType, MergeStrategy

PLAIN = (
    "first_name", "last_name", "address", "town", "region", "postcode", "language", "time_zone", "orders_info", "location",
)  # fmt: skip
# What identifies: the winner's own stays, whatever its age.
IDENTIFIERS = ("external_id", "phone", "contact_key")
COLUMNS = (
    "state", "is_restricted", "external_id", "email", "email_norm", "phone", "contact_key", *PLAIN, "data", "provenance",
    "source", "source_detail", "created_at", "updated_at", "deleted_at", "delete_reason", "merged_into",
)  # fmt: skip
EMPTY: dict[str, Any] = {
    **dict.fromkeys(("external_id", "email", "email_norm", "phone", "contact_key", *PLAIN)),
    "location": {}, "data": {}, "provenance": {}, "source_detail": "", "delete_reason": "", "deleted_at": None,
}  # fmt: skip

Choice = tuple[bool, datetime, str]  # is_subscribed, chosen_at, actor
ChoiceKey = tuple[int, str]  # category, channel


@dataclass(slots=True)
class Side:
    """One contact: its columns, keys, list memberships, choices, and the tombstones that point at it."""

    id: int
    row: dict[str, Any]
    keys: list[tuple[str, str]] = field(default_factory=list)
    lists: dict[int, datetime] = field(default_factory=dict)
    choices: dict[ChoiceKey, Choice] = field(default_factory=dict)
    tombstones: list[int] = field(default_factory=list)

    @property
    def is_device_only(self) -> bool:
        """Whether nothing but tokens and the like tells who this is."""
        names = ("external_id", "email_norm", "phone", "contact_key")
        return all(self.row[name] is None for name in names)


@dataclass(slots=True)
class Folded:
    """One merge. `changes`: what became of the winner, by name: [before, after, note before, note after].

    `former`: identifiers of the loser that the winner did not take, as (kind, value).
    """

    winner_id: int
    loser_id: int
    loser: dict[str, Any]
    keys: list[tuple[str, str]]
    tombstones: list[int]
    changes: dict[str, list[Any]] = field(default_factory=dict)
    lists: dict[str, Any] = field(default_factory=dict)
    choices: dict[str, Any] = field(default_factory=dict)
    former: list[tuple[str, str]] = field(default_factory=list)


def strength(row: Mapping[str, Any], contact_id: int) -> tuple[Any, ...]:
    """Sorts contacts by who is to win (spec 4.2): the least first."""
    held = sum(row[name] is not None for name in ("email_norm", "phone", "contact_key"))
    return (
        row["external_id"] is None, -held, row["state"] != "active", row["created_at"], contact_id
    )  # fmt: skip


def fold(
    winner: Side,
    loser: Side,
    *,
    fields: Mapping[str, ContactField],
    category_lists: Mapping[int, int],
    now: datetime,
) -> Folded:
    """Merge `loser` into `winner`, both changed in place.

    Args:
        fields: additional fields by their key in `data`.
        category_lists: category id → id of its list.
    """
    done = Folded(winner.id, loser.id, dict(loser.row), list(loser.keys), list(loser.tombstones))
    before = dict(winner.row)
    notes = dict(before["provenance"])
    data_before = dict(before["data"])
    winner.row["data"], winner.row["provenance"] = dict(data_before), dict(notes)
    _identifiers(winner.row, loser.row, done)
    for name in PLAIN:
        if _takes(winner.row, loser.row, name, winner.row[name], loser.row[name]):
            _take(winner.row, loser.row, name)
    _data(winner.row, loser.row, fields)
    _origin(winner.row, loser.row)
    winner.row["is_restricted"] = winner.row["is_restricted"] or loser.row["is_restricted"]
    winner.row["updated_at"] = now
    _note_changes(before, data_before, notes, winner.row, done)
    _memberships(winner, loser, category_lists, done)
    winner.keys += loser.keys
    winner.tombstones += [loser.id, *loser.tombstones]
    _bury(loser, winner.id, now)
    return done


def _identifiers(winner: dict[str, Any], loser: dict[str, Any], done: Folded) -> None:
    for name in IDENTIFIERS:
        if loser[name] is None:
            continue
        if winner[name] is None:
            _take(winner, loser, name)
        elif winner[name] != loser[name]:
            kind = {"external_id": "ext", "phone": "phone", "contact_key": "key"}[name]
            done.former.append((kind, loser[name]))
    if loser["email_norm"] is None:
        return
    if winner["email_norm"] is None:
        winner["email_norm"] = loser["email_norm"]
        _take(winner, loser, "email")
    elif winner["email_norm"] != loser["email_norm"]:
        done.former.append(("email", loser["email_norm"]))


def _take(winner: dict[str, Any], loser: dict[str, Any], name: str) -> None:
    winner[name] = loser[name]
    winner["provenance"][name] = _note(loser, name)


def _note(row: dict[str, Any], name: str) -> list[Any]:
    """[unix time, source, detail] of a value; one never touched since creation came with the contact."""
    found = row["provenance"].get(name)
    return found or [int(row["created_at"].timestamp()), row["source"], row["source_detail"]]


def _takes(winner: dict[str, Any], loser: dict[str, Any], name: str, mine: Any, theirs: Any) -> bool:
    """Whether the loser's value is written over the winner's: the newest that is not empty; ties stay."""
    if theirs in (None, "", {}, []) or theirs == mine:
        return False
    if mine in (None, "", {}, []):
        return True
    ours, other = _note(winner, name), _note(loser, name)
    if name == "language" and (ours[1] == "manual") != (other[1] == "manual"):
        return bool(other[1] == "manual")
    return bool(other[0] > ours[0])


def _data(winner: dict[str, Any], loser: dict[str, Any], fields: Mapping[str, ContactField]) -> None:
    for key, theirs in loser["data"].items():
        name = f"data.{key}"
        mine = winner["data"].get(key)
        found = fields.get(key)
        strategy = found.merge_strategy if found is not None else MergeStrategy.NEWEST
        if mine is None or strategy == MergeStrategy.NEWEST:
            takes = _takes(winner, loser, name, mine, theirs)
        elif strategy == MergeStrategy.OLDEST:
            takes = theirs != mine and _note(loser, name)[0] < _note(winner, name)[0]
        elif found is not None and strategy in (MergeStrategy.MOST, MergeStrategy.LEAST):
            least = strategy == MergeStrategy.LEAST
            ours, other = _comparable(found, mine), _comparable(found, theirs)
            takes = other < ours if least else other > ours
        else:
            winner["data"][key] = _combined(found, mine, theirs)
            takes = False
        if takes:
            winner["data"][key] = theirs
            winner["provenance"][name] = _note(loser, name)


def _comparable(found: ContactField, value: Any) -> Any:
    return Decimal(value) if found.type in (FieldType.DECIMAL, FieldType.INTEGER) else str(value)


def _combined(found: ContactField | None, mine: Any, theirs: Any) -> Any:
    """The sum of two numbers within the field's range, or the options of both in the field's order."""
    if found is None:
        return mine
    if found.type == FieldType.MULTISELECT:
        both = {*_options(mine), *_options(theirs)}
        return [option for option in found.options if option in both]
    if found.type == FieldType.INTEGER:
        return int(_within(found, Decimal(mine) + Decimal(theirs), Decimal(2**31 - 1)))
    if found.type == FieldType.DECIMAL:
        total = _within(found, Decimal(mine) + Decimal(theirs), Decimal(10) ** 12 - Decimal("0.000001"))
        return f"{total.normalize():f}" if total else "0"
    return mine


def _options(value: Any) -> list[str]:
    """A value kept before the field allowed several options is one of them."""
    return [value] if isinstance(value, str) else list(value)


def _within(found: ContactField, total: Decimal, bound: Decimal) -> Decimal:
    most = bound if found.most is None else min(found.most, bound)
    least = -bound if found.least is None else max(found.least, -bound)
    return max(least, min(most, total))


def _origin(winner: dict[str, Any], loser: dict[str, Any]) -> None:
    """The earlier contact tells since when and from where the person is known.

    Values that came with the winner get their note first, since they would look as old as the loser.
    """
    if loser["created_at"] < winner["created_at"]:
        filled = [name for name in PLAIN if winner[name] not in (None, {})]
        for name in [*filled, *(f"data.{key}" for key in winner["data"])]:
            winner["provenance"].setdefault(name, _note(winner, name))
        for name in ("created_at", "source", "source_detail"):
            winner[name] = loser[name]


def _note_changes(
    before: dict[str, Any],
    data: dict[str, Any],
    notes: dict[str, Any],
    after: dict[str, Any],
    done: Folded,
) -> None:
    """Before and after of all that changed. Values that came with a contact get a note before its creation moves."""
    for name in COLUMNS:
        if name in ("data", "provenance"):
            continue
        is_moment = name == "updated_at"  # always told: by it an undo knows that nothing happened since
        if is_moment or before[name] != after[name] or notes.get(name) != after["provenance"].get(name):
            done.changes[name] = [before[name], after[name], notes.get(name), after["provenance"].get(name)]
    for key in sorted({*data, *after["data"]}):
        name = f"data.{key}"
        mine, theirs = data.get(key), after["data"].get(key)
        if mine != theirs or notes.get(name) != after["provenance"].get(name):
            done.changes[name] = [mine, theirs, notes.get(name), after["provenance"].get(name)]


def _memberships(winner: Side, loser: Side, category_lists: Mapping[int, int], done: Folded) -> None:
    """Lists union with the earlier time; choices: the later wins, and an opt-out at the same time."""
    lists, choices = dict(winner.lists), dict(winner.choices)
    for number, added_at in loser.lists.items():
        mine = winner.lists.get(number)
        winner.lists[number] = added_at if mine is None else min(mine, added_at)
    for key, theirs in loser.choices.items():
        ours = winner.choices.get(key)
        if ours is None or (theirs[1], not theirs[0]) > (ours[1], not ours[0]):
            winner.choices[key] = theirs
    for (category, channel), (is_subscribed, _at, _actor) in winner.choices.items():
        if channel == "*" and not is_subscribed:
            winner.lists.pop(category_lists.get(category, 0), None)
    done.lists = {"loser": dict(loser.lists), "winner": _differences(lists, winner.lists)}
    done.choices = {"loser": dict(loser.choices), "winner": _differences(choices, winner.choices)}
    loser.lists, loser.choices = {}, {}


def _differences(before: Mapping[Any, Any], after: Mapping[Any, Any]) -> dict[Any, tuple[Any, Any]]:
    names: Sequence[Any] = [*before, *(name for name in after if name not in before)]
    return {n: (before.get(n), after.get(n)) for n in names if before.get(n) != after.get(n)}


def _bury(loser: Side, winner_id: int, now: datetime) -> None:
    """What is left of the loser: a tombstone without a word about the person."""
    loser.row = loser.row | EMPTY | {"state": "merged", "merged_into": winner_id, "updated_at": now}
    loser.keys, loser.tombstones = [], []
