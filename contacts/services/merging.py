"""Merges contacts: any number of pairs in one transaction and some forty statements (contacts spec 4).

The people are locked with all their identifiers, in the order upserts lock (`holding`); the pairs are folded in memory
one after another (`merge_rules`), so that chains and crossing pairs come out as if merged one at a time; then everything
is written table by table. Rows follow through the registry of person tables. No signal of it starts anything.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from cdp.bell import ring
from cdp.crash import crash_point
from cdp.deadlock import retry_deadlock
from cdp.hooks import ContactsChanged, PersonsMoved, contacts_changed, persons_moved
from contacts import persons
from contacts.models import AuditAction, ContactField, MergeRecord, SubscriptionCategory
from contacts.services import audit, merge_store
from contacts.services.holding import hold_people
from contacts.services.merge_rules import Folded, Side, fold, strength

MOST_HOPS = 10
OWN_TABLES = frozenset({"contacts_listmember", "contacts_subscriptionchoice"})
RELATED = """
SELECT id FROM contacts_contact WHERE merged_into = ANY(%(ids)s)
UNION SELECT merged_into FROM contacts_contact WHERE id = ANY(%(ids)s) AND merged_into IS NOT NULL
"""


@dataclass(frozen=True, slots=True)
class MergeOutcome:
    """What became of one pair. `result`: merged, unchanged (they are one already) or refused, with `code`:

    not_found, erased, winner_deleted, different_external_ids.
    """

    winner_id: int
    loser_id: int
    result: str
    code: str = ""


@dataclass(slots=True)
class _Fold:
    """The state of one call: sides in memory, what was folded, who is gone into whom."""

    sides: dict[int, Side]
    fields: dict[str, ContactField]
    category_lists: dict[int, int]
    now: datetime
    done: list[Folded] = field(default_factory=list)
    into: dict[int, int] = field(default_factory=dict)

    def resolve(self, contact_id: int) -> Side | None:
        """The side that an id means, through tombstones."""
        side = self.sides.get(contact_id)
        for _ in range(MOST_HOPS):
            if side is None or side.row["state"] != "merged":
                return side
            side = self.sides.get(side.row["merged_into"] or 0)
        return None

    def final(self, contact_id: int) -> int:
        while contact_id in self.into:
            contact_id = self.into[contact_id]
        return contact_id

    def add(self, winner_id: int, loser_id: int, *, is_automatic: bool) -> MergeOutcome:
        winner, loser = self.resolve(winner_id), self.resolve(loser_id)
        if winner is None or loser is None:
            return MergeOutcome(winner_id, loser_id, "refused", "not_found")
        if winner.id == loser.id:
            return MergeOutcome(winner.id, loser_id, "unchanged")
        code = _refusal(winner, loser, is_automatic=is_automatic)
        if code:
            return MergeOutcome(winner.id, loser.id, "refused", code)
        self.done.append(
            fold(winner, loser, fields=self.fields, category_lists=self.category_lists, now=self.now)
        )
        self.into[loser.id] = winner.id
        return MergeOutcome(winner.id, loser.id, "merged")


def _refusal(winner: Side, loser: Side, *, is_automatic: bool) -> str:
    if "erased" in (winner.row["state"], loser.row["state"]):
        return "erased"
    if winner.row["state"] == "deleted":
        return "winner_deleted"
    both = winner.row["external_id"] is not None and loser.row["external_id"] is not None
    return "different_external_ids" if is_automatic and both else ""


@retry_deadlock
def merge_contacts(
    winner_id: int, loser_ids: Sequence[int], *, reason: str, actor: str, now: datetime
) -> list[MergeOutcome]:
    """Merge contacts into one that a person chose; an id merged before means the contact it was merged into."""
    pairs = [(winner_id, loser_id) for loser_id in loser_ids]
    return merge_pairs(pairs, reason=reason, actor=actor, now=now)


@retry_deadlock
def merge_pairs(
    pairs: Sequence[tuple[int, int]],
    *,
    reason: str,
    actor: str,
    now: datetime,
    matched_by: str = "",
    is_automatic: bool = False,
) -> list[MergeOutcome]:
    """Merge (winner, loser) pairs in order, in one transaction; one outcome a pair.

    Args:
        is_automatic: refuse pairs with two external ids, which only a person may decide on.

    Raises:
        OperationalError: the people kept changing while they were being locked.
    """
    ids = sorted({contact_id for pair in pairs for contact_id in pair})
    with transaction.atomic(), connection.cursor() as cursor:
        held = hold_people(cursor, ids, expand=related)
        outcomes = merge_held(
            cursor, pairs, held=held.ids, reason=reason, actor=actor, now=now, matched_by=matched_by,
            is_automatic=is_automatic,
        )  # fmt: skip
        crash_point("merge_before_commit")
    crash_point("merge_after_commit")
    return outcomes


def related(cursor: Any, ids: Iterable[int]) -> set[int]:
    """Tombstones of these contacts and the contacts they were merged into."""
    cursor.execute(RELATED, {"ids": sorted(ids)})
    return {row[0] for row in cursor.fetchall()}


def merge_held(
    cursor: Any,
    pairs: Sequence[tuple[int, int]],
    *,
    held: Sequence[int],
    reason: str,
    actor: str,
    now: datetime,
    matched_by: str = "",
    is_automatic: bool = True,
) -> list[MergeOutcome]:
    """Merge contacts that the caller's transaction holds locked with all their keys (`held`: every one of them)."""
    state = _Fold(merge_store.read_sides(cursor, held), *_catalogue(), now=now)
    outcomes = [state.add(winner, loser, is_automatic=is_automatic) for winner, loser in pairs]
    if not state.done:
        return outcomes
    final = {folded.loser_id: state.final(folded.loser_id) for folded in state.done}
    touched = {one for folded in state.done for one in (folded.winner_id, folded.loser_id)}
    merge_store.write_sides(cursor, [state.sides[one] for one in sorted(touched)])
    merge_store.write_memberships(cursor, state.done, final, state.sides)
    merge_store.bury(cursor, final, state.done, now=now)
    crash_point("merge_before_move")
    moved = persons.move_people(cursor, sorted(final.items()), besides=OWN_TABLES, now=now)
    _keep_records(state, final, moved, reason=reason, actor=actor, matched_by=matched_by)
    _announce(state, final, now)
    return outcomes


