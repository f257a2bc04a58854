"""Starts launches: the checks of the product document 2.4 in their order, for a batch; every refusal is tallied.

The workflows of a batch are locked first, so that the checks of one workflow are made by one transaction at a time, and
a workflow that was deactivated starts nothing more. Unique keys stand behind the checks all the same.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import uuid_utils
from django.db import connection
from psycopg.types.json import Jsonb

from cdp.api.moments import read_moment
from contacts.services.upsert import Policy, upsert_contacts
from events.models import EventFlag
from workflows.blocks.lookups import read_contacts
from workflows.definition import conditions
from workflows.definition.conditions import Subject
from workflows.definition.durations import add_wait, read_duration
from workflows.definition.structure import Wait
from workflows.models import Refusal, Run, Workflow, WorkflowStatus
from workflows.services.candidates import (
    Candidate,
    Started,
    contact_of,
    first_context,
    identity_rules,
    subject_of_start,
)
from workflows.services.candidates import Subject as StartSubject
from workflows.services.compiled import Compiled, compiled_version
from workflows.services.journal import Journal

LOCK_CONTACTS = """
SELECT id FROM contacts_contact WHERE id = ANY(%s) AND state = 'active' AND NOT is_restricted ORDER BY id FOR SHARE
"""
# One row a subject and statement, oldest signal first: the window slides from the last start that was accepted.
RESERVE = """
INSERT INTO workflows_start (workflow_id, person_id, digest, last_at)
SELECT u.workflow_id, u.person_id, u.digest, u.at
FROM unnest(%(workflows)s::bigint[], %(people)s::bigint[], %(digests)s::bytea[], %(ats)s::timestamptz[], %(windows)s::interval[])
    AS u (workflow_id, person_id, digest, at, span)
ORDER BY 1, 2, 3
ON CONFLICT (workflow_id, person_id, digest) DO UPDATE SET last_at = excluded.last_at
WHERE workflows_start.last_at + (
    SELECT w.span FROM unnest(%(workflows)s::bigint[], %(windows)s::interval[]) AS w (workflow_id, span)
    WHERE w.workflow_id = excluded.workflow_id LIMIT 1
) <= excluded.last_at
RETURNING workflow_id, person_id, digest
"""
LAST = """
SELECT s.workflow_id, s.person_id, s.digest, s.last_at FROM workflows_start s
JOIN unnest(%s::bigint[], %s::bigint[], %s::bytea[]) AS u (workflow_id, person_id, digest)
  ON s.workflow_id = u.workflow_id AND s.person_id = u.person_id AND s.digest = u.digest
"""
INSERT = """
INSERT INTO workflows_run (uid, workflow_id, version_id, person_id, state, node, number, entered_at, wake_at, context, sent,
                           start_kind, event_id, event_key, solo_id, is_test, skips_waits, has_errors, started_at, reason)
SELECT u.uid, u.workflow_id, u.version_id, u.person_id, 'running', u.node, 1, %(now)s, %(now)s, u.context, '[]',
       u.kind, u.event_id, u.event_key, u.solo_id, u.is_test, u.skips, false, %(now)s, ''
FROM unnest(%(uids)s::uuid[], %(workflows)s::bigint[], %(versions)s::bigint[], %(people)s::bigint[], %(nodes)s::text[],
            %(contexts)s::jsonb[], %(kinds)s::text[], %(events)s::uuid[], %(keys)s::text[], %(solos)s::bigint[],
            %(tests)s::bool[], %(skips)s::bool[])
    AS u (uid, workflow_id, version_id, person_id, node, context, kind, event_id, event_key, solo_id, is_test, skips)
ON CONFLICT DO NOTHING
RETURNING uid::text, id
"""
FOREVER = "1000 years"


def start_runs(candidates: Sequence[Candidate], journal: Journal) -> Started:
    """Start what may start, in the caller's transaction; candidates of one subject are taken in their order."""
    starter = _Starter(journal)
    left = starter.lock(candidates)
    left = starter.check_events(left)
    left = starter.check_contacts(left)
    starter.insert(starter.reserve(left))
    return starter.started


