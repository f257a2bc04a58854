"""Why launches ended, why blocks were passed or failed: codes in words, with the names of what a rule is about."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cdp.ui.seeded import seeded
from contacts.models import ContactList
from events.models import EventType
from messaging.wording import why_not
from segments.models import Segment
from workflows.definition import reading
from workflows.definition.structure import Definition, ExitRule
from workflows.models import Run, RunState, WorkflowVersion

BY_HAND = "by hand: "
RULE, EARLY = "exit:", "early_stop:"
OF_END: dict[str, Any] = {
    "contact_deleted": gettext_lazy("the contact is deleted or restricted"),
    "duplicate_after_merge": gettext_lazy("its contact was merged with another who has a launch"),
    "workflow_stopped": gettext_lazy("the workflow was stopped"),
    "overdue": gettext_lazy("it was too late to go on after the pause"),
    "block_removed": gettext_lazy("the block was removed"),
    "internal": gettext_lazy("the product failed; the step holds the error"),
}  # fmt: skip
OF_BLOCK: dict[str, Any] = {
    "chain_too_long": gettext_lazy("too many blocks without a wait"), "evaluation_error": gettext_lazy("the condition failed"),
    "invalid_time": gettext_lazy("the time cannot be read"), "invalid_value": gettext_lazy("the field takes no such value"),
    "segment_missing": gettext_lazy("the segment is gone"), "contact_not_found": gettext_lazy("the contact is gone"),
    "message_not_found": gettext_lazy("the message is gone, archived or has faults"),
    "wrong_channel": gettext_lazy("the message is of another channel"),
    "hold_expired": gettext_lazy("the allowed hours did not come in time"), "test": gettext_lazy("a test does not wait"),
    "no_answer": gettext_lazy("nobody said what became of the message"), "disabled": gettext_lazy("the block is switched off"),
    "sending": gettext_lazy("the line was lost while sending"),
}  # fmt: skip
WORDS = OF_END | OF_BLOCK
LEFT: dict[str, Any] = {
    "out:next": gettext_lazy("went on"), "out:yes": gettext_lazy("yes"), "out:no": gettext_lazy("no"),
    "out:error": gettext_lazy("left by the error exit"), "end:completed": gettext_lazy("completed"),
    "end:failed": gettext_lazy("failed"), "moved": gettext_lazy("moved"),
}  # fmt: skip
RESULTS: dict[str, Any] = {
    "skipped": gettext_lazy("skipped"), "failed": gettext_lazy("failed"), "unknown": gettext_lazy("unknown outcome"),
    "stopped": gettext_lazy("stopped"),
}  # fmt: skip
Pair = tuple[int, str]  # (version id, reason)


def tell_reasons(pairs: Iterable[Pair]) -> dict[Pair, str]:
    """The words of each reason of each version; four queries when a rule is named, else none."""
    wanted = set(pairs)
    ruled = {version for version, reason in wanted if reason.startswith(RULE)}
    rules = _rules(ruled) if ruled else {}
    names = Names(
        [rule for of_version in rules.values() for rule in of_version.values()],
        [reason.removeprefix(EARLY) for _version, reason in wanted if reason.startswith(EARLY)],
    )
    return {(version, reason): _tell(reason, rules.get(version, {}), names) for version, reason in wanted}


def tell_counts(version_id: int, counts: Mapping[str, Mapping[str, int]]) -> dict[str, list[tuple[str, int]]]:
    """How launches left, ended or fared at each block, in words; a stop by a rule is told by what it is about."""
    reasons = {what: _reason_of(what) for by_block in counts.values() for what in by_block}
    told = tell_reasons((version_id, reason) for reason in reasons.values() if reason)
    return {
        node: [
            (_fared(what, told.get((version_id, reasons[what]), "")), count)
            for what, count in sorted(by_block.items()) if what not in ("entered", "here", "end:stopped", "result:moved")
        ]
        for node, by_block in counts.items()
    }  # fmt: skip


def _reason_of(what: str) -> str:
    """`result:skipped:test` → `test`."""
    return what.split(":", 2)[2] if what.startswith("result:") and what.count(":") > 1 else ""


def _fared(what: str, why: str) -> str:
    if what.startswith("result:"):
        state = str(RESULTS.get(what.split(":")[1], what))
        return f"{state}: {why}" if why else state
    return str(LEFT.get(what, what.partition(":")[2].removeprefix("b:")))


def tell_ends(runs: Sequence[Run]) -> dict[int, str]:
    """Why launches ended, by their ids. One that came to an End says what its author wrote there."""
    told = tell_reasons((run.version_id, run.reason) for run in runs if _is_code(run))
    return {run.pk: told[run.version_id, run.reason] if _is_code(run) else run.reason for run in runs}


def _is_code(run: Run) -> bool:
    return bool(run.reason) and run.state != RunState.COMPLETED


def _rules(version_ids: Collection[int]) -> dict[int, dict[str, ExitRule]]:
    rows = WorkflowVersion.objects.filter(pk__in=version_ids).values_list("pk", "definition")
    return {pk: {rule.id: rule for rule in reading.read(body).stop.exit_rules} for pk, body in rows}


class Names:
    """Names of event types, segments and lists that rules and checks are about; three queries, none for nothing."""

    def __init__(self, rules: Collection[ExitRule], checks: Collection[str] = ()) -> None:
        keys = {key for rule in rules for key in rule.types} | set(checks)
        things = [f"{rule.segment.ref} {rule.segment.id}" for rule in rules if rule.segment is not None]
        things += checks
        self.events = _named(EventType, "key", keys)
        self.segments = _named(Segment, "pk", _numbers(things, "segment"))
        self.lists = _named(ContactList, "pk", _numbers(things, "list"))

    def rule(self, rule: ExitRule) -> str:
        """What an exit rule waits for, as a sentence."""
        if rule.segment is not None:
            return self._inside(rule.segment.ref, str(rule.segment.id))
        return self._happened(", ".join(self.events.get(key, key) for key in rule.types))

    def check(self, text: str) -> str:
        """What a check of Start found: the key of an event type, or `segment 5`."""
        kind, _space, number = text.partition(" ")
        if kind in ("segment", "list") and number.isdigit():
            return self._inside(kind, number)
        return self._happened(self.events.get(text, text))

    def _happened(self, name: str) -> str:
        return _("“%(event)s” happened") % {"event": name}

    def _inside(self, kind: str, number: str) -> str:
        known = self.segments if kind == "segment" else self.lists
        return _("the contact is in “%(segment)s”") % {"segment": known.get(number, number)}


def _numbers(things: Iterable[str], kind: str) -> set[int]:
    """Ids of one kind among texts such as `segment 5`."""
    found = [number for one, _space, number in (thing.partition(" ") for thing in things) if one == kind]
    return {int(number) for number in found if number.isascii() and number.isdigit() and len(number) < 19}


def _named(model: Any, column: str, wanted: Collection[Any]) -> dict[str, str]:
    if not wanted:
        return {}
    rows = model.objects.filter(**{f"{column}__in": wanted}).values_list(column, "name")
    return {str(key): str(seeded(name or str(key))) for key, name in rows}


def _tell(reason: str, rules: Mapping[str, ExitRule], names: Names) -> str:
    if reason.startswith(BY_HAND):
        return _("by hand: %(who)s") % {"who": reason.removeprefix(BY_HAND)}
    if reason.startswith(EARLY):
        return names.check(reason.removeprefix(EARLY))
    if reason.startswith(RULE):
        rule = rules.get(reason.removeprefix(RULE))
        return _("a condition that stops it held") if rule is None else names.rule(rule)
    return str(WORDS.get(reason) or why_not(reason))


def reason_choices(definition: Definition | None) -> list[tuple[str, str]]:
    """(value, words) for a filter: ways in which launches of a workflow end; three queries."""
    rules = definition.stop.exit_rules if definition is not None else ()
    names = Names(rules)
    found: dict[str, str] = {f"{RULE}{rule.id}": names.rule(rule) for rule in rules}
    for node in definition.nodes if definition is not None else ():
        outcome = node.data.params.get("outcome")
        if node.type == "end" and isinstance(outcome, str) and outcome:
            found[outcome] = outcome
    found[BY_HAND.strip()] = _("by hand")
    return list((found | {code: str(words) for code, words in OF_END.items()}).items())
