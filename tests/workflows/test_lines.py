"""A place of a document is found in its text, however it is written."""

import json

import pytest

from workflows.definition.lines import line_of

BODY = {
    "name": 'a " {',
    "nodes": [{"id": "x", "data": {}}, {"id": "y", "data": {"params": {"n": [1, 2]}}}],
    "end": None,
}
TEXT = json.dumps(BODY, indent=2)


@pytest.mark.parametrize(
    ("path", "starts"),
    [("name", '  "name"'), ("nodes", '  "nodes"'), ("nodes[0]", "    {"), ("nodes[1].id", '      "id": "y"'),
     ("nodes[1].data.params.n[1]", "            2"), ("end", '  "end"')],
)  # fmt: skip
def test_it_works(path, starts):
    assert TEXT.splitlines()[line_of(TEXT, path) - 1].startswith(starts)


def test_a_path_that_leads_further_than_the_text_ends_where_the_text_does():
    assert line_of(TEXT, "nodes[1].data.params.wait.n") == line_of(TEXT, "nodes[1].data.params")
    assert line_of(TEXT, "nodes[9]") == line_of(TEXT, "nodes")
    assert line_of(TEXT, "name.first") == line_of(TEXT, "name")


@pytest.mark.parametrize("text", ["", "{", '{"a": ', "[1, 2", '{"a": x}', "[" * 100_000])
def test_what_is_no_json_has_no_lines(text):
    assert line_of(text, "a[0].b") in (0, 1)


def test_a_text_on_one_line_and_one_with_blanks():
    assert line_of('{"a": [1, {"b": 2}]}', "a[1].b") == 1
    assert line_of('\n\n{ "a" :\n [ 1 ,\n 2 ] }', "a[1]") == 5
    assert line_of(TEXT, "") == 0
