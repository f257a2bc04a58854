"""What is wrong with a workflow is told in the reader's language; where nobody reads, in English."""

import html
import json

import msgspec
import pytest
from django.core.management import CommandError, call_command
from django.utils import translation

from tests.cdp.test_translations import CYRILLIC
from tests.workflows.flows import HOUR, NOW, document, edge, node, row_of, workflow
from workflows.definition import reading
from workflows.definition.problems import DefinitionRefused
from workflows.definition.structure import Definition, Settings
from workflows.definition.wording import in_words
from workflows.models import Workflow
from workflows.services.validation import validate

BASE = "/admin/workflows/workflow/"
A_CONDITION = node("condition", "b", tree={"left": "event.x", "op": "is_set"})
CIRCLE = document(
    [node("start"), node("checkpoint", "a", name="a"), A_CONDITION],
    [edge("n_start", "a"), edge("a", "b"), edge("b", "a", "no")],
)


def saved(client, body: dict | str) -> str:
    text = body if isinstance(body, str) else json.dumps(body)
    row = Workflow.objects.get()
    sent = {"definition": text, "revision": row.draft_revision}
    return html.unescape(client.post(f"{BASE}{row.pk}/save/", sent, follow=True).text)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("body", "english", "other"),
    [
        (row_of(node("timer")), "needs a wait time, or a time to wait until", "потрібен час очікування або час, до якого чекати"),
        (row_of(node("timer", wait=HOUR, until={"time": "8"})), "'8' is no time such as 08:45", "«8» не є часом, як-от 08:45"),
        (
            row_of(node("contact.segment_add", segment={"ref": "message", "id": 1})),
            "must be a list, not 'message'", "має бути списком, а не «message»",
        ),
        (
            row_of(node("contact.segment_add", segment={"ref": "list", "id": 99})),
            "there is no list 99; it was deleted or never made", "немає списку 99; його видалено або ніколи не було",
        ),
        (CIRCLE, "leads in a circle without a wait: a → b → a", "веде по колу без очікування: a → b → a"),
        (
            row_of(node("condition", tree={"left": "event.x", "op": "eq", "right": "${y"})),
            "a variable begins with ${ and has no end", "змінна починається з ${ і не має кінця",
        ),
        ('{"name": "x", "colour": 1}', "Object contains unknown field `colour`", "Невідоме поле `colour`"),
        ("[]", "a workflow is a JSON object", "сценарій має бути об’єктом JSON"),
    ],
)  # fmt: skip
def test_it_works(admin_client, ukrainian, body, english, other):
    workflow(row_of(node("timer", wait=HOUR)))
    page = saved(ukrainian, body)
    assert other in page
    assert english not in page
    page = saved(admin_client, body)
    assert english in page
    assert other not in page


@pytest.mark.django_db
def test_a_refusal_says_its_first_problem_in_the_readers_language(ukrainian):
    flow = workflow(row_of(node("timer", wait=HOUR)), is_active=False)
    saved(ukrainian, row_of(node("timer")))
    page = ukrainian.post(f"{BASE}{flow.pk}/do/publish/", {"sure": "yes"}, follow=True).text
    assert "Не виконано: у чернетці 1 помилка. потрібен час очікування" in page
    Workflow.objects.update(status="archived")
    page = ukrainian.post(f"{BASE}{flow.pk}/do/activate/", {"sure": "yes"}, follow=True).text
    assert "Не виконано: сценарій в архіві." in page


@pytest.mark.django_db
def test_somebody_elses_save_is_told_in_the_readers_language(ukrainian):
    flow = workflow(row_of(node("timer", wait=HOUR)))
    sent = {"definition": json.dumps(flow.draft), "revision": 7}
    page = ukrainian.post(f"{BASE}{flow.pk}/save/", sent).text
    assert "Не збережено: чернетку тим часом зберіг інший користувач: test (правка 1)." in page


@pytest.mark.django_db
def test_where_nobody_reads_faults_are_english(compiled, tmp_path, capsys):
    """Workers and commands have no language."""
    file = tmp_path / "flow.json"
    file.write_text(json.dumps(row_of(node("timer"))))
    with translation.override(None):
        [fault, *_more] = validate(reading.read(row_of(node("timer"))), now=NOW)
        with pytest.raises(CommandError):
            call_command("validate_workflow", file)
    assert fault.text == "there is no event type CartUpdated; it was deleted or never made"
    assert "E08 nodes[1].data.params: needs a wait time, or a time to wait until" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ({"name": "x", "colour": 1}, Definition),
        ({}, Definition),
        ({"name": 1}, Definition),
        ({"name": ""}, Definition),
        ({"name": "x", "schema": "workflow/2"}, Definition),
        ({"name": "x", "nodes": {}}, Definition),
        ({"priority": 9}, Settings),
        ({"allowed_hours": {"mon": [["10:00"]]}}, Settings),
        ({"allowed_hours": {"someday": []}}, Settings),
    ],
)
def test_faults_of_structure_are_those_of_the_library_in_english(compiled, value, kind):
    with pytest.raises(msgspec.ValidationError) as raised:
        msgspec.convert(value, kind)
    told = str(raised.value).partition(" - at ")[0]
    assert in_words(told) == told
    with translation.override("uk"):
        assert CYRILLIC.search(in_words(told))
        assert in_words("something else") == "something else"
    with translation.override("uk"), pytest.raises(DefinitionRefused) as refused:
        reading.read_part(value, kind, "here")
    assert CYRILLIC.search(refused.value.problems[0].text)
