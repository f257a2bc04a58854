"""What the buttons of a workflow do. Each names its right; what cannot be undone asks first, with the numbers."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from cdp.ui.formatting import number as number_text
from contacts.models import Contact, ContactList, ListMember
from segments.models import Segment
from workflows.definition.problems import DefinitionRefused
from workflows.models import Refusal, Run, Workflow
from workflows.services import editing, ending, launching, operating
from workflows.services.candidates import Started

Done = tuple[bool, str]
LONGEST_PARAMS = 20_000
MOST_COUNTED = 10_000


@dataclass(frozen=True, slots=True)
class Action:
    """`ask` is the sentence of the confirming page, with `%(open)s` launches and what `about` adds; empty when nothing is
    asked. `about` answers None where the form misses what would be asked about, which `do` then says.
    """

    permission: str
    do: Callable[[HttpRequest, Workflow, str, datetime], Done]
    ask: Any = ""
    verb: Any = ""
    tab: str = ""
    about: Callable[[HttpRequest], Mapping[str, Any] | None] = lambda _request: {}


def _publish(request: HttpRequest, row: Workflow, actor: str, now: datetime) -> Done:
    version = editing.publish(
        row.pk, actor=actor, now=now, comment=request.POST.get("comment", "")[:500].replace("\0", ""),
        running=editing.MOVE if request.POST.get("running") == "move" else editing.KEEP,
        target=request.POST.get("target", "")[:64],
    )  # fmt: skip
    return True, _("Version %(number)s published.") % {"number": version.number}


def _activate(request: HttpRequest, row: Workflow, actor: str, now: datetime) -> Done:  # noqa: ARG001
    operating.activate(row.pk, actor=actor, now=now)
    return True, _("Workflow activated.")


def _deactivate(running: str, sentence: Any) -> Callable[[HttpRequest, Workflow, str, datetime], Done]:
    def do(request: HttpRequest, row: Workflow, actor: str, now: datetime) -> Done:  # noqa: ARG001
        operating.deactivate(row.pk, running=running, actor=actor, now=now)
        return True, str(sentence)

    return do


def _archive(request: HttpRequest, row: Workflow, actor: str, now: datetime) -> Done:  # noqa: ARG001
    operating.archive(row.pk, actor=actor, now=now)
    return True, _("Workflow archived. It can be brought back.")


def _unarchive(request: HttpRequest, row: Workflow, actor: str, now: datetime) -> Done:  # noqa: ARG001
    operating.unarchive(row.pk, actor=actor, now=now)
    return True, _("Workflow brought back. It is not active.")


def _restore(request: HttpRequest, row: Workflow, actor: str, now: datetime) -> Done:
    version = _number(request.POST.get("version", ""))
    if version is None or not row.versions.filter(pk=version).exists():
        return False, _("There is no such version.")
    editing.restore_version(version, revision=row.draft_revision, actor=actor, now=now)
    return True, _("The version is the draft again.")


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _contact(request: HttpRequest) -> Contact | None:
    """The one contact the words name."""
    words = request.POST.get("contact", "").strip()[:300]
    if words.isdigit():
        words = f"id:{words}"
    found = list(Contact.objects.active().search(words)[:2]) if words else []
    return found[0] if len(found) == 1 else None


def _params(request: HttpRequest) -> dict[str, Any] | None:
    """Event parameters as JSON; None when they are no object."""
    text = request.POST.get("params", "").strip()[:LONGEST_PARAMS].replace("\0", "")
    try:
        found = json.loads(text) if text else {}
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def told(started: Started, sentence: str) -> Done:
    if started.run_ids:
        return True, sentence
    words = dict(Refusal.choices)
    reasons = ", ".join(str(words.get(reason, reason)) for reason in started.refused)
    return False, _("Not started: %(why)s.") % {"why": reasons}


def _launch(request: HttpRequest, row: Workflow, actor: str, now: datetime) -> Done:
    contact, params = _contact(request), _params(request)
    if contact is None:
        return False, _("Name exactly one active contact: an id, an e-mail, a phone or extid:….")
    if params is None:
        return False, _("The parameters are no JSON object.")
    if request.POST.get("as") == "test":
        skips = request.POST.get("skip_waits") == "on"
        started = launching.launch_test(
            row.pk, contact.pk, params=params, skips_waits=skips, actor=actor, now=now
        )
        return told(started, _("Test launch started."))
    return told(
        launching.launch_for_contact(row.pk, contact.pk, params=params, now=now), _("Launch started.")
    )


def _source(request: HttpRequest) -> tuple[str, int] | None:
    """The list or segment that the form names."""
    source, _colon, number = request.POST.get("source", "").partition(":")
    found = _number(number)
    return (source, found) if source in ("list", "segment") and found is not None else None


def _crowd(request: HttpRequest) -> dict[str, Any] | None:
    """What the list or segment is called, and how many contacts it holds, at most `MOST_COUNTED` counted."""
    chosen = _source(request)
    if chosen is None:
        return None
    source, pk = chosen
    if source == "segment":
        segment = Segment.objects.filter(pk=pk).first()
        return {"name": segment.name if segment else "?", "size": number_text(segment.size if segment else 0)}
    name = ContactList.objects.filter(pk=pk).values_list("name", flat=True).first()
    held = len(ListMember.objects.filter(list_id=pk).values_list("pk")[: MOST_COUNTED + 1])
    size = f"{number_text(MOST_COUNTED)}+" if held > MOST_COUNTED else number_text(held)
    return {"name": name or "?", "size": size}


def _launch_many(request: HttpRequest, row: Workflow, actor: str, now: datetime) -> Done:
    chosen = _source(request)
    if chosen is None:
        return False, _("Choose a list or a segment.")
    launching.launch_for_many(row.pk, source=chosen[0], source_id=chosen[1], actor=actor, now=now)
    return True, _("The launch is queued; the job shows how far it is.")


def _stop_one(request: HttpRequest, row: Workflow, actor: str, now: datetime) -> Done:
    run = _number(request.POST.get("run", ""))
    known = Run.objects.filter(pk=run, workflow_id=row.pk).exists() if run is not None else False
    if run is None or not known:
        return False, _("There is no such launch.")
    count = ending.stop_runs([run], actor=actor, now=now)
    return bool(count), _("Launch stopped.") if count else _("The launch had ended already.")


LAUNCH, ACTIVATE = "workflows.launch_workflow", "workflows.activate_workflow"
ACTIONS: dict[str, Action] = {
    "publish": Action("workflows.publish_workflow", _publish),
    "activate": Action(
        ACTIVATE, _activate, gettext_lazy("New launches start as the conditions say, from now on. Messages will be sent."),
        gettext_lazy("Activate workflow"),
    ),
    "finish": Action(ACTIVATE, _deactivate("finish", gettext_lazy("Workflow deactivated. Its launches finish."))),
    "pause": Action(ACTIVATE, _deactivate("pause", gettext_lazy("Workflow paused. Its launches stand still."))),
    "stop": Action(
        ACTIVATE, _deactivate("stop", gettext_lazy("Workflow is being stopped.")),
        gettext_lazy("%(open)s launches in progress are ended. This cannot be undone."), gettext_lazy("Stop all launches"),
    ),
    "archive": Action("workflows.change_workflow", _archive),
    "unarchive": Action("workflows.change_workflow", _unarchive),
    "restore": Action("workflows.change_workflow", _restore, tab="versions"),
    "launch": Action(LAUNCH, _launch, tab="launch"),
    "launch-many": Action(
        LAUNCH, _launch_many, gettext_lazy("%(size)s contacts of “%(name)s” are launched, each once. Messages will be sent."),
        gettext_lazy("Launch for everybody"), "launch", _crowd,
    ),
    "stop-one": Action(
        LAUNCH, _stop_one, gettext_lazy("The launch is ended where it stands. This cannot be undone."),
        gettext_lazy("Stop launch"), "launches",
    ),
}  # fmt: skip


def run(request: HttpRequest, row: Workflow, name: str, *, frame: dict[str, Any]) -> HttpResponse:
    """Do one action, by POST only, after its question; answers with the page it belongs to."""
    action = ACTIONS.get(name)
    if action is None:
        raise Http404(f"no action {name[:40]}")
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    user: Any = request.user
    if not user.has_perm(action.permission):
        raise PermissionDenied(action.permission)
    back = address_of(row, action.tab)
    about = action.about(request) if action.ask and request.POST.get("sure") != "yes" else None
    if about is not None:
        kept = [
            (key, value) for key, value in request.POST.items() if key not in ("csrfmiddlewaretoken", "sure")
        ]
        count = Run.objects.filter(workflow_id=row.pk, state__in=("running", "paused"))[:10_001].count()
        context = frame | {"action": action, "ask": str(action.ask) % {"open": count, **about}, "kept": kept, "back": back,
                           "title": action.verb, "row": row}  # fmt: skip
        return render(request, "workflows/confirm.html", context)
    try:
        done, sentence = action.do(request, row, user.get_username(), datetime.now(UTC))
    except DefinitionRefused as refused:
        count = len(refused.problems)
        text = ngettext(
            "Not done: the draft has %(count)s error. %(first)s",
            "Not done: the draft has %(count)s errors. %(first)s",
            count,
        )
        messages.error(request, text % {"count": count, "first": refused.problems[0].text})
    except (operating.NotPossible, editing.DraftConflict) as error:
        messages.error(request, _("Not done: %(why)s.") % {"why": error})
    else:
        (messages.success if done else messages.error)(request, sentence)
    return HttpResponseRedirect(back)


def address_of(row: Workflow, tab: str) -> str:
    name = f"admin:workflows_workflow_{tab}" if tab else "admin:workflows_workflow_change"
    return reverse(name, args=[row.pk])
