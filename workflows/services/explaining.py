"""Why did it not start? One contact, one workflow, an answer in words: the checks of a start gone through in their order."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Sum
from django.utils.translation import gettext as _

from cdp.ui.formatting import spoken
from contacts.models import Contact, ContactState
from events.models import Event, EventFlag, EventType
from workflows.blocks.lookups import read_contacts
from workflows.definition import conditions
from workflows.definition.conditions import Subject
from workflows.definition.durations import add_wait, read_duration
from workflows.definition.structure import Unique, Wait
from workflows.models import (
    Refusal,
    Run,
    Signal,
    StartGuard,
    StartRefusal,
    StartTally,
    Workflow,
    WorkflowStatus,
)
from workflows.services.candidates import subject_of_start
from workflows.services.compiled import Compiled, compiled_version

LOOKED_BACK = timedelta(days=90)
MOST_EVENTS = 20


@dataclass(slots=True)
class Answer:
    """`text` is the sentence; `checks` what was looked at, each with whether it lets a launch start."""

    text: str = ""
    run: Run | None = None
    event: Event | None = None
    checks: list[tuple[bool, str]] = field(default_factory=list)

    def add(self, fits: bool, text: str) -> None:
        self.checks.append((fits, text))
        if not fits and not self.text:
            self.text = text


def explain_start(workflow_id: int, contact_id: int, *, event_id: str | None = None, now: datetime) -> Answer:
    """The answer for the newest event of the starting type that the contact had, or for one event.

    Raises:
        Workflow.DoesNotExist: there is no such workflow.
    """
    row = Workflow.objects.select_related("version").get(pk=workflow_id)
    answer = Answer()
    _about_workflow(answer, row)
    if row.version_id is None:
        return answer
    compiled = compiled_version(row.version_id)
    contact = Contact.objects.filter(pk=contact_id).first()
    _about_contact(answer, contact, compiled, now=now)
    if compiled.definition.start.event is None:
        answer.add(False, _("Nothing starts this workflow but a launch by hand."))
        return answer
    event = _event(compiled, contact_id, event_id, now)
    answer.event = event
    if event is None:
        text = _("This contact had no event “%(type)s” in the last %(days)s days.")
        answer.add(False, text % {"type": compiled.definition.start.event.type, "days": LOOKED_BACK.days})
        return answer
    answer.run = Run.objects.filter(workflow_id=workflow_id, event_id=event.pk).first()
    if answer.run is not None:
        started = spoken(answer.run.started_at, now=now)
        answer.text = _("It did start: the event of %(event)s began a launch %(started)s.") % {
            "event": spoken(event.event_at, now=now), "started": started,
        }  # fmt: skip
        return answer
    _about_event(answer, row, compiled, event, now=now)
    _about_other_launches(answer, compiled, contact_id, event, now=now)
    _about_records(answer, row, contact_id, event, now=now)
    return answer


def _about_workflow(answer: Answer, row: Workflow) -> None:
    if row.version_id is None:
        answer.add(False, _("The workflow was never published: its draft has errors."))
    elif row.status != WorkflowStatus.ACTIVE:
        text = _("The workflow is not active now (%(status)s); only an active one starts by events.")
        answer.add(False, text % {"status": row.get_status_display()})
    else:
        answer.add(True, _("The workflow is active."))


def _about_contact(answer: Answer, contact: Contact | None, compiled: Compiled, *, now: datetime) -> None:
    if contact is None:
        answer.add(False, _("There is no contact with this id."))
        return
    if contact.state != ContactState.ACTIVE or contact.is_restricted:
        answer.add(False, _("The contact is deleted or restricted."))
        return
    tree = compiled.contact_filter
    if tree is None:
        return
    values = read_contacts([contact.pk])[contact.pk]
    seen: list[conditions.Seen] = []
    fits = conditions.evaluate(tree, Subject({}, values, values["data"]), now=now, seen=seen)
    text = (
        _("The contact fits the conditions.")
        if fits
        else _("The contact does not fit the conditions: %(seen)s.")
    )
    answer.add(fits, text % {"seen": _in_words(seen)} if not fits else text)


def _in_words(seen: list[conditions.Seen]) -> str:
    """The conditions that did not hold, with the values they saw."""
    missing = [one for one in seen if not one.verdict]
    words = []
    for one in missing[:5]:
        value = _("nothing") if one.value is None else f"“{one.value}”"
        right = "" if one.leaf.right is None else f" {one.leaf.right}"
        words.append(_("%(left)s is %(value)s, wanted %(wanted)s") % {
            "left": one.leaf.left, "value": value, "wanted": one.leaf.op.replace("_", " ") + right,
        })  # fmt: skip
    return "; ".join(words)


def _event(compiled: Compiled, contact_id: int, event_id: str | None, now: datetime) -> Event | None:
    """The event asked about, else the newest of the starting type."""
    start = compiled.definition.start.event
    kind = EventType.objects.filter(key=start.type).first() if start is not None else None
    if kind is None:
        return None
    rows = Event.objects.filter(person_id=contact_id, event_type_id=kind.pk, event_at__gte=now - LOOKED_BACK)
    if event_id is not None:
        rows = rows.filter(pk=event_id)
    return rows.order_by("-event_at").first()


def _about_event(answer: Answer, row: Workflow, compiled: Compiled, event: Event, *, now: datetime) -> None:
    when = spoken(event.event_at, now=now)
    if Signal.objects.filter(event_id=event.pk).exists():
        answer.add(False, _("The event of %(when)s still waits to be looked at.") % {"when": when})
    if event.flags & EventFlag.PAST:
        answer.add(
            False, _("The event of %(when)s was loaded as history, which starts nothing.") % {"when": when}
        )
    most = read_duration(compiled.definition.start.max_event_age)
    if most is not None and event.received_at - event.event_at > most:
        answer.add(False, _("The event of %(when)s was too old when it arrived.") % {"when": when})
    if row.version is not None and event.received_at < row.version.created_at:
        answer.add(
            False, _("The event of %(when)s came before the present version was published.") % {"when": when}
        )
    tree = compiled.event_filter
    if tree is None:
        return
    seen: list[conditions.Seen] = []
    fits = conditions.evaluate(tree, Subject(event.params, {}, {}), now=now, seen=seen)
    if fits:
        answer.add(True, _("The parameters of the event of %(when)s fit.") % {"when": when})
    else:
        text = _("The parameters of the event of %(when)s do not fit: %(seen)s.")
        answer.add(False, text % {"when": when, "seen": _in_words(seen)})


def _about_other_launches(
    answer: Answer, compiled: Compiled, contact_id: int, event: Event, *, now: datetime
) -> None:
    start = compiled.definition.start
    if start.skip_if_in_progress:
        others = Run.objects.filter(
            workflow_id=compiled.workflow_id, person_id=contact_id, is_test=False, started_at__lte=event.processed_at,
        )  # fmt: skip
        open_then = next(
            (
                run
                for run in others.order_by("-started_at")[:MOST_EVENTS]
                if run.ended_at is None or run.ended_at > event.received_at
            ),
            None,
        )
        if open_then is not None:
            text = _("A launch of this contact, begun %(when)s, was in progress.")
            answer.add(False, text % {"when": spoken(open_then.started_at, now=now)})
    subject = subject_of_start(start.unique, compiled.workflow_id, contact_id, event.key_value)
    guard = None
    if subject is not None:
        guard = StartGuard.objects.filter(
            workflow_id=subject[0], person_id=subject[1], digest=subject[2]
        ).first()
    if guard is not None and not _is_past(start.unique, guard.last_at, event.event_at):
        by = _("this event key") if start.unique.by == "key" else _("this contact")
        again = _("It starts only once.")
        if start.unique.mode == "once_in":
            due = add_wait(guard.last_at, Wait(n=start.unique.n, unit=start.unique.unit), UTC)
            again = _("An event from %(when)s on starts it again.") % {"when": spoken(due, now=now)}
        text = _("It was started for %(by)s %(when)s. %(again)s")
        answer.add(False, text % {"by": by, "when": spoken(guard.last_at, now=now), "again": again})


def _is_past(unique: Unique, last_at: datetime, at: datetime) -> bool:
    return unique.mode == "once_in" and add_wait(last_at, Wait(n=unique.n, unit=unique.unit), UTC) <= at


def _about_records(answer: Answer, row: Workflow, contact_id: int, event: Event, *, now: datetime) -> None:
    """What was noted when the signal was looked at; it decides over what can be seen now."""
    refusals = StartRefusal.objects.filter(workflow_id=row.pk, person_id=contact_id)
    noted = refusals.filter(event_id=event.pk).order_by("-pk").first()
    if noted is not None:
        words = dict(Refusal.choices)
        text = _("The event of %(when)s was refused: %(why)s.")
        said = text % {"when": spoken(event.event_at, now=now), "why": words.get(noted.reason, noted.reason)}
        details = [one for fits, one in answer.checks if not fits]
        answer.checks.append((False, said))
        answer.text = f"{said} {details[0]}" if details else said
    elif not answer.text:
        answer.text = _(
            "Nothing of this event was noted. The workflow was not active when it came, or the note is older than the "
            "newest thousand."
        )


def summary(workflow_id: int, *, since: datetime) -> list[tuple[str, Any, int]]:
    """(reason, in words, count) of refused starts since a day, most first."""
    rows = (
        StartTally.objects.filter(workflow_id=workflow_id, day__gte=since.date()).exclude(reason="")
        .values_list("reason").annotate(total=Sum("count")).order_by("-total")
    )  # fmt: skip
    words = dict(Refusal.choices)
    return [(reason, words.get(reason, reason), total) for reason, total in rows]
