"""Undoes a merge within 30 days (contacts spec 4.4): the merged contact returns, and what came from it goes back.

What was changed on the kept contact since stays with it, and is told.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction

from cdp.bell import ring
from cdp.crash import crash_point
from cdp.deadlock import retry_deadlock
from cdp.hooks import ContactsChanged, contacts_changed
from contacts import persons
from contacts.models import AuditAction, MergeRecord, PersonMove
from contacts.services import audit, merge_store
from contacts.services.holding import hold_people
from contacts.services.merge_rules import Side
from contacts.services.merge_store import columns_of, loser_of, read_cell
from contacts.services.merging import related

KEPT = timedelta(days=30)

ORIGINS = """
WITH RECURSIVE origin (id) AS (
    SELECT unnest(%s::bigint[])
    UNION SELECT j.visitor_id FROM contacts_visitorjoin j JOIN origin o ON j.person_id = o.id
)
SELECT id FROM origin
"""
RETURN_KEYS = """
UPDATE contacts_key k SET person_id = %s FROM unnest(%s::text[], %s::text[]) AS w (kind, value)
WHERE k.kind = w.kind AND k.value = w.value AND k.person_id = %s
RETURNING k.kind, k.value
"""
RETURN_DEVICES = """
UPDATE contacts_device d SET person_id = k.person_id FROM contacts_key k
WHERE d.key_id = k.id AND k.person_id = %s AND d.person_id <> k.person_id
"""
RETURN_TOMBSTONES = """
UPDATE contacts_contact SET merged_into = %s WHERE id = ANY(%s) AND merged_into = %s
"""
RETURN_RECORDS = """
UPDATE contacts_mergerecord SET winner_id = %s WHERE loser_id = ANY(%s) AND winner_id = %s AND undone_at IS NULL
"""
RETURN_MOVES = """
UPDATE contacts_personmove SET target_id = %s WHERE source_id = ANY(%s) AND target_id = %s AND origins IS NULL
"""
DROP_MOVES = "DELETE FROM contacts_personmove WHERE source_id = %s AND target_id = %s AND origins IS NULL"
FORGET_FORMER = """
DELETE FROM contacts_identifierchange c USING unnest(%s::text[], %s::text[]) AS w (kind, value)
WHERE c.person_id = %s AND c.reason = 'merged' AND c.held_until = %s AND c.kind = w.kind AND c.value = w.value
"""


@dataclass(frozen=True, slots=True)
class UndoOutcome:
    """`result`: unmerged or refused, with `code`: not_found, already_undone, too_late, erased, merged_again.

    `kept`: names of what stays with the kept contact because it was changed since.
    """

    result: str
    code: str = ""
    winner_id: int = 0
    loser_id: int = 0
    kept: list[str] = field(default_factory=list)


@retry_deadlock
def undo_merge(record_id: int, *, actor: str, now: datetime) -> UndoOutcome:
    """Bring the merged contact of a record back, in one transaction; rows beyond 5 000 follow in the background."""
    with transaction.atomic(), connection.cursor() as cursor:
        record = MergeRecord.objects.filter(pk=record_id).first()
        if record is None:
            return UndoOutcome("refused", "not_found")
        addresses = _addresses(record)
        asked = (record.winner_id, record.loser_id)
        hold_people(cursor, asked, addresses=addresses, expand=related, make_at=now)
        record = MergeRecord.objects.select_for_update().filter(pk=record_id).first()
        if record is None:  # one of the two was erased while we waited
            transaction.set_rollback(True)
            return UndoOutcome("refused", "erased", *asked)
        sides = merge_store.read_sides(cursor, asked)
        code = why_not(record, now=now) or _state_code(record, sides)
        if code:
            transaction.set_rollback(True)
            return UndoOutcome("refused", code, record.winner_id, record.loser_id)
        kept = _Undo(cursor, record, sides, actor, now).run()
        crash_point("undo_before_commit")
    crash_point("undo_after_commit")
    return UndoOutcome("unmerged", "", record.winner_id, record.loser_id, kept)


def _addresses(record: MergeRecord) -> list[tuple[str, str]]:
    loser = record.trail.get("loser", {})
    pairs = (("email", "email_norm"), ("phone", "phone"), ("key", "contact_key"))
    return sorted((kind, loser[name]) for kind, name in pairs if loser.get(name))


def why_not(record: MergeRecord, *, now: datetime) -> str:
    """The code for which the record itself refuses an undo; empty when it allows one."""
    if record.undone_at is not None:
        return "already_undone"
    if record.merged_at < now - KEPT:
        return "too_late"
    if record.winner_id != record.first_winner_id:
        return "merged_again"
    return "" if record.trail else "erased"


def _state_code(record: MergeRecord, sides: dict[int, Side]) -> str:
    winner, loser = sides.get(record.winner_id), sides.get(record.loser_id)
    if record.winner_id not in sides:  # an undo of a later merge gave the record back while we waited
        return "merged_again"
    if winner is None or loser is None or "erased" in (winner.row["state"], loser.row["state"]):
        return "erased"
    is_as_left = loser.row["state"] == "merged" and loser.row["merged_into"] == winner.id
    return "" if is_as_left and winner.row["state"] != "merged" else "merged_again"


class _Undo:
    """One undo; both contacts are locked."""

    def __init__(
        self, cursor: Any, record: MergeRecord, sides: dict[int, Side], actor: str, now: datetime
    ) -> None:
        self.cursor = cursor
        self.record = record
        self.winner, self.loser = sides[record.winner_id], sides[record.loser_id]
        self.actor = actor
        self.now = now
        self.trail = record.trail
        self.kept: list[str] = []
        self.changed: set[str] = set()

    def run(self) -> list[str]:
        returned = self._return_keys()
        self._restore_winner()
        self.loser.row = self.loser.row | loser_of(self.trail)
        if (
            self.loser.row["external_id"] is not None
            and ("ext", self.loser.row["external_id"]) not in returned
        ):
            self.loser.row["external_id"] = None
            self.kept.append("external_id")
        merge_store.write_sides(self.cursor, [self.winner, self.loser])
        self._return_lists()
        self._return_choices()
        self._return_tombstones()
        crash_point("undo_before_move")
        moved = self._return_rows()
        self._close(moved)
        return self.kept

    def _return_keys(self) -> set[tuple[str, str]]:
        keys = [tuple(key) for key in self.trail["keys"]]
        self.cursor.execute(RETURN_KEYS, [self.loser.id, *columns_of(keys, 2), self.winner.id])
        returned = set(self.cursor.fetchall())
        self.kept += [f"key.{kind}" for kind, value in keys if (kind, value) not in returned]
        self.cursor.execute(RETURN_DEVICES, [self.loser.id])
        return returned

    def _restore_winner(self) -> None:
        row = self.winner.row
        was_touched = row["updated_at"] != read_cell("updated_at", self.trail["changes"]["updated_at"][1])
        for name, (before, after, note_before, note_after) in self.trail["changes"].items():
            if name == "updated_at":
                continue
            if self._value(name) != read_cell(name, after):
                self.kept.append(name)
                continue
            self._set(name, read_cell(name, before))
            if row["provenance"].get(name) == note_after:
                row["provenance"].pop(name, None)
                if note_before is not None:
                    row["provenance"][name] = note_before
            self.changed.add(name)
        before = read_cell("updated_at", self.trail["changes"]["updated_at"][0])
        row["updated_at"] = self.now if was_touched else before

    def _value(self, name: str) -> Any:
        row = self.winner.row
        return row["data"].get(name[5:]) if name.startswith("data.") else row[name]

    def _set(self, name: str, value: Any) -> None:
        row = self.winner.row
        if not name.startswith("data."):
            row[name] = value
        elif value is None:
            row["data"].pop(name[5:], None)
        else:
            row["data"][name[5:]] = value

    def _return_lists(self) -> None:
        joined = [(self.loser.id, n, datetime.fromisoformat(at)) for n, at in self.trail["lists"]["loser"]]
        left = []
        for number, old, new in self.trail["lists"]["winner"]:
            mine = self.winner.lists.get(number)
            if (mine.isoformat() if mine else None) != new:
                self.kept.append(f"list.{number}")
            elif old is None:
                left.append((self.winner.id, number))
            else:
                joined.append((self.winner.id, number, datetime.fromisoformat(old)))
        if joined:
            self.cursor.execute(merge_store.JOIN, columns_of(joined, 3))
        if left:
            self.cursor.execute(merge_store.LEAVE, columns_of(left, 2))

    def _return_choices(self) -> None:
        chosen = [
            (self.loser.id, category, channel, yes, datetime.fromisoformat(at), actor)
            for category, channel, yes, at, actor in self.trail["choices"]["loser"]
        ]
        forgotten = []
        for category, channel, old, new in self.trail["choices"]["winner"]:
            mine = self.winner.choices.get((category, channel))
            if (None if mine is None else [mine[0], mine[1].isoformat(), mine[2]]) != new:
                self.kept.append(f"category.{category}")
            elif old is None:
                forgotten.append((self.winner.id, category, channel))
            else:
                yes, at, actor = old
                chosen.append((self.winner.id, category, channel, yes, datetime.fromisoformat(at), actor))
        if chosen:
            self.cursor.execute(merge_store.CHOOSE, columns_of(chosen, 6))
        if forgotten:
            self.cursor.execute(merge_store.FORGET_CHOICES, columns_of(forgotten, 3))

    def _return_tombstones(self) -> None:
        ids = self.trail["tombstones"]
        self.cursor.execute(RETURN_TOMBSTONES, [self.loser.id, ids, self.winner.id])
        self.cursor.execute(RETURN_RECORDS, [self.loser.id, ids, self.winner.id])
        former = [tuple(pair) for pair in self.trail["former"]]
        self.cursor.execute(FORGET_FORMER, [*columns_of(former, 2), self.winner.id, self.record.merged_at])

    def _return_rows(self) -> dict[str, int]:
        """Rows that came from the loser, its own tombstones and its visitors."""
        self.cursor.execute(ORIGINS, [[self.loser.id, *self.trail["tombstones"]]])
        origins = [row[0] for row in self.cursor.fetchall()]
        self.cursor.execute(DROP_MOVES, [self.loser.id, self.winner.id])
        self.cursor.execute(RETURN_MOVES, [self.loser.id, origins, self.winner.id])
        budget, moved = persons.MOST_MOVED_AT_ONCE, {}
        for table in persons.registry.values():
            count = persons.return_rows(
                self.cursor, table, source=self.winner.id, target=self.loser.id, origins=origins, limit=budget
            )
            budget -= count
            if count:
                moved[table.table] = count
        PersonMove.objects.create(
            source_id=self.winner.id, target_id=self.loser.id, origins=origins, created_at=self.now
        )
        return moved

    def _close(self, moved: dict[str, int]) -> None:
        MergeRecord.objects.filter(pk=self.record.pk).update(
            undone_at=self.now, undone_by=self.actor, kept=self.kept, trail={}
        )
        details = {"loser": self.loser.id, "record": self.record.pk, "moved": moved, "kept": self.kept}
        audit.keep([(self.winner.id, details)], action=AuditAction.UNMERGED, actor=self.actor, now=self.now)
        contacts_changed.send(
            ContactsChanged(
                ids=[self.winner.id, self.loser.id], results=["updated", "unmerged"],
                changes=[frozenset(self.changed), frozenset({"state"})], now=self.now, is_muted=True,
            )
        )  # fmt: skip
        transaction.on_commit(lambda: ring("person_moves"))


def forget_trails(*, now: datetime) -> int:
    """Empty the trails of merges that can no longer be undone: they hold personal data. Returns how many."""
    over = MergeRecord.objects.filter(merged_at__lt=now - KEPT).exclude(trail={})
    return over.update(trail={})


def undoable(records: Sequence[MergeRecord], *, now: datetime) -> set[int]:
    """Ids of the records whose merge may still be undone."""
    return {record.pk for record in records if not why_not(record, now=now)}
