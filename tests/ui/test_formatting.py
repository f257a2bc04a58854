"""How texts with variables are shown in lists."""

from cdp.ui.formatting import wording


def test_a_variable_is_named_in_a_tag_and_its_filters_are_left_out():
    shown = wording(
        "New harvest, {{ contact.first_name | default: 'coffee lover' }}{% if a %}!{% endif %} <b>"
    )
    assert '<span class="ui-tag">contact.first_name</span>' in shown
    assert "coffee lover" not in shown
    assert "{" not in shown
    assert "&lt;b&gt;" in shown


def test_a_text_without_variables_stays_what_it_is():
    assert "Plain {brace" in wording("Plain {brace")