class _Starter:
    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.now = journal.now
        self.started = Started()
        self.workflows: dict[int, Workflow] = {}
        self.room: dict[int, int | None] = {}

    def refuse(self, one: Candidate, reason: str) -> None:
        self.journal.refuse(one.workflow_id, one.person_id, one.event_id, reason)
        self.started.refused[reason] += 1

    def compiled(self, one: Candidate) -> Compiled:
        version = one.version_id or self.workflows[one.workflow_id].version_id
        if version is None:
            raise LookupError(f"workflow {one.workflow_id} has no version")
        return compiled_version(version)

    def lock(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Lock the workflows in id order; refuse what is not active, past its stop date or number."""
        ids = sorted({one.workflow_id for one in candidates})
        rows = Workflow.objects.filter(pk__in=ids).order_by("pk").select_for_update(no_key=True)
        self.workflows = {row.pk: row for row in rows.defer("draft")}
        left = []
        for one in candidates:
            row = self.workflows.get(one.workflow_id)
            if row is None:
                continue
            if one.kind == "event" and row.status != WorkflowStatus.ACTIVE:
                self.refuse(one, Refusal.NOT_ACTIVE)
            elif not one.is_test and self._is_over(row):
                self.refuse(one, Refusal.OVER)
            else:
                left.append(one)
        return left

    def _is_over(self, row: Workflow) -> bool:
        if row.version_id is None:
            return False
        stop = compiled_version(row.version_id).definition.stop
        at = read_moment(stop.at, UTC) if stop.at is not None else None
        if stop.after_launches is not None:
            self.room[row.pk] = max(0, stop.after_launches - row.launched)
        return (at is not None and at <= self.now) or self.room.get(row.pk) == 0

    def check_events(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Age, then the conditions on parameters; then events that started the workflow already."""
        left = []
        for one in candidates:
            reason = self._event_fault(one) if one.kind == "event" else ""
            if reason:
                self.refuse(one, reason)
            else:
                left.append(one)
        events = {one.event_id for one in left if one.event_id is not None}
        if not events:
            return left
        known = {
            (workflow, str(event))
            for workflow, event in Run.objects.filter(event_id__in=events).values_list(
                "workflow_id", "event_id"
            )
        }
        fresh = []
        for one in left:
            if (one.workflow_id, one.event_id) in known:
                self.refuse(one, Refusal.DUPLICATE)
            else:
                fresh.append(one)
        return fresh

    def _event_fault(self, one: Candidate) -> str:
        compiled = self.compiled(one)
        start = compiled.definition.start
        if one.flags & EventFlag.PAST:
            return Refusal.PAST
        most = read_duration(start.max_event_age)
        if one.received_at is not None and most is not None and one.received_at - one.at > most:
            return Refusal.LATE
        tree = compiled.event_filter
        if tree is not None and not conditions.evaluate(tree, Subject(one.params, {}, {}), now=self.now):
            return Refusal.FILTER
        return ""

    def check_contacts(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Find or make the contacts, hold them, and apply the conditions on them."""
        candidates = self._identify(candidates)
        ids = sorted({one.person_id for one in candidates})
        with connection.cursor() as cursor:
            cursor.execute(LOCK_CONTACTS, [ids])
            usable = {row[0] for row in cursor.fetchall()}
        asked = [one.person_id for one in candidates if self.compiled(one).contact_filter is not None]
        contacts = read_contacts(asked) if asked else {}
        left = []
        for one in candidates:
            tree = self.compiled(one).contact_filter
            contact = contacts.get(one.person_id) or {}
            subject = Subject(one.params, contact, contact.get("data") or {})
            if one.person_id not in usable:
                self.refuse(one, Refusal.CONTACT_GONE)
            elif (
                tree is not None and not one.is_test and not conditions.evaluate(tree, subject, now=self.now)
            ):
                self.refuse(one, Refusal.CONTACT_FILTER)
            else:
                left.append(one)
        return left

    def _identify(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Persons of events that are no contacts become contacts, when the event names one (product document, 13.2)."""
        known = read_contacts(one.person_id for one in candidates).keys()
        unknown = [one for one in candidates if one.person_id not in known]
        if not unknown:
            return list(candidates)
        rules = identity_rules()
        inputs = [contact_of(one, rules) for one in unknown]
        outcomes = upsert_contacts(
            [item for item in inputs if item is not None], policy=Policy.EVENT, source="event", actor="workflows",
            now=self.now,
        )  # fmt: skip
        answers = iter(outcomes)
        made: dict[int, int | None] = {}
        for place, item in enumerate(inputs):
            made[place] = next(answers).contact_id if item is not None else None
        found = {id(one): made[place] for place, one in enumerate(unknown)}
        left = []
        for one in candidates:
            person_id = found.get(id(one), one.person_id)
            if person_id is None:
                self.refuse(one, Refusal.NO_CONTACT)
            else:
                left.append(one if person_id == one.person_id else replace(one, person_id=person_id))
        return left

    def reserve(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """No launch in progress, and unique: in waves of one candidate a contact and subject, oldest first."""
        accepted: list[Candidate] = []
        open_runs = self._open_runs(candidates)
        last: dict[StartSubject, datetime] = {}
        left = list(candidates)
        while left:
            wave: list[Candidate] = []
            later: list[Candidate] = []
            taken: set[Any] = set()
            for one in left:
                reason, names = self._blocked(one, open_runs, last)
                if reason:
                    self.refuse(one, reason)
                elif taken.isdisjoint(names):
                    taken.update(names)
                    wave.append(one)
                else:
                    later.append(one)
            won = self._reserve_wave(wave, last)
            accepted += won
            open_runs.update((one.workflow_id, one.person_id) for one in won)
            left = later
        return accepted

    def _open_runs(self, candidates: Sequence[Candidate]) -> set[tuple[int, int]]:
        bars = [one for one in candidates if self._bars(one)]
        rows = Run.objects.filter(
            person_id__in={one.person_id for one in bars}, workflow_id__in={one.workflow_id for one in bars},
            state__in=("running", "paused"), is_test=False,
        )  # fmt: skip
        return set(rows.values_list("workflow_id", "person_id")) if bars else set()

    def _bars(self, one: Candidate) -> bool:
        return not one.is_test and self.compiled(one).definition.start.skip_if_in_progress

    def _guarded(self, one: Candidate) -> StartSubject | None:
        """What the start is unique by; None when each one starts. Starts by hand are asked for one by one."""
        if one.kind != "event":
            return None
        unique = self.compiled(one).definition.start.unique
        return subject_of_start(unique, one.workflow_id, one.person_id, one.key)

    def _blocked(
        self, one: Candidate, open_runs: set[tuple[int, int]], last: dict[StartSubject, datetime]
    ) -> tuple[str, list[Any]]:
        """The reason to refuse, or else what no other candidate of the wave may share."""
        names: list[Any] = []
        room = self.room.get(one.workflow_id)
        if room is not None and not one.is_test:
            names.append(("room", one.workflow_id))
            if room <= 0:
                return Refusal.OVER, []
        if self._bars(one):
            if (one.workflow_id, one.person_id) in open_runs:
                return Refusal.IN_PROGRESS, []
            names.append(("person", one.workflow_id, one.person_id))
        subject = self._guarded(one)
        if subject is not None:
            if subject in last and not self._is_past(one, last[subject]):
                return Refusal.NOT_UNIQUE, []
            names.append(("subject", subject))
        return "", names

    def _is_past(self, one: Candidate, last_at: datetime) -> bool:
        unique = self.compiled(one).definition.start.unique
        return (
            unique.mode == "once_in" and add_wait(last_at, Wait(n=unique.n, unit=unique.unit), UTC) <= one.at
        )

    def _reserve_wave(self, wave: Sequence[Candidate], last: dict[StartSubject, datetime]) -> list[Candidate]:
        subjects = {id(one): self._guarded(one) for one in wave}
        guarded = [(one, subject) for one in wave if (subject := subjects[id(one)]) is not None]
        won: set[StartSubject] = set()
        if guarded:
            columns = [[subject[place] for _, subject in guarded] for place in range(3)]
            with connection.cursor() as cursor:
                cursor.execute(RESERVE, {
                    "workflows": columns[0], "people": columns[1], "digests": columns[2],
                    "ats": [one.at for one, _ in guarded], "windows": [self._window(one) for one, _ in guarded],
                })  # fmt: skip
                won = {(row[0], row[1], bytes(row[2])) for row in cursor.fetchall()}
                cursor.execute(LAST, columns)
                last.update({(row[0], row[1], bytes(row[2])): row[3] for row in cursor.fetchall()})
        accepted = []
        for one in wave:
            subject = subjects[id(one)]
            if subject is not None and subject not in won:
                self.refuse(one, Refusal.NOT_UNIQUE)
                continue
            accepted.append(one)
            if self.room.get(one.workflow_id) is not None and not one.is_test:
                self.room[one.workflow_id] = (self.room[one.workflow_id] or 0) - 1
        return accepted

    def _window(self, one: Candidate) -> str:
        unique = self.compiled(one).definition.start.unique
        return FOREVER if unique.mode == "once" else f"{unique.n} {unique.unit}"

    def insert(self, accepted: Sequence[Candidate]) -> None:
        if not accepted:
            return
        uids = [str(uuid_utils.uuid7()) for _ in accepted]
        compiled = [self.compiled(one) for one in accepted]
        with connection.cursor() as cursor:
            cursor.execute(INSERT, {
                "now": self.now, "uids": uids, "workflows": [one.workflow_id for one in accepted],
                "versions": [version.version_id for version in compiled], "people": [one.person_id for one in accepted],
                "nodes": [version.start.node.id for version in compiled],
                "contexts": [Jsonb(first_context(one)) for one in accepted], "kinds": [one.kind for one in accepted],
                "events": [one.event_id for one in accepted], "keys": [one.key for one in accepted],
                "solos": [one.person_id if self._bars(one) else None for one in accepted],
                "tests": [one.is_test for one in accepted], "skips": [one.skips_waits for one in accepted],
            })  # fmt: skip
            made = dict(cursor.fetchall())
        self._count(accepted, uids, compiled, made)

    def _count(
        self,
        accepted: Sequence[Candidate],
        uids: Sequence[str],
        compiled: Sequence[Compiled],
        made: dict[str, int],
    ) -> None:
        launched: Counter[int] = Counter()
        for one, uid, version in zip(accepted, uids, compiled, strict=True):
            if uid not in made:
                self.refuse(one, Refusal.DUPLICATE)
                continue
            self.started.run_ids.append(made[uid])
            self.journal.count(version.version_id, version.start.node.id, "entered", is_test=one.is_test)
            if not one.is_test:
                launched[one.workflow_id] += 1
                self.journal.starts[one.workflow_id, ""] += 1
        for workflow_id, count in sorted(launched.items()):
            row = self.workflows[workflow_id]
            row.launched += count
            row.save(update_fields=["launched"])
