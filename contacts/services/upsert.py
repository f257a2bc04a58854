"""Finds or makes contacts and writes what is given: the one road of API, import, events and admin.

A batch is cut into waves in which no two inputs share an identifier; a wave is locked, decided in memory and written in
a handful of statements. Cost: about ten statements a wave, whatever its size (`python -m bench contacts`).
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import structlog
from django.db import connection, transaction

from cdp.crash import crash_point
from cdp.deadlock import retry_deadlock
from cdp.hooks import ContactsChanged, contacts_changed
from contacts.services import changes, writing
from contacts.services.addresses import announce_holders
from contacts.services.email_merging import merge_after_commit, same_email
from contacts.services.inputs import ContactInput, Outcome, Policy, Token, within_limit
from contacts.services.locking import Locked, lock, lock_present, unlocked_owners
from contacts.services.matching import Decision, decide, duplicates
from contacts.services.merging import merge_held

__all__ = ["ContactInput", "Outcome", "Policy", "Token", "upsert_contacts"]

WAVE = 10_000

log = structlog.get_logger(__name__)


@retry_deadlock
def upsert_contacts(
    inputs: Sequence[ContactInput],
    *,
    policy: Policy,
    source: str,
    actor: str,
    now: datetime,
    source_detail: str = "",
) -> list[Outcome]:
    """Resolve and write a batch in one transaction; one outcome per input, in order.

    Args:
        source: a value of `contacts.models.Source`, written on contacts made here.
        actor: who asks (a key's name, a user, an engine), kept with address statuses and provenance.

    Inputs that name nobody (no identifier, no contact id) fail with `no_identifier`; nothing here raises for bad
    people, only for a broken database.
    """
    outcomes: list[Outcome | None] = [None] * len(inputs)
    limited = [within_limit(item) for item in inputs]
    inputs = [item for item, _ in limited]
    beyond = {place: tokens for place, (_, tokens) in enumerate(limited) if tokens}
    batch = _Batch(inputs, outcomes, policy, source, source_detail, actor, now, beyond)
    with transaction.atomic():
        waves = split_waves(inputs, outcomes)
        if len(waves) > 1:
            with connection.cursor() as cursor:
                lock_present(cursor, inputs)
        for wave in waves:
            for start in range(0, len(wave), WAVE):
                remaining = wave[start : start + WAVE]
                while remaining:
                    remaining = batch.run(remaining)
        batch.announce()
        crash_point("upsert_before_commit")
    return [
        batch.settled(outcome or Outcome(None, "failed", "no_identifier", "no identifier given"))
        for outcome in outcomes
    ]


def split_waves(inputs: Sequence[ContactInput], outcomes: list[Outcome | None]) -> list[list[int]]:
    """Positions of inputs, cut so that no two in a wave share an identifier and order is kept where they do."""
    last: dict[tuple[str, str | int], int] = {}
    waves: list[list[int]] = []
    for position, item in enumerate(inputs):
        names: list[tuple[str, Any]] = [*item.owned_keys(), *item.addresses()]
        if item.contact_id is not None:
            names.append(("id", item.contact_id))
        fields = [kind for kind in item.dedupe or () if kind.startswith("field:")]
        names.extend((kind, str(item.data.get(kind.removeprefix("field:")))) for kind in fields)
        if not names:
            outcomes[position] = Outcome(None, "failed", "no_identifier", "no identifier given")
            continue
        wave = max(last.get(name, -1) for name in names) + 1
        for name in names:
            last[name] = wave
        if wave == len(waves):
            waves.append([])
        waves[wave].append(position)
    return waves


def _leave_unlocked(cursor: Any, locked: Locked, decisions: Sequence[Decision]) -> None:
    """Whoever gained a key while we waited is not merged now: only the token of the request moves."""
    strays = {stray for decision in decisions for stray in decision.absorb}
    if not strays:
        return
    grown = unlocked_owners(cursor, locked, sorted(strays))
    for decision in decisions:
        decision.absorb = {stray: kind for stray, kind in decision.absorb.items() if stray not in grown}


class _Batch:
    """One call's state across its waves."""

    def __init__(
        self, inputs: Sequence[ContactInput], outcomes: list[Outcome | None], policy: Policy, source: str,
        source_detail: str, actor: str, now: datetime, beyond: dict[int, list[Token]],
    ) -> None:  # fmt: skip
        self.inputs = inputs
        self.outcomes = outcomes
        self.policy = policy
        self.source = source
        self.source_detail = source_detail
        self.actor = actor
        self.now = now
        self.beyond = beyond  # by position: tokens too many to identify anybody
        self.origin = [int(now.timestamp()), source, actor]
        self.new_status = "unconfirmed" if policy is Policy.SUBSCRIBE else "active"
        self.touched: dict[int, tuple[str, frozenset[str]]] = {}
        self.into: dict[int, int] = {}  # contacts merged on the way
        self.reconfirmed: list[tuple[str, str]] = []
        self.alike: list[tuple[int, int]] = []  # the person of an input, another contact with its e-mail

    def run(self, wave: list[int]) -> list[int]:
        """Do one wave; returns the positions put off because another input of the wave means the same contact."""
        items = [self.inputs[position] for position in wave]
        with connection.cursor() as cursor:
            locked = lock(cursor, items, now=self.now, new_status=self.new_status, actor=self.actor)
            plan = writing.Plan(now=self.now, source=self.source, actor=self.actor)
            decisions = [decide(item, self.policy, locked.known) for item in items]
            _leave_unlocked(cursor, locked, decisions)
            taken: set[int] = set()
            put_off = []
            for index, (position, item) in enumerate(zip(wave, items, strict=True)):
                decision = decisions[index]
                person_id = decision.target or decision.take_id
                others = {*decision.attach, *decision.absorb}
                if person_id in taken or not taken.isdisjoint(others):
                    put_off.append(position)
                    plan.unused(item, locked, index)
                    continue
                taken.update(others)
                if person_id is not None:
                    taken.add(person_id)
                outcome = self.outcomes[position] = self._plan_one(item, decision, locked, index, plan)
                if position in self.beyond and outcome.contact_id is not None:
                    self._note_beyond(position, outcome.contact_id, plan)
            plan.write(cursor)
            self._merge(cursor, plan)
        for person_id, word in plan.words():
            self._touch(self.into.get(person_id, person_id), "updated", frozenset({word}))
        self.reconfirmed.extend(plan.reconfirmed)
        return put_off

    def _note_beyond(self, position: int, person_id: int, plan: writing.Plan) -> None:
        """Tokens beyond the limit are kept among the person's former identifiers, and warned of."""
        beyond = self.beyond[position]
        plan.former.extend((person_id, token.kind, token.value, "over_limit", None) for token in beyond)
        log.warning("identifiers_over_limit", person=person_id, count=len(beyond), actor=self.actor)

    def _merge(self, cursor: Any, plan: writing.Plan) -> None:
        """Merge the contacts known by nothing but a token of somebody else's request into that person."""
        by_kind: dict[str, list[tuple[int, int]]] = {}
        for loser, (winner, kind) in plan.absorbed.items():
            by_kind.setdefault(kind, []).append((winner, loser))
            self.into[loser] = winner
            self.touched.pop(loser, None)
        for kind, pairs in sorted(by_kind.items()):
            held = sorted({one for pair in pairs for one in pair})
            merge_held(cursor, pairs, held=held, reason="", actor=self.actor, now=self.now, matched_by=kind)

    def settled(self, outcome: Outcome) -> Outcome:
        """An outcome whose contact was merged by a later input of the batch means the contact that is left."""
        while outcome.contact_id in self.into:
            outcome.contact_id = self.into[outcome.contact_id]
        return outcome

    def _plan_one(
        self, item: ContactInput, decision: Decision, locked: Locked, index: int, plan: writing.Plan
    ) -> Outcome:
        if decision.failure is not None:
            plan.unused(item, locked, index)
            result, code, message = decision.failure
            return Outcome(decision.target, result, code, message)
        if decision.target is None and not (item.owned_keys() or item.addresses()):
            return Outcome(
                None, "failed", "no_identifier", "nobody has this value, and no identifier is given"
            )
        status_before = locked.statuses.get(("email", item.email_norm or ""), "")
        for stray, kind in decision.absorb.items():
            person_id = decision.target or decision.take_id or locked.reserved[index]
            plan.absorbed[stray] = (person_id, kind)
        if decision.target is None:
            return self._plan_new(item, decision, locked, index, plan, status_before)
        person = locked.known.people[decision.target]
        change = changes.apply(item, person, policy=self.policy, now=self.now, origin=self.origin)
        if decision.restore:
            person.state = "active"
            person.updated_at = self.now
            change.changed.add("state")
        claims = plan.claim(item, locked, index, person, self.policy)
        if self.policy is Policy.SUBSCRIBE or item.only is not None:
            plan.forget_untaken(item, locked, person)
        plan.attach.extend((visitor, person.id) for visitor in decision.attach)
        if change.changed:
            plan.changed.append(change)
        if self.policy is Policy.SUBSCRIBE:
            plan.reconfirm(item, locked, person)
        plan.lists(item, person.id)
        result = "restored" if decision.restore else "updated" if change.changed or claims else "unchanged"
        self._touch(person.id, result, frozenset(change.changed))
        self.alike += same_email(item, person, locked.known, self.policy, status_before)
        return Outcome(
            person.id, result, email_status_before=status_before, merged=tuple(decision.absorb),
            duplicates=duplicates(item, person.id, locked.known),
        )  # fmt: skip

    def _plan_new(
        self,
        item: ContactInput,
        decision: Decision,
        locked: Locked,
        index: int,
        plan: writing.Plan,
        status_before: str,
    ) -> Outcome:
        person_id = decision.take_id or locked.reserved[index]
        person = changes.new_person(item, person_id=person_id, now=self.now)
        plan.claim(item, locked, index, person, self.policy, is_new=True)
        plan.attach.extend((visitor, person_id) for visitor in decision.attach)
        if item.as_visitor:
            plan.visitors.append(person)
            return Outcome(person_id, "visitor")
        if decision.take_id is not None:
            plan.promoted.append(person_id)
        plan.created.append((person, item.source_detail or self.source_detail))
        if self.policy is Policy.SUBSCRIBE:
            plan.reconfirm(item, locked, person)
        plan.lists(item, person_id)
        self._touch(person_id, "created", frozenset({"created"}))
        self.alike += same_email(item, person, locked.known, self.policy, status_before)
        return Outcome(
            person_id, "created", email_status_before=status_before, merged=tuple(decision.absorb),
            duplicates=duplicates(item, person_id, locked.known),
        )  # fmt: skip

    def _touch(self, person_id: int, result: str, changed: frozenset[str]) -> None:
        before = self.touched.get(person_id)
        if before is None:
            if result != "unchanged":
                self.touched[person_id] = (result, changed)
        else:
            self.touched[person_id] = (before[0], before[1] | changed)

    def announce(self) -> None:
        if self.touched:
            contacts_changed.send(
                ContactsChanged(
                    ids=list(self.touched),
                    results=[result for result, _ in self.touched.values()],
                    changes=[changed for _, changed in self.touched.values()],
                    now=self.now,
                )
            )
        announce_holders(self.reconfirmed, now=self.now)
        merge_after_commit(self.alike, actor=self.actor, now=self.now)