def _catalogue() -> tuple[dict[str, ContactField], dict[int, int]]:
    fields = {str(row.pk): row for row in ContactField.objects.all()}
    return fields, dict(SubscriptionCategory.objects.values_list("pk", "list_id"))


def _keep_records(
    state: _Fold, final: Mapping[int, int], moved: persons.Moved, *, reason: str, actor: str, matched_by: str
) -> None:
    records = [
        MergeRecord(
            winner_id=final[folded.loser_id], first_winner_id=folded.winner_id, loser_id=folded.loser_id,
            merged_at=state.now, actor=actor, reason=reason, matched_by=matched_by,
            trail=merge_store.trail_of(folded), moved=moved.get(folded.loser_id, {}),
        )
        for folded in state.done
    ]  # fmt: skip
    MergeRecord.objects.bulk_create(records)
    audit.keep(
        [(one.first_winner_id, {"loser": one.loser_id, "record": one.pk, "by": matched_by}) for one in records],
        action=AuditAction.MERGED, actor=actor, reason=reason, now=state.now,
    )  # fmt: skip


def _announce(state: _Fold, final: Mapping[int, int], now: datetime) -> None:
    """Tell the other apps, muted; the engine that moves the rest is rung."""
    winners = sorted(set(final.values()))
    changes: dict[int, set[str]] = {winner: set() for winner in winners}
    for folded in state.done:
        changes[final[folded.loser_id]].update(folded.changes)
    losers = sorted(final)
    contacts_changed.send(
        ContactsChanged(
            ids=[*winners, *losers], results=["updated"] * len(winners) + ["merged"] * len(losers),
            changes=[*(frozenset(changes[one]) for one in winners), *([frozenset({"state"})] * len(losers))],
            now=now, is_muted=True,
        )
    )  # fmt: skip
    persons_moved.send(PersonsMoved(source_ids=losers, target_ids=[final[one] for one in losers], now=now))
    transaction.on_commit(lambda: ring("person_moves"))


def choose_winner(ids: Sequence[int]) -> int | None:
    """Who of these is kept when nobody says (contacts spec 4.2); None when none of them is active or deleted."""
    with connection.cursor() as cursor:
        sides = merge_store.read_sides(cursor, ids, with_memberships=False)
    alive = [side for side in sides.values() if side.row["state"] in ("active", "deleted")]
    return min(alive, key=lambda side: strength(side.row, side.id)).id if alive else None


def resolve_merged(ids: Iterable[int]) -> dict[int, int]:
    """Ids of tombstones among these → the contact each stands for."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, merged_into FROM contacts_contact WHERE id = ANY(%s) AND state = 'merged'",
            [list(ids)],
        )
        return {row[0]: row[1] for row in cursor.fetchall() if row[1] is not None}
